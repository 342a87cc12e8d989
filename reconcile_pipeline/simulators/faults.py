"""Faults a test can ask a simulator for: what goes wrong, on which path, from which call on.

Off unless asked for. A fault changes what one call answers, never what the world holds; a `hook`
is the exception: it may change the state between two calls, as people do in real systems.
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
    "drop_header",
    "hook",
]
"""What a fault does.

status: answers `value` (an int) in the vendor's error shape, with `retry_after` seconds if given.
close_midway: announces the whole body, sends half, closes the connection.
wrong_shape: answers 200 with valid JSON of another shape.
duplicate_page: answers once more what the same path answered before.
total_lies: the announced total is off by `value` (an int), where the vendor announces one.
replace_body: `value` is a callable from the right body (bytes) to the sent one (bytes).
drop_header: leaves out the header named by `value`.
hook: calls `value` with the server's state before the call is answered.
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
    seen: int = 0

    def strikes(self, path: str) -> bool:
        """Whether this call is struck; counts it when the path matches."""
        if not self.path.search(path):
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
    ) -> None:
        """Strike calls whose path matches, after so many of them, so many times (None: always)."""
        fault = Fault(re.compile(path_regex), kind, after_n_calls, times, value, retry_after)
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._faults.clear()

    def strike(self, path: str) -> list[Fault]:
        """The faults that strike this call, in the order in which they were added."""
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(path)]


def as_callable(value: Any) -> Callable[[Any], Any]:  # noqa: ANN401
    """The value of a `hook` or `replace_body`; raises TypeError if a test gave something else."""
    if not callable(value):
        raise TypeError("This kind of fault needs a callable as its value.")
    function: Callable[[Any], Any] = value
    return function
