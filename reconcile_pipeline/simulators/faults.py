"""Faults a test can ask a simulator for: what goes wrong, on which path, from which call on.

Off unless asked for. A fault of a reading call changes what it answers, never what the world
holds; a `hook` is the exception: it may change the state between two calls, as people do in real
systems. The faults of changing calls decide whether, when and how the change is applied.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

Kind = Literal[
    "status",
    "close_midway",
    "wrong_shape",
    "duplicate_page",
    "total_lies",
    "replace_body",
    "replace_answer",
    "drop_header",
    "hook",
    "drop_before",
    "ack_lost",
    "late_apply",
    "not_applied",
    "apply_differently",
    "status_after",
]
"""What a fault does.

status: answers `value` (an int) in the vendor's error shape, with `text` as its message and
    `retry_after` seconds if given; nothing is applied.
close_midway: announces the whole body, sends half, closes the connection.
wrong_shape: answers 200 with valid JSON of another shape.
duplicate_page: answers once more what the same path answered before.
total_lies: the announced total is off by `value` (an int), where the vendor announces one.
replace_body: `value` is a callable from the right body (bytes) to the sent one (bytes).
replace_answer: `value` is a callable from the right answer and its body to what is sent instead:
    (Answer, bytes) -> (Answer, bytes). For answers that come again, and for headers.
drop_header: leaves out the header named by `value`.
hook: calls `value` with the server's state before the call is answered.

Of calls that change something:
drop_before: the connection ends; the change is never applied.
ack_lost: the change is applied, then the connection ends without an answer.
late_apply: the connection ends; the change is applied before the answer to the call that comes
    `value` (an int) calls after the next one: 0 is the very next call.
not_applied: answers success, applies nothing.
apply_differently: `value` is a callable from the wanted quantity to the one that is applied.
status_after: the change is applied, then `value` (an int) is answered in the error shape.
"""


@dataclass(slots=True)
class Fault:
    """One planned fault; counts the calls whose path it matches."""

    path: re.Pattern[str]
    kind: Kind
    after_n_calls: int
    times: int | None
    value: Any
    retry_after: float | None
    method: str = ""
    text: str = ""
    seen: int = 0

    def strikes(self, path: str, method: str) -> bool:
        """Whether this call is struck; counts it when path and method match."""
        if not self.path.search(path) or self.method not in ("", method):
            return False
        self.seen += 1
        number = self.seen - self.after_n_calls
        return number > 0 and (self.times is None or number <= self.times)


class FaultPlan:
    """The faults of one server; filled by tests, read by the server for every call."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = Lock()

    def add(
        self,
        path_regex: str,
        *,
        kind: Kind,
        after_n_calls: int = 0,
        times: int | None = 1,
        value: Any = None,  # noqa: ANN401 an int, a name or a callable, by kind
        retry_after: float | None = None,
        method: str = "",
        text: str = "",
    ) -> None:
        """Strike calls whose path matches, after so many of them, so many times (None: always)."""
        fault = Fault(
            re.compile(path_regex), kind, after_n_calls, times, value, retry_after, method, text
        )
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._faults.clear()

    def strike(self, path: str, method: str) -> list[Fault]:
        """The faults that strike this call, in the order in which they were added."""
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(path, method)]


def as_callable(value: Any) -> Callable[..., Any]:  # noqa: ANN401
    """The value of a `hook` or of what replaces; raises TypeError if a test gave something else."""
    if not callable(value):
        raise TypeError("This kind of fault needs a callable as its value.")
    function: Callable[..., Any] = value
    return function
