"""Backup and restore: what comes back is what was there, or it is refused before anything moves."""

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.backup.index import Index, read_index
from reconcile_pipeline.backup.make import Made, back_up
from reconcile_pipeline.backup.restore import restore
from reconcile_pipeline.building import site_of
from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import load_settings

Tables = dict[str, list[str]]
SameNumbers = Callable[[Path], Tables]


def quiet(_text: str) -> None:
    """Nobody listens."""


def made(msp: Any, folder: Path, later: int = 0, tell: Callable[[str], None] = quiet) -> Made:
    """A backup, some minutes later than the first."""
    now = datetime.now(UTC) + timedelta(minutes=later)
    return back_up(site_of(load_settings(msp.config)), folder, now=now, tell=tell)


def say(msp: Any, number: int) -> None:
    """Put one more entry into the ledger."""
    ledger = site_of(load_settings(msp.config)).ledger
    accept_pull(ledger, f"pull-{number}", reason="Right.", stamp=Stamp("ann", NOW, "test"))
    ledger.engine.dispose()


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def lose_all(msp: Any) -> None:
    """The disk with the state folder is gone."""
    shutil.rmtree(msp.state.folder)


def bring_back(msp: Any, folder: Path, name: str = "") -> Index:
    settings = load_settings(msp.config)
    return restore(settings, folder, name, now=datetime.now(UTC), tell=quiet).index


def refusal(msp: Any, folder: Path) -> PipelineError:
    """Restoring is refused, and nothing is in the installation's place then."""
    with pytest.raises(PipelineError) as caught:
        bring_back(msp, folder)
    assert not msp.state.landing.exists()
    assert not msp.state.ledger.exists()
    return caught.value


@pytest.mark.fault(65)
def test_the_drill(installed: Any, reconcile: Any, own_folder: Path, same_numbers: Any) -> None:
    """Back up, lose everything, restore by the commands: the same tables, the same ledger."""
    say(installed, 1)
    assert reconcile("rebuild", "--config", installed.config).code == 0
    before = same_numbers(installed.state.published)
    ended = reconcile("backup", own_folder / "kept", "--config", installed.config)
    assert ended.code == 0, ended.told
    assert "landed files" in ended.told
    head = Ledger(installed.state.ledger).head()
    lose_all(installed)
    ended = reconcile("restore", own_folder / "kept", "--config", installed.config)
    assert ended.code == 0, ended.told
    assert same_numbers(installed.state.published) == before
    assert Ledger(installed.state.ledger).head() == head
    assert reconcile("audit", "verify", "--config", installed.config).code == 0


def test_pages_are_copied_once(installed: Any, own_folder: Path) -> None:
    """A second backup takes the ledger anew and of landed pages only the new ones."""
    first = made(installed, own_folder / "kept")
    assert first.files_new == len(first.index.landing) > 10
    say(installed, 1)
    second = made(installed, own_folder / "kept", later=1)
    assert second.files_new == 0
    assert second.index.landing == first.index.landing
    assert second.index.entries == first.index.entries + 1


def test_an_older_backup_can_be_named(installed: Any, own_folder: Path) -> None:
    """Each backup is a state of its own, though they share pages."""
    first = made(installed, own_folder / "kept").index
    say(installed, 1)
    made(installed, own_folder / "kept", later=1)
    lose_all(installed)
    assert bring_back(installed, own_folder / "kept", first.name) == first
    assert Ledger(installed.state.ledger).head() == (first.entries, first.head)


