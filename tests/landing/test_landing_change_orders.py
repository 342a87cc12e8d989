"""Two hundred orders of edits, late ones and pages: nothing that changed is lost or taken twice."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from reconcile_pipeline.http import ApiClient, PageNumber, Request
from reconcile_pipeline.http import Limits as HttpLimits
from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.landing.guards import Limits
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.systems.base import Changes, Stream

NIGHTS = 5
PAGE = 3
LATEST = timedelta(minutes=10)
"""How long after its stamp an edit may become visible."""
SKEWS = [timedelta(minutes=minutes) for minutes in (-10, -3, 0, 3, 10)]
NEVER = "2027-06-01T00:00:00Z"
RHYTHM = Rhythm(is_incremental=True)


@dataclass
class Edit:
    """One version of a record: stamped when it was made, seen when it arrives; None: deleted."""

    key: int
    record: dict[str, Any] | None
    visible_at: datetime


@dataclass
class Vendor:
    """A list with change stamps of whole minutes, edited while it is read."""

    rng: Random
    clock: Any
    skew: timedelta
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    on_the_way: list[Edit] = field(default_factory=list)
    is_busy: bool = True
    newest: str = ""
    """The greatest stamp that any answer held."""
    count: int = 0

    def now(self) -> datetime:
        found: datetime = self.clock.instant + self.skew
        return found

    def edit(self, *, may_delete: bool = True) -> None:
        key = self.rng.choice([*self.records, *range(100, 104)])
        # Whole minutes: many edits share a stamp.
        stamp = self.now().replace(second=0, microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.count += 1
        record: dict[str, Any] | None = {"id": key, "changed": stamp, "version": self.count}
        waiting = [edit.visible_at for edit in self.on_the_way if edit.key == key]
        if may_delete and not waiting and self.rng.random() < 0.15:
            record = None
        elif self.rng.random() < 0.05:
            record = {"id": key, "changed": NEVER, "version": self.count}
        late = self.rng.random() < 0.3
        delay = LATEST * self.rng.random() if late and record is not None else timedelta(0)
        # What is made of one record arrives in its order.
        at = max([self.now() + delay, *waiting])
        self.on_the_way.append(Edit(key, record, at))
        self.arrive()

    def arrive(self) -> None:
        due = [edit for edit in self.on_the_way if edit.visible_at <= self.now()]
        self.on_the_way = [edit for edit in self.on_the_way if edit.visible_at > self.now()]
        for edit in due:
            self.records.pop(edit.key, None)
            if edit.record is not None:
                self.records[edit.key] = edit.record

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.clock.instant += timedelta(seconds=self.rng.randint(0, 40))
        if self.is_busy and self.rng.random() < 0.4:
            self.edit(may_delete=False)
        self.arrive()
        params = request.url.params
        rows = [self.records[key] for key in sorted(self.records)]
        if request.url.path == "/count":
            return _reply({"count": len(rows)})
        rows = [row for row in rows if row["changed"] >= params.get("since", "")]
        page = int(params["page"]) - 1
        shown = rows[page * PAGE : (page + 1) * PAGE]
        self.newest = max([self.newest, *(row["changed"] for row in shown)])
        return _reply(shown)

    def client(self, account: Any) -> ApiClient:
        return ApiClient(
            system=account.name,
            base_url="http://127.0.0.1:9",
            limits=HttpLimits(attempts=1),
            transport=httpx.MockTransport(self),
        )


def _reply(data: Any) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(data).encode()

    return httpx.Response(200, content=body(), headers={"content-type": "application/json"})


def _since(instant: datetime) -> Request:
    return Request("/things", params={"since": instant.strftime("%Y-%m-%dT%H:%M:%SZ")})


def _stream(stream_of: Any) -> Stream:
    made: Stream = stream_of(
        request=Request("/things"),
        paginator=lambda: PageNumber(page_param="page", size_param="size", size=PAGE, first=1),
        changes=Changes(
            request=_since,
            stamp="changed",
            total=Request("/count"),
            count=lambda data: data["count"],
        ),
    )
    return made


def _landed(bench: Any, manifest: Manifest) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    path = bench.landing / manifest.relative_path / "things.parquet"
    for row in pq.read_table(path).to_pylist():
        for record in json.loads(row["body"]):
            found.setdefault(record["id"], record)
    return found


@pytest.mark.fault(35)
@pytest.mark.parametrize("seed", range(200))
def test_every_order_of_changes_comes_out_whole(
    bench: Any, stream_of: Any, system_of: Any, seed: int
) -> None:
    """Equal stamps, late arrivals, stamps from the future, edits between pages, a wrong clock."""
    rng = Random(seed)  # noqa: S311 - dice of a test
    bench.clock.instant = datetime(2026, 11, 10, 2, tzinfo=UTC)
    vendor = Vendor(rng, bench.clock, rng.choice(SKEWS))
    for key in range(rng.randint(3, 12)):
        vendor.records[key] = {"id": key, "changed": f"2026-11-0{rng.randint(1, 9)}T08:00:00Z"}
    system = system_of(None, _stream(stream_of), client=vendor.client)
    pulls = []
    for night in range(NIGHTS):
        for _ in range(rng.randint(0, 3)):
            vendor.edit()
            bench.clock.instant += timedelta(minutes=rng.choice([0, 1, 9]))
        vendor.is_busy = night < NIGHTS - 1
        if not vendor.is_busy:
            bench.clock.instant += LATEST
        pull = bench.pull(system, rhythm=RHYTHM, limits=Limits(1.0, 1.0))
        assert pull.state == "complete", pull.reason
        pulls.append(pull)
        if pull.streams[0].watermark:
            assert pull.streams[0].watermark[:19] <= vendor.newest[:19]
    assert not vendor.on_the_way
    assert _landed(bench, pulls[-1]) == vendor.records, [pull.mode for pull in pulls]
