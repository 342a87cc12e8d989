"""The split of one agreed quantity over several PSA lines."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.reconciling.cards import Line
from reconcile_pipeline.reconciling.line_changes import line_changes

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


def line(
    line_id: str,
    qty: str,
    *,
    included: str | None = None,
    on: date | None = JUNE,
    auto: bool = False,
) -> Line:
    least = None if included is None else Decimal(included)
    return Line(line_id, "a1", "Backup", Decimal(qty), least, Decimal(2), on, is_auto_counted=auto)


@pytest.mark.parametrize(
    ("lines", "target", "changes", "remainder"),
    [
        ([line("1", "10")], "12", {"1": "12"}, "0"),
        ([line("1", "10")], "0", {"1": "0"}, "0"),
        ([line("1", "10")], "10", {}, "0"),
        ([line("1", "10.5")], "10.2500", {"1": "10.25"}, "0"),
        ([line("1", "10", on=JULY), line("2", "5")], "18", {"1": "13"}, "0"),
        ([line("1", "10"), line("2", "5", on=JULY)], "18", {"2": "8"}, "0"),
        ([line("1", "10"), line("2", "5")], "18", {"2": "8"}, "0"),
        ([line("2", "10"), line("10", "5")], "18", {"2": "13"}, "0"),
        ([line("2", "10", on=None), line("1", "5")], "18", {"1": "8"}, "0"),
        ([line("1", "10"), line("2", "5", on=JULY)], "7", {"2": "0", "1": "7"}, "0"),
        ([line("1", "10"), line("2", "5", included="3", on=JULY)], "8", {"2": "3", "1": "5"}, "0"),
        ([line("1", "10", included="8")], "3", {"1": "8"}, "-5"),
        ([line("1", "10", included="8"), line("2", "4", on=JULY)], "3", {"2": "0", "1": "8"}, "-5"),
        ([line("1", "3", included="5")], "4", {}, "1"),
        ([line("1", "3", included="5")], "2", {}, "-1"),
        ([line("1", "3", included="5")], "5", {"1": "5"}, "0"),
        ([line("1", "3", included="5")], "6", {"1": "6"}, "0"),
        ([line("1", "9"), line("2", "3", included="5", on=JULY)], "13", {"1": "10"}, "0"),
        ([line("1", "-2", on=JULY), line("2", "5")], "1", {"2": "3"}, "0"),
        ([], "4", {}, "4"),
    ],
)
def test_the_latest_line_absorbs_and_the_rest_spills(
    lines: list[Line], target: str, changes: dict[str, str], remainder: str
) -> None:
    """The latest line takes the difference down to its floor, then the next latest; ids as text."""
    split = line_changes(lines, Decimal(target))
    expected = [(line_id, Decimal(qty)) for line_id, qty in changes.items()]
    assert [(change.line.line_id, change.qty_to) for change in split.changes] == expected
    assert split.remainder == Decimal(remainder)


@pytest.mark.parametrize(
    ("lines", "target", "changes", "remainder"),
    [
        ([line("1", "10", auto=True)], "12", {}, "2"),
        ([line("1", "10", auto=True)], "0", {}, "-10"),
        ([line("1", "10", on=JULY, auto=True), line("2", "5")], "18", {"2": "8"}, "0"),
        ([line("1", "10", auto=True), line("2", "5", on=JULY)], "7", {"2": "0"}, "-3"),
    ],
)
def test_a_line_the_psa_counts_itself_is_never_changed(
    lines: list[Line], target: str, changes: dict[str, str], remainder: str
) -> None:
    """Its units are part of the sum, and what only it could take is left to a person."""
    split = line_changes(lines, Decimal(target))
    assert {each.line.line_id: each.qty_to for each in split.changes} == {
        line_id: Decimal(qty) for line_id, qty in changes.items()
    }
    assert split.remainder == Decimal(remainder)


@pytest.mark.parametrize(
    ("lines", "target", "committed", "changes", "remainder"),
    [
        ([line("1", "10")], "4", "7", {"1": "7"}, "-3"),
        ([line("1", "10")], "8", "7", {"1": "8"}, "0"),
        ([line("1", "10")], "4", "12", {}, "-6"),
        ([line("1", "10")], "12", "20", {"1": "12"}, "0"),
        ([line("1", "10"), line("2", "5", on=JULY)], "2", "9", {"2": "0", "1": "9"}, "-7"),
        ([line("1", "10", included="8")], "2", "5", {"1": "8"}, "-6"),
        ([line("1", "10", auto=True), line("2", "5")], "0", "12", {"2": "2"}, "-12"),
    ],
)
def test_together_the_lines_stay_at_what_is_committed(
    lines: list[Line], target: str, committed: str, changes: dict[str, str], remainder: str
) -> None:
    """Units the vendor charges anyway are not given up; a commitment never adds any."""
    split = line_changes(lines, Decimal(target), qty_committed=Decimal(committed))
    assert {each.line.line_id: each.qty_to for each in split.changes} == {
        line_id: Decimal(qty) for line_id, qty in changes.items()
    }
    assert split.remainder == Decimal(remainder)


quantities = st.decimals(0, 5000, places=4)
some_lines = st.lists(
    st.builds(
        Line,
        line_id=st.uuids().map(str),
        agreement_id=st.none(),
        name=st.none(),
        qty=quantities,
        qty_included=st.none() | st.decimals(0, 50, places=4),
        unit_price=st.none(),
        effective_on=st.none() | st.dates(),
        is_auto_counted=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.line_id,
)


def floor(one: Line) -> Decimal:
    return one.qty_included or Decimal(0)


@settings(deadline=None)
@given(lines=some_lines, target=quantities, committed=quantities)
def test_units_are_conserved_and_floors_hold(
    lines: list[Line], target: Decimal, committed: Decimal
) -> None:
    """Changes and remainder always make up the difference; no changed line ends below its floor."""
    split = line_changes(lines, target, qty_committed=committed)
    total = sum((each.qty for each in lines), Decimal(0))
    changed = sum((change.qty_to - change.qty_from for change in split.changes), Decimal(0))
    assert changed + split.remainder == target - total
    assert total + changed >= min(total, max(target, committed))
    assert all(change.qty_to >= floor(change.line) for change in split.changes)
    assert all(change.qty_to != change.qty_from == change.line.qty for change in split.changes)
    assert not any(change.line.is_auto_counted for change in split.changes)
    assert len({change.line.line_id for change in split.changes}) == len(split.changes)


@settings(deadline=None)
@given(lines=some_lines, target=quantities, committed=quantities, data=st.data())
def test_nothing_is_left_over_that_a_line_could_take(
    lines: list[Line], target: Decimal, committed: Decimal, data: st.DataObject
) -> None:
    """When the floors allow the target the changes reach it exactly, in whatever order lines come.

    Independent of the code: down to the sum of min(qty, floor), of what is committed, and of the
    lines that count themselves everything is absorbable, and up if some line ends at or above its
    floor.
    """
    split = line_changes(data.draw(st.permutations(lines)), target, qty_committed=committed)
    total = sum((each.qty for each in lines), Decimal(0))
    own = [each for each in lines if not each.is_auto_counted]
    difference = target - total
    if difference < 0:
        lowest = sum((each.qty for each in lines if each.is_auto_counted), Decimal(0))
        lowest += sum((min(each.qty, floor(each)) for each in own), Decimal(0))
        reached = max(target, lowest, min(committed, total))
        assert split.remainder == target - reached
    elif difference > 0:
        fits = any(each.qty + difference >= floor(each) for each in own)
        assert split.remainder == (0 if fits else difference)
    assert split == line_changes(lines, target, qty_committed=committed)
