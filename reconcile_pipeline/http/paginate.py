"""Walks one list from its first page to its last, page by page, and proves that it moves on.

How a list continues is a paginator's business (`paginators`, `link_paginators`); whether the pages
add up to a complete list is the landing room's.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from reconcile_pipeline.http.errors import ApiError
from reconcile_pipeline.http.exchange import Reply, Request
from reconcile_pipeline.http.in_order import in_order
from reconcile_pipeline.model import Category, PipelineError

MAX_PAGES = 100_000
ROUNDS_TO_THE_WIRE = 8
"""Rounds of the event loop after which a call on an open connection has left: four, and some."""


class Paginator(Protocol):
    """How one list continues. Holds state: make a new one for every list."""

    @property
    def is_by_place(self) -> bool:
        """Whether pages are places in the list: what goes in front of one moves the next."""
        ...

    def first(self, request: Request) -> Request:
        """Turn the list's request into the request for its first page."""
        ...

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:
        """Return the request after this one, or None when the documented end is reached.

        `count` is the number of records on the page. Raises `PipelineError` when the reply does
        not say how to go on.
        """
        ...

    def expected_pages(self, reply: Reply) -> int | None:
        """Return the total number of pages, where the reply tells."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """What a paginator can do besides whose first page tells how many there are."""

    def following(self, request: Request, reply: Reply, count: int) -> Iterable[Request]:
        """Return the requests for all pages after the first one, if the list stays as it is.

        Only a forecast, asked once and before `next`: where the list ends is said by `next` alone.
        Nothing where the reply does not tell.
        """
        ...


class Getter(Protocol):
    """What `paginate` needs of a client."""

    @property
    def system(self) -> str: ...  # noqa: D102 - the system's name

    async def get(self, request: Request) -> Reply: ...  # noqa: D102 - one call


@dataclass(frozen=True)
class Page:
    """One page of a list, as received and as records."""

    reply: Reply
    records: list[Any]
    number: int
    """Counted from 1."""
    expected_pages: int | None


async def paginate(
    client: Getter,
    request: Request,
    paginator: Paginator,
    records: Callable[[Any], list[Any]],
    *,
    max_pages: int = MAX_PAGES,
    at_once: int = 1,
) -> AsyncGenerator[Page]:
    """Yield every page of a list, in order.

    With `at_once`, pages that the first one foretells are asked for together, so many at a time,
    and other lists' next page while the current one is taken in. That changes when a page is asked
    for and not which pages count: page after page it is the paginator that says which is next and
    whether there is one, and a page that it does not ask for is thrown away. Close the generator
    if you stop early: calls may be under way.

    Raises `ApiError`: shape when a page is not what `records` expects, incomplete when the list
    asks for one page twice or does not end within `max_pages`.
    """
    seen: set[tuple[str, frozenset[tuple[str, str]], str]] = set()
    upcoming: Request | None = paginator.first(request)
    foretold = _Foretold(client, at_once)
    number = 0
    try:
        while upcoming is not None:
            key = upcoming.identity
            number += 1
            if key in seen or number > max_pages:
                raise _endless(client.system, request, number, max_pages)
            seen.add(key)
            reply = await foretold.get(upcoming)
            # A next link is absolute, the first request is not: both forms of it count as seen.
            seen.add((reply.url, frozenset(), key[2]))
            if reply.status in upcoming.tolerates:
                yield Page(reply, [], number, number)
                return
            rows = records_of(client.system, reply, records)
            try:
                if number == 1:
                    foretold.look(paginator, upcoming, reply, len(rows))
                following = paginator.next(upcoming, reply, len(rows))
                expected = paginator.expected_pages(reply)
            except PipelineError as error:
                raise _named(client.system, request, number, error) from error
            if following is not None and following.identity not in seen and number < max_pages:
                await foretold.set_out(following)
            yield Page(reply, rows, number, expected)
            upcoming = following
    finally:
        await foretold.close()


class _Foretold:
    """The pages that are asked for before their turn; what was foretold wrongly ends it."""

    def __init__(self, client: Getter, at_once: int) -> None:
        self._client = client
        self._at_once = at_once
        self._replies: AsyncGenerator[tuple[Request, Reply]] | None = None
        self._next: asyncio.Future[Reply] | None = None

    def look(self, paginator: Paginator, request: Request, reply: Reply, count: int) -> None:
        """Begin to ask for what the first page foretells."""
        if self._at_once > 1 and isinstance(paginator, Foreseeing):
            requests = paginator.following(request, reply, count)
            self._replies = in_order(self._client.get, requests, self._at_once)

    async def set_out(self, request: Request) -> None:
        """Ask for the page that comes next, if nothing was foretold, and let the call leave."""
        if self._at_once > 1 and self._replies is None:
            self._next = asyncio.ensure_future(self._client.get(request))
            for _ in range(ROUNDS_TO_THE_WIRE):
                await asyncio.sleep(0)

    async def get(self, request: Request) -> Reply:
        """Answer from the foretold pages as long as they come as foretold."""
        if self._next is not None:
            coming, self._next = self._next, None
            return await coming
        if self._replies is not None:
            foretold = await anext(self._replies, None)
            if foretold is not None and foretold[0].identity == request.identity:
                return foretold[1]
            await self.close()
        return await self._client.get(request)

    async def close(self) -> None:
        """Call off what is under way."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        if self._replies is not None:
            await self._replies.aclose()
            self._replies = None


def records_of(system: str, reply: Reply, records: Callable[[Any], list[Any]]) -> list[Any]:
    """Find the records of one page. Raises `ApiError` (shape) where there is no list of them."""
    if reply.status in reply.request.tolerates:
        return []
    try:
        rows = records(reply.data)
    except (AttributeError, LookupError, TypeError) as error:
        raise _no_list(system, reply) from error
    if not isinstance(rows, list):
        raise _no_list(system, reply)
    return rows


def _no_list(system: str, reply: Reply) -> ApiError:
    call = f"{reply.request.method} {reply.request.template}"
    return ApiError(
        f"{system}: {call} answered without the list that belongs there.",
        next_step=f"Check the base URL of {system}; if it is right, its API has changed: "
        "report it.",
        category=Category.SHAPE,
        system=system,
        status=reply.status,
    )


def _endless(system: str, request: Request, number: int, max_pages: int) -> ApiError:
    what = (
        f"did not end within {max_pages:,} pages"
        if number > max_pages
        else f"led from page {number - 1} back to a page already read"
    )
    return ApiError(
        f"{system}: the list {request.method} {request.template} {what}.",
        next_step=f"Pull again; if it repeats, report it to {system}: the list has no end.",
        category=Category.INCOMPLETE,
        system=system,
    )


def _named(system: str, request: Request, number: int, error: PipelineError) -> ApiError:
    return ApiError(
        f"{system}: {request.method} {request.template}, page {number}: {error.message}",
        next_step=error.next_step,
        category=error.category,
        system=system,
        is_transient=error.is_transient,
        wait_seconds=error.wait_seconds,
    )
