"""From one agreed quantity to the PSA lines: which line takes how much.

The split rule, and only it. Nothing is rounded, nothing is written, no line is invented.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reconcile_pipeline.reconciling.cards import Line

ZERO = Decimal(0)


@dataclass(frozen=True)
class LineChange:
    """One line and the absolute quantities before and after."""

    line: Line
    qty_from: Decimal
    qty_to: Decimal


@dataclass(frozen=True)
class Split:
    """The lines that change, and the units no line may take: those need a person."""

    changes: tuple[LineChange, ...]
    remainder: Decimal


def line_changes(
    lines: Sequence[Line], qty_target: Decimal, *, qty_committed: Decimal = ZERO
) -> Split:
    """Distribute the difference between a target and the sum of the lines.

    The line with the latest effective date absorbs it (of equals the one with the greatest id; a
    line without a date counts as the earliest). No line goes below zero or below its included
    units; what it can't take goes to the next latest. Together they don't go below what is
    committed at the vendor, which would be paid for anyway. Lines whose quantity the PSA counts
    itself are never changed. Lines that stay as they are, are left out.

    Args:
        lines: the PSA lines behind a card.
        qty_target: the agreed sum.
        qty_committed: units that the vendor charges until a later day than the change's.
    """
    total = sum((line.qty for line in lines), ZERO)
    reachable = max(qty_target, min(qty_committed, total))
    held_back = qty_target - reachable
    remainder = reachable - total
    changes: list[LineChange] = []
    # Ids compare as text, as in recon.cards: the card's price is that of the first line here.
    for line in sorted(lines, key=_recency, reverse=True):
        if line.is_auto_counted:
            continue
        taken = _absorbed(line, remainder)
        if taken:
            changes.append(LineChange(line, line.qty, line.qty + taken))
            remainder -= taken
    return Split(tuple(changes), remainder + held_back)


def _recency(line: Line) -> tuple[date, str]:
    return (line.effective_on or date.min, line.line_id)


def _absorbed(line: Line, difference: Decimal) -> Decimal:
    floor = max(ZERO, line.qty_included or ZERO)
    if difference > 0:
        # A line that would still be below its included units is odd enough for a person to see.
        return difference if line.qty + difference >= floor else ZERO
    return -min(-difference, max(ZERO, line.qty - floor))
