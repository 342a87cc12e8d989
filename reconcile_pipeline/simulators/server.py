"""What every simulated system's server does: routes, auth, throttling, latency, log, faults.

One subclass per system says which paths it has and how it writes an error. No system's rules here.
"""

import asyncio
import json
import math
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.faults import Fault, FaultPlan, as_callable
from reconcile_pipeline.simulators.world.records import World

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Call(NamedTuple):
    """One call as the log keeps it; the path is without its query."""

    method: str
    path: str
    status: int


class Write(NamedTuple):
    """One change of a line as it was applied: what the PSA's own audit trail would show."""

    agreement_id: str
    line_id: str
    qty_before: Decimal
    qty_after: Decimal
    effective_on: date | None
    """None where changes count at once."""


@dataclass(slots=True)
class Query:
    """One call as a route reads it; parameter and header names are in lower case."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base_url: str
    target: str = ""
    """Path and query as they came: with the slash at the path's end, and names that repeat."""


@dataclass(slots=True)
class Answer:
    """What a route answers; `data` is turned into JSON, bytes are sent as they are."""

    data: Any = None
    status: int = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)
    is_empty: bool = False


class Refusal(Exception):  # noqa: N818 an answer, not a program error
    """A call the system refuses; becomes its own error shape."""

    def __init__(self, status: int, message: str, *, code: str = "", fields: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.fields = fields


@dataclass(slots=True)
class Throttle:
    """So many calls per window; beyond it 429, with Retry-After unless it is None."""

    limit: int
    window_seconds: float = 60.0
    retry_after: float | None = 1.0


@dataclass(slots=True)
class State:
    """What a server remembers between calls, and the knobs a test may turn while it runs."""

    world: World
    latency_seconds: float = 0.0
    throttle: Throttle | None = None
    expires_in: int = 3600
    most_per_page: int | None = None
    """Pages are never longer, whatever is asked for; None: as the system documents it."""
    tokens: dict[str, float] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    """Path prefixes that the credentials may not read."""
    cache: dict[Any, Any] = field(default_factory=dict)
    """Prepared lists by query; emptied whenever the world changes."""

    version: int = 0
    vendor_clock: Callable[[], datetime] | None = None
    """What the vendor's own clock shows; None: noon of the world's day, and on from there."""
    started: float = field(default_factory=time.monotonic)
    watchers: list[Callable[[], None]] = field(default_factory=list)
    """Who stamps edited records as soon as they are edited."""

    def changed(self) -> None:
        """Say that records came, went or moved, so that lists and indexes are made anew."""
        self.cache.clear()
        self.version += 1
        for look in self.watchers:
            look()

    def vendor_now(self) -> datetime:
        """The current instant by the vendor's clock: it dates answers and stamps edits."""
        if self.vendor_clock is not None:
            return self.vendor_clock()
        day = self.world.as_of
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return noon + timedelta(seconds=time.monotonic() - self.started)


Handler = Callable[..., Answer]


class Simulator:
    """A small ASGI application: one vendor's API over a world."""

    name = ""
    path_prefix = ""
    """What the base URL that clients configure carries after the host and port."""
    state_kind: ClassVar[type[State]] = State
    secrets: ClassVar[Mapping[str, str]] = {}
    """Settings that are secret, and the environment variable each is read from."""
    size_parameter: ClassVar[str] = ""
    """The query's parameter, in lower case, that holds the page size asked for."""
    url_setting = "base_url"
    """The setting that says where the API is; "" where clients ask for that elsewhere."""
    settings: ClassVar[Mapping[str, str]] = {}
    """Further settings of a made-up MSP, as they stand in reconcile.toml."""

    def __init__(
        self, state: State, credentials: dict[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.state = state
        self.credentials = credentials
        self.faults = FaultPlan()
        self.log: list[Call] = []
        self.writes: list[Write] = []
        """Every change that was applied through the API, in order: the judge of write-back."""
        self.targets: list[str] = []
        """Path and query of every call, in the order of the log."""
        self.clock = clock
        self._recent: deque[float] = deque()
        self._struck: list[Fault] = []
        self._late: list[tuple[int, Query]] = []
        self._last_body: dict[str, tuple[Answer, bytes]] = {}
        self._routes: list[tuple[str, re.Pattern[str], Handler, bool]] = []

    @classmethod
    def served(cls, world: World, latency_seconds: float, tag: str) -> Self:
        """One server over a world; its credentials follow from the tag."""
        return cls(cls.state_kind(world, latency_seconds), cls.keys(tag))

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The credentials of a server, and plain settings that only it can tell."""
        return {
            "client_id": f"sim-{cls.name}-{tag}",
            "client_secret": f"simSecret-{cls.name}-{tag}",
        }

    def placed(self, root: str) -> None:
        """Learn the address of the server, before anybody calls it."""

    def route(self, method: str, path: str, handler: Handler, *, is_open: bool = False) -> None:
        """Serve a path; its named groups become the handler's keyword arguments."""
        self._routes.append((method, re.compile(path), handler, is_open))

    def authorize(self, query: Query) -> None:
        """Raise Refusal unless the call carries good credentials."""
        raise NotImplementedError

    def error(self, query: Query, refusal: Refusal) -> Any:  # noqa: ANN401 JSON of any shape
        """The vendor's own error body."""
        raise NotImplementedError

    def fault_path(self, query: Query) -> str:
        """The path as faults see it: with more than the path, where that tells two lists apart."""
        return query.path

    def address(self, query: Query) -> str:
        """What routes, faults and the log know a call by; not the path where one path holds all."""
        return query.path

    def lie_about_total(self, data: Any, _off_by: int) -> Any:  # noqa: ANN401
        """The same page with a wrong announced total; unchanged where none is announced."""
        return data

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP call and log it, whatever happens to it."""
        if scope["type"] != "http":
            return
        query = await _read(scope, receive)
        query.path = self.address(query)
        self._cap_size(query)
        latency = self.state.latency_seconds
        if latency:
            await asyncio.sleep(latency)
        self._apply_what_is_late()
        faults = self.faults.strike(self.fault_path(query), query.method)
        answer = self._answer(query, faults)
        body = b"" if answer.is_empty else _json(answer.data)
        answer, body, sent = self._spoil(query, answer, body, faults)
        # Logged before it is sent: who has the answer must find the call in the log.
        self.log.append(Call(query.method, query.path, int(answer.status)))
        self.targets.append(query.target)
        date_told = format_datetime(self.state.vendor_now().astimezone(UTC), usegmt=True)
        await _send(send, answer, body, sent, date_told)

    def _answer(self, query: Query, faults: list[Fault]) -> Answer:
        try:
            for fault in faults:
                if fault.kind == "hook":
                    as_callable(fault.value)(self.state)
                    self.state.changed()
                elif fault.kind == "status":
                    return self._faulty(query, fault)
            self._keep_limit()
            return self._carry_out(query, faults)
        except Refusal as refusal:
            headers = {}
            throttle = self.state.throttle
            if refusal.status == HTTPStatus.TOO_MANY_REQUESTS and throttle is not None:
                headers = _retry_after(throttle.retry_after)
            return Answer(self.error(query, refusal), refusal.status, headers)

    def commit(self, write: Write, apply: Callable[[Decimal], None]) -> None:
        """Apply a change as the faults of this call want it, and log it if it is applied."""
        quantity = write.qty_after
        for fault in self._struck:
            if fault.kind == "not_applied":
                return
            if fault.kind == "apply_differently":
                quantity = as_callable(fault.value)(quantity)
        apply(quantity)
        self.writes.append(write._replace(qty_after=quantity))
        # A changed line is no new line: prepared lists are stale, indexes are not.
        self.state.cache.clear()

    def _carry_out(self, query: Query, faults: list[Fault]) -> Answer:
        """Answer a call; one that changes something may be dropped, delayed or badly confirmed."""
        kinds = {fault.kind: fault for fault in faults}
        if "drop_before" in kinds:
            return Answer()
        if "late_apply" in kinds:
            self._late.append((int(kinds["late_apply"].value or 0), query))
            return Answer()
        self._struck = faults
        try:
            answer = self._dispatch(query)
        finally:
            self._struck = []
        return self._faulty(query, kinds["status_after"]) if "status_after" in kinds else answer

    def _apply_what_is_late(self) -> None:
        waiting, self._late = self._late, []
        for calls_left, query in waiting:
            if calls_left:
                self._late.append((calls_left - 1, query))
                continue
            try:
                self._dispatch(query)
            except Refusal:
                # Refused after its caller had gone: nobody is there to be told.
                continue

    def _dispatch(self, query: Query) -> Answer:
        allowed = []
        for method, pattern, handler, is_open in self._routes:
            match = pattern.fullmatch(query.path)
            if match is None:
                continue
            if method != query.method:
                allowed.append(method)
                continue
            if not is_open:
                self.authorize(query)
                if any(query.path.startswith(prefix) for prefix in self.state.forbidden):
                    raise Refusal(HTTPStatus.FORBIDDEN, "You do not have permission to do this.")
            return handler(query, **match.groupdict())
        if allowed:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{query.method} is not allowed here.")
        raise Refusal(HTTPStatus.NOT_FOUND, "Not found.")

    def _cap_size(self, query: Query) -> None:
        most, name = self.state.most_per_page, self.size_parameter
        asked = query.params.get(name, "")
        if most is not None and name and not (asked.isdecimal() and int(asked) <= most):
            query.params[name] = str(most)

    def _keep_limit(self) -> None:
        throttle = self.state.throttle
        if throttle is None:
            return
        now = self.clock()
        while self._recent and self._recent[0] <= now - throttle.window_seconds:
            self._recent.popleft()
        if len(self._recent) >= throttle.limit:
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.")
        self._recent.append(now)

    def _faulty(self, query: Query, fault: Fault) -> Answer:
        status = int(fault.value)
        refusal = Refusal(status, fault.text or HTTPStatus(status).phrase)
        return Answer(self.error(query, refusal), status, _retry_after(fault.retry_after))

    def _spoil(
        self, query: Query, answer: Answer, body: bytes, faults: list[Fault]
    ) -> tuple[Answer, bytes, bytes]:
        """The answer, its whole body, and the part of the body that is really sent."""
        previous = self._last_body.get(query.path)
        self._last_body[query.path] = (answer, body)
        cut = False
        if any(fault.kind in ("drop_before", "ack_lost", "late_apply") for fault in faults):
            # A head that announces a body and then nothing: the caller learns nothing.
            return answer, b"lost", b""
        for fault in faults:
            if fault.kind == "duplicate_page" and previous is not None:
                answer, body = previous
            elif fault.kind == "wrong_shape":
                body = b'{"unexpected": [1, 2, 3]}'
            elif fault.kind == "replace_body":
                body = as_callable(fault.value)(body)
            elif fault.kind == "replace_answer":
                answer, body = as_callable(fault.value)(answer, body)
            elif fault.kind == "total_lies":
                body = _json(self.lie_about_total(answer.data, int(fault.value)))
            elif fault.kind == "drop_header":
                kept = {k: v for k, v in answer.headers.items() if k.lower() != fault.value.lower()}
                answer = Answer(answer.data, answer.status, kept, answer.is_empty)
            elif fault.kind == "close_midway":
                cut = True
        return answer, body, body[: len(body) // 2] if cut else body


def number(query: Query, name: str, default: int, *, least: int = 0) -> int:
    """A whole-number parameter; refuses anything else with 400."""
    text = query.params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"Parameter {name} must be a number >= {least}.")
    return int(text)


async def _read(scope: Message, receive: Receive) -> Query:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    headers = {key.decode("latin-1").lower(): v.decode("latin-1") for key, v in scope["headers"]}
    asked = scope["query_string"].decode()
    pairs = parse_qsl(asked, keep_blank_values=True)
    params = {key.lower(): value for key, value in pairs}
    path = scope["path"].rstrip("/") or "/"
    base_url = f"http://{headers.get('host', 'localhost')}"
    target = f"{scope['path']}?{asked}" if asked else scope["path"]
    return Query(scope["method"], path, params, headers, body, base_url, target)


async def _send(send: Send, answer: Answer, body: bytes, sent: bytes, date_told: str) -> None:
    headers = {"content-type": "application/json", "date": date_told, **answer.headers}
    headers["content-length"] = str(len(body))
    if answer.is_empty:
        headers.pop("content-type")
    raw = [(key.lower().encode("latin-1"), v.encode("latin-1")) for key, v in headers.items()]
    await send({"type": "http.response.start", "status": int(answer.status), "headers": raw})
    await send({"type": "http.response.body", "body": sent})


def _json(data: object) -> bytes:
    if isinstance(data, bytes):
        return data
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}
