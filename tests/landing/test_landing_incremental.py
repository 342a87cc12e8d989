"""Asking for changes only: what is landed, where the next question begins, what reads it all."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from reconcile_pipeline.http import Page, Reply, Request
from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.landing.guards import Limits
from reconcile_pipeline.landing.incremental import Watch
from reconcile_pipeline.landing.manifest import Manifest, read_manifests
from reconcile_pipeline.landing.pull import pulling_alone
from reconcile_pipeline.model import PullMode
from reconcile_pipeline.systems.base import Changes, Child, Stream

PERIOD = "2026-11"
RHYTHM = Rhythm(is_incremental=True)
HOUR = timedelta(hours=1)
ANY = Limits(1.0, 1.0)
MakeStream = Callable[..., Stream]
T1, T2, T3, T9 = (f"2026-11-21T0{hour}:00:00Z" for hour in (1, 2, 3, 9))


def thing(key: int, stamp: str | None = T1, **more: Any) -> dict[str, Any]:
    return {"id": key, "changed": stamp, **more}


def since(instant: datetime) -> Request:
    return Request("/changed", params={"since": instant.strftime("%H:%M:%S")})


CHANGES = Changes(
    request=since,
    stamp="changed",
    total=Request("/count"),
    count=lambda data: data.get("count"),
)


@pytest.fixture
def told(bench: Any, api: Any, stream_of: MakeStream, system_of: Any) -> "Told":
    return Told(bench, api, stream_of, system_of)


class Told:
    """A list that tells its changes, pulled twice; the answers of the second are each test's."""

    def __init__(self, bench: Any, api: Any, stream_of: MakeStream, system_of: Any) -> None:
        self.bench, self.api, self._system_of = bench, api, system_of
        self.stream = stream_of(changes=CHANGES)
        self.more: tuple[Stream, ...] = ()

    def pull(self, rhythm: Rhythm = RHYTHM, **options: Any) -> Manifest:
        self.api.asked.clear()
        system = self._system_of(self.api, self.stream, *self.more)
        found: Manifest = self.bench.pull(system, rhythm=rhythm, **options)
        return found

    def first(self, *records: dict[str, Any]) -> Manifest:
        self.api.on("/things", list(records))
        return self.pull()

    def then(self, changed: Any, count: Any, **options: Any) -> Manifest:
        self.api.on("/changed", changed)
        self.api.on("/count", count if isinstance(count, dict) else {"count": count})
        return self.pull(**options)

    def bodies(self, manifest: Manifest) -> list[Any]:
        path = self.bench.landing / manifest.relative_path / manifest.streams[0].file
        return [json.loads(row["body"]) for row in pq.read_table(path).to_pylist()]


def test_changes_are_landed_above_the_pages_of_the_pull_before(told: Told) -> None:
    """One file as ever: the changed records' pages first, then the old ones as they were."""
    base = told.first(thing(1), thing(2, T2))
    again = told.then([thing(2, T3), thing(3, T3)], 3)
    assert told.api.asked == ["/changed", "/count"]
    assert (again.state, again.mode, again.base) == ("complete", "incremental", base.pull_id)
    stream = again.streams[0]
    assert (stream.changed, stream.records, stream.distinct_keys, stream.announced) == (2, 3, 3, 3)
    assert stream.duplicates == 0
    old = [thing(1), thing(2, T2)]
    assert told.bodies(again) == [[thing(2, T3), thing(3, T3)], old]
    third = told.then([thing(3, T3, name="x")], 3)
    assert told.bodies(third)[0] == [thing(3, T3, name="x")]
    assert told.bodies(third)[1:] == told.bodies(again)


def test_pages_of_the_pull_before_keep_their_instant(told: Told) -> None:
    """When a page was fetched is told of it wherever it lies, and pages are numbered on."""
    base = told.first(thing(1))
    again = told.then([thing(1)], 1)
    folder = told.bench.landing

    def rows(manifest: Manifest) -> list[dict[str, Any]]:
        path = folder / manifest.relative_path / "things.parquet"
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return found

    (old,), (new, copied) = rows(base), rows(again)
    assert (new["page"], copied["page"]) == (1, 2)
    assert new["template"] == "/changed"
    assert {**copied, "page": 1} == old