@pytest.mark.parametrize("what", ["landing", "ledgers"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
@pytest.mark.fault(64)
def test_a_damaged_backup_is_refused(
    installed: Any, own_folder: Path, what: str, damage: str
) -> None:
    """One wrong byte anywhere, a short file or a missing one: nothing is put in place."""
    made(installed, own_folder / "kept")
    files = sorted(path for path in (own_folder / "kept" / what).rglob("*") if path.is_file())
    victim = files[len(files) // 2]
    content = victim.read_bytes()
    middle = len(content) // 2
    if damage == "gone":
        victim.unlink()
    elif damage == "cut":
        victim.write_bytes(content[:middle])
    else:
        flipped = bytes([content[middle] ^ 1])
        victim.write_bytes(content[:middle] + flipped + content[middle + 1 :])
    lose_all(installed)
    error = refusal(installed, own_folder / "kept")
    assert error.category is Category.CONFLICT
    assert victim.name in error.message


@pytest.mark.fault(57)
def test_a_backup_killed_on_the_way_is_none(installed: Any, own_folder: Path) -> None:
    """It has no index; the one before it is still the newest, and whole."""
    first = made(installed, own_folder / "kept").index
    say(installed, 1)

    def die(text: str) -> None:
        if "pages" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(installed, own_folder / "kept", later=1, tell=die)
    assert read_index(own_folder / "kept") == first
    lose_all(installed)
    assert bring_back(installed, own_folder / "kept") == first


@pytest.mark.fault(65)
def test_the_ledger_is_copied_while_it_is_written(installed: Any, own_folder: Path) -> None:
    """Each copy is one instant of it: its chain holds, and it is a beginning of what came."""
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            say(installed, number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [made(installed, own_folder / "kept", later=number) for number in range(5)]
    finally:
        done.set()
        writer.join()
    entries = [copy.index.entries for copy in copies]
    assert entries == sorted(entries)
    assert entries[-1] > entries[0]
    with Ledger(installed.state.ledger).reading() as connection:
        for copy in copies:
            assert verify(connection, expected_head=copy.index.head).trouble == ""


@pytest.mark.fault(111)
def test_a_tampered_ledger_is_no_backup(installed: Any, own_folder: Path) -> None:
    """A chain that does not hold is told at the backup, not years later at the restore."""
    say(installed, 1)
    ledger = Ledger(installed.state.ledger)
    with ledger.writing() as connection:
        connection.exec_driver_sql("drop trigger if exists accepted_pulls_no_update")
        for name in connection.exec_driver_sql(
            "select name from sqlite_master where type = 'trigger' and tbl_name = 'accepted_pulls'"
        ).fetchall():
            connection.exec_driver_sql(f"drop trigger {name[0]}")
        connection.exec_driver_sql("update accepted_pulls set reason = 'Wrong.'")
    with pytest.raises(PipelineError, match="was changed"):
        made(installed, own_folder / "kept")
    assert read_index(own_folder / "kept") is None


def test_what_is_there_is_never_overwritten(installed: Any, own_folder: Path) -> None:
    """Restoring over a living installation is refused, and leaves it as it was."""
    made(installed, own_folder / "kept")
    before = Ledger(installed.state.ledger).head()
    with pytest.raises(PipelineError, match="empty installation only"):
        bring_back(installed, own_folder / "kept")
    assert Ledger(installed.state.ledger).head() == before


def test_a_backup_beside_its_original_is_refused(installed: Any) -> None:
    """Inside the state folder it would be lost together with it."""
    with pytest.raises(PipelineError, match="loses both"):
        made(installed, installed.state.folder / "kept")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("place", ["shutil.copyfile", "Path.replace", "rebuild_warehouse"])
@pytest.mark.fault(57)
def test_a_restore_that_died_goes_on(
    installed: Any, own_folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, number: int
) -> None:
    """Ended while copying, while putting in place, or before the tables: again, and all is back."""
    before = made(installed, own_folder / "kept").index
    lose_all(installed)
    owner, _, name = f"reconcile_pipeline.backup.restore.{place}".rpartition(".")
    module = import_module("reconcile_pipeline.backup.restore")
    holder = module if owner == module.__name__ else getattr(module, owner.rpartition(".")[2])
    right, calls = getattr(holder, name), 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise KeyboardInterrupt
        return right(*arguments, **named)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(holder, name, dying)
        bring_back(installed, own_folder / "kept")
    if not (installed.state.folder / ".restoring").exists():
        return  # it was called less often, and went through
    assert bring_back(installed, own_folder / "kept") == before
    assert not (installed.state.folder / ".restoring").exists()
    assert Ledger(installed.state.ledger).head() == (before.entries, before.head)
    assert installed.state.published.exists()
