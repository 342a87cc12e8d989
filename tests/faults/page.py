"""Writes docs/faults.md: each fault, what must happen, how often it was tried, and how it went.

A part of the suite itself: tests marked `fault` tell their numbers, and with `--faults-page` the
results of the run become the page. Under several workers the numbers travel with each report.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "fault"
_CATALOGUE = Path(__file__).with_name("catalogue.csv")


@dataclass(frozen=True)
class Fault:
    """One row of the catalogue; `cases` is the least number, for each kind of `for_each`."""

    number: int
    area: str
    what: str
    expected: str
    cases: int
    for_each: str


def catalogue() -> list[Fault]:
    """Every fault this software is built for, in order."""
    with _CATALOGUE.open(encoding="utf-8", newline="") as file:
        return [
            Fault(**{**row, "number": int(row["number"]), "cases": int(row["cases"])})
            for row in csv.DictReader(file)
        ]


@dataclass
class Tried:
    """What happened to one fault's cases."""

    passed: int = 0
    failed: int = 0
    kinds: set[str] = field(default_factory=set)

    def result(self, least: int) -> str:
        """In a word; `least` is how many cases there should be."""
        if self.failed:
            return f"**{self.failed} failed**"
        if not self.passed:
            return "not tried"
        return "holds" if self.passed >= least else f"holds, of {least} cases to try"


def mark(items: Iterable[pytest.Item]) -> None:
    """Note on each test which faults it tries, and with which kind of system."""
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("kind", "")  # type: ignore[attr-defined]
        for marker in item.iter_markers("fault"):
            cases = marker.kwargs.get("cases", 1)
            for number in marker.args:
                item.user_properties.append((PROPERTY, f"{number}|{kind or ''}|{cases}"))


def tally(reports: Iterable[Any]) -> dict[int, Tried]:
    """Count the cases of each fault; a test counts by its call, or by a set-up that failed."""
    found: dict[int, Tried] = defaultdict(Tried)
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name != PROPERTY:
                continue
            number, kind, cases = value.split("|")
            tried = found[int(number)]
            if report.failed:
                tried.failed += 1
            elif report.passed and report.when == "call":
                tried.passed += int(cases)
                tried.kinds.add(kind)
    return found


def page(tried: dict[int, Tried]) -> str:
    """The page, as Markdown."""
    told = (
        "Written by the suite itself: `make faults`. A case is one run of a test with one kind of"
        " system, one shape or one moment; a test that tries many in one run says how many."
    )
    lines = ["# Faults: what goes wrong, what must happen, and how often it is tried", "", told]
    for area, faults in groupby(catalogue(), key=lambda fault: fault.area):
        lines += ["", f"## {area}", "", "| # | fault | must | cases | kinds | result |"]
        lines += ["|---:|:---|:---|---:|---:|:---|"]
        lines += [_row(fault, tried.get(fault.number, Tried())) for fault in faults]
    return "\n".join(lines) + "\n"


def _row(fault: Fault, tried: Tried) -> str:
    kinds = len(tried.kinds - {""}) or ""
    told = f"| {fault.number} | {fault.what} | {fault.expected} |"
    return f"{told} {tried.passed} | {kinds} | {tried.result(fault.cases)} |"
