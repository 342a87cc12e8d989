"""Writes docs/faults.md: each fault, what must happen, how often it was tried, and how it went.

A part of the suite itself: tests marked `fault` tell their numbers, and with `--faults-page` the
results of the run become the page. Under several workers the numbers travel with each report.
Where a fault is tried for each kind of system, every kind needs the least number of cases, but
those that declare in `tests/contracts/facts_<kind>.py` why it can't happen to them.
"""

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROPERTY = "fault"
TESTS = Path(__file__).parents[1]
_CATALOGUE = Path(__file__).with_name("catalogue.csv")
Needed = Mapping[int, frozenset[str]]
"""By number of a fault: the kinds that each need the least number of cases."""


NOBODY: frozenset[str] = frozenset()


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


def exceptions() -> dict[str, Mapping[int, str]]:
    """By kind of system: why some faults can't happen to it, as its facts declare."""
    if "contracts_bench" not in sys.modules:
        package = ModuleType("contracts_bench")
        package.__path__ = [str(TESTS / "contracts")]
        sys.modules["contracts_bench"] = package
    facts = import_module("contracts_bench.facts").load_facts()
    return {kind: fact.without for kind, fact in facts.items()}


def needed() -> Needed:
    """The kinds that each fault has to be tried with, from the registry."""
    systems = import_module("reconcile_pipeline.systems.registry").SYSTEMS
    without = exceptions()
    writing = frozenset(kind for kind, system in systems.items() if system.write_back is not None)
    return {
        fault.number: writing
        if fault.for_each == "PSA"
        else frozenset(kind for kind in without if fault.number not in without[kind])
        for fault in catalogue()
        if fault.for_each
    }


@dataclass
class Tried:
    """What happened to one fault's cases."""

    failed: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    """Cases that passed; under "" those of no kind of system."""

    @property
    def passed(self) -> int:
        return self.by_kind.total()

    def lacks(self, fault: Fault, kinds: frozenset[str]) -> str:
        """What is missing, in words; "" if nothing is."""
        if not fault.for_each:
            missing = fault.cases - self.passed
            return f"{missing} of {fault.cases} cases" if missing > 0 else ""
        short = {kind: fault.cases - self.by_kind[kind] for kind in sorted(kinds)}
        found = [f"{kind} {missing}" for kind, missing in short.items() if missing > 0]
        if not found:
            return ""
        missing = sum(each for each in short.values() if each > 0)
        return f"{missing} of {fault.cases * len(kinds)} cases ({', '.join(found)})"

    def result(self, fault: Fault, kinds: frozenset[str]) -> str:
        """In a few words."""
        if self.failed:
            return f"**{self.failed} failed**"
        lacking = self.lacks(fault, kinds)
        if not self.passed:
            return f"**not tried, lacks {lacking}**"
        return f"**lacks {lacking}**" if lacking else "holds"


def mark(items: Iterable[pytest.Item]) -> None:
    """Note on each test which faults it tries, and with which kind of system."""
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("kind", "")  # type: ignore[attr-defined]
        told = item.get_closest_marker("tried_on")
        kind = kind or (told.args[0] if told else "")
        for marker in item.iter_markers("fault"):
            cases = marker.kwargs.get("cases", 1)
            for number in marker.args:
                item.user_properties.append((PROPERTY, f"{number}|{kind}|{cases}"))


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
                tried.by_kind[kind] += int(cases)
    return found


def shortfalls(tried: Mapping[int, Tried], kinds: Needed) -> list[str]:
    """One line for each fault of which a case failed or is missing."""
    rows = []
    for fault in catalogue():
        result = tried.get(fault.number, Tried()).result(fault, kinds.get(fault.number, NOBODY))
        if result != "holds":
            rows.append(f"fault {fault.number} ({fault.what}): {result.strip('*')}")
    return rows


def page(tried: Mapping[int, Tried], kinds: Needed) -> str:
    """The page, as Markdown."""
    told = (
        "Written by the suite itself: `make faults`. A case is one run of a test with one kind of"
        " system, one shape or one moment; a test that tries many in one run says how many."
    )
    lines = ["# Faults: what goes wrong, what must happen, and how often it is tried", "", told]
    for area, faults in groupby(catalogue(), key=lambda fault: fault.area):
        lines += ["", f"## {area}", "", "| # | fault | must | cases | kinds | result |"]
        lines += ["|---:|:---|:---|---:|---:|:---|"]
        lines += [
            _row(fault, tried.get(fault.number, Tried()), kinds.get(fault.number, NOBODY))
            for fault in faults
        ]
    return "\n".join([*lines, "", *_not_for()]) + "\n"


def _row(fault: Fault, tried: Tried, kinds: frozenset[str]) -> str:
    met = len(set(tried.by_kind) - {""})
    count = (f"{len(kinds & set(tried.by_kind))} of {len(kinds)}" if kinds else met) or ""
    told = f"| {fault.number} | {fault.what} | {fault.expected} |"
    return f"{told} {tried.passed} | {count} | {tried.result(fault, kinds)} |"


def _not_for() -> list[str]:
    """The faults that can't happen to some kinds, each with the reason."""
    lines = ["## Where a fault can't happen", "", "| # | kind | why |", "|---:|:---|:---|"]
    found = [
        (number, kind, reason)
        for kind, reasons in exceptions().items()
        for number, reason in reasons.items()
    ]
    return [*lines, *(f"| {number} | {kind} | {why} |" for number, kind, why in sorted(found))]
