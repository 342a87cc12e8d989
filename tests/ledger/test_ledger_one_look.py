"""One look: what a page reads is of one instant, whoever writes meanwhile."""

from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from reconcile_pipeline.ledger.accepted import accept_pull, accepted_pull_ids
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import PipelineError

STAMP = Stamp("ann", datetime(2026, 11, 23, tzinfo=UTC), "test")


def accept(path: Path, pull_id: str) -> None:
    accept_pull(Ledger(path), pull_id, reason="Right.", stamp=STAMP)


def test_what_is_written_meanwhile_is_seen_afterwards(tmp_path: Path) -> None:
    """Two questions of one look agree; the next look knows what came."""
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.one_look():
        before = accepted_pull_ids(ledger), ledger.head()
        other = Thread(target=accept, args=(tmp_path / "ledger.db", "pull-1"))
        other.start()
        other.join()
        assert (accepted_pull_ids(ledger), ledger.head()) == before
    assert accepted_pull_ids(ledger) == {"pull-1"}


def test_other_threads_look_for_themselves(tmp_path: Path) -> None:
    """A look belongs to the thread that began it."""
    ledger = Ledger(tmp_path / "ledger.db")
    seen: list[frozenset[str]] = []
    with ledger.one_look():
        assert accepted_pull_ids(ledger) == frozenset()
        accept(tmp_path / "ledger.db", "pull-1")
        other = Thread(target=lambda: seen.append(accepted_pull_ids(ledger)))
        other.start()
        other.join()
        assert accepted_pull_ids(ledger) == frozenset()
    assert seen == [{"pull-1"}]


def test_a_restored_file_is_read_by_the_next_look(tmp_path: Path) -> None:
    """No connection is kept: somebody may have put a backup in the file's place."""
    accept(tmp_path / "ledger.db", "old")
    accept(tmp_path / "backup.db", "restored")
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.one_look():
        assert accepted_pull_ids(ledger) == {"old"}
    (tmp_path / "backup.db").replace(tmp_path / "ledger.db")
    with ledger.one_look():
        assert accepted_pull_ids(ledger) == {"restored"}


def test_a_look_that_reads_nothing_needs_no_ledger(tmp_path: Path) -> None:
    """The help page is shown though the ledger is damaged; a page that needs it says so."""
    ledger = Ledger(tmp_path / "ledger.db")
    (tmp_path / "ledger.db").write_bytes(b"not a database, " * 100)
    with ledger.one_look():
        pass
    with pytest.raises(PipelineError, match="can't be read"), ledger.one_look():
        accepted_pull_ids(ledger)
