"""The ledger's one engine: an SQLite file by default, PostgreSQL by URL; written durably.

Writers take turns: every write is one transaction that begins with the right to write, so what
it read is still true when it commits. Back the ledger up: nothing else holds what people decided.
"""

import contextlib
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, append
from reconcile_pipeline.ledger.migrations import migrate
from reconcile_pipeline.ledger.tables import (
    SCHEMA_VERSION,
    VIEWS,
    append_only_triggers,
    chain,
    metadata,
    versions,
)
from reconcile_pipeline.model import Category, PipelineError

TURN = 7_052_601
"""The PostgreSQL advisory lock that writers of a ledger take turns with."""
_SAFE = "is_writing"
PATIENCE_MS = 20_000
"""How long one writer of an SQLite ledger waits for its turn."""


class Ledger:
    """Opens the ledger, making its tables when it is new and moving an older one forward."""

    def __init__(self, place: Path | str) -> None:
        """Take a file of SQLite, or a URL `postgresql://…`."""
        self.path = place if isinstance(place, Path) else None
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            url = sa.make_url(f"sqlite:///{self.path}")
        else:
            url = sa.make_url(str(place)).set(drivername="postgresql+psycopg")
        # A password may stand in the query string too.
        self.name = str(self.path or url.set(query={}).render_as_string(hide_password=True))
        self.engine = _engine(url)
        # Connections kept for the next question are given back with the ledger, not some day.
        weakref.finalize(self, self.engine.dispose)
        self._writer = self.engine.execution_options(**{_SAFE: True})
        self._thread = threading.local()
        self._reader = self.engine
        if self.path is None:
            # Otherwise each statement would see what was committed just before it.
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            self._prepare()
        except BaseException:
            # Nobody gets this object: nobody else could let go of the database.
            self.engine.dispose()
            raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is kept, or nothing. Waits for its turn."""
        with self._telling(), self._writer.connect() as connection:
            transaction = connection.begin()
            try:
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TURN)))
                yield connection
            except BaseException:
                transaction.rollback()
                raise
            commit(transaction)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent look; never waits for writers."""
        look: contextlib.ExitStack | None = getattr(self._thread, "look", None)
        with self._telling():
            if look is None:
                with self._reader.connect() as connection, connection.begin():
                    yield connection
                return
            if self._thread.connection is None:
                connection = look.enter_context(self._reader.connect())
                look.enter_context(connection.begin())
                self._thread.connection = connection
            yield self._thread.connection

    @contextlib.contextmanager
    def one_look(self) -> Iterator[None]:
        """Make everything this thread reads inside of one instant, by one connection.

        A connection is opened by the first question only, and not kept afterwards: somebody may
        put a backup in the file's place.
        """
        with contextlib.ExitStack() as look:
            self._thread.look, self._thread.connection = look, None
            try:
                yield
            finally:
                self._thread.look = self._thread.connection = None

    @contextlib.contextmanager
    def server_lock(self, number: int) -> Iterator[bool]:
        """Hold a lock of the PostgreSQL server as long as this connection lives, or don't."""
        with self.engine.connect() as connection:
            taken = sa.select(sa.func.pg_try_advisory_lock(number))
            is_ours = bool(connection.execute(taken).scalar())
            connection.commit()
            try:
                yield is_ours
            finally:
                if is_ours:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))
                    connection.commit()

    def append(self, table: sa.Table, values: dict[str, Any], stamp: Stamp) -> None:
        """Append one entry in a transaction of its own."""
        with self.writing() as connection:
            append(connection, table, values, stamp)

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """The rows of a query as plain dictionaries."""
        with self.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest entry; 0 and "" while there is none."""
        newest = sa.select(chain.c.seq, chain.c.hash).order_by(chain.c.seq.desc()).limit(1)
        for row in self.rows(newest):
            return int(row["seq"]), str(row["hash"])
        return 0, ""

    def view(self, name: str) -> list[dict[str, Any]]:
        """The rows of one of the views that tell what is true now."""
        if name not in VIEWS:
            raise ValueError(f"the ledger has no view {name!r}")
        with self.reading() as connection:
            query = f"select * from {name}"  # noqa: S608 - one of ours, by name
            return [dict(row) for row in connection.exec_driver_sql(query).mappings()]

    def _prepare(self) -> None:
        try:
            found = self._version()
            if found is None or found < SCHEMA_VERSION:
                with self.writing() as connection:
                    # Asked again: another process may have made or moved it meanwhile.
                    found = _version_in(connection)
                    if found is None:
                        _make(connection)
                        found = SCHEMA_VERSION
                    elif found < SCHEMA_VERSION:
                        migrate(connection, found, _make, self.path)
                        found = SCHEMA_VERSION
        except sa.exc.SQLAlchemyError as error:
            raise self._unusable(error) from error
        if found > SCHEMA_VERSION:
            raise PipelineError(
                f"The ledger {self.name} was written by a newer release (schema {found}).",
                next_step="Use that release; an older one must not write into it.",
                category=Category.INPUT,
            )

    def _version(self) -> int | None:
        with self.reading() as connection:
            return _version_in(connection)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Say in our words that the database is locked, damaged or gone."""
        try:
            yield
        except sa.exc.DatabaseError as error:
            # The subclasses are refused entries and mistakes of ours: they stay what they are.
            if type(error) not in (sa.exc.DatabaseError, sa.exc.OperationalError):
                raise
            raise self._unusable(error) from error

    def _unusable(self, error: sa.exc.SQLAlchemyError) -> PipelineError:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        advice = "Restore it from its backup; nothing else holds what people decided."
        if "locked" in reason:
            advice = "Another program is writing into it: wait until it has finished."
        elif "disk is full" in reason:
            advice = "Free some space, then do it again: nothing of it was recorded."
        elif "unable to open" in reason or "readonly" in reason:
            advice = "Let the account that runs this read and write that file and its folder."
        elif self.path is None:
            advice = "Check that the database runs, and the URL, user and password it is given."
        return PipelineError(
            f"The ledger {self.name} can't be read: {reason}.",
            next_step=advice,
            category=Category.INPUT,
        )


