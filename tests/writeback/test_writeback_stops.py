"""What ends a batch early, and what only makes it wait: the rest stays queued, nothing is lost."""

import asyncio
import re
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from writeback_bench.bench import Bench

from reconcile_pipeline.ledger import store
from reconcile_pipeline.ledger.changes import Change
from reconcile_pipeline.model import Category, ChangeState
from reconcile_pipeline.writeback import engine

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("retry_after", "waited"), [(30, 30.0), (300, 300.0), (None, 1.0)])
@pytest.mark.fault(94)
def test_asked_to_wait(bench: Bench, retry_after: float | None, waited: float) -> None:
    """Too many requests in mid-batch: waits as long as asked, goes on, writes each line once."""
    changes = bench.decide(3)
    bench.fault("status", after=1, value=429, retry_after=retry_after)
    assert bench.write().stopped is None
    bench.assert_written_once(*changes)
    assert bench.clock.slept == [waited]
    assert bench.sends() == 4
    assert bench.trail(changes[1]) == ["intent", "not_applied", "intent", "sent", "verified"]


@pytest.mark.fault(94)
def test_waiting_costs_no_try(bench: Bench) -> None:
    """A change that was turned away first may still be repeated once when nobody answers."""
    [change] = bench.decide()
    bench.fault("status", times=2, value=429)
    bench.fault("drop_before", after=2)
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == 4


def test_edited_while_we_waited(bench: Bench) -> None:
    """After a wait the line is looked at again: what somebody edited meanwhile is a conflict."""
    [change] = bench.decide()
    bench.fault("status", value=429, retry_after=60)
    wait = bench.clock.sleep

    async def edited_meanwhile(seconds: float) -> None:
        bench.edit(change, change.qty_to + 1)
        await wait(seconds)

    bench.write(sleep=edited_meanwhile)
    assert bench.states() == ["conflict"]
    assert (bench.sends(), bench.writes(change)) == (1, [])


@pytest.mark.fault(94)
def test_asked_to_wait_too_long(bench: Bench) -> None:
    """A wait beyond five minutes ends the batch; the next one goes on at that very change."""
    changes = bench.decide(3)
    bench.fault("status", after=1, value=429, retry_after=3600)
    report = bench.write()
    assert report.stopped is not None
    assert report.stopped.category is Category.RATE_LIMIT
    assert bench.states() == ["verified", "not_applied", "queued"]
    assert (bench.clock.slept, bench.sends()) == ([], 2)
    bench.write()
    bench.assert_written_once(*changes)


def test_turned_away_for_ever(bench: Bench) -> None:
    """A PSA that takes no change at all is asked six times in a batch, not for every change."""
    changes = bench.decide(3)
    bench.fault("status", times=None, value=429, retry_after=10)
    report = bench.write()
    assert bench.states() == ["not_applied", "queued", "queued"]
    assert bench.sends() == engine.MOST_WAITS + 1
    assert report.stopped is not None
    assert report.stopped.category is Category.RATE_LIMIT
    bench.server.faults.clear()
    bench.write()
    bench.assert_written_once(*changes)


@pytest.mark.parametrize(
    ("status", "category"), [(401, Category.CREDENTIALS), (403, Category.PERMISSION)]
)
@pytest.mark.parametrize("call", ["reads", "sends"])
def test_not_allowed(bench: Bench, call: str, status: int, category: Category) -> None:
    """Refused keys or rights in mid-batch stop it: one refusal, the rest queued, none lost."""
    changes = bench.decide(3)
    if call == "sends":
        bench.fault("status", after=1, times=None, value=status)
    else:
        bench.fault_reads(
            "status", after_n_calls=2 * bench.calls_per_look, times=None, value=status
        )
    report = bench.write()
    assert report.stopped is not None
    is_hidden = (call, status) == ("reads", 401)
    assert report.stopped.category is (bench.play.means_by_401 if is_hidden else category)
    second = "not_applied" if call == "sends" else "queued"
    assert bench.states() == ["verified", second, "queued"]
    # A new token is asked for first; what 401 turned away, nobody looked at.
    tries = bench.play.tries if status == 401 else 1
    assert bench.sends() == (1 + tries if call == "sends" else 1)
    bench.server.faults.clear()
    bench.write()
    bench.assert_written_once(*changes)


