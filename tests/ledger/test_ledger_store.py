"""The ledger's file: made when it is new, refused when it is newer or no ledger at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.store import SCHEMA_VERSION, Ledger, accepted_pulls
from reconcile_pipeline.model import Category, PipelineError

ACCEPTED = {"pull_id": "a", "reason": "r", "accepted_by": "b", "accepted_at": "c"}


def read(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_a_new_ledger_is_made_whole(tmp_path: Path) -> None:
    """Opening makes the folder, the tables and the version, and opening again changes nothing."""
    path = tmp_path / "deep" / "ledger.db"
    Ledger(path)
    Ledger(path)
    assert read(path, "select version from schema_version") == [(SCHEMA_VERSION,)]
    tables = {row[0] for row in read(path, "select name from sqlite_master where type = 'table'")}
    assert {"mappings", "decisions", "accepted_pulls"} <= tables


def test_entries_are_written_durably(tmp_path: Path) -> None:
    """An acknowledged entry is on the disk: write-ahead log, and full synchronisation."""
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.writing() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    """What was written before an error in the same transaction is gone."""
    ledger = Ledger(tmp_path / "ledger.db")

    def write_and_fail() -> None:
        with ledger.writing() as connection:
            connection.execute(accepted_pulls.insert().values(ACCEPTED))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert ledger.rows(sa.select(accepted_pulls)) == []
    with ledger.writing() as connection:
        connection.execute(accepted_pulls.insert().values(ACCEPTED))
    assert ledger.rows(sa.select(accepted_pulls)) == [ACCEPTED]


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    """An older release does not write into what a newer one made."""
    path = tmp_path / "ledger.db"
    Ledger(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update schema_version set version = 2")
    with pytest.raises(PipelineError, match=r"newer release \(schema 2\)") as caught:
        Ledger(path)
    assert caught.value.category is Category.INPUT


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 50])
def test_a_damaged_ledger_says_so(tmp_path: Path, content: bytes) -> None:
    """A file that is no ledger is left alone, and the way out is its backup."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(
        PipelineError, match=r"ledger.db can't be read: file is not a database\."
    ) as e:
        Ledger(path)
    assert "backup" in e.value.next_step
    assert path.read_bytes() == content
