"""The inbox: append-only, whole batches only, and nothing acknowledged is ever lost."""

import multiprocessing
import os
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import push_inbox
from reconcile_pipeline.systems.vendors.push_inbox import API, Inbox, rows
from reconcile_pipeline.systems.vendors.push_tables import COLUMNS

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def count(number: int) -> dict[str, Any]:
    return {
        "account_id": f"c{number}",
        "service_id": "s",
        "quantity": "1",
        "as_of": NOON.isoformat(),
        "period": "2026-11",
    }


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    inbox = Inbox(tmp_path / "folder" / "my_edr.sqlite")
    with inbox.writing(API, NOON) as batch:
        batch.add("counts", **count(0))
        batch.add("keys", key_id="k", token_hash="h")
    return inbox


def kept(inbox: Inbox) -> list[str]:
    with inbox.reading() as connection:
        return [row["account_id"] for row in rows(connection, "select account_id from counts")]


@pytest.mark.parametrize("table", ["batches", "counts", "keys"])
@pytest.mark.parametrize(
    "statement",
    [
        "update {table} set source = 'x'",
        "delete from {table}",
        "insert or replace into {table} select * from {table}",
    ],
)
def test_nothing_in_it_can_be_changed_or_deleted(inbox: Inbox, table: str, statement: str) -> None:
    """The database itself refuses, whoever asks."""
    connection = sqlite3.connect(inbox.path)
    try:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement.format(table=table))
    finally:
        connection.close()


def test_every_table_is_guarded(inbox: Inbox) -> None:
    """No table was forgotten; only the version of the schema is not a row of anybody's."""
    with inbox.reading() as connection:
        found = rows(
            connection,
            "select tbl_name, count(*) as n from sqlite_master"
            " where type = 'trigger' group by tbl_name",
        )
    assert {row["tbl_name"]: row["n"] for row in found} == dict.fromkeys(("batches", *COLUMNS), 3)


def test_every_row_tells_where_it_came_from(inbox: Inbox) -> None:
    """Instant, source, batch and number are on each row, and numbers start anew in each batch."""
    with inbox.writing(API, NOON) as batch:
        for number in (1, 2):
            batch.add("counts", **count(number))
    with inbox.reading() as connection:
        found = rows(connection, "select received_at, source, batch_id, row_no from counts")
    instant = "2026-11-22T12:00:00.000000+00:00"
    assert [tuple(row.values()) for row in found] == [
        (instant, "api", "api-00000002", 1),
        (instant, "api", "api-00000003", 1),
        (instant, "api", "api-00000003", 2),
    ]


def test_a_batch_that_fails_leaves_nothing(inbox: Inbox) -> None:
    """All rows of a batch, or none; nor does its number stay behind."""

    def fail() -> None:
        with inbox.writing(API, NOON) as batch:
            batch.add("counts", **count(1))
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert kept(inbox) == ["c0"]
    with inbox.reading() as connection:
        assert len(rows(connection, "select * from batches")) == 2


def test_it_is_as_durable_as_the_ledger(inbox: Inbox) -> None:
    """Write-ahead log, every commit flushed to the disk."""
    with inbox.reading() as connection:
        assert connection.execute("pragma journal_mode").fetchone()[0] == "wal"
        assert connection.execute("pragma synchronous").fetchone()[0] == 2


def write_until_killed(path: str, number: int, when: str, told: Any) -> None:
    """Write one count after the other, telling of each; die around the n-th commit."""
    right, calls = push_inbox.commit, 0

    def deadly(connection: sqlite3.Connection) -> None:
        nonlocal calls
        calls += 1
        if (calls, when) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        right(connection)
        if (calls, when) == (number, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    push_inbox.commit = deadly
    for each in range(10):
        with Inbox(Path(path)).writing(API, NOON) as batch:
            batch.add("counts", **count(each))
        told.send(each)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, number: int, when: str) -> None:
    """Killed around any commit, also that which makes the file: each told count is kept."""
    path = tmp_path / "my_edr.sqlite"
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=write_until_killed, args=(str(path), number, when, sender))
    child.start()
    sender.close()
    child.join(20)
    assert child.exitcode == -signal.SIGKILL
    child.close()
    told = []
    while receiver.poll():
        try:
            told.append(receiver.recv())
        except EOFError:
            break
    receiver.close()
    assert told == list(range(number - 1))
    inbox = Inbox(path)
    found = kept(inbox) if inbox.exists else []
    assert found == [f"c{each}" for each in range(number - (when == "before"))]
    with inbox.writing(API, NOON) as batch:
        batch.add("counts", **count(99))
    assert kept(inbox) == [*found, "c99"]


def test_two_writers_at_once_both_are_kept(tmp_path: Path) -> None:
    """Writers wait for each other, also to make the file: no count is lost, no batch is mixed."""
    inbox = Inbox(tmp_path / "my_edr.sqlite")
    start = threading.Barrier(4)

    def write(writer: int) -> None:
        start.wait()
        for number in range(10):
            with inbox.writing(API, NOON) as batch:
                batch.add("counts", **count(writer * 100 + number))
                batch.add("counts", **count(writer * 100 + number + 50))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(set(kept(inbox))) == 80
    with inbox.reading() as connection:
        pairs = rows(
            connection,
            "select max(account_id) as a, min(account_id) as b, count(*) as n"
            " from counts group by batch_id",
        )
    assert all(row["n"] == 2 for row in pairs)


def test_two_clients_at_once_are_both_answered(push: Any) -> None:
    """Forty posts of four scripts side by side: each is answered, each is stored once."""
    service = push.service()

    def post(number: int) -> int:
        status: int = push.count(f"c{number}", service, number + 1, last=False)
        return status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(post, range(40))) == {404}
    push.time.passes(hours=2)
    wanted = {(f"c{number}", service): (str(number + 1), "pushed") for number in range(40)}
    assert push.standing() == wanted


def test_an_inbox_of_another_release_is_left_alone(inbox: Inbox) -> None:
    """A newer schema is refused for reading and for writing, with what to do."""
    connection = sqlite3.connect(inbox.path)
    connection.execute("insert into schema_version values (9)")
    connection.commit()
    connection.close()
    for opened in (inbox.reading(), inbox.writing(API, NOON)):
        with pytest.raises(PipelineError, match="another release") as caught, opened:
            pass
        assert caught.value.category is Category.INPUT


def test_a_damaged_inbox_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Bytes that are no database end in our words, and are not overwritten."""
    path = tmp_path / "my_edr.sqlite"
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(PipelineError, match="can't be used"), Inbox(path).writing(API, NOON):
        pass
    assert path.read_bytes() == b"nonsense" * 1000
