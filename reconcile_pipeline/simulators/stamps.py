"""When each record of a world was changed last, as the system that shows it would say.

A system stamps what is edited in it. Tests edit the world's objects themselves, so the edits are
found by comparing them with how they were: whenever the world says that it changed, and before a
list is selected by its stamps. No record of another system moves a stamp, as a name that is
only shown (an agreement's company) would.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from reconcile_pipeline.simulators.server import State

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
OWN_STAMP = "updated_at"
Source = Callable[[], Iterable[Any]]


class Stamps:
    """The change stamps of some lists of a world, by the vendor's clock."""

    def __init__(self, state: State, **lists: Source) -> None:
        self._state = state
        self._lists = lists
        self._contents: dict[tuple[str, int], tuple[Any, ...]] = {}
        self._stamps: dict[tuple[str, int], str] = {}
        self._contents = dict(self._now())
        state.watchers.append(self.look)

    def look(self) -> None:
        """Stamp whatever was edited or made since the last look."""
        found = dict(self._now())
        if found == self._contents:
            return
        stamp = self._state.vendor_now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for key, content in found.items():
            if self._contents.get(key) != content:
                self._stamps[key] = stamp
        self._stamps = {key: each for key, each in self._stamps.items() if key in found}
        self._contents = found
        # Lists that were prepared before show the old stamps.
        self._state.cache.clear()

    def of(self, listed: str, item: Any, before: str = "") -> str:  # noqa: ANN401 - of any list
        """The stamp of one record, UTC with a Z; `before` is that of one never edited."""
        own = before or str(getattr(item, OWN_STAMP))
        return self._stamps.get((listed, item.id), own)

    def _now(self) -> Iterable[tuple[tuple[str, int], tuple[Any, ...]]]:
        for name, source in self._lists.items():
            for item in source():
                yield (name, item.id), content_of(item)


def content_of(item: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a record of any kind
    """What an edit of a record would change."""
    return tuple(getattr(item, name) for name in item.__slots__ if name != OWN_STAMP)


def moment(stamp: str) -> datetime:
    """A stamp or a filter's instant; without a zone it is UTC. Raises ValueError."""
    found = datetime.fromisoformat(stamp)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
