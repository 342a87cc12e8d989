"""Bring a backup back into an empty installation: every hash checked, the chain walked.

Nothing is put in place before all of it holds; the tables are then rebuilt from it.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconcile_pipeline.backup.index import Index, Stored, hash_of, read_index
from reconcile_pipeline.backup.make import PUSH
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.rebuilding import rebuild_warehouse
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.vendors.push import inbox_of

Tell = Callable[[str], None]
DRAFT, CHECKED = ".restoring", "checked"


@dataclass(frozen=True)
class Restored:
    """What came back."""

    index: Index
    periods: list[str]
    """Months that were rebuilt from it."""


def restore(
    settings: Settings, folder: Path, name: str = "", *, now: datetime, tell: Tell
) -> Restored:
    """Restore a backup, the newest unless named, and rebuild the tables.

    Killed on the way, it goes on when it is started again: up to the check from the beginning,
    after it with what is not in its place yet.

    Raises:
        PipelineError: `input`, when there is no backup, or the installation is not empty;
            `conflict`, when a file or the chain does not hold: nothing is put in place then.
    """
    index = read_index(folder, name)
    if index is None:
        raise PipelineError(
            f"{folder} holds no backup.",
            next_step="Name the folder that `reconcile backup` was given.",
            category=Category.INPUT,
        )
    state = State(settings.state_dir)
    inboxes = {
        system.name: inbox_of(system).path for system in settings.systems if system.kind == PUSH
    }
    draft = state.folder / DRAFT
    placed = _placed(index, draft, state, inboxes)
    if _begun(draft) != index.name:
        _refuse_unless_empty(settings, state, list(inboxes.values()))
        shutil.rmtree(draft, ignore_errors=True)
        tell(f"Copying and checking {len(index.landing):,} landed files and the ledger …")
        _copy(index, folder, draft)
        _check_ledger(settings, index, draft)
        _begin(draft, index.name)
    for source, target in placed:
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    periods = rebuild_warehouse(settings, now=now, tell=tell)
    shutil.rmtree(draft)
    return Restored(index, periods)


def _begun(draft: Path) -> str:
    """The backup whose copy was found good and is being put in its place; "" if none is."""
    mark = draft / CHECKED
    return mark.read_text(encoding="utf-8") if mark.exists() else ""


def _begin(draft: Path, name: str) -> None:
    mark = draft / f"{CHECKED}.draft"
    mark.write_text(name, encoding="utf-8")
    mark.replace(draft / CHECKED)


def _refuse_unless_empty(settings: Settings, state: State, inboxes: list[Path]) -> None:
    mine = [state.landing, *inboxes]
    if settings.ledger_url is None:
        mine.append(state.ledger)
    for path in mine:
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise PipelineError(
                f"{path} is there: a backup is restored into an empty installation only.",
                next_step=f"Move {state.folder} away first; keep it until you have looked.",
                category=Category.INPUT,
            )


def _placed(
    index: Index, draft: Path, state: State, inboxes: dict[str, Path]
) -> list[tuple[Path, Path]]:
    """What goes where once everything holds."""
    placed = []
    if index.landing:
        placed.append((draft / "landing", state.landing))
    for name in index.inboxes:
        if name not in inboxes:
            raise PipelineError(
                f"The backup holds what scripts pushed to {name}; the settings know no such one.",
                next_step=f'Add [systems.{name}] with kind = "push" to {draft.parent.name}\'s'
                " reconcile.toml, as it was.",
                category=Category.SETTINGS,
            )
        placed.append((draft / "inboxes" / name, inboxes[name]))
    if index.ledger is not None:
        placed.append((draft / "ledger.db", state.ledger))
    return placed


def _copy(index: Index, folder: Path, draft: Path) -> None:
    """Copy all into the draft, every hash checked."""
    for own, stored in index.landing.items():
        _checked(folder, stored, draft / "landing" / own)
    for name, stored in index.inboxes.items():
        _checked(folder, stored, draft / "inboxes" / name)
    if index.ledger is not None:
        _checked(folder, index.ledger, draft / "ledger.db")


def _checked(folder: Path, stored: Stored, target: Path) -> None:
    source = folder / stored.place
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())
    if not source.is_file() or hash_of(target).sha256 != stored.sha256:
        what = "is not what was backed up" if source.is_file() else "is missing"
        raise PipelineError(
            f"{source} {what}; nothing was restored.",
            next_step="Name an older backup with --backup, or fetch the file from another copy.",
            category=Category.CONFLICT,
        )


def _check_ledger(settings: Settings, index: Index, draft: Path) -> None:
    """Walk the chain; a ledger on a server must know the head that was backed up."""
    url = settings.ledger_url
    if index.ledger is None and url is None:
        raise PipelineError(
            "This backup was made beside a ledger in PostgreSQL, and the settings name none.",
            next_step="Restore that database, and name its URL in [ledger].",
            category=Category.SETTINGS,
        )
    place = url if index.ledger is None and url is not None else draft / "ledger.db"
    ledger = Ledger(place)
    with ledger.reading() as connection:
        verdict = verify(connection, expected_head=index.head)
    ledger.engine.dispose()
    if verdict.trouble:
        raise PipelineError(
            f"The ledger's chain does not hold: {verdict.trouble}; nothing was restored.",
            next_step="Name an older backup with --backup.",
            category=Category.CONFLICT,
        )
