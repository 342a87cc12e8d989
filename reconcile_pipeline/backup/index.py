"""The index of a backup: every file with its hash, and the ledger's head. Written last, read first.

A folder holds many backups. Landed pages never change, so each is copied once and stands in the
index of every backup that it belongs to; the ledger and inboxes are copied anew each time.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from reconcile_pipeline.model import Category, PipelineError

SCHEMA_VERSION = 1
INDEXES = "backups"
"""Where the indexes lie in the folder."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Stored:
    """One file of a backup."""

    place: str
    """Where it lies in the backup's folder."""
    sha256: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Index:
    """One backup."""

    name: str
    made_at: str
    """Instant in UTC, ISO 8601."""
    entries: int
    """Entries of the ledger."""
    head: str
    """Hash of its newest entry; "" while there was none."""
    ledger: Stored | None
    """None: it lives in PostgreSQL and is backed up there."""
    inboxes: dict[str, Stored] = field(default_factory=dict)
    """By the integration's name in the settings."""
    landing: dict[str, Stored] = field(default_factory=dict)
    """By the path below the landing folder."""
    schema: int = SCHEMA_VERSION

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        own = [self.ledger] if self.ledger else []
        return sum(item.size for item in (*own, *self.inboxes.values(), *self.landing.values()))


def name_at(made_at: datetime) -> str:
    """Name a backup after its instant, so that names sort by time."""
    return f"{made_at:%Y%m%dT%H%M%SZ}"


def write_index(folder: Path, index: Index) -> Path:
    """Put the index beside the others, whole or not at all."""
    path = folder / INDEXES / f"{index.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(index), indent=1, sort_keys=True), encoding="utf-8")
    draft.replace(path)
    return path


def read_index(folder: Path, name: str = "") -> Index | None:
    """The backup of that name, or the newest; None where the folder holds none.

    Raises:
        PipelineError: `input`, when there is none of that name, or its index is damaged.
    """
    known = sorted((folder / INDEXES).glob("*.json"))
    if name:
        found = [path for path in known if path.stem == name]
        if not found:
            names = ", ".join(path.stem for path in known[-5:]) or "none"
            raise PipelineError(
                f"There is no backup {name!r} in {folder}.",
                next_step=f"Name one of these: {names}.",
                category=Category.INPUT,
            )
        known = found
    return _read(known[-1]) if known else None


def hash_of(path: Path) -> Stored:
    """Hash and size of a file, as they are now; `place` is its name."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Stored(path.name, digest.hexdigest(), size)


def _read(path: Path) -> Index:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] > SCHEMA_VERSION:
            raise PipelineError(
                f"{path} was written by a newer release (schema {values['schema']}).",
                next_step="Restore with that release.",
                category=Category.INPUT,
            )
        stored = {
            kind: {key: Stored(**item) for key, item in values[kind].items()}
            for kind in ("inboxes", "landing")
        }
        ledger = values["ledger"] and Stored(**values["ledger"])
        return Index(**{**values, **stored, "ledger": ledger})
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            f"{path} is damaged: {error}.",
            next_step="Name an older backup with --backup.",
            category=Category.INPUT,
        ) from error
