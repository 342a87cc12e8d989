"""When the next request to one host may go: its documented limit, and what it bears right now.

The documented limit is kept in advance and never passed. Below it the host itself is listened to:
a refusal (429, 503) halves the requests under way, good answers let them grow again one by one, and
a host that refuses without telling its limit is called just slower than it has put up with.
One object per host and client; it asks the event loop for the time, and never waits blindly.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from math import inf
from typing import Protocol

from reconcile_pipeline.http.exchange import CallStats, Limits

_TOO_MANY = 429
_REFUSALS = frozenset({_TOO_MANY, 503})
_GOOD = 400
_LESS = 0.97
"""Of the pace that was refused, what is tried next at most."""
_LEAST = 0.7
"""And at least: calls that waited after a refusal make the pace look slower than it was."""
_MORE = 1.25
"""Of the pace at which calls went through, what may be tried."""
_RECOVERY = 40.0
"""Seconds without a refusal until twice the pace is tried."""
_ENOUGH = 10
"""Good answers that it takes to say at which pace they came."""


class Rule(Protocol):
    """One reason why a call has to wait."""

    def opens_at(self, now: float) -> float:
        """When a call may go: now or earlier, later, or `inf` until an answer comes."""

    def enter(self, now: float) -> None:
        """Count a call that goes."""

    def leave(self, now: float) -> None:
        """Count its answer."""


class Window:
    """No more than `most` calls in any `seconds`, by the other side's clock.

    A call's place is taken when it is sent and free again `seconds` after its answer. The server
    counts it at some moment between the two, so no delay on the line brings more calls into one of
    its windows; and nothing of the limit is lost but the time that one answer takes.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._under_way = 0
        self._free_at: deque[float] = deque()

    def opens_at(self, now: float) -> float:
        """As soon as one place is free."""
        while self._free_at and self._free_at[0] <= now:
            self._free_at.popleft()
        if self._under_way + len(self._free_at) < self._most:
            return now
        return self._free_at[0] if self._free_at else inf

    def enter(self, now: float) -> None:  # noqa: ARG002
        """Take a place."""
        self._under_way += 1

    def leave(self, now: float) -> None:
        """Give the place back, after the window's length."""
        self._under_way -= 1
        self._free_at.append(now + self._seconds)


class Spread:
    """Calls go one by one, `interval` seconds apart on average, `burst` of them at once at most."""

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._ahead = (burst - 1) * interval
        self._due = -inf

    def opens_at(self, now: float) -> float:  # noqa: ARG002
        """When its turn comes."""
        return self._due - self._ahead

    def enter(self, now: float) -> None:
        """Move the next turn on."""
        self._due = max(self._due, now) + self._interval

    def leave(self, now: float) -> None:
        """Answers change nothing."""


class Learned:
    """The pace that a host bears which does not tell its limit: found out from what it refuses.

    Unknown until the host has refused twice with enough good answers between: what goes through
    before the first refusal is a burst, which no pace can keep up. From then on a little less is
    tried than was refused, and not much more than went through; and more again as time passes
    without a refusal: slowly near the pace that was refused, twice as fast after 40 seconds.
    """

    def __init__(self) -> None:
        self._counted_since: float | None = None
        self._went_through = 0
        self._rate = inf
        self._learned_at = 0.0
        self._due = -inf

    def opens_at(self, now: float) -> float:  # noqa: ARG002
        """When its turn comes; at once while no pace is known."""
        return self._due

    def enter(self, now: float) -> None:
        """Move the next turn on."""
        self._due = max(self._due, now) + 1 / self._pace(now)

    def leave(self, now: float) -> None:
        """Only good answers are counted."""

    def went_through(self) -> None:
        """Count a good answer."""
        self._went_through += 1

    def refused(self, now: float) -> None:
        """Learn from a refusal, where there was enough between it and the one before."""
        since = self._counted_since
        if since is not None and (self._went_through < _ENOUGH or now <= since):
            return
        if since is not None:
            went_through, tried = self._went_through / (now - since), self._pace(now)
            if tried < inf:
                went_through = min(tried, max(_MORE * went_through, _LEAST * tried))
            self._rate, self._learned_at = went_through * _LESS, now
        self._counted_since, self._went_through = now, 0

    def _pace(self, now: float) -> float:
        """Calls a second."""
        return self._rate * (1 + ((now - self._learned_at) / _RECOVERY) ** 3)


class Pace:
    """Lets requests to one host pass, in the order in which they came."""

    def __init__(self, limits: Limits, stats: CallStats) -> None:
        """Belong to the event loop that first uses it, as the client does."""
        self._most = limits.concurrency
        self._allowed = float(limits.concurrency)
        self._under_way = 0
        self._stats = stats
        self._learned = Learned()
        self._rules: list[Rule] = [self._learned]
        if limits.per_window is not None:
            self._rules.append(Window(limits.per_window, limits.window_seconds))
            if limits.burst:
                interval = limits.window_seconds / limits.per_window
                self._rules.append(Spread(interval, limits.burst))
        self._cut_at = -inf
        self._resting = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def passage(self, *, is_repeat: bool = False) -> AsyncIterator[Callable[[int], None]]:
        """Hold one place; call what comes with it with the status of the answer.

        A repeated call goes first: it has waited already, and it has only so many tries.
        """
        waiter = asyncio.get_running_loop().create_future()
        if is_repeat:
            self._queue.appendleft(waiter)
        else:
            self._queue.append(waiter)
        self._admit()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._leave()
            raise
        try:
            yield partial(self._answered, _now())
        finally:
            self._leave()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Let nobody pass while one refused call waits: it speaks for all to that host."""
        self._resting += 1
        try:
            yield
        finally:
            self._resting -= 1
            # Not at once: the call that has waited goes on now, and is to be the first.
            asyncio.get_running_loop().call_soon(self._admit)

    def _leave(self) -> None:
        self._under_way -= 1
        for rule in self._rules:
            rule.leave(_now())
        # Not at once: a call that was refused goes on now, and says so before the next one passes.
        asyncio.get_running_loop().call_soon(self._admit)

    def _answered(self, sent_at: float, status: int) -> None:
        if status < _GOOD:
            self._allowed = min(self._most, self._allowed + 1 / self._allowed)
            self._learned.went_through()
        # Calls that were under way together are refused together: that is one refusal.
        elif status in _REFUSALS and sent_at >= self._cut_at:
            self._cut_at = _now()
            self._allowed = max(1.0, self._allowed / 2)
            if status == _TOO_MANY:
                self._learned.refused(self._cut_at)

    def _admit(self) -> None:
        while self._queue and not self._resting and self._under_way < int(self._allowed):
            if self._queue[0].done():
                self._queue.popleft()
                continue
            now = _now()
            opens = max(rule.opens_at(now) for rule in self._rules)
            if opens > now:
                self._wake_at(opens, now)
                return
            self._under_way += 1
            for rule in self._rules:
                rule.enter(now)
            self._queue.popleft().set_result(None)

    def _wake_at(self, opens: float, now: float) -> None:
        # Without a moment it is an answer that opens the window, and whoever gets it looks again.
        if self._timer is None and opens < inf:
            self._stats.throttled_seconds += opens - now
            self._timer = asyncio.get_running_loop().call_at(opens, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._admit()


def _now() -> float:
    return asyncio.get_running_loop().time()
