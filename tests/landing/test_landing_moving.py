"""Lists that move between their pages, and parents that go: read again, or refused; never short."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import AfterId, CursorInBody, PageNumber, Request
from reconcile_pipeline.systems.base import Child, Stream

MakeStream = Callable[..., Stream]
FIRST, MOVED, LAST = [{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 3}], [{"id": 4}]
"""Record 1 goes after the first page was read: 3 slips to where nobody looks any more."""


def by_number() -> PageNumber:
    return PageNumber(size=2)


@pytest.mark.fault(26)
def test_a_record_that_slips_over_the_edge_is_found(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Without a total, the pages are looked at once more, and the list is read anew."""
    api.on("/things", FIRST, LAST, MOVED, MOVED, LAST, MOVED)
    manifest = bench.pull(system_of(api, stream_of(paginator=by_number)))
    assert (manifest.state, manifest.calls) == ("complete", 6)
    assert manifest.streams[0].distinct_keys == 3


@pytest.mark.fault(26)
def test_a_list_that_never_stands_still_is_refused(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Three readings, none the same a moment later, are no evidence."""
    api.on("/things", *[FIRST, LAST, MOVED] * 3)
    manifest = bench.pull(system_of(api, stream_of(paginator=by_number)))
    assert (manifest.state, manifest.category, manifest.calls) == ("failed", "incomplete", 9)
    assert "page 1 held other records a moment later" in manifest.reason


@pytest.mark.fault(21)
def test_an_empty_end_has_to_come_twice(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """A page that is empty once and full the next time was no end."""
    paging = lambda: PageNumber(size=2, short_page_ends=False)  # noqa: E731
    api.on("/things", FIRST, [], FIRST, LAST, FIRST, LAST, [], FIRST, LAST, [])
    manifest = bench.pull(system_of(api, stream_of(paginator=paging)))
    assert manifest.state == "complete"
    assert manifest.streams[0].distinct_keys == 3


@pytest.mark.fault(26)
@pytest.mark.parametrize("way", ["keyset", "proven", "one page"])
def test_what_can_not_move_is_read_once(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, *, way: str
) -> None:
    """Pages after an id, lists that others prove, and a single page cost no second reading."""
    api.on("/things", *([FIRST, LAST] if way != "one page" else [LAST]))
    stream = stream_of(
        paginator=(lambda: AfterId(2)) if way == "keyset" else by_number,
        is_proven_elsewhere=way == "proven",
    )
    manifest = bench.pull(system_of(api, stream))
    assert manifest.state == "complete"
    assert manifest.calls == (1 if way == "one page" else 2)


@pytest.mark.fault(27)
@pytest.mark.parametrize(("status", "calls"), [(400, 6), (410, 6), (403, 2)])
def test_a_cursor_that_ends_is_no_end(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, *, status: int, calls: int
) -> None:
    """A refused place is looked for again from the start, twice at most; a refused key is not."""
    paging = lambda: CursorInBody(lambda data: data["next"])  # noqa: E731
    pages = [{"next": "b", "rows": FIRST}, httpx.Response(status, text="{}")]
    api.on("/things", *pages * 3)
    stream = stream_of(paginator=paging, records=lambda data: data["rows"])
    manifest = bench.pull(system_of(api, stream))
    assert (manifest.state, manifest.calls) == ("failed", calls)
    assert ("page 2 was refused" in manifest.reason) is (status != 403)


def family(stream_of: MakeStream) -> tuple[Stream, Stream]:
    """Parents, and one sub-call for each of them."""

    def children(earlier: Any) -> list[Child]:
        return [Child(str(row["id"]), Request(f"/p/{row['id']}")) for row in earlier["parents"]]

    return stream_of("parents", is_needed_later=True), stream_of("lines", children=children)


@pytest.mark.fault(19)
def test_a_parent_that_is_gone_is_looked_for_again(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Listed and not found: its list is read anew, and what is there then is complete."""
    api.on("/parents", [{"id": 1}, {"id": 2}], [{"id": 1}])
    api.on("/p/1", [{"id": "a"}])
    api.on("/p/2", httpx.Response(404, text="{}"))
    manifest = bench.pull(system_of(api, *family(stream_of)))
    assert manifest.state == "complete"
    assert [stream.records for stream in manifest.streams] == [1, 1]


@pytest.mark.fault(19)
def test_a_parent_that_stays_gone_is_not_zero(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Still listed and never found: nothing of the pull is used."""
    api.on("/parents", [{"id": 1}, {"id": 2}])
    api.on("/p/1", [{"id": "a"}])
    api.on("/p/2", httpx.Response(404, text="{}"))
    manifest = bench.pull(system_of(api, *family(stream_of)))
    assert (manifest.state, manifest.category) == ("failed", "incomplete")
    assert "/p/2" in manifest.reason
    assert manifest.streams == ()
