"""Lets the published tables follow decisions and mappings, a little after people stop for breath.

Nobody waits for it: the pages lay what the ledger learned over the tables by themselves. Analysts
and the next build get it from the published file.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from reconcile_pipeline.web.tasks import Tasks

QUIET_SECONDS = 20.0
"""How long nothing was said before the tables follow."""
NAME = "Bring the tables up to date"


class Alarm(Protocol):
    """A clock that rings once."""

    def start(self) -> None:
        """Begin to wait."""

    def cancel(self) -> None:
        """Don't ring."""


def alarm(seconds: float, ring: Callable[[], None]) -> Alarm:
    """Ring after some seconds, beside everything else."""
    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    return timer


class Follower:
    """Starts `reconcile refresh` when it is due."""

    def __init__(
        self, tasks: Tasks, make_alarm: Callable[[float, Callable[[], None]], Alarm] = alarm
    ) -> None:
        """Nothing is due yet."""
        self._tasks = tasks
        self._make_alarm = make_alarm
        self._lock = threading.Lock()
        self._waiting: Alarm | None = None

    def soon(self) -> None:
        """Something was said: follow when nothing more is said for a while."""
        with self._lock:
            if self._waiting is not None:
                self._waiting.cancel()
            self._waiting = self._make_alarm(QUIET_SECONDS, self.now)
            self._waiting.start()

    def now(self) -> None:
        """Follow at once, or again soon while another task runs."""
        if not self._tasks.start_quietly(NAME, ["refresh"]):
            # The one that runs now may have read the ledger before.
            self.soon()
