"""The inbox of one push integration: an SQLite file that keeps what its scripts said, for good.

Writers take turns; a batch is kept whole or not at all, and it is on disk before anyone is told
so. What the rows mean for a month is worked out in `push_state`. No HTTP here, and no clock.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.push_tables import COLUMNS, SCHEMA_VERSION, statements

API, SNAPSHOT, COMMAND = "api", "snapshot", "command"
"""Where a batch came from: one call of the compatible API, one snapshot, a person's command."""
STARTED = "the server was started"
"""A refusal of nobody: what came while it was down was lost, and a run around it is not whole."""
PENDING, ACTIVE = "pending", "active"
STATUSES = (ACTIVE, "inactive", PENDING, "disabled", "error")
UNIT = "unit"
_PATIENCE_SECONDS = 20.0

Row = dict[str, Any]


@dataclass
class Batch:
    """One transaction of an inbox; rows are numbered as they are added."""

    connection: sqlite3.Connection
    batch_id: str
    source: str
    received_at: str
    rows: int = 0

    def add(self, table: str, **values: object) -> None:
        """Add one row to a table."""
        if table not in COLUMNS:
            raise ValueError(f"an inbox has no table {table!r}")
        self.rows += 1
        row = {
            **values,
            "batch_id": self.batch_id,
            "row_no": self.rows,
            "received_at": self.received_at,
            "source": self.source,
        }
        marks = ", ".join("?" for _ in row)
        query = f"insert into {table} ({', '.join(row)}) values ({marks})"  # noqa: S608 - our names
        self.connection.execute(query, list(row.values()))


@dataclass(frozen=True)
class Inbox:
    """One inbox; holds no open connection, so any thread and any process may use it."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept in it; whoever was killed making it left an empty file."""
        if not self.path.exists():
            return False
        with self._telling():
            connection = _connect(self.path, is_new=False)
            try:
                return _is_made(connection)
            finally:
                connection.close()

    @contextmanager
    def writing(self, source: str, now: datetime, key_id: str | None = None) -> Iterator[Batch]:
        """One batch: all of it is on disk when the block has ended, or nothing."""
        with self._telling():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = _connect(self.path)
            try:
                connection.execute("begin immediate")
                _make(connection, self.path, now)
                yield _begin(connection, source, now, key_id)
                commit(connection)
            finally:
                # Rolls back what was not committed.
                connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent look at an inbox that exists."""
        with self._telling():
            connection = _connect(self.path, is_new=False)
            try:
                connection.execute("begin")
                _check_version(connection, self.path)
                yield connection
            finally:
                connection.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Say in our words that the file is locked, damaged or can't be written."""
        try:
            yield
        except (OSError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise PipelineError(
                f"The inbox {self.path} can't be used: {str(error).splitlines()[0]}.",
                next_step="Check its owner, its mode and the free space; if it is damaged, restore"
                " it from its backup.",
                category=Category.INPUT,
            ) from error


def commit(connection: sqlite3.Connection) -> None:
    """Keep a batch. Everything an inbox keeps passes here: tests kill us before and after."""
    connection.execute("commit")


def rows(connection: sqlite3.Connection, query: str, *values: object) -> list[Row]:
    """The rows of a query as dictionaries."""
    return [dict(row) for row in connection.execute(query, values)]


def accounts(connection: sqlite3.Connection) -> list[Row]:
    """Every account with its latest name, first seen first; `first_seq` is its first batch."""
    return rows(
        connection,
        "select latest.account_id, latest.name, latest.description, first_seq from accounts latest"
        " join (select account_id, max(accounts.seq) seq, min(batches.seq) first_seq"
        " from accounts join batches using (batch_id) group by account_id) known using (seq)"
        " order by first_seq, latest.seq",
    )


def services(connection: sqlite3.Connection) -> list[Row]:
    """Every service with its latest facts, first seen first; `first_seq` is its first batch."""
    return rows(
        connection,
        "select latest.service_id, latest.name, latest.description, category, subcategory,"
        " support_article, support_contact, unit, latest.received_at, first_seq"
        " from services latest join (select service_id, max(services.seq) seq,"
        " min(batches.seq) first_seq from services join batches using (batch_id)"
        " group by service_id) known using (seq) order by first_seq, latest.seq",
    )


def facts(connection: sqlite3.Connection) -> dict[str, str]:
    """The latest value of every fact about the vendor."""
    return {
        row["name"]: row["value"]
        for row in rows(connection, "select name, value from facts order by seq")
    }


def times(connection: sqlite3.Connection) -> tuple[str, str, str | None]:
    """When the inbox was made, when it last took anything in, and when it last took counts in."""
    return tuple(
        connection.execute(
            "select min(received_at), max(received_at),"
            " (select max(received_at) from counts) from batches"
        ).fetchone()
    )


def status(connection: sqlite3.Connection) -> str:
    """What the integration last said of itself; counts make a pending one active."""
    said = connection.execute(
        "select status, batches.seq from statuses join batches using (batch_id)"
        " order by statuses.seq desc limit 1"
    ).fetchone()
    known, since = said or (PENDING, 0)
    if known != PENDING:
        return str(known)
    counted = connection.execute(
        "select 1 from counts join batches using (batch_id) where batches.seq > ? limit 1", [since]
    ).fetchone()
    return ACTIVE if counted else PENDING


def new_id() -> str:
    """An id in the form scripts of the compatible API know: 24 hexadecimal digits."""
    return secrets.token_hex(12)


def _connect(path: Path, *, is_new: bool = True) -> sqlite3.Connection:
    mode = "rwc" if is_new else "rw"
    # check_same_thread: the server's worker threads hand one connection from call to call.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_PATIENCE_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"pragma {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _make(connection: sqlite3.Connection, path: Path, now: datetime) -> None:
    """Make the tables if this is the first batch ever; its batch is the making itself."""
    if _is_made(connection):
        _check_version(connection, path)
        return
    for statement in statements():
        connection.execute(statement)
    connection.execute("insert into schema_version values (?)", [SCHEMA_VERSION])
    first = _begin(connection, COMMAND, now, None)
    for name in ("vendor_id", "integration_id", "organization_id"):
        first.add("facts", name=name, value=new_id())


def _is_made(connection: sqlite3.Connection) -> bool:
    query = "select 1 from sqlite_master where name = 'schema_version'"
    return connection.execute(query).fetchone() is not None


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("select max(version) from schema_version").fetchone()
    if found != SCHEMA_VERSION:
        raise PipelineError(
            f"The inbox {path} was written by another release (schema {found}).",
            next_step="Use that release, or a newer one; nothing was changed.",
            category=Category.INPUT,
        )


def _begin(connection: sqlite3.Connection, source: str, now: datetime, key_id: str | None) -> Batch:
    (last,) = connection.execute("select coalesce(max(seq), 0) from batches").fetchone()
    received_at = now.astimezone(UTC).isoformat(timespec="microseconds")
    batch_id = f"{source}-{last + 1:08d}"
    connection.execute(
        "insert into batches (batch_id, source, received_at, key_id) values (?, ?, ?, ?)",
        [batch_id, source, received_at, key_id],
    )
    return Batch(connection, batch_id, source, received_at)
