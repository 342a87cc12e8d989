"""One stream at a time: read again when it moved, in the order of its parents, whole or not."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from reconcile_pipeline.http import PageNumber, Request
from reconcile_pipeline.landing.progress import Progress, listening
from reconcile_pipeline.systems.base import PARENT, Child, Stream

MakeStream = Callable[..., Stream]


def landed(bench: Any, manifest: Any, stream: str) -> list[dict[str, Any]]:
    path = bench.landing / manifest.relative_path / f"{stream}.parquet"
    return pq.read_table(path).to_pylist()


@pytest.mark.fault(25, 26)
def test_a_list_that_changes_once_is_read_again(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, envelope: Any
) -> None:
    """The second, whole reading is the one that is landed, and only that one."""
    api.on(
        "/things",
        {"total": 3, "content": [{"id": 1}, {"id": 2}]},
        {"total": 2, "content": [{"id": 1}, {"id": 3}]},
    )
    manifest = bench.pull(system_of(api, stream_of(**envelope)))
    assert (manifest.state, manifest.calls) == ("complete", 2)
    rows = landed(bench, manifest, "things")
    assert [row["body"] for row in rows] == ['{"total": 2, "content": [{"id": 1}, {"id": 3}]}']
    counted = manifest.streams[0]
    assert (counted.pages, counted.records, counted.distinct_keys, counted.announced) == (
        1,
        2,
        2,
        2,
    )


@pytest.mark.fault(25, 26)
def test_a_list_that_changes_each_time_is_given_up(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, envelope: Any
) -> None:
    """After three unquiet readings the pull fails as incomplete and says what changed."""
    api.on("/things", {"total": 3, "content": [{"id": 1}]})
    manifest = bench.pull(system_of(api, stream_of(**envelope)))
    assert (manifest.state, manifest.category, manifest.calls) == ("failed", "incomplete", 3)
    assert "during each of 3 readings (it announced 3 and gave 1)" in manifest.reason
    assert manifest.streams == ()


def test_a_new_reading_starts_its_list_anew(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Pages of a broken reading do not linger, and parents kept for later are those of the last."""
    paging = lambda: PageNumber(size=2, total_pages=lambda data: data["pages"])  # noqa: E731
    api.on(
        "/things",
        {"pages": 2, "content": [{"id": 1, "v": 1}, {"id": 2, "v": 1}]},
        {"pages": 2, "content": [{"id": 2, "v": 2}]},
        {"pages": 2, "content": [{"id": 1, "v": 1}, {"id": 2, "v": 2}]},
        {"pages": 2, "content": [{"id": 3, "v": 1}]},
        # No total is announced, so the first page is looked at once more.
        {"pages": 2, "content": [{"id": 1, "v": 1}, {"id": 2, "v": 2}]},
    )
    parents = stream_of(
        paginator=paging, records=lambda data: data["content"], is_needed_later=True
    )
    seen: list[Any] = []

    def plan(earlier: Any) -> list[Any]:
        seen.extend(earlier["things"])
        return [{"id": "plan"}]

    manifest = bench.pull(system_of(api, parents, stream_of("planned", plan=plan)))
    assert manifest.state == "complete"
    assert [record["id"] for record in seen] == [1, 2, 3]
    assert [row["page"] for row in landed(bench, manifest, "things")] == [1, 2]


def family(stream_of: MakeStream, count: int) -> tuple[Stream, Stream]:
    """Parents, and one sub-call for each of them."""

    def children(earlier: Any) -> list[Child]:
        return [
            Child(str(row["id"]), Request(f"/parents/{row['id']}", template="/parents/{id}"))
            for row in earlier["parents"]
        ]

    return stream_of("parents", is_needed_later=True), stream_of("lines", children=children)


