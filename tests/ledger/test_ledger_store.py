"""The ledger's place: made whole when new, refused when newer, damaged, locked or gone."""

import contextlib
import itertools
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger import store
from reconcile_pipeline.ledger.accepted import accept_pull, accepted_pull_ids
from reconcile_pipeline.ledger.chain import Stamp, append, verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import KINDS, SCHEMA_VERSION, VIEWS, accepted_pulls, versions
from reconcile_pipeline.model import Category, PipelineError

Place = Path | str
OpenLedger = Callable[[Place], Ledger]
MakeStamp = Callable[..., Stamp]
NewPlace = Callable[[], Place]
ReadFile = Callable[[Path, str], list[tuple[Any, ...]]]
ACCEPTED = {"pull_id": "a", "reason": "r", "accepted_by": "b", "accepted_at": "c"}


def is_whole(ledger: Ledger) -> bool:
    with ledger.reading() as connection:
        names = set(sa.inspect(connection).get_table_names())
        views = set(sa.inspect(connection).get_view_names())
        found = list(connection.execute(sa.select(versions.c.version)).scalars())
        return (
            {*KINDS, "chain"} <= names
            and set(VIEWS) <= views
            and found == [SCHEMA_VERSION]
            and verify(connection).trouble == ""
        )


def test_a_new_ledger_is_made_whole(
    new_place: NewPlace, open_ledger: OpenLedger, stamp: MakeStamp
) -> None:
    """Opening makes the tables and views; opening again changes nothing and loses nothing."""
    place = new_place()
    first = open_ledger(place)
    assert is_whole(first)
    assert all(first.view(name) == [] for name in VIEWS)
    accept_pull(first, "a", reason="r", stamp=stamp())
    again = open_ledger(place)
    assert is_whole(again)
    assert accepted_pull_ids(again) == {"a"}


def test_threads_that_open_a_new_ledger_at_once_share_it(
    new_place: NewPlace, open_ledger: OpenLedger, stamp: MakeStamp
) -> None:
    """Of many that find nothing at one moment one makes the ledger, and all can write into it."""
    place, count = new_place(), 6
    barrier = Barrier(count)

    def begin(number: int) -> None:
        barrier.wait(10)
        accept_pull(open_ledger(place), f"p{number}", reason="r", stamp=stamp())

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(begin, range(count)))
    ledger = open_ledger(place)
    assert is_whole(ledger)
    assert accepted_pull_ids(ledger) == {f"p{number}" for number in range(count)}


def test_a_transaction_is_kept_whole_or_not_at_all(ledger: Ledger, stamp: MakeStamp) -> None:
    """What was written before an error in the same transaction is gone, its link too."""

    def write_and_fail() -> None:
        with ledger.writing() as connection:
            append(connection, accepted_pulls, ACCEPTED, stamp())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert ledger.rows(sa.select(accepted_pulls)) == []
    ledger.append(accepted_pulls, ACCEPTED, stamp())
    assert ledger.rows(sa.select(accepted_pulls)) == [{"seq": 1, **ACCEPTED}]


def test_a_look_is_one_moment(place: Place, open_ledger: OpenLedger, stamp: MakeStamp) -> None:
    """What others commit while somebody looks is not half seen, and does not wait for the look."""
    reader, writer = open_ledger(place), open_ledger(place)
    accept_pull(writer, "a", reason="r", stamp=stamp())
    with reader.reading() as connection:
        before = verify(connection)
        accept_pull(writer, "b", reason="r", stamp=stamp())
        assert verify(connection) == before
        assert connection.execute(sa.select(accepted_pulls.c.pull_id)).scalars().all() == ["a"]
    assert accepted_pull_ids(reader) == {"a", "b"}


def test_looking_waits_for_no_writer(
    place: Place, open_ledger: OpenLedger, stamp: MakeStamp
) -> None:
    """While somebody has the right to write, others open the ledger and read what was said."""
    writer = open_ledger(place)
    accept_pull(writer, "a", reason="r", stamp=stamp())
    with writer.writing() as connection:
        append(connection, accepted_pulls, ACCEPTED | {"pull_id": "b"}, stamp())
        assert accepted_pull_ids(open_ledger(place)) == {"a"}


