"""The one door to the network: every request of a client, token calls included, passes here.

Counts calls, keeps the limits of each host, sets timeouts, and hands back only complete bodies.
No retries, no status codes, no meaning: those need to know what was asked and why.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from ssl import SSLContext

import httpx
from aiolimiter import AsyncLimiter

from reconcile_pipeline.http.body import read_body
from reconcile_pipeline.http.errors import DeadlineError, WireError
from reconcile_pipeline.http.exchange import CallStats, Limits
from reconcile_pipeline.http.urls import origin

TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=60.0)
_BURST_SHARE = 10
_FRAMING = (b"content-encoding", b"content-length", b"transfer-encoding")


@cache
def tls_context() -> SSLContext:
    """Load the trusted certificates once per process: it costs more than a small pull."""
    return httpx.create_ssl_context()


def make_limiter(per_window: int, window_seconds: float, burst: int = 0) -> AsyncLimiter:
    """Build a limiter that never lets more than `per_window` through in any `window_seconds`.

    A leaky bucket lets its size through at once and its leak on top; so bucket and leak together
    make up the limit: a tenth of it as a burst unless said, the rest evenly over the window.
    """
    burst = burst or max(1, per_window // _BURST_SHARE)
    spread = max(per_window - burst, 1)
    return AsyncLimiter(burst, window_seconds * burst / spread)


class Gate:
    """The limits of one host: how many requests at once, and how many in a window."""

    def __init__(self, limits: Limits, stats: CallStats) -> None:
        """Belong to the event loop that first uses it, as the client does."""
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._stats = stats
        self._limiter = (
            make_limiter(limits.per_window, limits.window_seconds, limits.burst)
            if limits.per_window
            else None
        )

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Hold one slot, entered no sooner than the documented limit allows."""
        async with self._slots:
            if self._limiter is not None:
                clock = asyncio.get_running_loop().time
                is_free, started = self._limiter.has_capacity(), clock()
                await self._limiter.acquire()
                # On a busy machine even a free passage takes milliseconds: those are not waited.
                self._stats.throttled_seconds += 0 if is_free else clock() - started
            yield


class CarefulTransport(httpx.AsyncBaseTransport):
    """An httpx transport whose responses are always whole, decompressed, and within limits."""

    def __init__(
        self,
        limits: Limits,
        stats: CallStats,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Open no connection yet; `inner` replaces the network in unit tests."""
        self._limits = limits
        self._stats = stats
        self._timeout = timeout
        self._inner = inner or httpx.AsyncHTTPTransport(
            verify=tls_context(), limits=httpx.Limits(max_connections=None)
        )
        self._gates: dict[tuple[str, str, int | None], Gate] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read its answer to the end. Raises httpx errors or `WireError`."""
        request.headers["Accept-Encoding"] = "gzip"
        # Requests made by an auth flow come without the client's timeouts: they would hang.
        request.extensions.setdefault("timeout", self._timeout.as_dict())
        async with self._gate(request.url).passage():
            self._stats.calls += 1
            try:
                async with asyncio.timeout(self._limits.deadline_seconds):
                    return await self._exchange(request)
            except TimeoutError as error:
                raise DeadlineError("the answer took too long", request) from error
            except WireError as error:
                error.request = request
                raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    def _gate(self, url: httpx.URL) -> Gate:
        host = origin(url)
        if host not in self._gates:
            self._gates[host] = Gate(self._limits, self._stats)
        return self._gates[host]

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        try:
            content = await read_body(response, max_bytes=self._limits.max_body_bytes)
        finally:
            await response.aclose()
        # The headers that describe the wire would make httpx decode the content once more.
        # Raw pairs, because header bytes need not be ASCII.
        kept = [
            (name, value) for name, value in response.headers.raw if name.lower() not in _FRAMING
        ]
        return httpx.Response(response.status_code, headers=kept, content=content, request=request)
