"""The catalogue of faults and the marks on the tests fit together."""

import re
import runpy
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = runpy.run_path(str(Path(__file__).with_name("page.py")))


def test_faults_are_numbered_in_order_and_named_once() -> None:
    """Numbers are what tests name: none is missing, none stands twice."""
    faults = PAGE["catalogue"]()
    assert [fault.number for fault in faults] == list(range(1, 113))
    assert len({fault.what for fault in faults}) == len(faults)
    assert all(fault.expected and fault.cases > 0 for fault in faults)


def test_marks_and_faults_belong_together() -> None:
    """A mistyped number would count for nothing, and a fault without a test is only a wish."""
    known = {fault.number for fault in PAGE["catalogue"]()}
    marked = re.compile(r"pytest\.mark\.fault\(([\d, ]+?)(?:, cases=\w+)?\)")
    found = {
        int(number)
        for path in TESTS.glob("*/**/test_*.py")
        for numbers in marked.findall(path.read_text("utf-8"))
        for number in numbers.split(",")
    }
    assert found <= known
    assert known == found


def test_the_page_counts_what_ran() -> None:
    """Passed and failed cases stand beside their fault; what is missing is named with its kind."""

    class Report:
        def __init__(self, number: int, kind: str, outcome: str, cases: int = 1) -> None:
            self.user_properties = [("fault", f"{number}|{kind}|{cases}")]
            self.passed, self.failed, self.when = outcome == "passed", outcome == "failed", "call"

    ran = [
        Report(1, "pax8", "passed", cases=3),
        Report(1, "cove", "passed"),
        Report(7, "", "passed", cases=2),
        Report(2, "", "failed"),
        Report(45, "", "passed", cases=200),
    ]
    tried = PAGE["tally"](ran)
    kinds = {1: frozenset({"pax8", "cove"}), 3: frozenset({"pax8"})}
    rows = {
        row.split("|")[1].strip(): [part.strip() for part in row.split("|")[4:7]]
        for row in PAGE["page"](tried, kinds).splitlines()
        if re.match(r"\| \d+ \|.*\|.*\|.*\|.*\|", row)
    }
    assert rows["1"] == ["4", "2 of 2", "**lacks 2 of 6 cases (cove 2)**"]
    assert rows["2"] == ["0", "", "**1 failed**"]
    assert rows["45"] == ["200", "", "holds"]
    assert rows["3"] == ["0", "0 of 1", "**not tried, lacks 1 of 1 cases (pax8 1)**"]
    assert rows["7"] == ["2", "", "**lacks 1 of 3 cases**"]
    short = PAGE["shortfalls"](tried, kinds)
    assert "fault 1 (429 with Retry-After): lacks 2 of 6 cases (cove 2)" in short
    assert not [row for row in short if row.startswith("fault 45 ")]


def test_every_kind_is_needed_unless_it_says_why_not() -> None:
    """A fault of connectors needs every kind that speaks HTTP, one of PSAs all that are written."""
    kinds, without = PAGE["needed"](), PAGE["exceptions"]()
    assert kinds[1] == set(without)
    assert kinds[80] < kinds[1]
    assert kinds[27] == {kind for kind in without if 27 not in without[kind]}
    numbers = {fault.number for fault in PAGE["catalogue"]() if fault.for_each == "connector"}
    assert all(set(reasons) <= numbers for reasons in without.values())
    assert all(reason for reasons in without.values() for reason in reasons.values())
