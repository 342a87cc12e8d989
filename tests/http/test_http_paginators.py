"""Each way of paging: all records, once, in order, in the right number of calls.

The server really pages: it cuts a list of records as the request asks and knows nothing of tests.
"""

import json
from math import ceil
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import (
    AfterId,
    ApiError,
    CursorInBody,
    ForwardOnlyLink,
    Limits,
    LinkHeader,
    NextUrlInBody,
    Offset,
    PageNumber,
    Reply,
    Request,
    SinglePage,
    paginate,
)
from reconcile_pipeline.http.link_paginators import parse_links
from reconcile_pipeline.model import Category, PipelineError

SIZE = 5
SIZES = [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 3 * SIZE + 2]


def ids(count: int) -> Any:
    # Not 1, 2, 3: a watermark must come from the records and not from counting.
    return [{"id": 10 + 3 * number} for number in range(count)]


class Shelf:
    """A vendor with `count` records that pages in each of the ways there are."""

    def __init__(self, wire: Any, count: int) -> None:
        self.wire = wire
        self.rows = ids(count)
        wire.script = self.answer

    def answer(self, seen: Any) -> Any:
        assert seen.query.get("filter") == "active"
        return getattr(self, seen.path.strip("/").replace("-", "_"))(seen, seen.query)

    def cut(self, start: int, query: dict[str, str], name: Any = "size") -> Any:
        return self.rows[start : start + int(query[name])]

    def numbered(self, seen: Any, query: dict[str, str]) -> Any:
        page = int(query["page"])
        pages = ceil(len(self.rows) / int(query["size"]))
        rows = self.cut(page * int(query["size"]), query)
        return self.wire.json({"content": rows, "page": {"totalPages": pages}})

    def plain(self, seen: Any, query: dict[str, str]) -> Any:
        return self.wire.json(self.cut((int(query["page"]) - 1) * int(query["size"]), query))

    def offset(self, seen: Any, query: dict[str, str]) -> Any:
        rows = self.cut(int(query["offset"]), query, "limit")
        return self.wire.json({"content": rows, "total": len(self.rows)})

    def after(self, seen: Any, query: dict[str, str]) -> Any:
        after = int(query.get("after", "0"))
        rows = [row for row in self.rows if row["id"] > after]
        return self.wire.json(rows[: int(query["pageSize"])])

    def link(self, seen: Any, query: dict[str, str]) -> Any:
        page, size = int(query.get("page", "1")), int(query["pageSize"])
        pages = max(1, ceil(len(self.rows) / size))
        base = f"{self.wire.url}/link?filter=active&pageSize={size}&page="
        links = [f'<{base}{page - 1}>; rel="prev"'] if page > 1 else []
        if page < pages:
            links += [f'<{base}{page + 1}>; rel="next"', f'<{base}{pages}>; rel="last"']
        headers = {"Link": ", ".join(links)} if links else {}
        return self.wire.json(self.cut((page - 1) * size, query, "pageSize"), headers=headers)

    def forward(self, seen: Any, query: dict[str, str]) -> Any:
        assert seen.headers["pagination-type"] == "forward-only"
        after = int(query.get("pageId", "0"))
        rows = [row for row in self.rows if row["id"] > after]
        page = rows[: int(query["pageSize"])]
        link = ""
        if len(rows) > len(page):
            last = page[-1]["id"]
            link = f"<{self.wire.url}/forward?filter=active&pageSize=5&pageId={last}>"
        return self.wire.json(page, headers={"Link": link})

    def cursor(self, seen: Any, query: dict[str, str]) -> Any:
        start = int(query.get("cursor", "c0")[1:])
        rows = self.cut(start, query, "pageSize")
        end = start + len(rows)
        return self.wire.json({"content": rows, "next": f"c{end}" if end < len(self.rows) else ""})

    def next_url(self, seen: Any, query: dict[str, str]) -> Any:
        start = int(query.get("skip", "0"))
        end = start + SIZE
        url = f"/next-url?filter=active&skip={end}" if end < len(self.rows) else None
        return self.wire.json({"content": self.rows[start:end], "nextLink": url})

    def single(self, seen: Any, query: dict[str, str]) -> Any:
        return self.wire.json(self.rows)


def content(data: Any) -> Any:
    return data["content"]


def bare(data: Any) -> Any:
    return data