@pytest.mark.parametrize("what", [{"value": 503}, {"value": 429, "retry_after": 3600}])
def test_cannot_be_read_any_more(bench: Bench, what: dict[str, Any]) -> None:
    """A PSA that stops answering in mid-batch ends it; what was sent is settled by the next."""
    changes = bench.decide(3)
    # The look before the first change is answered, the one after it is not.
    bench.fault_reads("status", after_n_calls=bench.calls_per_look, times=None, **what)
    report = bench.write()
    assert report.stopped is not None
    assert report.stopped.category in (Category.UNREACHABLE, Category.RATE_LIMIT)
    assert bench.states() == ["sent", "queued", "queued"]
    assert bench.sends() == 1
    bench.server.faults.clear()
    bench.write()
    bench.assert_written_once(*changes)
    assert bench.sends() == 3


def test_cannot_be_read_while_settling(bench: Bench) -> None:
    """When what is open can't be looked up, nothing new is sent either."""
    bench.decide(2)
    bench.fault("drop_before")
    bench.fault_reads("status", after_n_calls=bench.calls_per_look, times=None, value=503)
    assert bench.write().stopped is not None
    assert bench.states() == ["unknown", "queued"]
    report = bench.write()
    assert report.stopped is not None
    assert (bench.states(), bench.sends()) == (["unknown", "queued"], 1)


def test_refused_while_settling(bench: Bench) -> None:
    """Keys that are refused while something is looked up stop the batch before it sends more."""
    bench.decide(2)
    bench.fault("drop_before")
    tries = bench.play.tries
    bench.fault_reads("status", after_n_calls=bench.calls_per_look, value=401, times=tries)
    assert bench.write().stopped is not None
    bench.fault_reads("status", value=401, times=tries)
    report = bench.write()
    assert report.stopped is not None
    assert (bench.states(), bench.sends()) == (["unknown", "queued"], 1)


class Refusing(httpx.AsyncBaseTransport):
    """The network, but connections for changes are refused so many times."""

    def __init__(self, changing: str, times: int) -> None:
        self.inner = httpx.AsyncHTTPTransport()
        self.changing = re.compile(changing)
        self.left = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_change = request.method != "GET" and self.changing.search(request.url.path)
        if is_change and self.left:
            self.left -= 1
            raise httpx.ConnectError("refused", request=request)
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


def test_never_left(bench: Bench) -> None:
    """A change whose connection was refused has changed nothing: tried again without the wait."""
    [change] = bench.decide()
    client = bench.client()
    client._transport = Refusing(bench.play.changing, times=2)
    bench.write(client=client)
    bench.assert_written_once(change)
    assert bench.clock.slept == [1.0, 1.0]
    assert "unknown" not in bench.trail(change)


@pytest.mark.parametrize("entry", [2, 3, 4])
def test_ledger_that_takes_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, entry: int
) -> None:
    """A full disk stops the batch with a readable error; the next one settles what was open."""
    changes = bench.decide(2)
    right, entries = store.commit, iter(range(1, 100))

    def full(transaction: sa.RootTransaction) -> None:
        if next(entries) >= entry:
            raise sa.exc.OperationalError("commit", {}, Exception("database or disk is full"))
        right(transaction)

    monkeypatch.setattr(store, "commit", full)
    report = bench.write()
    assert report.stopped is not None
    assert "disk is full" in report.stopped.message
    # Nothing may be sent whose intent could not be kept.
    assert bench.sends() == (0 if entry == 2 else 1)
    monkeypatch.undo()
    bench.write()
    bench.assert_written_once(*changes)


def test_pause_reaches_those_under_way(bench: Bench) -> None:
    """When one change needs a person, another one that was waiting is not sent any more."""
    bench.at_once = 2
    changes = bench.decide(3)
    bench.fault("status", value=429, retry_after=100)
    bench.fault("not_applied", after=1)
    paused = asyncio.Event()

    def tell(_change: Change, state: ChangeState) -> None:
        if state is ChangeState.NEEDS_PERSON:
            paused.set()

    async def sleep(seconds: float) -> None:
        if seconds == 100:
            await paused.wait()

    bench.write(tell=tell, sleep=sleep)
    assert sorted(bench.states()) == ["needs_person", "not_applied", "queued"]
    assert bench.sends() == 2
    bench.assert_untouched(*changes)


def test_no_more_at_once_than_allowed(bench: Bench) -> None:
    """As many changes are under way at once as the PSA takes, and no more."""
    bench.at_once = 3
    bench.decide(6)
    under_way: set[str] = set()
    most = 0

    def tell(change: Change, state: ChangeState) -> None:
        nonlocal most
        under_way.add(change.change_id)
        most = max(most, len(under_way))
        if state is ChangeState.VERIFIED:
            under_way.discard(change.change_id)

    bench.write(tell=tell)
    assert 2 <= most <= 3
