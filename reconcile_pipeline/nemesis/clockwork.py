"""Time and death under control: an event loop whose clock jumps, threads that run at once, crashes.

A schedule must be the same each time it is played. So nothing here waits for the real clock, no
work moves to a real thread, and a crash happens at the n-th commit and not "somewhere".
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from reconcile_pipeline.ledger import store

T = TypeVar("T")
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
When = Literal["before", "after"]


class Crash(BaseException):
    """The process is gone: nobody who handles errors may catch this."""


class _Impatient(selectors.SelectSelector):
    """Instead of waiting for the next timer, lets the clock jump to it."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else: a deadlock")
        self.seconds += max(0.0, timeout)
        return super().select(0)


class _AtOnce(ThreadPoolExecutor):
    """Runs what is handed to a thread right here: which of two threads is faster is no dice."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - a crash too must reach who waits
            future.set_exception(error)
        return future


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in which five minutes of sleep take no time."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)
        # A nanosecond more than half a year is no more, in a float: timers would never be due.
        self._clock_resolution = 1e-6
        self.set_default_executor(_AtOnce(1))

    def time(self) -> float:
        return self._impatient.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time())

    def play(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end; what a crash left behind is thrown away, as the kernel does."""
        try:
            return self.run_until_complete(work)
        except BaseExceptionGroup as group:
            crashes, others = group.split(Crash)
            if crashes is None or others is not None:
                raise
            raise Crash from None

    def pass_time(self, seconds: float) -> None:
        self.run_until_complete(asyncio.sleep(seconds))


class Reaper:
    """Stands in for the ledger's `commit`: watches each, and dies at the one it is told to."""

    def __init__(self, watch: Callable[[], None]) -> None:
        self.watch = watch
        self.is_dead = False
        self.crashes = 0
        self._left = 0
        self._when: When = "before"

    @contextmanager
    def deadly(self, at_commit: int, when: When) -> Iterator[None]:
        """Die at the n-th commit from now on; the next process begins alive."""
        self._left, self._when = at_commit, when
        try:
            yield
        finally:
            self._left, self.is_dead = 0, False

    def check(self) -> None:
        """Whoever is dead does nothing more."""
        if self.is_dead:
            raise Crash

    def commit(self, transaction: sa.RootTransaction) -> None:
        self.check()
        self._left -= 1
        if self._left == 0 and self._when == "before":
            self._die()
        transaction.commit()
        self.watch()
        if self._left == 0 and self._when == "after":
            self._die()

    def _die(self) -> None:
        self.is_dead = True
        self.crashes += 1
        raise Crash


@contextmanager
def reaping(watch: Callable[[], None]) -> Iterator[Reaper]:
    """Let every commit of the ledger pass a reaper."""
    reaper, real = Reaper(watch), store.commit
    store.commit = reaper.commit
    try:
        yield reaper
    finally:
        store.commit = real


def open_ledger(path: Path) -> store.Ledger:
    """A ledger that keeps its connections: opening one costs as much as ten statements."""
    ledger = store.Ledger(path)
    old = ledger.engine.pool
    pool = sa.QueuePool(old._creator, pool_size=3, dialect=_DIALECT)
    pool.dispatch._update(old.dispatch, only_propagate=False)
    # A statement that was made for one dialect object is made anew for another one.
    for engine in (ledger.engine, ledger._writer):
        engine.pool, engine.dialect, engine._compiled_cache = pool, _DIALECT, _COMPILED
    return ledger


_COMPILED: LRUCache[Any, Any] = LRUCache(2000)
"""Statements, made once for all ledgers of this process."""
_DIALECT = sa.create_engine("sqlite://").dialect
