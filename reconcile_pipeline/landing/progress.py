"""Who wants to know how far a pull is: the command line sets a listener, everyone else doesn't.

One listener per process, because one process runs one pull at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One page more of one list; `expected` is None where the system doesn't tell."""

    system: str
    stream: str
    pages: int
    expected: int | None
    records: int


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send progress to `listener` while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def report(progress: Progress) -> None:
    """Tell whoever listens."""
    for listener in _listeners:
        listener(progress)
