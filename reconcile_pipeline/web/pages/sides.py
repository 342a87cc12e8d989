"""Both counts of a card over the months, as numbers for an SVG; the same stand in a table below.

Pure: rows in, places out. A month without a count has no bar: unknown is not 0.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reconcile_pipeline.periods import previous_period

MONTHS = 6
WIDTH, HEIGHT, BASE = 480, 150, 118
BAR = 26


@dataclass(frozen=True)
class Side:
    """One bar: whose count, where, how high."""

    kind: str
    x: int
    y: int
    height: int


@dataclass(frozen=True)
class CardMonth:
    """One month of a card; `row` is None where the month has no such card."""

    period: str
    x: int
    sides: tuple[Side, ...]
    row: dict[str, Any] | None


def first_of(period: str) -> str:
    """The earliest of the six months that end with this one."""
    for _ in range(MONTHS - 1):
        period = previous_period(period)
    return period


def months_of(rows: list[dict[str, Any]], period: str) -> list[CardMonth]:
    """The months up to `period`, oldest first, beginning with the first that has a card."""
    known = {row["period"]: row for row in rows}
    periods = [period]
    while periods[0] > min(known, default=period):
        periods.insert(0, previous_period(periods[0]))
    highest = max(
        (row[name] for row in rows for name in ("qty_psa", "qty_vendor") if row[name] is not None),
        default=Decimal(0),
    )
    step = WIDTH // MONTHS
    return [
        _month(each, known.get(each), place * step + step // 2, highest)
        for place, each in enumerate(periods)
    ]


def _month(period: str, row: dict[str, Any] | None, x: int, highest: Decimal) -> CardMonth:
    sides = []
    for kind, name, left in (("psa", "qty_psa", x - BAR - 1), ("vendor", "qty_vendor", x + 1)):
        count = None if row is None else row[name]
        if count is not None:
            height = int(count / highest * (BASE - 18)) if highest else 0
            # A count of 0 is drawn as a line on the axis: it is known.
            height = max(height, 2)
            sides.append(Side(kind, left, BASE - height, height))
    return CardMonth(period, x, tuple(sides), row)
