"""One polite client for one system: asks, repeats where that is safe, answers whole or not at all.

Knows no vendor: what a status or a body means beyond HTTP is said by `systems`. There is no
method that writes, on purpose: that is `writer`'s, and only the write-back job makes one. A
question by POST is sent only to a path that the system's module says does nothing but read.
"""

import asyncio
import itertools
import logging
import random as random_module
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from reconcile_pipeline.http import diagnosis
from reconcile_pipeline.http.auth import TOKEN_REFUSALS, KnowsSecrets
from reconcile_pipeline.http.diagnosis import Call
from reconcile_pipeline.http.errors import ApiError, TokenError, WireError
from reconcile_pipeline.http.exchange import CallStats, Limits, Reply, Request, json_body
from reconcile_pipeline.http.redaction import quiet_http_loggers, redact
from reconcile_pipeline.http.retry import backoff_seconds, moment_after, retry_after_seconds
from reconcile_pipeline.http.strict_json import StrictJsonError, decode_text, parse
from reconcile_pipeline.http.transport import IS_REPEAT, TIMEOUT, CarefulTransport
from reconcile_pipeline.http.urls import checked_url, resolve
from reconcile_pipeline.model import Category

logger = logging.getLogger(__name__)

Explain = Callable[[int, Any, str], str | None]
Locate = Callable[[CallStats], Awaitable[str]]
_OK = 200
_ACCEPTED = 202
_TOO_MANY = 429
_MOVED = frozenset({301, 302, 307, 308})
_MOST_MOVES = 3
_LONGEST_TEXT = 10_000
_VENDOR_TEXT = 200
"""Characters of a vendor's own message that people get to see."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ApiClient:
    """An async context manager around one base URL; belongs to one event loop.

    Raises `ApiError` (settings) for a base URL that is neither https nor on this machine.
    `explain` finds the vendor's own error message in (status, parsed body or None, text).
    `locate` asks, when the client is opened, where the API lives; its answer replaces `base_url`.
    `stands_for` tells, for systems that answer refusals with 200, the status that a body stands
    for; such an answer is treated as if it had come with that status.
    `reads_by_post` are the paths where a POST only reads. `waits` finds, in the parsed body of a
    refusal, the seconds to wait, for systems that don't say it in a header. `follows_moves` lets
    redirects be followed, on the same host only. `later` fetches what a 202 promised.
    """

    def __init__(
        self,
        *,
        system: str,
        base_url: str,
        auth: httpx.Auth | None = None,
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Collection[str] = (),
        explain: Explain | None = None,
        locate: Locate | None = None,
        stands_for: Callable[[Any], int] | None = None,
        reads_by_post: Collection[str] = (),
        waits: Callable[[Any], float | None] | None = None,
        follows_moves: bool = False,
        later: "Later | None" = None,
        stats: CallStats | None = None,
        now: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
        timeout: httpx.Timeout = TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Open nothing yet; `transport` replaces the network in unit tests."""
        self.system = system
        self.stats = stats or CallStats()
        self._base = checked_url(base_url, system=system, what="base URL")
        self._auth = auth
        self._limits = limits or Limits()
        self._headers = {"Accept": "application/json", "User-Agent": "reconcile-pipeline"}
        self._headers.update(headers or {})
        self._secrets = frozenset(secrets)
        self._explain = explain
        self._locate = locate
        self._stands_for = stands_for
        self._reads_by_post = frozenset(reads_by_post)
        self._waits = waits
        self._follows_moves = follows_moves
        self._later = later
        self._now = now
        self._sleep = sleep
        self._random = random
        self._timeout = timeout
        self._transport = transport
        self._door: CarefulTransport | None = None
        self._http: httpx.AsyncClient | None = None

    @property
    def concurrency(self) -> int:
        """How many calls may be under way at once."""
        return self._limits.concurrency

    async def __aenter__(self) -> Self:
        quiet_http_loggers()
        if self._locate is not None:
            place = await self._locate(self.stats)
            self._base = checked_url(place, system=self.system, what="located URL")
        self._door = CarefulTransport(
            self._limits, self.stats, timeout=self._timeout, inner=self._transport
        )
        self._http = httpx.AsyncClient(
            auth=self._auth,
            headers=self._headers,
            follow_redirects=False,
            trust_env=False,
            timeout=self._timeout,
            transport=self._door,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def get(self, request: Request) -> Reply:
        """Fetch one whole, valid JSON answer. Raises `ApiError` when there is none to be had."""
        url = resolve(self._base, request, system=self.system)
        tries = itertools.count(1)
        refusals: list[ApiError] = []

        def note(state: RetryCallState) -> None:
            refusals.append(_failure(state))
            self._note_retry(state)

        async def rest(seconds: float) -> None:
            # Who is told to wait waits for all: other calls would only be refused as well.
            door = self._door if _is_throttled(refusals[-1]) else None
            with door.pace(url).resting() if door else nullcontext():
                await self._sleep(seconds)

        async def once() -> Reply:
            return await self._try_once(request, url, next(tries))

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._limits.attempts),
            wait=self._pause,
            retry=retry_if_exception(self._is_worth_repeating),
            sleep=rest,
            before_sleep=note,
            reraise=True,
        )
        return await retrying(once)

    async def _try_once(self, request: Request, url: httpx.URL, attempt: int) -> Reply:
        attempts = self._limits.attempts
        call = Call(self.system, request.method, request.template, url.host, attempt, attempts)
        if request.body is not None and request.path not in self._reads_by_post:
            raise RuntimeError(f"{request.path} is not known as a path where POST only reads")
        try:
            response = await self._send(request, url, is_repeat=attempt > 1)
        except TokenError as error:
            return self._without_token(call, request, error)
        except httpx.LocalProtocolError as error:
            # Its text quotes the header it refused, which may be a key: it must not be chained.
            raise diagnosis.broken_wire(call, error) from None
        except (httpx.TransportError, WireError) as error:
            raise diagnosis.broken_wire(_call_of(error.request, call, url), error) from error
        if response.status_code == _ACCEPTED and self._later is not None:
            return await self._later(self, request, response.headers)
        if response.status_code != _OK:
            if response.status_code in request.tolerates:
                return self._nothing(request, response)
            raise self._refusal(call, response)
        return self._reply(call, request, url, response)

    async def _send(self, request: Request, url: httpx.URL, *, is_repeat: bool) -> httpx.Response:
        """Send it, and again to where the same host says it moved."""
        http = self._opened()
        for _ in range(_MOST_MOVES):
            headers = dict(request.headers)
            sent = http.build_request(
                request.method,
                url,
                headers=headers,
                json=request.body,
                extensions={IS_REPEAT: is_repeat},
            )
            response = await http.send(sent)
            if not self._follows_moves or response.status_code not in _MOVED:
                break
            moved = url.join(response.headers.get("location", ""))
            url = resolve(
                self._base, replace(request, path=str(moved), params={}), system=self.system
            )
        return response

    async def pause(self, seconds: float) -> None:
        """Wait, where an answer is being prepared; counted as throttled."""
        self.stats.throttled_seconds += seconds
        await self._sleep(seconds)

    def _nothing(self, request: Request, response: httpx.Response) -> Reply:
        """What a tolerated refusal becomes: an answer without data, its status kept."""
        return Reply(
            request=request,
            status=response.status_code,
            headers=response.headers,
            body="null",
            data=None,
            fetched_at=self._now(),
            url=str(response.request.url),
        )

    def _without_token(self, call: Call, request: Request, error: TokenError) -> Reply:
        if not error.malformed and error.status in request.tolerates:
            return self._nothing(request, error.response)
        raise self._no_token(call, error) from None

    def _opened(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("use the client inside 'async with'")
        return self._http

    def _reply(
        self, call: Call, request: Request, url: httpx.URL, response: httpx.Response
    ) -> Reply:
        content = response.content
        if not content:
            raise diagnosis.empty_body(call, response.status_code)
        try:
            text, data = request.reads(content, self._limits.max_depth)
        except StrictJsonError as problem:
            is_html = "html" in response.headers.get("content-type", "") or (
                request.reads is json_body and content.lstrip().startswith(b"<")
            )
            error = diagnosis.unusable_json(call, response.status_code, problem, is_html=is_html)
            # The cause would bring the whole body along.
            raise error from None
        if (status := self._status_inside(data)) != _OK:
            if status in request.tolerates:
                return replace(self._nothing(request, response), status=status)
            raise self._refusal(call, response, status)
        return Reply(
            request=request,
            status=response.status_code,
            headers=response.headers,
            body=text,
            data=data,
            fetched_at=self._now(),
            url=str(url),
        )

    def _status_inside(self, data: Any) -> int:  # noqa: ANN401 - a JSON value
        return _OK if self._stands_for is None else self._stands_for(data)

    def _wait_inside(self, response: httpx.Response) -> float | None:
        if self._waits is None:
            return None
        try:
            return self._waits(parse(decode_text(response.content)))
        except (StrictJsonError, ArithmeticError, LookupError, TypeError, ValueError):
            # A body without a wait that can be read is the same as none.
            return None

    def _refusal(self, call: Call, response: httpx.Response, status: int = 0) -> ApiError:
        """Explain a refusal; `status` is the one its body stands for, where that is another."""
        status = status or response.status_code
        now = self._now()
        wait = retry_after_seconds(response.headers.get("retry-after"), now)
        wait = wait or self._wait_inside(response)
        if status == _TOO_MANY:
            wait = wait or self._limits.silent_wait_seconds
        if status in diagnosis.RETRYABLE and (wait or 0) > self._limits.max_wait_seconds:
            return diagnosis.asked_to_wait(call, status, wait or 0, moment_after(now, wait or 0))
        return diagnosis.refused_status(call, status, self._vendor_says(response, status), wait)

    def _no_token(self, call: Call, error: TokenError) -> ApiError:
        response = error.response
        call = _call_of(response.request, call, None)
        if error.malformed:
            return diagnosis.malformed_token(call, error.malformed)
        if error.status in TOKEN_REFUSALS:
            says = self._vendor_says(response, error.status)
            return diagnosis.refused_token(call, error.status, says)
        return self._refusal(call, response, error.status)

    def _vendor_says(self, response: httpx.Response, status: int = 0) -> str:
        if self._explain is None:
            return ""
        text = response.content.decode("utf-8", errors="replace")
        try:
            data = parse(text, max_depth=self._limits.max_depth)
        except StrictJsonError:  # error pages need not be JSON
            data = None
        try:
            says = self._explain(status or response.status_code, data, text) or ""
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # An unforeseen error body must not hide the error itself.
            logger.warning("%s: an error message could not be read", self.system)
            says = ""
        secrets = self._secrets
        if isinstance(self._auth, KnowsSecrets):
            secrets |= self._auth.secrets
        # Cut twice: first far beyond what is shown, so that no half of a secret comes into view.
        clean = redact(says[:_LONGEST_TEXT], secrets)
        printable = "".join(char if char.isprintable() else " " for char in clean)
        return " ".join(printable.split())[:_VENDOR_TEXT]

    def _is_worth_repeating(self, error: BaseException) -> bool:
        if not isinstance(error, ApiError) or not error.is_transient:
            return False
        return (error.wait_seconds or 0) <= self._limits.max_wait_seconds

    def _pause(self, state: RetryCallState) -> float:
        error = _failure(state)
        if error.wait_seconds is not None:
            return error.wait_seconds
        pause = backoff_seconds(state.attempt_number, self._random())
        return min(pause, self._limits.max_wait_seconds)

    def _note_retry(self, state: RetryCallState) -> None:
        error = _failure(state)
        self.stats.retries += 1
        if _is_throttled(error):
            self.stats.throttled_seconds += state.upcoming_sleep
        logger.info("%s Next try in %.1f s.", error.message, state.upcoming_sleep)


class Later(Protocol):
    """How a system hands over an answer that it first only promised, with 202."""

    async def __call__(
        self, client: ApiClient, request: Request, headers: Mapping[str, str]
    ) -> Reply:
        """Ask until the answer is there. Raises `ApiError` when it does not come."""
        ...


def _failure(state: RetryCallState) -> ApiError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, ApiError):
        raise TypeError("only failed calls are repeated") from error
    return error


def _is_throttled(error: ApiError) -> bool:
    return error.category is Category.RATE_LIMIT or error.wait_seconds is not None


def _call_of(sent: httpx.Request | None, call: Call, url: httpx.URL | None) -> Call:
    """Name the call that failed: the token call, where an auth flow sent one on the way."""
    if sent is None or sent.url == url:
        return call
    return replace(call, method=sent.method, template=sent.url.path, host=sent.url.host)