def test_whose_a_record_is_may_be_told_by_its_parent_alone(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Accounts with usage are the parents whose sub-calls brought a record, each once."""
    api.on("/parents", [{"id": 1}, {"id": 2}, {"id": 3}])
    for number, rows in enumerate(([{"id": 7}, {"id": 8}], [], [{"id": 9}]), start=1):
        api.on(f"/parents/{number}", rows)
    parents, lines = family(stream_of, 3)
    manifest = bench.pull(system_of(api, parents, replace(lines, account=PARENT)))
    assert [stream.accounts for stream in manifest.streams] == [None, 2]


def test_children_are_landed_in_the_order_of_their_parents(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """However late an answer comes, the files of two equal pulls are equal."""
    count = 12
    api.on("/parents", [{"id": number} for number in range(count)])

    def slow(number: int) -> Any:
        async def answer() -> Any:
            for _turn in range(5 * (count - number)):
                await asyncio.sleep(0)
            return [{"id": f"{number}-a"}]

        return answer

    for number in range(count):
        api.on(f"/parents/{number}", slow(number))
    manifest = bench.pull(system_of(api, *family(stream_of, count)))
    rows = landed(bench, manifest, "lines")
    assert [row["parent_id"] for row in rows] == [str(number) for number in range(count)]
    assert {row["template"] for row in rows} == {"/parents/{id}"}
    assert rows[3]["body"] == '[{"id": "3-a"}]'


@pytest.mark.fault(33)
def test_one_refused_sub_call_fails_the_whole_stream(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Lines of all parents but one would be a count that is too low: there is none then."""
    api.on("/parents", [{"id": 0}, {"id": 1}])
    api.on("/parents/0", [{"id": "a"}])
    api.on("/parents/1", {"no": "list"})
    manifest = bench.pull(system_of(api, *family(stream_of, 2)))
    assert (manifest.state, manifest.category) == ("failed", "shape")
    assert "/parents/{id}" in manifest.reason
    assert manifest.streams == ()


@pytest.mark.fault(24)
def test_a_record_of_two_parents_is_nobodys(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """An answer about one customer that is handed out for another is never believed."""
    api.on("/parents", [{"id": 0}, {"id": 1}])
    api.on("/parents/0", [{"id": "a"}])
    api.on("/parents/1", [{"id": "a"}])
    manifest = bench.pull(system_of(api, *family(stream_of, 2)))
    assert (manifest.state, manifest.category) == ("failed", "incomplete")
    assert "record a came twice" in manifest.reason


def test_no_parents_means_no_sub_calls(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Without parents the lines are a complete empty list, and nobody is asked."""
    api.on("/parents", [])
    manifest = bench.pull(system_of(api, *family(stream_of, 0)))
    assert (manifest.state, manifest.calls) == ("complete", 1)
    assert [stream.records for stream in manifest.streams] == [0, 0]


def test_progress_is_told_while_somebody_listens(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any
) -> None:
    """Each page is one report of system, stream, pages, expected pages and records."""
    told: list[Progress] = []
    system = system_of(api.on("/things", [{"id": 1}, {"id": 2}]), stream_of())
    with listening(told.append):
        bench.pull(system)
    bench.pull(system)
    assert told == [Progress("acme", "things", 1, 1, 2)]


@pytest.mark.parametrize("body", ['{"error": "x"}', "null", '"text"'])
def test_an_answer_without_the_list_is_no_empty_list(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, body: str
) -> None:
    """A body that is not the list fails as shape instead of counting as nothing."""
    manifest = bench.pull(system_of(api.on("/things", body), stream_of()))
    assert (manifest.state, manifest.category) == ("failed", "shape")


def test_secrets_never_reach_the_landing_folder(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, secret: str
) -> None:
    """Neither a header, nor a query string, nor a refusal's text leaves a key on the disk."""
    system = system_of(api.on("/things", [{"id": 1}]), stream_of())
    refused = system_of(api.__class__().on("/things", RuntimeError(secret)), stream_of())
    bench.pull_all({"good": system, "bad": refused})
    files = [path for path in bench.landing.rglob("*") if path.is_file()]
    texts = [path.read_bytes().decode("latin-1") for path in files]
    pages = bench.landing.rglob("*.parquet")
    texts.extend(str(pq.read_table(path).to_pylist()) for path in pages)
    assert len(files) >= 3
    assert not [text for text in texts if secret in text or "sw0rdfish" in text]


@pytest.mark.parametrize("is_once", [True, False])
def test_a_total_that_only_the_first_page_tells(
    bench: Any, api: Any, stream_of: MakeStream, system_of: Any, envelope: Any, *, is_once: bool
) -> None:
    """Later pages that say 0 are no contradiction where the API is known for it, and else are."""
    api.on(
        "/things",
        {"total": 2, "pages": 2, "content": [{"id": 1}]},
        {"total": 0, "pages": 2, "content": [{"id": 2}]},
    )
    paging = lambda: PageNumber(size=1, total_pages=lambda data: data["pages"])  # noqa: E731
    stream = stream_of(paginator=paging, is_announced_once=is_once, **envelope)
    manifest = bench.pull(system_of(api, stream))
    assert manifest.state == ("complete" if is_once else "failed")
    if is_once:
        assert manifest.streams[0].announced == 2
