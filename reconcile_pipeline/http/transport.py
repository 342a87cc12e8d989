"""The one door to the network: every request of a client, token calls included, passes here.

Counts calls, keeps the limits of each host, sets timeouts, and hands back only complete bodies.
No retries and no meaning: those need to know what was asked and why. Of an answer's status, only
`pace` takes note.
"""

import asyncio
from functools import cache
from ssl import SSLContext

import httpx

from reconcile_pipeline.http.body import read_body
from reconcile_pipeline.http.errors import DeadlineError, WireError
from reconcile_pipeline.http.exchange import CallStats, Limits
from reconcile_pipeline.http.pace import Pace
from reconcile_pipeline.http.urls import origin

TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=60.0)
IS_REPEAT = "is_repeat"
"""The extension of a request that was refused before and has waited."""
_FRAMING = (b"content-encoding", b"content-length", b"transfer-encoding")


@cache
def tls_context() -> SSLContext:
    """Load the trusted certificates once per process: it costs more than a small pull."""
    return httpx.create_ssl_context()


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
        self._paces: dict[tuple[str, str, int | None], Pace] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read its answer to the end. Raises httpx errors or `WireError`."""
        request.headers["Accept-Encoding"] = "gzip"
        # Requests made by an auth flow come without the client's timeouts: they would hang.
        request.extensions.setdefault("timeout", self._timeout.as_dict())
        is_repeat = request.extensions.get(IS_REPEAT, False)
        async with self.pace(request.url).passage(is_repeat=is_repeat) as answered:
            self._stats.calls += 1
            try:
                async with asyncio.timeout(self._limits.deadline_seconds):
                    response = await self._exchange(request)
            except TimeoutError as error:
                raise DeadlineError("the answer took too long", request) from error
            except WireError as error:
                error.request = request
                raise
            answered(response.status_code)
            return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    def pace(self, url: httpx.URL) -> Pace:
        """Return what lets requests pass to the URL's host."""
        host = origin(url)
        if host not in self._paces:
            self._paces[host] = Pace(self._limits, self._stats)
        return self._paces[host]

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