def whole_pages(count: int) -> Any:
    return max(1, ceil(count / SIZE))


def pages_to_a_short_one(count: int) -> Any:
    return count // SIZE + 1


WAYS = {
    "/numbered": (
        lambda: PageNumber(size=SIZE, total_pages=lambda data: data["page"]["totalPages"]),
        content,
        whole_pages,
    ),
    "/plain": (lambda: PageNumber(size=SIZE, first=1), bare, pages_to_a_short_one),
    "/offset": (lambda: Offset(size=SIZE, total=lambda data: data["total"]), content, whole_pages),
    "/after": (lambda: AfterId(SIZE), bare, pages_to_a_short_one),
    "/link": (lambda: LinkHeader(SIZE), bare, whole_pages),
    "/forward": (lambda: ForwardOnlyLink(SIZE), bare, whole_pages),
    "/cursor": (lambda: CursorInBody(lambda data: data["next"], size=SIZE), content, whole_pages),
    "/next-url": (lambda: NextUrlInBody(lambda data: data["nextLink"]), content, whole_pages),
    "/single": (SinglePage, bare, lambda _count: 1),
}
ANNOUNCING = {"/numbered", "/offset", "/single"}


def read(rig: Any, path: str, paginator: Any, records: Any, **options: Any) -> Any:
    async def work(client: Any) -> Any:
        request = Request(path, {"filter": "active"}, template="/{way}")
        return [page async for page in paginate(client, request, paginator, records, **options)]

    return rig.run(work, limits=Limits(attempts=1))


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("path", WAYS)
def test_every_record_arrives_once_in_order(
    wire: Any, rig: Any, path: str, count: int, at_once: int
) -> None:
    """Empty, one, one short, full, one over, many: the exact records and the exact calls."""
    make, records, calls = WAYS[path]
    shelf = Shelf(wire, count)
    pages = read(rig, path, make(), records, at_once=at_once)
    assert [row for page in pages for row in page.records] == shelf.rows
    assert len(wire.seen) == calls(count)
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert {page.reply.request.template for page in pages} == {"/{way}"}
    if path in ANNOUNCING:
        assert pages[0].expected_pages == (calls(count) if count or path != "/numbered" else 0)


def test_the_last_page_is_announced_by_its_link(wire: Any, rig: Any) -> None:
    """rel="last" gives the total for a progress bar, also on the last page, which lacks it."""
    Shelf(wire, 12)
    pages = read(rig, "/link", LinkHeader(SIZE), bare)
    assert [page.expected_pages for page in pages] == [3, 3, 3]


def test_a_paginator_starts_anew(wire: Any, rig: Any) -> None:
    """A paginator used for a second list begins at its first page."""
    for path, (make, records, _calls) in WAYS.items():
        paginator = make()
        shelf = Shelf(wire, 12)
        for _ in range(2):
            pages = read(rig, path, paginator, records)
            assert [row for page in pages for row in page.records] == shelf.rows, path


class Scripted:
    """A client that answers from a list of (body, headers); for what no real vendor should do."""

    system = "Acme"

    def __init__(self, *answers: Any, url: str = "https://acme.example/things") -> None:
        self.answers = list(answers)
        self.asked = []
        self.url = url

    async def get(self, request: Any) -> Any:
        self.asked.append(request)
        data, headers = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return Reply(request, 200, httpx.Headers(headers), json.dumps(data), data, None, self.url)


def drive(rig: Any, client: Any, paginator: Any, records: Any = bare, **options: Any) -> Any:
    async def work(_client: Any) -> Any:
        pages = paginate(client, Request("/things"), paginator, records, **options)
        return [row async for page in pages for row in page.records]

    return rig.run(work)


