"""Pages that the first one foretells are asked for together; what a list is, is not changed by it.

The client is scripted: it answers a page when the test lets it, and knows how many wait.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Offset, PageNumber, Reply, Request, paginate
from reconcile_pipeline.http.in_order import in_order
from reconcile_pipeline.model import Category

SIZE = 2


class Shelf:
    """A list that pages by number or offset, and answers only when nothing else can go on."""

    system = "Acme"

    def __init__(self, count: int) -> None:
        self.rows = list(range(count))
        self.asked: list[int] = []
        self.waiting = 0
        self.most = 0
        self.called_off = 0
        self.when_asked: Callable[[int], None] = lambda _page: None
        # Later pages are answered sooner: their order must come from elsewhere.
        self.turns: Callable[[int], int] = lambda page: 20 - min(page, 15)

    async def get(self, request: Request) -> Reply:
        by_page = "page" in request.params
        page = int(request.params["page"]) if by_page else int(request.params["offset"]) // SIZE
        self.asked.append(page)
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            for _turn in range(self.turns(page)):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.called_off += 1
            raise
        finally:
            self.waiting -= 1
        self.when_asked(page)
        start = page * SIZE
        data = {
            "content": self.rows[start : start + SIZE],
            "pages": -(-len(self.rows) // SIZE),
            "total": len(self.rows),
        }
        return Reply(request, 200, httpx.Headers(), json.dumps(data), data, None)


def numbered() -> PageNumber:
    return PageNumber(size=SIZE, total_pages=lambda data: data["pages"])


def by_offset() -> Offset:
    return Offset(size=SIZE, total=lambda data: data["total"])


def read(shelf: Any, make: Callable[[], Any], at_once: int = 4, most: int = 99) -> list[int]:
    async def work() -> list[int]:
        found: list[int] = []
        pages = paginate(
            shelf, Request("/t"), make(), lambda data: data["content"], at_once=at_once
        )
        async with aclosing(pages):
            async for page in pages:
                found += page.records
                if page.number == most:
                    break
        return found

    return asyncio.run(work())


@pytest.mark.parametrize("make", [numbered, by_offset])
def test_so_many_pages_are_under_way_and_never_more(make: Any) -> None:
    """The first page alone, then four at a time, handed on in their order."""
    shelf = Shelf(25)
    assert read(shelf, make) == shelf.rows
    assert shelf.asked == list(range(13))
    assert shelf.most == 4


def test_pages_are_not_read_far_ahead_of_who_takes_them() -> None:
    """Whoever takes one page and thinks about it has at most four more asked for behind it."""
    shelf = Shelf(100)

    async def work() -> None:
        pages = paginate(shelf, Request("/t"), numbered(), lambda data: data["content"], at_once=4)
        async with aclosing(pages):
            async for page in pages:
                for _turn in range(200):
                    await asyncio.sleep(0)
                assert len(shelf.asked) <= page.number + 4

    asyncio.run(work())


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_next_page_is_under_way_while_one_is_taken_in(at_once: int) -> None:
    """Where nothing is foretold the next call has left before a page is handed on, if calls may."""
    shelf = Shelf(9)

    async def work() -> None:
        pages = paginate(
            shelf,
            Request("/t"),
            PageNumber(size=SIZE),
            lambda data: data["content"],
            at_once=at_once,
        )
        async with aclosing(pages):
            # The first page's forecast is empty, and only looked for when the second one is due.
            await anext(pages)
            async for page in pages:
                ahead = 1 if at_once > 1 and len(page.records) == SIZE else 0
                assert shelf.waiting == ahead
                assert len(shelf.asked) == page.number + ahead

    asyncio.run(work())
    assert shelf.asked == list(range(5))


def test_whoever_stops_calls_off_the_page_that_is_under_way() -> None:
    """A list left in the middle leaves no call behind."""
    shelf = Shelf(20)
    assert read(shelf, lambda: PageNumber(size=SIZE), most=3) == [0, 1, 2, 3, 4, 5]
    assert (shelf.waiting, shelf.called_off) == (0, 1)


@pytest.mark.parametrize("make", [numbered, by_offset])
@pytest.mark.parametrize("change", [-4, -1, 3])
@pytest.mark.parametrize("page", [1, 3, 6])
def test_a_list_that_changes_on_the_way_is_what_it_is_page_by_page(
    make: Any, change: int, page: int
) -> None:
    """Where it ends is said by the pages that come and not by what the first one foretold."""

    def shelf_that_changes() -> Shelf:
        shelf = Shelf(16)
        shelf.turns = lambda _page: 20

        def edit(asked: int) -> None:
            if asked == page and len(shelf.rows) == 16:
                shelf.rows = shelf.rows[:change] if change < 0 else list(range(16 + change))

        shelf.when_asked = edit
        return shelf

    assert read(shelf_that_changes(), make, at_once=1)[-1] == 15 + change
    assert read(shelf_that_changes(), make)[-1] == 15 + change


@pytest.mark.parametrize("page", [1, 3, 7])
def test_a_page_that_fails_ends_the_list_in_its_turn(page: int) -> None:
    """Pages before it are handed on, the error is that page's, and the others are called off."""
    shelf = Shelf(16)

    def fail(asked: int) -> None:
        if asked == page:
            raise ApiError("No.", next_step="Wait.", category=Category.PERMISSION, system="Acme")

    shelf.when_asked = fail
    found: list[int] = []

    async def work() -> None:
        pages = paginate(shelf, Request("/t"), numbered(), lambda data: data["content"], at_once=4)
        async with aclosing(pages):
            async for each in pages:
                found.extend(each.records)

    with pytest.raises(ApiError, match="No"):
        asyncio.run(work())
    assert found == list(range(page * SIZE))
    assert shelf.waiting == 0


def test_whoever_stops_early_leaves_nothing_under_way() -> None:
    """Closing the list calls off the pages that nobody will take."""
    shelf = Shelf(40)
    shelf.turns = lambda page: 20 if page < 3 else 1000
    assert read(shelf, numbered, most=2) == [0, 1, 2, 3]
    assert shelf.waiting == 0
    assert shelf.called_off > 0


def test_an_absurd_total_costs_no_more_than_a_few_calls() -> None:
    """A first page that claims a billion pages is only a forecast: the second says otherwise."""
    liar = Shelf(4)
    total = iter([10**9, 10**9, 10**9])
    make = lambda: PageNumber(size=SIZE, total_pages=lambda _data: next(total, 2))  # noqa: E731
    assert read(liar, make) == [0, 1, 2, 3]
    assert len(liar.asked) <= 6


def test_answers_come_in_the_order_of_their_questions() -> None:
    """However late each answer is, and never with more under way than were allowed."""
    under_way = most = 0

    async def ask(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _turn in range((number * 7) % 11):
            await asyncio.sleep(0)
        under_way -= 1
        return number * number

    async def work() -> list[tuple[int, int]]:
        return [pair async for pair in in_order(ask, range(50), 6)]

    assert asyncio.run(work()) == [(number, number * number) for number in range(50)]
    assert most == 6
