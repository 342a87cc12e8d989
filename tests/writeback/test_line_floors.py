"""The split over lines that may not be lowered, or not be written at all."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.reconciling.cards import Line
from reconcile_pipeline.reconciling.line_changes import line_changes


def line(line_id: str, qty: str, *, auto: bool = False, included: str | None = None) -> Line:
    floor = None if included is None else Decimal(included)
    day = date(2026, 6, int(line_id))
    return Line(line_id, "a1", "Seat", Decimal(qty), floor, Decimal(2), day, is_auto_counted=auto)


@pytest.mark.parametrize(
    ("lines", "target", "committed", "changes", "remainder"),
    [
        ([line("1", "10")], "4", "7", {"1": "7"}, "-3"),
        ([line("1", "10")], "7", "7", {"1": "7"}, "0"),
        ([line("1", "10")], "4", "10", {}, "-6"),
        ([line("1", "10")], "4", "30", {}, "-6"),
        ([line("1", "10")], "12", "30", {"1": "12"}, "0"),
        ([line("1", "10")], "0", "0", {"1": "0"}, "0"),
        ([line("1", "10"), line("2", "5")], "2", "8", {"2": "0", "1": "8"}, "-6"),
        ([line("1", "10", included="9")], "4", "7", {"1": "9"}, "-5"),
        ([line("1", "10"), line("2", "5", auto=True)], "12", "0", {"1": "7"}, "0"),
        ([line("1", "10"), line("2", "5", auto=True)], "20", "0", {"1": "15"}, "0"),
        ([line("1", "10"), line("2", "5", auto=True)], "2", "0", {"1": "0"}, "-3"),
        ([line("1", "10", auto=True)], "12", "0", {}, "2"),
        ([line("1", "10", auto=True)], "8", "0", {}, "-2"),
    ],
)
def test_committed_and_counted_by_the_psa(
    lines: list[Line], target: str, committed: str, changes: dict[str, str], remainder: str
) -> None:
    """Never below what is committed, never a line the PSA counts itself; the rest is told."""
    split = line_changes(lines, Decimal(target), qty_committed=Decimal(committed))
    found = {change.line.line_id: change.qty_to for change in split.changes}
    assert found == {line_id: Decimal(qty) for line_id, qty in changes.items()}
    assert split.remainder == Decimal(remainder)


quantities = st.decimals(0, 500, places=2)


@settings(deadline=None)
@given(
    held=st.lists(st.tuples(quantities, st.booleans()), min_size=1, max_size=5),
    target=quantities,
    committed=quantities,
)
def test_together_never_below_what_is_committed(
    held: list[tuple[Decimal, bool]], target: Decimal, committed: Decimal
) -> None:
    """Whatever is asked for, the lines end at or above the commitment, unless they were below."""
    lines = [line(str(at + 1), str(qty), auto=auto) for at, (qty, auto) in enumerate(held)]
    split = line_changes(lines, target, qty_committed=committed)
    total = sum(qty for qty, _auto in held)
    ends = total + sum(change.qty_to - change.qty_from for change in split.changes)
    assert ends >= min(committed, total)
    assert ends + split.remainder == target
    assert not any(change.line.is_auto_counted for change in split.changes)