@pytest.mark.fault(64)
def test_a_newer_ledger_is_refused(place: Place, open_ledger: OpenLedger) -> None:
    """An older release does not write into what a newer one made."""
    with open_ledger(place).engine.begin() as connection:
        connection.execute(sa.update(versions).values(version=SCHEMA_VERSION + 1))
    with pytest.raises(PipelineError, match=rf"\(schema {SCHEMA_VERSION + 1}\)") as caught:
        Ledger(place)
    assert caught.value.category is Category.INPUT
    assert "Use that release" in caught.value.next_step


def test_a_ledger_moved_on_meanwhile_is_refused(
    place: Place, open_ledger: OpenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer release that was faster by the time we have the right to write is noticed then."""
    with open_ledger(place).engine.begin() as connection:
        connection.execute(sa.update(versions).values(version=SCHEMA_VERSION + 1))
    monkeypatch.setattr(Ledger, "_version", lambda _self: None)
    with pytest.raises(PipelineError, match="newer release"):
        Ledger(place)


def test_a_servers_lock_is_held_by_one(postgres_place: Place, open_ledger: OpenLedger) -> None:
    """While one holds a lock of the server others don't get it, but they may read and write."""
    one, other = open_ledger(postgres_place), open_ledger(postgres_place)
    with one.server_lock(7) as is_mine:
        assert is_mine
        with other.server_lock(7) as is_theirs, other.server_lock(8) as is_another:
            assert (is_theirs, is_another) == (False, True)
            with other.writing():
                assert other.view("current_lease") == []
        with other.server_lock(7) as is_theirs:
            assert not is_theirs
    with other.server_lock(7) as is_theirs:
        assert is_theirs


def test_there_is_no_other_view(ledger: Ledger) -> None:
    """Only the declared views are read by name."""
    with pytest.raises(ValueError, match="no view 'decisions'"):
        ledger.view("decisions")


def test_entries_are_written_durably(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """An acknowledged entry is on the disk: write-ahead log, and full synchronisation."""
    ledger = open_ledger(tmp_path / "deep" / "ledger.db")
    with ledger.writing() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2


def test_no_ledger_of_that_kind_says_so(tmp_path: Path) -> None:
    """A file that is no database is left alone, and the way out is its backup."""
    path, content = tmp_path / "ledger.db", b"not a database, but long enough to be looked at" * 50
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"ledger.db can't be read: file is not a database\."):
        Ledger(path)
    assert path.read_bytes() == content


@pytest.mark.fault(64)
def test_damage_never_passes_for_content(
    tmp_path: Path, open_ledger: OpenLedger, fill: Callable[[Ledger], None]
) -> None:
    """Bytes flipped anywhere: refused with the backup as the way out, or named by the chain."""
    whole = open_ledger(tmp_path / "whole.db")
    fill(whole)
    content = (tmp_path / "whole.db").read_bytes()
    right = everything(whole)
    numbers = itertools.count()

    def flipped(at: int, bits: int) -> str:
        path = tmp_path / f"flipped-{next(numbers)}.db"
        path.write_bytes(content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :])
        return outcome(path, right)

    seen = {flipped(number * len(content) // 45 + number, 0xFF) for number in range(45)}
    assert "refused" in seen <= {"refused", "named", "unharmed"}
    # A letter that becomes another one is no damage to a database, but it is to the chain.
    said = content.index(b"counted")
    assert {flipped(said + number, 0x01) for number in range(5)} == {"named"}


def outcome(path: Path, right: list[tuple[Any, ...]]) -> str:
    try:
        ledger = Ledger(path)
        with ledger.reading() as connection:
            trouble = verify(connection).trouble
        if trouble:
            return "named"
        return "unharmed" if everything(ledger) == right else "other content"
    except PipelineError as error:
        return "refused" if "backup" in error.next_step else str(error)


def everything(ledger: Ledger) -> list[tuple[Any, ...]]:
    with ledger.reading() as connection:
        return [
            tuple(row)
            for name in KINDS
            for row in connection.exec_driver_sql(f"select * from {name}").all()  # noqa: S608 - ours
        ]


@pytest.mark.fault(62)
def test_a_locked_ledger_says_so(
    tmp_path: Path, open_ledger: OpenLedger, stamp: MakeStamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can't have a turn hears that another program writes, not that a backup is needed."""
    monkeypatch.setattr(store, "PATIENCE_MS", 20)
    ledger = open_ledger(tmp_path / "ledger.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        other.execute("begin immediate")
        with pytest.raises(PipelineError, match="database is locked") as caught:
            accept_pull(ledger, "a", reason="r", stamp=stamp())
        assert "Another program is writing" in caught.value.next_step
        assert accepted_pull_ids(open_ledger(tmp_path / "ledger.db")) == frozenset()
    accept_pull(ledger, "a", reason="r", stamp=stamp())
    assert accepted_pull_ids(ledger) == {"a"}


def test_whoever_is_refused_at_once_asks_again() -> None:
    """SQLite waits for nobody when two make one new ledger at once: both get it all the same."""

    class Refusing:
        asked = 0

        def execute(self, _pragma: str) -> None:
            self.asked += 1
            if self.asked < 4:
                raise sqlite3.OperationalError("database is locked")

    connection: Any = Refusing()
    store._write_ahead(connection)
    assert connection.asked == 4


def test_a_new_file_that_is_locked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program is just making is not mistaken for a damaged one."""
    monkeypatch.setattr(store, "PATIENCE_MS", 20)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        other.execute("create table theirs (x)")
        other.execute("begin exclusive")
        with pytest.raises(PipelineError, match="database is locked") as caught:
            Ledger(tmp_path / "ledger.db")
    assert "Another program is writing" in caught.value.next_step


@pytest.mark.fault(60)
def test_a_full_disk_says_so(
    ledger: Ledger, stamp: MakeStamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without space nothing is recorded, and nobody is sent to the backup."""

    def fail(_transaction: sa.RootTransaction) -> None:
        full = sqlite3.OperationalError("database or disk is full")
        raise sa.exc.OperationalError("commit", {}, full)

    monkeypatch.setattr(store, "commit", fail)
    with pytest.raises(PipelineError, match="disk is full") as caught:
        accept_pull(ledger, "a", reason="r", stamp=stamp())
    assert "Free some space" in caught.value.next_step
    assert accepted_pull_ids(ledger) == frozenset()


@pytest.mark.parametrize("pages_left", range(5))
@pytest.mark.fault(60)
def test_a_ledger_without_room_keeps_what_it_has(
    tmp_path: Path, stamp: MakeStamp, pages_left: int
) -> None:
    """However little room is left, an entry is there whole or not at all; with room it goes on."""
    ledger, room = Ledger(tmp_path / "ledger.db"), [0]

    def limit(connection: Any, *_others: Any) -> None:
        connection.execute(f"pragma max_page_count = {room[0]}")

    accept_pull(ledger, "first", reason="r", stamp=stamp())
    sa.event.listen(ledger.engine, "checkout", limit)
    with ledger.reading() as connection:
        room[0] = connection.exec_driver_sql("pragma page_count").scalar_one() + pages_left
    kept = {"first"}

    def fill() -> None:
        for number in range(100):
            accept_pull(ledger, f"pull-{number}", reason="long " * 400, stamp=stamp())
            kept.add(f"pull-{number}")

    with pytest.raises(PipelineError, match="disk is full") as caught:
        fill()
    assert "Free some space" in caught.value.next_step
    assert accepted_pull_ids(ledger) == kept
    room[0] += 1000
    accept_pull(ledger, "last", reason="r", stamp=stamp())
    assert accepted_pull_ids(ledger) == kept | {"last"}
    with ledger.reading() as connection:
        assert verify(connection).trouble == ""


def test_a_database_that_is_gone_says_so_without_secrets() -> None:
    """An unreachable PostgreSQL is named by host and user; neither password is."""
    url = "postgresql://dana:geheim@127.0.0.1:1/ledger?password=secret&connect_timeout=2"
    with pytest.raises(PipelineError, match=r"postgresql.*127\.0\.0\.1.*can't be read") as caught:
        Ledger(url)
    assert "Check that the database runs" in caught.value.next_step
    assert "geheim" not in str(caught.value)
    assert "secret" not in str(caught.value)