def test_later_lists_see_the_whole(told: Told, stream_of: MakeStream) -> None:
    """What decides about sub-calls is the list as it is now, not what changed in it."""
    seen: list[Any] = []

    def children(earlier: Any) -> list[Child]:
        seen.append(list(earlier["things"]))
        return []

    told.stream = replace(told.stream, is_needed_later=True)
    told.more = (stream_of("lines", children=children),)
    told.first(thing(1), thing(2, T2))
    told.then([thing(2, T3)], 2)
    assert seen[-1] == [thing(2, T3), thing(1)]


def test_the_question_goes_back_beyond_the_last_stamp_seen(told: Told) -> None:
    """By the overlap, from the greatest stamp of any record, changed now or long ago."""
    told.first(thing(1, T2), thing(2, T1))
    asked: list[datetime] = []

    def noted(instant: datetime) -> Request:
        asked.append(instant)
        return since(instant)

    told.stream = replace(told.stream, changes=replace(CHANGES, request=noted))
    second = told.then([thing(1, T2)], 2)
    third = told.then([thing(2, T3), thing(1, T2)], 2, rhythm=replace(RHYTHM, overlap=HOUR))
    told.then([thing(2, T3)], 2)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    assert asked == [
        at + timedelta(hours=1, minutes=45),
        at + timedelta(hours=1),
        at + timedelta(hours=2, minutes=45),
    ]
    assert [each.streams[0].watermark for each in (second, third)] == [
        "2026-11-21T02:00:00+00:00",
        "2026-11-21T03:00:00+00:00",
    ]


def test_a_list_may_need_a_longer_overlap(told: Told) -> None:
    """What the connector knows of its system wins over a shorter setting."""
    told.first(thing(1, T9))
    asked: list[datetime] = []
    changes = replace(CHANGES, request=lambda at: asked.append(at) or since(at), least_overlap=HOUR)
    told.stream = replace(told.stream, changes=changes)
    told.then([thing(1, T9)], 1)
    assert asked == [datetime(2026, 11, 21, 8, tzinfo=UTC)]


@pytest.mark.fault(34, 35)
@hypothesis_settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 10**6), max_size=4), min_size=1, max_size=4))
def test_the_watermark_is_a_stamp_that_was_seen(pages: list[list[int]]) -> None:
    """Never ahead of the newest one, never one from the future, and never behind for no reason."""
    start = datetime(2026, 11, 22, tzinfo=UTC)
    watch = Watch(CHANGES, until=start)
    stamps = [start + timedelta(seconds=900_000 - second) for page in pages for second in page]
    for number, page in enumerate(pages, 1):
        texts = [(start + timedelta(seconds=900_000 - each)).isoformat() for each in page]
        watch.see(page_of([thing(1, text) for text in texts], number))
    seen = [stamp for stamp in stamps if stamp <= start]
    assert watch.watermark == (max(seen).isoformat() if seen else None)


def page_of(records: list[dict[str, Any]], number: int = 1, date: str = "") -> Page:
    headers = httpx.Headers({"date": date} if date else {})
    reply = Reply(Request("/things"), 200, headers, "[]", [], datetime.now(UTC))
    return Page(reply, records, number, None)


def test_a_stamp_from_the_future_hides_nothing(told: Told) -> None:
    """A record that says it will be changed next year comes each night; the others come, too."""
    told.first(thing(1, T1), thing(2, "2027-06-01T00:00:00Z"))
    second = told.then([thing(1, T1), thing(2, "2027-06-01T00:00:00Z")], 2)
    assert second.streams[0].watermark == "2026-11-21T01:00:00+00:00"


