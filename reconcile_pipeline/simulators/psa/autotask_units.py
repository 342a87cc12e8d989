"""The PSA's units: rows of dates holding the successive totals of each line, and their changes.

Made once from the world, one row a month, and changed from then on as the real rows are: a change
ends the running row on its own first day, so two rows may hold that day. Lines that bill nothing
stand on no contract, parts of units are rounded up, and what begins after the world's day begins
a month later still: the PSA bills in advance, so its day that counts is the next month's first.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from reconcile_pipeline.simulators.world.dates import month_end, month_start
from reconcile_pipeline.simulators.world.records import Agreement, Line, World

NO_END = date(2099, 12, 31)
ROWS_PER_LINE = 1000
"""Ids of rows tell their line: the line's id times this, and a number."""
OVERLAPPING, GROWN = 7, 5
"""Every so manieth line has rows that share a day, or had one unit less until this month."""


@dataclass(slots=True)
class UnitsRow:
    """The total of a line between two days, both included; posted means invoiced."""

    id: int
    line_id: int
    units: int
    starts_on: date
    ends_on: date
    posted_on: date | None = None


def shown_day(day: date, as_of: date) -> date:
    """The day as this PSA shows it: a month later, if it has not come yet."""
    if day <= as_of:
        return day
    first = month_start(day, 1)
    return min(first + timedelta(days=day.day - 1), month_end(first))


def is_on_contract(line: Line) -> bool:
    """Whether the line is in this PSA at all: it knows no lines that are free or not billed."""
    return line.bill_customer == "Billable"


class UnitsBook:
    """The rows of every line, by line."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rows: dict[int, list[UnitsRow]] = {}

    def lines(self) -> list[Line]:
        """The lines that are on contracts now; rows are made for those seen the first time."""
        agreements = {agreement.id: agreement for agreement in self._world.agreements}
        shown = []
        for line in self._world.lines:
            agreement = agreements.get(line.agreement_id)
            if agreement is not None and is_on_contract(line):
                shown.append(line)
                if line.id not in self._rows:
                    self._rows[line.id] = _first_rows(line, agreement, self._world.as_of)
        return shown

    def rows(self, lines: Iterable[Line]) -> list[UnitsRow]:
        """All rows of these lines by id."""
        found = [row for line in lines for row in self._rows[line.id]]
        return sorted(found, key=lambda row: row.id)

    def running(self, line_id: int, day: date) -> UnitsRow | None:
        """The row that counts on a day: of those that hold it the last one begun."""
        holding = [row for row in self._rows[line_id] if row.starts_on <= day <= row.ends_on]
        return max(holding, key=lambda row: (row.starts_on, row.id)) if holding else None

    def lowest_after(self, line_id: int, day: date) -> int:
        """The smallest total from a day on: a change downwards must fit into it."""
        running = self.running(line_id, day)
        later = [row.units for row in self._rows[line_id] if row.starts_on > day]
        return min([running.units if running else 0, *later])

    def open_line(self, line: Line) -> None:
        """Take in a line that has no units yet."""
        self._rows[line.id] = []

    def set_total(self, line_id: int, day: date, total: int) -> None:
        """Let a line hold so many units from a day on; later rows move by the difference."""
        rows = self._rows[line_id]
        running = self.running(line_id, day)
        before = running.units if running else 0
        number = max((row.id for row in rows), default=line_id * ROWS_PER_LINE) + 1
        new = UnitsRow(number, line_id, total, day, running.ends_on if running else month_end(day))
        if running is not None:
            running.ends_on = day
        for row in rows:
            if row.starts_on > day:
                row.units += total - before
        rows.append(new)


def whole(quantity: Decimal) -> int:
    """Units are whole: a part of one is invoiced as one."""
    return math.ceil(quantity)


def _first_rows(line: Line, agreement: Agreement, as_of: date) -> list[UnitsRow]:
    """A row a month from two months ago on; the last one goes on as long as the contract."""
    starts_on = max(shown_day(line.effective_on, as_of), shown_day(agreement.starts_on, as_of))
    contract_end = agreement.ends_on or NO_END
    ends_on = min(line.cancelled_on or NO_END, contract_end)
    total = whole(line.quantity)
    rows: list[UnitsRow] = []

    def add(units: int, first: date, last: date) -> None:
        if first <= last:
            number = line.id * ROWS_PER_LINE + len(rows) + 1
            posted = month_start(first) if first < month_start(as_of) else None
            rows.append(UnitsRow(number, line.id, units, first, last, posted))

    for month in range(-2, 3):
        first = max(month_start(as_of, month), starts_on)
        last = min(month_end(as_of, month) if month < 2 else NO_END, ends_on)  # noqa: PLR2004
        add(total if month > 0 else _earlier(line, total), first, last)
    if line.cancelled_on is not None and line.cancelled_on <= as_of and line.id % 2 == 0:
        # Half of the ended lines are kept with no units, the others have no row any more.
        add(0, line.cancelled_on + timedelta(days=1), contract_end)
    if line.id % OVERLAPPING == 0:
        for row, following in pairwise(rows):
            row.ends_on = following.starts_on
    return rows


def _earlier(line: Line, total: int) -> int:
    """What the line held until the end of this month."""
    if line.id % OVERLAPPING == 0:
        return total + 1
    return max(total - 1, 0) if line.id % GROWN == 0 else total
