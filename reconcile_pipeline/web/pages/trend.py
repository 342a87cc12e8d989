"""The bars of the overview: money found and brought in, month by month, as numbers for an SVG.

Pure: rows in, heights out. Drawn by a template; the same numbers stand in a table below it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MONTHS = 12
WIDTH, HEIGHT, BASE = 640, 170, 140
BAR = 14


@dataclass(frozen=True)
class Bar:
    """One bar: where, how high, what it means."""

    kind: str
    x: int
    y: int
    height: int


@dataclass(frozen=True)
class Month:
    """One month of one currency."""

    period: str
    x: int
    bars: tuple[Bar, ...]
    under: Decimal
    over: Decimal
    brought: Decimal
    """Recovered and relieved by verified changes."""


@dataclass(frozen=True)
class Trend:
    """The months of one currency, oldest first."""

    currency: str
    months: tuple[Month, ...]
    highest: Decimal


def trend_of(rows: list[dict[str, Any]]) -> list[Trend]:
    """The last twelve months of each currency."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["currency"], []).append(row)
    return [_trend(currency, own[-MONTHS:]) for currency, own in sorted(found.items())]


def _trend(currency: str, rows: list[dict[str, Any]]) -> Trend:
    values = [
        (row["amount_under"], row["amount_over"], row["amount_recovered"] + row["amount_relieved"])
        for row in rows
    ]
    highest = max((value for three in values for value in three), default=Decimal(0))
    step = WIDTH // max(len(rows), 1)
    months = []
    for place, (row, three) in enumerate(zip(rows, values, strict=True)):
        x = place * step + step // 2
        bars = tuple(
            _bar(kind, x + offset * (BAR + 2) - BAR // 2, value, highest)
            for kind, offset, value in zip(
                ("under", "over", "good"), (-1, 0, 1), three, strict=True
            )
        )
        months.append(Month(row["period"], x, bars, *three))
    return Trend(currency, tuple(months), highest)


def _bar(kind: str, x: int, value: Decimal, highest: Decimal) -> Bar:
    height = int(value / highest * (BASE - 10)) if highest else 0
    # What is there is seen, however small beside the rest.
    height = max(height, 2) if value else 0
    return Bar(kind, x, BASE - height, height)
