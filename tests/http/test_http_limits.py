"""Documented limits are kept in advance, and no host gets more calls at once than allowed.

On a loop whose clock jumps from timer to timer: minutes pass in milliseconds, to the exact second.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.http import ApiClient, Limits, Request
from reconcile_pipeline.http.exchange import CallStats
from reconcile_pipeline.http.pace import Pace
from reconcile_pipeline.http.transport import CarefulTransport


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing is ready, its clock jumps to the next timer."""

    skipped = 0.0

    def time(self) -> float:
        return self.skipped

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            # A little beyond, as real clocks are: a wait too small to add to the time would stay.
            self.skipped = max(self.skipped, self._scheduled[0]._when) + 1e-6
        super()._run_once()


class Host:
    """Answers after a second of virtual time, and notes when each call began."""

    def __init__(self) -> None:
        self.started: list[float] = []
        self.active = 0
        self.most = 0

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.started.append(asyncio.get_running_loop().time())
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await asyncio.sleep(1)
        finally:
            self.active -= 1
        return httpx.Response(200, stream=httpx.ByteStream(b"[]"))


def burst(host: Any, calls: int, limits: Limits) -> ApiClient:
    async def work() -> ApiClient:
        client = ApiClient(
            system="Acme",
            base_url="https://acme.example",
            limits=limits,
            random=Random(7).random,  # noqa: S311 - no secret
            transport=httpx.MockTransport(host.answer),
        )
        async with client:
            await asyncio.gather(*(client.get(Request("/t")) for _ in range(calls)))
        return client

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


@pytest.mark.parametrize("concurrency", [1, 4, 32])
def test_no_more_calls_at_once_than_allowed(concurrency: int) -> None:
    """The limit is reached, and never passed."""
    host = Host()
    client = burst(host, 50, Limits(concurrency=concurrency))
    assert host.most == concurrency
    assert client.stats.calls == 50
    assert client.stats.throttled_seconds == 0


@pytest.mark.parametrize("per_window", [1, 2, 5, 60, 200])
@pytest.mark.fault(4)
def test_no_window_has_more_calls_than_documented(per_window: int) -> None:
    """In any 60 s there are never more calls than the limit, and not needlessly few."""
    host = Host()
    calls = 3 * per_window
    client = burst(host, calls, Limits(concurrency=32, per_window=per_window))
    starts = sorted(host.started)
    for first, later in zip(starts, starts[per_window:], strict=False):
        assert later - first >= 60 - 1e-6
    slowest = 60.0 if per_window == 1 else 60.0 / (per_window - max(1, per_window // 10))
    assert starts[-1] <= calls * slowest + 1
    assert client.stats.throttled_seconds > 0


def test_each_host_has_its_own_limit(wire: Any, start_wire: Any, rig: Any) -> None:
    """Token calls to another host do not use up the places of the API."""
    host = Host()

    async def work() -> None:
        inner = httpx.MockTransport(host.answer)
        transport = CarefulTransport(Limits(concurrency=1), CallStats(), inner=inner)
        calls = [
            transport.handle_async_request(httpx.Request("GET", url))
            for url in ("https://a.example/", "https://b.example/", "https://a.example:443/x")
        ]
        await asyncio.gather(*calls)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())
    assert host.most == 2


async def call_far_away(pace: Pace, random: Random, counted: list[float]) -> None:
    """A second at most, part of it on the way there; the host counts the call when it arrives."""
    clock = asyncio.get_running_loop().time
    async with pace.passage() as answered:
        there = random.random()
        await asyncio.sleep(there)
        counted.append(clock())
        await asyncio.sleep(random.random() * (1 - there))
        answered(200)


def most_within(moments: list[float], seconds: float) -> int:
    """The most of them in any window that includes its beginning and not its end."""
    ordered = sorted(moments)
    return max(
        bisect_right(ordered, first + seconds - 1e-6) - number
        for number, first in enumerate(ordered)
    )


@given(
    per_window=st.integers(2, 60),
    window=st.sampled_from([60.0, 300.0, 3600.0]),
    burst_size=st.integers(0, 5),
    seed=st.integers(0, 999),
)
@settings(max_examples=25, deadline=None)
@pytest.mark.fault(4)
def test_a_long_pull_uses_all_of_a_limit_and_never_more(
    per_window: int, window: float, burst_size: int, seed: int
) -> None:
    """However long calls are on the way: no window of the host's has one too many, and at least
    97 % of the documented rate is kept up."""
    limits = Limits(
        concurrency=32,
        per_window=per_window,
        window_seconds=window,
        burst=min(burst_size, per_window - 1),
    )
    random, windows = Random(seed), 6  # noqa: S311 - no secret
    counted: list[float] = []

    async def work() -> None:
        pace = Pace(limits, CallStats())
        calls = [call_far_away(pace, random, counted) for _ in range(windows * per_window)]
        await asyncio.gather(*calls)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())
    assert len(counted) == windows * per_window
    assert most_within(counted, window) <= per_window
    assert max(counted) - min(counted) <= windows * window / 0.97


