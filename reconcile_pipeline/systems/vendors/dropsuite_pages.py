"""Dropsuite's three envelopes: a bare list, `result_set` with page counts, `data` with a next page.

Hosts and versions differ in which of them they answer with, so each list takes all three.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconcile_pipeline.http import Reply, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import bare_list, count_at, list_under

_ENVELOPES = ("result_set", "data")


def records_of(data: object) -> list[Record]:
    """Return a page's records, whichever envelope they came in.

    Raises:
        PipelineError: `shape`, for anything else, or for an envelope that says nothing of pages.
    """
    if not isinstance(data, dict):
        return bare_list(data)
    name = next((name for name in _ENVELOPES if name in data), _ENVELOPES[0])
    records = list_under(name)(data)
    if not isinstance(data.get("pagination"), dict):
        raise _no_pages()
    return records


def announced(data: object) -> int | None:
    """Return how many records the whole list has, where its envelope tells."""
    return count_at(data, "pagination.total_entries")


class AnyEnvelope:
    """Pages until the announced last one, or until no next page is named; a bare list is whole.

    How full a page is ends nothing: hosts differ in how many records they put on one.
    """

    is_by_place = True

    def __init__(self, size: int) -> None:
        """`size` is asked for; a host may give less."""
        self._size = str(size)
        self._page = 1

    def first(self, request: Request) -> Request:
        """Ask for the first page."""
        self._page = 1
        return self._numbered(request, self._page)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Go on as the page's envelope says. Raises `PipelineError` (shape) if it doesn't."""
        if not isinstance(reply.data, dict):
            return None
        if "result_set" in reply.data:
            total = self.expected_pages(reply)
            if total is None:
                raise _no_pages()
            following = self._page + 1 if self._page < total else None
        else:
            following = _next_page(reply.data)
        if following is None:
            return None
        self._page = following
        return self._numbered(request, self._page)

    def expected_pages(self, reply: Reply) -> int | None:
        """Read the announced number of pages, where the envelope tells."""
        return count_at(reply.data, "pagination.total_pages")

    def following(self, request: Request, reply: Reply, count: int) -> Iterable[Request]:  # noqa: ARG002
        """Count up to the announced last page, where the envelope tells."""
        is_counted = isinstance(reply.data, dict) and "result_set" in reply.data
        total = self.expected_pages(reply) if is_counted else None
        return (self._numbered(request, number) for number in range(2, (total or 1) + 1))

    def _numbered(self, request: Request, number: int) -> Request:
        pages = {"page": str(number), "per_page": self._size}
        return replace(request, params={**request.params, **pages})


def _next_page(data: dict[str, Any]) -> int | None:
    if data["pagination"].get("next_page") is None:
        return None
    number = count_at(data, "pagination.next_page")
    if number is None:
        raise _no_pages()
    return number


def _no_pages() -> PipelineError:
    return PipelineError(
        "Dropsuite sent a page that does not say whether there is another one.",
        next_step="Nothing of this pull is used, as it can't be proven whole. Run it again; if it"
        " stays, Dropsuite's format has changed: report it to this project.",
        category=Category.SHAPE,
    )
