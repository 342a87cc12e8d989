"""Documented limits are kept in advance, and no host gets more calls at once than allowed.

On a loop whose clock jumps from timer to timer: minutes pass in milliseconds, to the exact second.
"""

import asyncio
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, Limits, Request


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
        await asyncio.sleep(1)
        self.active -= 1
        return httpx.Response(200, stream=httpx.ByteStream(b"[]"))


def burst(host: Host, calls: int, limits: Limits) -> ApiClient:
    async def work() -> ApiClient:
        client = ApiClient(
            system="Acme",
            base_url="https://acme.example",
            limits=limits,
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
    from reconcile_pipeline.http.exchange import CallStats  # noqa: PLC0415 - not public
    from reconcile_pipeline.http.transport import CarefulTransport  # noqa: PLC0415

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