def test_without_stamps_the_vendors_clock_counts() -> None:
    """The date of the first page's answer: what changed while the others were read comes again."""
    watch = Watch(replace(CHANGES, stamp=None), until=datetime(2026, 11, 22, tzinfo=UTC))
    watch.see(page_of([thing(1)], 1, "Sat, 21 Nov 2026 03:00:00 GMT"))
    watch.see(page_of([thing(2)], 2, "Sat, 21 Nov 2026 03:00:09 GMT"))
    assert watch.watermark == "2026-11-21T03:00:00+00:00"
    ahead = Watch(replace(CHANGES, stamp=None), until=datetime(2026, 11, 21, 2, tzinfo=UTC))
    ahead.see(page_of([thing(1)], 1, "Sat, 21 Nov 2026 03:00:00 GMT"))
    assert ahead.watermark == "2026-11-21T02:00:00+00:00"
    silent = Watch(replace(CHANGES, stamp=None), until=datetime(2026, 11, 22, tzinfo=UTC))
    silent.see(page_of([thing(1)], 1))
    assert (silent.watermark, silent.problem) == (None, "its answers have no date")


@pytest.mark.parametrize("stamp", [None, "yesterday", "", "0001-01-01T00:00:00Z", 7])
def test_a_stamp_that_is_none_reads_everything(told: Told, stamp: Any) -> None:
    """One record that can't be found by its change would stay as it was for ever."""
    first = told.first(thing(1), thing(2, stamp))
    assert first.streams[0].watermark is None
    again = told.pull()
    assert told.api.asked == ["/things"]
    assert (again.mode, again.base) == ("full", None)
    assert again.streams[0].note == "a record does not tell when it was changed"


def test_a_changed_record_without_a_stamp_ends_it(told: Told) -> None:
    """This pull is whole; the next one can't go on from it."""
    told.first(thing(1), thing(2, T2))
    again = told.then([thing(2, T2), thing(1, None)], 2)
    assert (again.mode, again.streams[0].watermark) == ("incremental", None)
    third = told.pull()
    assert (told.api.asked, third.mode) == (["/things"], "full")


@pytest.mark.parametrize(
    ("changed", "count", "reason"),
    [
        ([thing(2, T2)], 1, "2 records of things are known, and there are 1"),
        ([thing(2, T2)], 3, "2 records of things are known, and there are 3"),
        ([thing(2, T2)], {"sum": 2}, "there are None"),
        ([thing(1, T1)], 2, "the record that was changed last did not come again"),
        ([], 2, "the record that was changed last did not come again"),
        (httpx.Response(400, json={}), 2, "was refused"),
        (httpx.Response(500, json={}), 2, "was refused"),
        ({"no": "list"}, 2, "was refused"),
        ([thing(2, T2), thing(2, T3)], 2, "it changed while its changes were read"),
        ([{"changed": T3}, thing(2, T2)], 2, "was refused"),
    ],
)
def test_what_is_not_proven_is_read_in_full(
    told: Told, changed: Any, count: Any, reason: str
) -> None:
    """In the same pull, with the reason in the manifest: nothing is believed half."""
    told.first(thing(1), thing(2, T2))
    again = told.then(changed, count)
    assert told.api.asked[-1] == "/things"
    assert (again.state, again.mode, again.base) == ("complete", "full", None)
    assert reason in again.streams[0].note
    assert told.bodies(again) == [[thing(1), thing(2, T2)]]
    assert again.streams[0].watermark == "2026-11-21T02:00:00+00:00"


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (httpx.Response(401, json={}), "credentials"),
        (httpx.Response(429, json={}), "rate_limit"),
        (httpx.Response(503, json={}), "unreachable"),
        (httpx.ConnectError("refused"), "unreachable"),
    ],
)
def test_a_system_that_is_down_is_not_asked_for_everything(
    told: Told, answer: Any, category: str
) -> None:
    """Where a full reading would fail as well, the pull fails at once, and the next one is full."""
    told.first(thing(1), thing(2, T2))
    failed = told.then(answer, 2)
    assert (failed.state, failed.category) == ("failed", category)
    assert "/things" not in told.api.asked
    assert told.then([thing(2, T2)], 2).why_full.startswith("the one before")


@pytest.mark.parametrize("damage", ["tampered", "gone"])
def test_a_file_that_is_not_as_landed_is_not_gone_on_from(told: Told, damage: str) -> None:
    """Its hash is looked at first: a page that somebody changed spreads to no other pull."""
    base = told.first(thing(1), thing(2, T2))
    path = told.bench.landing / base.relative_path / "things.parquet"
    if damage == "gone":
        path.unlink()
    else:
        rows = pq.read_table(path)
        body = rows.column("body")[0].as_py().replace('"id": 1', '"id": 7')
        pq.write_table(rows.set_column(7, "body", [[body]]), path)
    again = told.then([thing(2, T2)], 2)
    assert (told.api.asked, again.mode) == (["/things"], "full")
    assert "not as landed" in again.streams[0].note


