"""A token bucket per integration: so many requests a minute, a few more a little later, no more.

Scripts of the compatible API post one count after the other and give up at a 429; made to wait
instead, they need only patience. The clock comes in; nothing sleeps here.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_WAIT_SECONDS = 2.0


@dataclass
class Limiter:
    """Counts requests by integration; safe to ask from several threads."""

    per_minute: int
    clock: Callable[[], float]
    """Seconds that never go back."""
    _level: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, name: str) -> float | None:
        """How many seconds to wait before answering; None: too many wait already, refuse."""
        rate = self.per_minute / 60
        with self._lock:
            now = self.clock()
            level, since = self._level.get(name, (float(self.per_minute), now))
            level = min(float(self.per_minute), level + (now - since) * rate) - 1
            # Below zero are those that wait: each has its turn already.
            seconds = max(0.0, -level / rate)
            if seconds > LONGEST_WAIT_SECONDS:
                return None
            self._level[name] = (level, now)
            return seconds

    def retry_after(self) -> int:
        """Seconds after which a refused one finds its turn again, in whole seconds."""
        return max(1, round(60 / self.per_minute))