@pytest.mark.fault(20, 21)
def test_half_and_empty_pages_do_not_end_a_list(rig: Any) -> None:
    """Only the documented end ends a list: not a short page, not an empty one."""

    def page(rows: Any, **more: Any) -> Any:
        return ({"content": rows, **more}, {})

    total = {"total_pages": lambda data: data["pages"]}
    numbered = [page([1, 2], pages=4), page([3], pages=4), page([], pages=4), page([4], pages=4)]
    assert drive(rig, Scripted(*numbered), PageNumber(size=2, **total), content) == [1, 2, 3, 4]
    cursor = [page([1, 2], next="a"), page([3], next="b"), page([], next="c"), page([4], next=None)]
    read_cursor = CursorInBody(lambda data: data["next"])
    assert drive(rig, Scripted(*cursor), read_cursor, content) == [1, 2, 3, 4]
    links = [([1], {"Link": "</b>"}), ([], {"Link": "</c>"}), ([2], {"Link": ""})]
    assert drive(rig, Scripted(*links), ForwardOnlyLink(2)) == [1, 2]
    offset = [page([1, 2], total=4), page([3], total=4), page([4], total=4)]
    client = Scripted(*offset)
    assert drive(rig, client, Offset(size=2, total=lambda data: data["total"]), content) == [
        1,
        2,
        3,
        4,
    ]
    assert [asked.params["offset"] for asked in client.asked] == ["0", "2", "3"]
    named = [page([1, 2], more="/x"), page([], more="/y"), page([3, 4], more=None)]
    client = Scripted(*named)
    by_link = PageNumber(size=2, has_more=lambda data: data["more"] is not None)
    assert drive(rig, client, by_link, content) == [1, 2, 3, 4]
    assert [asked.params["page"] for asked in client.asked] == ["0", "1", "2"]
    capped = [([1], {}), ([2], {}), ([], {})]
    assert drive(rig, Scripted(*capped), PageNumber(size=9, short_page_ends=False)) == [1, 2]
    assert drive(rig, Scripted(*capped), Offset(size=9, short_page_ends=False)) == [1, 2]


@pytest.mark.parametrize(
    ("paginator", "answer", "calls"),
    [
        (CursorInBody(lambda _data: "same"), ({"content": [1]}, {}), 2),
        (NextUrlInBody(lambda _data: "/things?page=2"), ({"content": [1]}, {}), 2),
        (NextUrlInBody(lambda _data: "https://acme.example/things"), ({"content": [1]}, {}), 1),
        (LinkHeader(), ({"content": [1]}, {"Link": '</things?page=2>; rel="next"'}), 2),
        (ForwardOnlyLink(1), ({"content": [1]}, {"Link": "</things?pageId=1>"}), 2),
    ],
)
@pytest.mark.fault(27)
def test_a_list_that_leads_back_is_stopped(
    rig: Any, paginator: Any, answer: Any, calls: int
) -> None:
    """A next page that was read before ends the list with an error before it is asked again."""
    client = Scripted(answer)
    with pytest.raises(ApiError, match="back to a page already read") as info:
        drive(rig, client, paginator, content)
    assert info.value.category is Category.INCOMPLETE
    assert len(client.asked) == calls


@pytest.mark.fault(27)
def test_a_longer_loop_is_stopped(rig: Any) -> None:
    """A cursor that comes round after several pages is noticed at its first repetition."""
    cycle = [({"content": [1], "next": name}, {}) for name in "abcab"]
    client = Scripted(*cycle)
    with pytest.raises(ApiError, match="from page 4 back"):
        drive(rig, client, CursorInBody(lambda data: data["next"]), content)
    assert len(client.asked) == 4


@pytest.mark.fault(27)
def test_a_list_without_end_is_stopped(rig: Any) -> None:
    """New cursors for ever end at the page cap."""
    count = iter(range(10**6))
    client = Scripted(({"content": [1]}, {}))
    with pytest.raises(ApiError, match="did not end within 50 pages") as info:
        drive(rig, client, CursorInBody(lambda _data: next(count)), content, max_pages=50)
    assert info.value.category is Category.INCOMPLETE
    assert len(client.asked) == 50


@pytest.mark.fault(27, 110)
def test_a_next_link_to_another_host_is_refused(start_wire: Any, wire: Any, rig: Any) -> None:
    """A list that continues elsewhere is refused; the other host is never called."""
    other = start_wire()
    wire.script = lambda seen: wire.json({"content": [1], "nextLink": f"{other.url}/next"})
    with pytest.raises(ApiError, match="only to the configured host") as info:
        read(rig, "/next-url", NextUrlInBody(lambda data: data["nextLink"]), content)
    assert info.value.category is Category.SHAPE
    assert (len(wire.seen), other.seen) == (1, [])