def test_another_question_goes_on_from_no_answer(told: Told) -> None:
    """With other fields or another condition, what did not change would still look as before."""
    told.first(thing(1), thing(2, T2))
    told.stream = replace(told.stream, request=Request("/things", params={"fields": "id,name"}))
    again = told.then([thing(2, T2)], 2)
    assert (told.api.asked, again.mode) == (["/things"], "full")
    assert "settings were changed" in again.streams[0].note


def test_the_whole_is_checked_and_not_only_what_changed(told: Told) -> None:
    """A field that was not required when the old pages were read sends for all of them again."""
    told.first(thing(1), thing(2, T2, name="b"))
    told.stream = replace(told.stream, required=("name",))
    told.api.on("/things", [thing(1, name="a"), thing(2, T2, name="b")])
    again = told.then([thing(2, T2, name="b")], 2)
    assert (again.state, again.mode) == ("complete", "full")
    assert "without name" in again.streams[0].note


@pytest.mark.fault(34)
def test_without_a_total_a_deleted_record_waits_for_the_full_pull(told: Told) -> None:
    """No answer about changes tells of it; the next full reading does."""
    told.stream = replace(told.stream, changes=replace(CHANGES, total=None))
    told.first(thing(1), thing(2, T2), thing(3))
    told.api.on("/things", [thing(1), thing(2, T2)])
    again = told.then([thing(2, T2)], 0)
    assert "/count" not in told.api.asked
    assert (again.mode, again.streams[0].records, again.streams[0].announced) == (
        "incremental",
        3,
        None,
    )
    full = told.pull(rhythm=replace(RHYTHM, is_forced_full=True), limits=ANY)
    assert (full.mode, full.streams[0].records) == ("full", 2)


def test_guards_measure_the_whole(told: Told) -> None:
    """One changed record of a hundred is no list that shrank; a hundred that became ten is one."""
    told.first(*(thing(key) for key in range(100)))
    again = told.then([thing(5), thing(99)], 100)
    assert (again.state, again.mode) == ("complete", "incremental")
    told.api.on("/things", [thing(key) for key in range(10)])
    shrunk = told.then([thing(5)], 10)
    assert (shrunk.state, shrunk.mode) == ("quarantined", "full")


class Killed(BaseException):
    """The process ends here."""


def test_a_killed_one_leaves_nothing(told: Told) -> None:
    """Neither a manifest nor pages: the next pull goes on from the same base."""
    base = told.first(thing(1), thing(2, T2))

    async def die() -> None:
        raise Killed

    told.api.on("/changed", [thing(2, T2)]).on("/count", die)
    with pytest.raises(Killed):
        told.pull()
    assert read_manifests(told.bench.landing, PERIOD) == [base]
    with pulling_alone(told.bench.landing):
        folders = [path.name for path in told.bench.landing.glob("*/*/*")]
    assert folders == [base.pull_id]
    again = told.then([thing(2, T2)], 2)
    assert (again.mode, again.base) == (PullMode.INCREMENTAL, base.pull_id)


def test_lists_that_tell_no_changes_are_read_as_ever(told: Told, stream_of: MakeStream) -> None:
    """Beside one that does, in the same pull."""
    told.more = (stream_of("others"),)
    told.api.on("/others", [{"id": 1}])
    told.first(thing(1), thing(2, T2))
    again = told.then([thing(2, T2)], 2)
    assert told.api.asked == ["/changed", "/count", "/others"]
    assert [stream.changed for stream in again.streams] == [1, None]


def test_nothing_is_asked_of_a_system_that_tells_no_changes(told: Told) -> None:
    """Switched on, it changes nothing for systems without such a question."""
    told.stream = replace(told.stream, changes=None)
    told.first(thing(1))
    again = told.pull()
    assert (told.api.asked, again.mode, again.streams[0].note) == (["/things"], "full", "")
