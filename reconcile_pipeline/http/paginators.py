"""How lists continue whose next page we work out ourselves: by number, by offset, by the last id.

One class per way; each ends at the end condition its API documents and at nothing else. Which API
pages which way is said in `systems`. Lists that name their next page are in `link_paginators`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import ceil
from typing import Any

from reconcile_pipeline.http.errors import ApiError
from reconcile_pipeline.http.exchange import Reply, Request
from reconcile_pipeline.model import Category

_PULL_AGAIN = "Pull again; if it repeats, report it to the vendor."
_REPORT = "The API has changed: report it."


def with_params(request: Request, **params: str) -> Request:
    """Return the same request with some parameters set."""
    return replace(request, params={**request.params, **params})


def whole_number(value: object, what: str) -> int:
    """Accept a count that a reply announces. Raises `ApiError` (shape) for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise shape_error(f"the reply does not say {what}.")


def shape_error(message: str) -> ApiError:
    """Explain a page that does not say how the list goes on."""
    return ApiError(message, next_step=_REPORT, category=Category.SHAPE)


def incomplete_error(message: str) -> ApiError:
    """Explain a list whose pages cannot be all of it."""
    return ApiError(message, next_step=_PULL_AGAIN, category=Category.INCOMPLETE)


class SinglePage:
    """A list that comes in one piece."""

    is_by_place = False

    def first(self, request: Request) -> Request:
        """Ask as it is."""
        return request

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Never go on."""
        return None

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Expect one page."""
        return 1


class PageNumber:
    """Numbered pages. Ends after the announced number of pages, however full each of them is.

    With `has_more` it ends where a page says that no other follows: for APIs that name the next
    page in a link that can't be followed as it is. Without either it ends at a page shorter than
    `size`, or, with `short_page_ends=False`, at an empty one: use the former only where an API
    documents it and honours `size`, because a server that caps the page size would end the list
    at once.
    """

    is_by_place = True

    def __init__(
        self,
        *,
        page_param: str = "page",
        size_param: str = "size",
        size: int = 200,
        first: int = 0,
        total_pages: Callable[[Any], int | None] | None = None,
        has_more: Callable[[Any], bool] | None = None,
        short_page_ends: bool = True,
    ) -> None:
        """`first` is the number of the first page; the others read a body."""
        self._page_param = page_param
        self._size_param = size_param
        self._size = size
        self._first = first
        self._total_pages = total_pages
        self._has_more = has_more
        self._enough = size if short_page_ends else 1
        self._page = first

    def first(self, request: Request) -> Request:
        """Ask for the first page by its number: a server's default could be another."""
        self._page = self._first
        return self._numbered(request, self._page)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:
        """Go on until the announced number of pages is read."""
        if not self._goes_on(reply, count):
            return None
        self._page += 1
        return self._numbered(request, self._page)

    def _goes_on(self, reply: Reply, count: int) -> bool:
        if self._has_more is not None:
            return self._has_more(reply.data)
        total = self.expected_pages(reply)
        if total is not None:
            return self._page - self._first + 1 < total
        return count >= self._enough

    def expected_pages(self, reply: Reply) -> int | None:
        """Read the announced number of pages. Raises `ApiError` (shape) when it is missing."""
        if self._total_pages is None:
            return None
        return whole_number(self._total_pages(reply.data), "how many pages there are")

    def following(self, request: Request, reply: Reply, count: int) -> Iterable[Request]:  # noqa: ARG002
        """Count up to the announced number of pages."""
        total = 0 if self._has_more else self.expected_pages(reply) or 0
        numbers = range(self._first + 1, self._first + total)
        return (self._numbered(request, number) for number in numbers)

    def _numbered(self, request: Request, number: int) -> Request:
        return with_params(
            request, **{self._page_param: str(number), self._size_param: str(self._size)}
        )


class Offset:
    """Skips what was read. Moves by the records received, since a server may cap the page size.

    Ends when the announced total is reached; without one as `PageNumber` does.
    """

    is_by_place = True

    def __init__(
        self,
        *,
        offset_param: str = "offset",
        limit_param: str = "limit",
        size: int = 100,
        first: int = 0,
        total: Callable[[Any], int | None] | None = None,
        short_page_ends: bool = True,
    ) -> None:
        """`first` is the offset of the first record; `total` reads the total in a body."""
        self._offset_param = offset_param
        self._limit_param = limit_param
        self._size = size
        self._first = first
        self._total = total
        self._enough = size if short_page_ends else 1
        self._read = 0

    def first(self, request: Request) -> Request:
        """Ask from the first record."""
        self._read = 0
        return self._moved(request, self._read)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:
        """Go on from the first record not read. Raises `ApiError` when a page brings none."""
        self._read += count
        if self._total is None:
            return None if count < self._enough else self._moved(request, self._read)
        total = self._announced(reply, self._total)
        if self._read >= total:
            return None
        if count == 0:
            raise incomplete_error(f"an empty page after {self._read} of {total} records.")
        return self._moved(request, self._read)

    def expected_pages(self, reply: Reply) -> int | None:
        """Work out the number of pages from the announced total."""
        if self._total is None:
            return None
        return max(1, ceil(self._announced(reply, self._total) / self._size))

    def following(self, request: Request, reply: Reply, count: int) -> Iterable[Request]:
        """Move on by as many records as the first page has: a server may cap the page size."""
        total = self._announced(reply, self._total) if self._total and count else 0
        return (self._moved(request, read) for read in range(count, total, count or 1))

    def _announced(self, reply: Reply, total: Callable[[Any], int | None]) -> int:
        return whole_number(total(reply.data), "how many records there are")

    def _moved(self, request: Request, read: int) -> Request:
        offset = str(self._first + read)
        return with_params(
            request, **{self._offset_param: offset, self._limit_param: str(self._size)}
        )


class AfterId:
    """Records in the order of a numeric id; each page begins after the last id of the one before.

    Ends at a page shorter than `size`. Ids that do not rise mean that the server ignored the
    watermark or sorts otherwise: an error, since records may be missing.
    """

    is_by_place = False

    def __init__(
        self,
        size: int,
        *,
        param: str = "after",
        size_param: str = "pageSize",
        key: str = "id",
        rows: Callable[[Any], list[Any]] = lambda data: data,
    ) -> None:
        """`rows` finds the records in a body that is not a bare list."""
        self._size = size
        self._param = param
        self._size_param = size_param
        self._key = key
        self._rows = rows
        self._last: int | None = None

    def first(self, request: Request) -> Request:
        """Ask without a watermark."""
        self._last = None
        return with_params(request, **{self._size_param: str(self._size)})

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:
        """Go on after the last id, having seen that every id is larger than the one before."""
        for row in self._rows(reply.data):
            current = row.get(self._key) if isinstance(row, dict) else None
            if not isinstance(current, int) or isinstance(current, bool):
                raise shape_error(f"a record without a whole number as its {self._key}.")
            if self._last is not None and current <= self._last:
                raise incomplete_error(
                    f"records are not in the order of their {self._key}, so some may be missing."
                )
            self._last = current
        if count < self._size or self._last is None:
            return None
        return with_params(request, **{self._param: str(self._last)})

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Say nothing: these lists announce no total."""
        return None
