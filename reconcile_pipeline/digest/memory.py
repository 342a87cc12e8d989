"""What people were told already: a small file in the state folder, so that they are told once.

One key per channel and thing told. Written whole and swapped in, while nobody else sends.
"""

import fcntl
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconcile_pipeline.model import Category, PipelineError

KEPT = timedelta(days=100)
"""Nothing older can come up again: keys name a month, a day, or a pull of an open month."""


class Memory:
    """The file's keys, with when each was told."""

    def __init__(self, path: Path) -> None:
        """Read the file; `input` error when it is not ours."""
        self._path = path
        self._told = _read(path)

    def knows(self, channel: str, keys: Collection[str]) -> bool:
        """Tell whether all of it was told there."""
        return all(f"{channel} {key}" in self._told for key in keys)

    def remember(self, channel: str, keys: Collection[str], *, at: datetime) -> None:
        """Add it, forget what is too old to come up again, and save; durable when it returns."""
        oldest = (at - KEPT).astimezone(UTC).isoformat()
        self._told = {key: told for key, told in self._told.items() if told >= oldest}
        self._told |= dict.fromkeys((f"{channel} {key}" for key in keys), _text(at))
        draft = self._path.with_name(f".{self._path.name}")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"told": self._told}, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


@contextmanager
def telling_alone(path: Path) -> Iterator[Memory]:
    """Hold the memory while something is told; a second teller waits, and then knows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield Memory(path)


def _read(path: Path) -> dict[str, str]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["told"]
        return {str(key): str(at) for key, at in told.items()}
    except FileNotFoundError:
        return {}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PipelineError(
            f"The file {path}, which says what people were told already, can't be read.",
            next_step="Delete it; what is due today is then told once more.",
            category=Category.INPUT,
        ) from None


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
