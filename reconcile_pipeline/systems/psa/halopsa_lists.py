"""HaloPSA's lists: how their pages continue, and which rows can be taken for records.

Envelopes and bare arrays, page arithmetic, and the checks inside a recurring invoice that a list's
required fields can't express. Which lists there are is said in `halopsa`.
"""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from math import ceil
from typing import Any

from reconcile_pipeline.http import Reply, Request
from reconcile_pipeline.http.paginators import incomplete_error, with_params
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import bare_list, count_at, list_under

UNPAGED_ROWS = 50
"""What Halo sends of a list that does not know paging: the rest is cut off without a word."""

_HEADER_DAYS = ("startdate", "enddate", "nextcreationdate")
_LINE_DAYS = ("startdate", "enddate")


def announced(data: object) -> int | None:
    """Return how many records the whole list has; None for a bare array, which does not tell."""
    return count_at(data, "record_count")


def rows_under(name: str) -> Callable[[Any], list[Record]]:
    """Return a reader of a page: an object with the rows and their total, or a bare array."""
    read = list_under(name)

    def rows(data: object) -> list[Record]:
        if isinstance(data, list):
            return bare_list(data)
        found = read(data)
        if announced(data) is None:
            raise _shape(f"HaloPSA sent a page of {name} that does not say how many there are.")
        return found

    return rows


class HaloPages:
    """Pages numbered from 1, asked for with `pageinate`: Halo ignores the word spelled right.

    An envelope ends where its own page size reaches its own total, so a server that caps the size
    loses nothing. A bare array ends with a page that is short or empty; one that comes again shows
    that Halo does not page this list, and may have cut it.
    """

    is_by_place = True

    def __init__(self, size: int) -> None:
        """Ask for `size` records a page."""
        self._size = size
        self._page = 1
        self._before: list[Any] | None = None

    def first(self, request: Request) -> Request:
        """Ask for page 1."""
        self._page, self._before = 1, None
        return self._numbered(request, self._page)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:
        """Go on to the next page. Raises `ApiError` (incomplete) for an array that may be cut."""
        if isinstance(reply.data, list):
            is_over = self._is_bare_over([row.get("id") for row in reply.data], count)
        else:
            is_over = self._page >= self._total_pages(reply.data)
        if is_over:
            return None
        self._page += 1
        return self._numbered(request, self._page)

    def expected_pages(self, reply: Reply) -> int | None:
        """Work out the number of pages, where the reply tells the total."""
        return None if isinstance(reply.data, list) else self._total_pages(reply.data)

    def following(self, request: Request, reply: Reply, count: int) -> Iterable[Request]:  # noqa: ARG002
        """Count up to the number of pages, where the reply tells the total."""
        total = self.expected_pages(reply) or 1
        return (self._numbered(request, number) for number in range(2, total + 1))

    def _total_pages(self, data: object) -> int:
        size = count_at(data, "page_size") or self._size
        return max(1, ceil((announced(data) or 0) / size))

    def _is_bare_over(self, ids: list[Any], count: int) -> bool:
        if ids == self._before and count:
            if count in (UNPAGED_ROWS, self._size):
                raise incomplete_error(
                    f"the same {count} records again; HaloPSA does not page this list, and more"
                    " may be missing."
                )
            return True
        self._before = ids
        return count < min(UNPAGED_ROWS, self._size) or count > self._size

    def _numbered(self, request: Request, number: int) -> Request:
        return with_params(
            request, pageinate="true", page_size=str(self._size), page_no=str(number)
        )


def checked_invoices(data: object) -> list[Record]:
    """Return a page of recurring invoices whose lines and dates can be used; `shape` if not."""
    invoices = rows_under("invoices")(data)
    for invoice in invoices:
        _check_days(f"recurring invoice {invoice.get('id')}", invoice, _HEADER_DAYS)
        lines = invoice.get("lines")
        # Missing lines are told by the list's required fields: never zero lines.
        if lines is not None and not isinstance(lines, list):
            raise _shape(
                f"HaloPSA sent recurring_invoices {invoice.get('id')} with lines that are no list."
            )
        for line in lines or ():
            _check_line(invoice, line)
    return invoices


def _check_line(invoice: Record, line: object) -> None:
    if not isinstance(line, dict) or not isinstance(line.get("id"), int):
        raise _shape(f"HaloPSA sent recurring invoice {invoice.get('id')} with a line without id.")
    what = f"line {line['id']} of recurring invoice {invoice.get('id')}"
    _check_days(what, line, _LINE_DAYS)
    qty = line.get("qty_order")
    # A heading is text between the lines; it need not hold a quantity.
    if qty is None and line.get("isgroupdesc") is True:
        return
    if not is_quantity(qty):
        raise _shape(f"HaloPSA sent {what} whose qty_order is no number of up to four decimals.")


def is_quantity(value: object) -> bool:
    """Tell whether a value is a number that four decimals hold exactly."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    exact = Decimal(str(value))
    return exact == round(exact, 4)


def _check_days(what: str, record: Record, names: tuple[str, ...]) -> None:
    for name in names:
        if record.get(name) not in (None, "") and day_of(record[name]) is None:
            raise _shape(f"HaloPSA sent {what} whose {name} is no date.")


def day_of(value: object) -> date | None:
    """Return the date part of a moment; None for anything else."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _shape(message: str) -> PipelineError:
    return PipelineError(
        message,
        next_step="Nothing of this pull is used. Look at the record in HaloPSA; if it is right"
        " there, report the changed format to this project.",
        category=Category.SHAPE,
    )
