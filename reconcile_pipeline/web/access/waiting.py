"""How long somebody waits after wrong passwords: per user name and per address, in memory.

An attempt counts as wrong until it was right, so that many at once can't slip through.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5
"""Failures before the first wait."""
FIRST_WAIT = 1.0
LONGEST_WAIT = 15 * 60.0
FORGOTTEN_AFTER = 60 * 60.0
"""Seconds without an attempt after which a name or an address starts anew."""
MOST_KEPT = 10_000


@dataclass
class _Count:
    failures: int
    tried_at: float


class Waiting:
    """Failures of a running app; names and addresses never meet, as their keys have prefixes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def admit(self, *keys: str) -> int:
        """Let an attempt in and count it as a failure; else return the whole seconds to wait."""
        now = self._clock()
        wait = max(self._wait(key, now) for key in keys)
        if wait > 0:
            return math.ceil(wait)
        for key in keys:
            before = self._known(key, now)
            # Taken out and put in again: the oldest stay in front.
            self._counts.pop(key, None)
            self._counts[key] = _Count(before + 1, now)
        while len(self._counts) > MOST_KEPT:
            self._counts.pop(next(iter(self._counts)))
        return 0

    def forgive(self, user: str, address: str) -> None:
        """The attempt was right: the name starts anew, the address loses only this count.

        Otherwise an account of one's own would be a way to guess others' for ever.
        """
        self._counts.pop(user, None)
        count = self._counts.get(address)
        if count is not None:
            count.failures -= 1

    def _wait(self, key: str, now: float) -> float:
        failures = self._known(key, now)
        if failures < FREE:
            return 0.0
        wait = min(FIRST_WAIT * 2.0 ** (failures - FREE), LONGEST_WAIT)
        return self._counts[key].tried_at + wait - now

    def _known(self, key: str, now: float) -> int:
        count = self._counts.get(key)
        if count is None or now - count.tried_at > FORGOTTEN_AFTER:
            return 0
        return count.failures