def commit(transaction: sa.RootTransaction) -> None:
    """Keep a transaction. Every entry of the ledger passes here: tests kill us before and after."""
    transaction.commit()


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    sa.event.listen(engine, "connect", _set_up_connection)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _set_up_connection(connection: Any, _record: Any) -> None:  # noqa: ANN401 - DB-API types
    # The driver must not begin transactions by itself: _begin does.
    connection.isolation_level = None
    try:
        connection.execute(f"pragma busy_timeout={PATIENCE_MS}")
        _write_ahead(connection)
        connection.execute("pragma synchronous=FULL")
    except BaseException as error:
        # The pool hasn't got it yet: nobody else would close it.
        connection.close()
        if isinstance(error, UnicodeDecodeError):
            # SQLite's complaint quotes the damaged bytes, which the driver can't read.
            raise sqlite3.DatabaseError("its table definitions are damaged") from error
        raise


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Make the file a write-ahead one.

    SQLite's own patience ends at once where two connections want that of a new file: each waits for
    the other. So the one that is refused asks again.
    """
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            connection.execute("pragma journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - not a secret
        else:
            return


def _begin(connection: sa.Connection) -> None:
    is_writing = connection.get_execution_options().get(_SAFE, False)
    connection.exec_driver_sql("begin immediate" if is_writing else "begin")


def _version_in(connection: sa.Connection) -> int | None:
    if not sa.inspect(connection).has_table(versions.name):
        return None
    return connection.execute(sa.select(sa.func.max(versions.c.version))).scalar()


def _make(connection: sa.Connection) -> None:
    metadata.create_all(connection)
    for name, query in VIEWS.items():
        connection.exec_driver_sql(f"create view {name} as {query}")
    for statement in append_only_triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.execute(versions.insert().values(version=SCHEMA_VERSION))