def test_what_may_not_go_at_once_is_spread(wire: Any) -> None:
    """With a burst of 2 of 60 a minute, calls after the first two are a second apart."""
    host = Host()
    burst(host, 20, Limits(concurrency=32, per_window=60, burst=2))
    starts = sorted(host.started)
    assert starts[1] - starts[0] < 0.01
    assert all(later - first >= 1 - 1e-3 for first, later in pairwise(starts[1:]))


class SecretiveHost:
    """Refuses what is more than `most` calls a second, and says neither that nor when to return."""

    def __init__(self, most: int, status: int = 429) -> None:
        self.most = most
        self.status = status
        self.let_in: list[float] = []
        self.refused: list[float] = []
        self.under_way = 0
        self.trail: list[tuple[float, int]] = []
        self.is_open: Callable[[float], bool] = lambda _now: True

    async def answer(self, request: httpx.Request) -> httpx.Response:
        now = asyncio.get_running_loop().time()
        self.under_way += 1
        self.trail.append((now, self.under_way))
        recent = [at for at in self.let_in[-self.most :] if at > now - 1]
        is_good = len(recent) < self.most and self.is_open(now)
        (self.let_in if is_good else self.refused).append(now)
        await asyncio.sleep(0.1)
        self.under_way -= 1
        body = httpx.ByteStream(b"[]")
        return httpx.Response(200 if is_good else self.status, stream=body)


def test_a_limit_that_is_not_told_is_found_out() -> None:
    """Against a host that only refuses, most of its rate is used, with few refusals."""
    host = SecretiveHost(most=50)
    calls = 3000
    burst(host, calls, Limits(concurrency=32))
    took = max(host.let_in) - min(host.let_in)
    assert len(host.let_in) == calls
    assert calls / took >= 0.8 * host.most
    assert len(host.refused) <= calls / 20


def test_a_refusal_halves_what_is_under_way_and_good_answers_let_it_grow() -> None:
    """After a 503 half as many calls are under way; it grows by one a round, up to the cap."""
    host = SecretiveHost(most=10**6, status=503)
    host.is_open = lambda now: not 0.95 < now < 1.05
    burst(host, 600, Limits(concurrency=16))

    def most(since: float, until: float) -> int:
        return max(number for at, number in host.trail if since < at < until)

    assert most(-1, 0.95) == 16
    # Answers take 0.1 s: each round of them lets about one call more be under way.
    assert [most(1.05, 1.15), most(1.25, 1.35), most(1.35, 1.45)] == [8, 9, 10]
    assert most(2.5, 99) == 16


@pytest.mark.fault(1)
def test_nobody_calls_while_a_refused_call_waits() -> None:
    """One call that is told to wait waits for all, and then it goes first."""
    asked: list[tuple[float, str]] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append((asyncio.get_running_loop().time(), request.url.path))
        await asyncio.sleep(0.1)
        is_refused = [path for _, path in asked] == ["/0", "/1", "/2"]
        headers = {"Retry-After": "30"} if is_refused else {}
        body = httpx.ByteStream(b"[]")
        return httpx.Response(429 if is_refused else 200, headers=headers, stream=body)

    async def work() -> None:
        client = ApiClient(
            system="Acme",
            base_url="https://acme.example",
            limits=Limits(concurrency=1),
            transport=httpx.MockTransport(answer),
        )
        async with client:
            await asyncio.gather(*(client.get(Request(f"/{number}")) for number in range(5)))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())
    assert [path for _, path in asked] == ["/0", "/1", "/2", "/2", "/3", "/4"]
    assert asked[3][0] - asked[2][0] >= 30


def test_a_call_that_is_called_off_leaves_its_place() -> None:
    """Cancelled while waiting or just when its turn came: the others still get through."""
    host = Host()

    async def work() -> None:
        client = ApiClient(
            system="Acme",
            base_url="https://acme.example",
            limits=Limits(concurrency=2),
            transport=httpx.MockTransport(host.answer),
        )
        async with client:
            calls = [asyncio.ensure_future(client.get(Request("/t"))) for _ in range(8)]
            for number in (1, 3, 4):
                await asyncio.sleep(0.5)
                calls[number].cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await client.get(Request("/t"))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())
    assert len(host.started) in (7, 8)
    assert host.most == 2
