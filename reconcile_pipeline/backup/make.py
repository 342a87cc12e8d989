"""Make a backup while everything runs: the ledger first, then the pages its entries rest on.

The order matters: whatever the copied ledger refers to was landed before, and so is copied after.
Only finished pulls are taken; a backup that was killed on the way has no index and is none.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from reconcile_pipeline.backup.index import (
    Index,
    Stored,
    hash_of,
    name_at,
    read_index,
    write_index,
)
from reconcile_pipeline.building import Site
from reconcile_pipeline.landing.manifest import periods_landed, read_manifests
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.push import inbox_of

PUSH = "push"


@dataclass(frozen=True)
class Made:
    """What a backup took along."""

    index: Index
    path: Path
    """Of its index."""
    files_new: int
    """Landed files that no earlier backup in the folder had."""


def back_up(
    site: Site, folder: Path, *, now: datetime, tell: Callable[[str], None] = lambda _text: None
) -> Made:
    """Add a backup to a folder.

    Raises:
        PipelineError: `input`, when the folder lies inside the state folder; `conflict`, when the
            ledger's chain or a file does not hold: nothing is called a backup then.
    """
    folder = folder.resolve()
    if folder.is_relative_to(site.state.folder.resolve()):
        raise PipelineError(
            f"{folder} lies inside the state folder: whoever loses that loses both.",
            next_step="Name a folder on another disk or machine.",
            category=Category.INPUT,
        )
    name = name_at(now.astimezone(UTC))
    before = read_index(folder)
    tell("Copying the ledger …")
    ledger, entries, head = _ledger(site, folder, name)
    inboxes = {
        system.name: _sqlite(inbox_of(system).path, folder, f"inboxes/{name}-{system.name}.db")
        for system in site.settings.systems
        if system.kind == PUSH and inbox_of(system).exists
    }
    tell("Copying landed pages …")
    landing, files_new = _landing(site.state.landing, folder, before)
    index = Index(
        name=name,
        made_at=now.astimezone(UTC).isoformat(),
        entries=entries,
        head=head,
        ledger=ledger,
        inboxes=inboxes,
        landing=landing,
    )
    return Made(index, write_index(folder, index), files_new)


def _ledger(site: Site, folder: Path, name: str) -> tuple[Stored | None, int, str]:
    """Copy it and walk the copy's chain; a ledger on a server is walked where it is."""
    stored = None
    ledger = site.ledger
    if ledger.path is not None:
        stored = _sqlite(ledger.path, folder, f"ledgers/{name}.db")
        ledger = Ledger(folder / stored.place)
    with ledger.reading() as connection:
        verdict = verify(connection)
    ledger.engine.dispose()
    if verdict.trouble:
        raise PipelineError(
            f"The ledger's chain does not hold: {verdict.trouble}.",
            next_step="Keep the older backups, and look with `reconcile audit verify`.",
            category=Category.CONFLICT,
        )
    if stored is not None:
        # Opened once, an SQLite file may have been touched: the hash is of what lies there now.
        stored = replace(hash_of(folder / stored.place), place=stored.place)
    return stored, verdict.entries, verdict.head if verdict.entries else ""


def _sqlite(source: Path, folder: Path, place: str) -> Stored:
    """Copy a database while others write into it; the copy is one instant of it, and checked."""
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        contextlib.closing(sqlite3.connect(source)) as here,
        contextlib.closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)
        # A copy of its own needs no second file beside it.
        there.execute("pragma journal_mode=delete")
        (told,) = there.execute("pragma integrity_check").fetchone()
    if told != "ok":
        raise PipelineError(
            f"{source} is damaged: {told}.",
            next_step="Restore it from an older backup.",
            category=Category.CONFLICT,
        )
    _sync(target)
    return replace(hash_of(target), place=place)


def _landing(landing: Path, folder: Path, before: Index | None) -> tuple[dict[str, Stored], int]:
    known = before.landing if before else {}
    found: dict[str, Stored] = {}
    files_new = 0
    for period in periods_landed(landing):
        for manifest in read_manifests(landing, period):
            pull = landing / manifest.relative_path
            for source in sorted(path for path in pull.rglob("*") if path.is_file()):
                own = source.relative_to(landing).as_posix()
                stored = known.get(own)
                if stored is None or not _is_there(folder / stored.place, stored, source):
                    stored = _copied(source, folder, f"landing/{own}")
                    files_new += 1
                found[own] = stored
    return found, files_new


def _is_there(copy: Path, stored: Stored, source: Path) -> bool:
    """Whether an earlier backup's copy still looks like its original; neither ever changes."""
    return copy.is_file() and copy.stat().st_size == stored.size == source.stat().st_size


def _copied(source: Path, folder: Path, place: str) -> Stored:
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    shutil.copyfile(source, draft)
    _sync(draft)
    draft.replace(target)
    stored, original = hash_of(target), hash_of(source)
    if stored.sha256 != original.sha256:
        raise PipelineError(
            f"{source} changed while it was copied, or {folder} does not keep what it is given.",
            next_step="Make the backup again; if it stays, use another disk.",
            category=Category.CONFLICT,
        )
    return replace(stored, place=place)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
