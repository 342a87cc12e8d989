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


def test_every_mark_names_a_fault_that_is_there() -> None:
    """A mistyped number would count for nothing."""
    known = {fault.number for fault in PAGE["catalogue"]()}
    marked = re.compile(r"pytest\.mark\.fault\(([\d, ]+?)(?:, cases=\w+)?\)")
    found = {
        int(number)
        for path in TESTS.glob("*/**/test_*.py")
        for numbers in marked.findall(path.read_text("utf-8"))
        for number in numbers.split(",")
    }
    assert found
    assert found <= known


def test_the_page_counts_what_ran() -> None:
    """Passed and failed cases stand beside their fault; what nobody tried says so."""

    class Report:
        def __init__(self, number: int, kind: str, outcome: str, cases: int = 1) -> None:
            self.user_properties = [("fault", f"{number}|{kind}|{cases}")]
            self.passed, self.failed, self.when = outcome == "passed", outcome == "failed", "call"

    ran = [
        Report(1, "pax8", "passed"),
        Report(1, "cove", "passed"),
        Report(2, "", "failed"),
        Report(45, "", "passed", cases=200),
    ]
    rows = {
        row.split("|")[1].strip(): [part.strip() for part in row.split("|")[4:7]]
        for row in PAGE["page"](PAGE["tally"](ran)).splitlines()
        if re.match(r"\| \d", row)
    }
    assert rows["1"] == ["2", "2", "holds, of 3 cases to try"]
    assert rows["2"] == ["0", "", "**1 failed**"]
    assert rows["45"] == ["200", "", "holds"]
    assert rows["3"] == ["0", "", "not tried"]