@pytest.mark.parametrize(
    ("paginator", "answers", "category", "says"),
    [
        (ForwardOnlyLink(5), [([], {})], Category.SHAPE, "does not support forward-only"),
        (ForwardOnlyLink(5), [([], {"Link": "page 2"})], Category.SHAPE, "cannot be read"),
        (LinkHeader(5), [([], {"Link": "page 2"})], Category.SHAPE, "cannot be read"),
        (LinkHeader(5), [([], {"Link": '<http://[::1>; rel="next"'})], Category.SHAPE, "not valid"),
        (AfterId(2), [([{"id": 2}, {"id": 1}], {})], Category.INCOMPLETE, "order of their id"),
        (AfterId(2), [([{"id": 2}, {"id": 2}], {})], Category.INCOMPLETE, "order of their id"),
        (AfterId(1), [([{"id": 2}], {}), ([{"id": 2}], {})], Category.INCOMPLETE, "page 2: rec"),
        (AfterId(2), [([{"id": "2"}], {})], Category.SHAPE, "whole number"),
        (AfterId(2), [([{"id": True}], {})], Category.SHAPE, "whole number"),
        (AfterId(2), [([{"key": 2}], {})], Category.SHAPE, "whole number"),
        (AfterId(2), [([7], {})], Category.SHAPE, "whole number"),
        (PageNumber(total_pages=lambda _: None), [([], {})], Category.SHAPE, "how many pages"),
        (PageNumber(total_pages=lambda _: "3"), [([], {})], Category.SHAPE, "how many pages"),
        (PageNumber(total_pages=lambda _: True), [([], {})], Category.SHAPE, "how many pages"),
        (PageNumber(total_pages=lambda _: -1), [([], {})], Category.SHAPE, "how many pages"),
        (Offset(total=lambda _: None), [([], {})], Category.SHAPE, "how many records"),
        (Offset(total=lambda _: 5), [([1], {}), ([], {})], Category.INCOMPLETE, "1 of 5"),
        (CursorInBody(lambda _: {"a": 1}), [([], {})], Category.SHAPE, "not a text"),
        (CursorInBody(lambda _: True), [([], {})], Category.SHAPE, "not a text"),
        (NextUrlInBody(lambda _: 7), [([], {})], Category.SHAPE, "not a text"),
        (NextUrlInBody(lambda data: data["x"]), [({}, {})], Category.SHAPE, "without the list"),
    ],
)
def test_a_page_that_does_not_say_how_to_go_on_is_an_error(
    rig: Any, paginator: Any, answers: Any, category: Category, says: str
) -> None:
    """Where the end cannot be known, the list fails, naming system, call and page."""
    with pytest.raises(ApiError, match=says) as info:
        drive(rig, Scripted(*answers), paginator)
    assert info.value.category is category
    assert info.value.system == "Acme"
    assert "Acme: GET /things" in info.value.message
    assert info.value.next_step


@pytest.mark.parametrize(
    "data", [None, {}, {"error": "no"}, {"content": None}, {"content": {"id": 1}}, [1], "x", 7]
)
@pytest.mark.fault(13)
def test_an_answer_without_its_list_is_not_an_empty_list(rig: Any, data: Any) -> None:
    """`null`, `{}`, an error object and a wrong envelope are shape errors, never zero records."""
    with pytest.raises(ApiError, match="without the list that belongs there") as info:
        drive(rig, Scripted((data, {})), SinglePage(), content)
    assert info.value.category is Category.SHAPE


def test_an_error_of_the_system_passes_through(rig: Any) -> None:
    """What a system says about its own records is not reworded."""

    def records(_data: Any) -> None:
        raise PipelineError("No.", next_step="Wait.", category=Category.PERMISSION)

    with pytest.raises(PipelineError, match=r"No\. Wait\."):
        drive(rig, Scripted(([], {})), SinglePage(), records)


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ('<a>; rel="next", <b>; rel="last"', [("a", {"next"}), ("b", {"last"})]),
        ("<a?x=1,2;3>;rel=next", [("a?x=1,2;3", {"next"})]),
        ('<a>; title="x, <b>; rel=last"; rel="next prefetch"', [("a", {"next", "prefetch"})]),
        ("<a>; REL=Next", [("a", {"next"})]),
        ("<a>", [("a", set())]),
        ("", []),
        ("a; rel=next", []),
    ],
)
def test_link_headers_are_read_as_the_standard_writes_them(header: str, links: Any) -> None:
    """Commas in URLs and titles, several relations, no quotes, other letter case."""
    assert list(parse_links(header)) == links
