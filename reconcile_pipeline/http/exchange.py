"""What goes out and what comes back: one request, one reply, the limits kept, the calls counted.

Plain values only. Nothing here opens a connection, waits, or knows a vendor.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import httpx

from reconcile_pipeline.http.strict_json import decode_text, parse
from reconcile_pipeline.model import Category, PipelineError

MAX_CONCURRENCY = 32
# Not a URL parser: those raise for links that are not valid, and a template always has to exist.
_ORIGIN = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/?#]*", re.IGNORECASE)


Reader = Callable[[bytes, int], tuple[str, Any]]
"""(body, greatest depth of nesting) -> the body as JSON text, and parsed; `StrictJsonError` if
it is not what it should be."""


def json_body(content: bytes, max_depth: int) -> tuple[str, Any]:
    """Read a body that is JSON: landed digit for digit as it came."""
    text = decode_text(content)
    return text, parse(text, max_depth=max_depth)


@dataclass(frozen=True)
class Request:
    """One question. A GET, or a POST where `body` is set and the client knows the path as reading.

    `repr` shows the template only, because next links and parameters may carry keys.
    """

    path: str = field(repr=False)
    """Relative to the client's base URL ("/companies"), or an absolute URL on the same host."""
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    template: str = ""
    """The path with {placeholders}, for messages and landing; by default the path, no query."""
    body: Any = field(default=None, repr=False)
    """The question of an API that is asked by POST, sent as JSON."""
    tolerates: frozenset[int] = frozenset()
    """Refusals that are an answer ("this customer has none"): the reply's `data` is None then."""
    place: str = field(default="", repr=False)
    """Where in its list a page begins, if a header says so: its address is every page's."""
    reads: Reader = field(default=json_body, repr=False)
    """Turns the body into JSON, for answers that come as XML or as a workbook."""

    def __post_init__(self) -> None:
        """Fill the template, so that nobody is tempted to print the path with its query."""
        if not self.template:
            path = _ORIGIN.sub("", self.path).partition("?")[0].partition("#")[0]
            object.__setattr__(self, "template", path or "/")

    @property
    def method(self) -> str:
        """GET, or POST for a question that has a body."""
        return "GET" if self.body is None else "POST"

    @property
    def identity(self) -> tuple[str, frozenset[tuple[str, str]], str]:
        """What tells two questions apart: path, parameters, and place or body."""
        asked = "" if self.body is None else json.dumps(self.body, sort_keys=True, default=str)
        return self.path, frozenset(self.params.items()), self.place + asked


@dataclass(frozen=True)
class Change:
    """One call that changes something at the other side; only a `WritingClient` can send it.

    `repr` shows method and template only, as with `Request`.
    """

    method: Literal["PATCH", "POST", "PUT"]
    path: str = field(repr=False)
    """Relative to the client's base URL."""
    body: Any = field(repr=False)
    """Sent as JSON; a `Decimal` in it goes out as a number, digit for digit."""
    template: str
    """The path with {placeholders}, for messages and the trail."""
    summary: str = ""
    """What the trail keeps of the body, where that is long or holds more than the change."""

    @property
    def trail(self) -> str:
        """The call as the ledger keeps it."""
        return f"{self.method} {self.path} {self.summary or self.body}"


@dataclass(frozen=True)
class Reply:
    """One complete answer: status 200 and valid JSON, or a refusal that the request tolerates."""

    request: Request
    status: int
    headers: httpx.Headers
    body: str = field(repr=False)
    """The JSON text as received, after decompression and without a byte order mark."""
    data: Any = field(repr=False)
    """The parsed body; numbers with a fraction or exponent are `Decimal`, others `int`."""
    fetched_at: datetime
    url: str = field(default="", repr=False)
    """The URL that was asked, for resolving relative next links. May carry keys: never show it."""


@dataclass(frozen=True)
class Limits:
    """How hard one client may press one host, and how much of it one answer may take.

    Raises `PipelineError` (settings) for values that could never work.
    """

    concurrency: int = 4
    """Requests under way at once, per host; at most 32."""
    per_window: int | None = None
    """The documented limit: never more than this many requests in any `window_seconds`."""
    window_seconds: float = 60.0
    burst: int = 0
    """How many may go at once, the others evenly spread over the window; 0 means all of them."""
    attempts: int = 6
    """Tries per call, the first one included."""
    silent_wait_seconds: float | None = None
    """Waited after a 429 that does not say how long; None: the usual growing pauses."""
    max_wait_seconds: float = 300.0
    """A vendor that asks for a longer pause fails the call (rate_limit) instead."""
    max_body_bytes: int = 64 * 2**20
    """After decompression."""
    max_depth: int = 64
    deadline_seconds: float = 300.0
    """One try, from sending to the last byte: ends what drips too slowly to ever time out."""

    def __post_init__(self) -> None:
        """Refuse what would hang, never call, or press a host harder than we promise."""
        wrong = {
            f"concurrency must be 1 to {MAX_CONCURRENCY}": not (
                1 <= self.concurrency <= MAX_CONCURRENCY
            ),
            "per_window must be at least 1": self.per_window is not None and self.per_window < 1,
            "burst must be less than per_window": self.burst
            and not 0 < self.burst < (self.per_window or 0),
            "window_seconds must be above 0": self.window_seconds <= 0,
            "attempts must be at least 1": self.attempts < 1,
            "silent_wait_seconds must not be negative": (self.silent_wait_seconds or 0) < 0,
            "max_wait_seconds must not be negative": self.max_wait_seconds < 0,
            "max_body_bytes must be at least 1": self.max_body_bytes < 1,
            "max_depth must be at least 1": self.max_depth < 1,
            "deadline_seconds must be above 0": self.deadline_seconds <= 0,
        }
        for sentence, is_wrong in wrong.items():
            if is_wrong:
                raise PipelineError(
                    f"Request limits: {sentence}.",
                    next_step="Correct the limits of this system.",
                    category=Category.SETTINGS,
                )


@dataclass
class CallStats:
    """What a client has done so far."""

    calls: int = 0
    """Every HTTP request sent: token calls and repeated tries included."""
    retries: int = 0
    throttled_seconds: float = 0.0
    """Waited because the vendor asked for it, or to stay within its documented limit."""
