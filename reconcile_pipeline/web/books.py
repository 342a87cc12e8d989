"""The published tables as the pages read them, one snapshot per published version and month.

A snapshot attaches the file read-only, so analysts and the app never wait for each other, and keeps
the month's board in memory. Decisions made since the file was published are laid over that board
before each answer; `review/overlay` says which cards they concern.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.review.decide import Door
from reconcile_pipeline.review.overlay import changed_since, standings
from reconcile_pipeline.warehouse.sql_files import sql_file

Row = dict[str, Any]
MOST_SNAPSHOTS = 3
MOST_KEPT = 200
"""Answers kept of one snapshot."""
_SEARCH = "set search_path = 'published.main,memory.main'"
_OVERLAY = ("status", "why", "decision_id", "decision", "decided_by", "decided_at")
_FRESH = {"card_id": "varchar", **dict.fromkeys(_OVERLAY, "varchar"), "decided_at": "timestamp"}


class Snapshot:
    """One month of one published version; its board follows the ledger."""

    def __init__(self, version: Path, period: str, limits: Limits) -> None:
        """Attach the file and set out the month's board."""
        self.version = version.name
        self._path = version
        self.period = period
        self.published_at = datetime.fromtimestamp(version.stat().st_mtime, UTC)
        self._limits = limits
        self._lock = threading.Lock()
        self._kept: dict[str, list[Row]] = {}
        self._made: dict[str, Any] = {}
        self._threads = threading.local()
        self._connection = duckdb.connect(config={"threads": 2})
        self._connection.execute("set timezone = 'UTC'")
        # The path is our own; a quote in a folder's name would end the text early.
        path = str(version).replace("'", "''")
        self._connection.execute(f"attach '{path}' as published (read_only)")
        self._connection.execute(_SEARCH)
        self._connection.execute(
            f"create table memory.main.board as {_text('board')}", {"period": period}
        )
        self._connection.execute("create unique index board_cards on memory.main.board (card_id)")
        # Answers are small, and several people ask at once: one processor each, from here on.
        self._connection.execute("set threads = 1")
        self._entry: int = next((row["entry"] for row in self.ask("ledger_state")), 0)

    def connection(self) -> duckdb.DuckDBPyConnection:
        """A connection of the caller's own on the same tables, for one request."""
        cursor = self._connection.cursor()
        cursor.execute(_SEARCH)
        return cursor

    def _own(self) -> duckdb.DuckDBPyConnection:
        """The connection of this thread: making one for each question would double its time."""
        if not hasattr(self._threads, "connection"):
            self._threads.connection = self.connection()
        connection: duckdb.DuckDBPyConnection = self._threads.connection
        return connection

    @cached_property
    def file(self) -> duckdb.DuckDBPyConnection:
        """The published file by itself, read-only, for rooms that know nothing of the board."""
        connection = duckdb.connect(str(self._path), read_only=True)
        connection.execute("set timezone = 'UTC'")
        return connection

    def ask(self, question: str, /, **parameters: object) -> list[Row]:
        """The rows of a file of `sql/pages`, as dictionaries; $period needs not be given."""
        statement = _statement(question)
        values = {"period": self.period, **parameters}
        named = {name: values[name] for name in statement.named_parameters}
        result = self._own().execute(statement, named)
        columns = [column[0] for column in result.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def ask_once(self, question: str, /, **parameters: object) -> list[Row]:
        """As `ask`; the answer is kept until the board changes."""
        kept = self._kept
        key = f"{question} {parameters}"
        if key not in kept:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[key] = self.ask(question, **parameters)
        return kept[key]

    def keep(self, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - what `make` gives
        """What was made of this version once; it rests on its tables, not on the board."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def cards(self, ids: Sequence[str]) -> list[Row]:
        """Cards of the board, in the order of the ids; unknown ids are left out."""
        if not ids:
            return []
        found = {row["card_id"]: row for row in self.ask("review_rows", ids=list(ids))}
        return [found[card_id] for card_id in ids if card_id in found]

    def catch_up(self, door: Door) -> None:
        """Lay what the ledger learned since over the board."""
        entry, _hash = door.ledger.head()
        with self._lock:
            if entry <= self._entry:
                # Another request looked later and was here first.
                return
            subjects = changed_since(door, self._entry)
            if subjects:
                self._update(standings(self.connection(), door, self._limits, subjects))
            self._entry = entry

    def _update(self, rows: Sequence[Row]) -> None:
        assignments = ", ".join(f"{name} = fresh.{name}" for name in _OVERLAY)
        # One statement: thousands of cards, each updated by itself, would take as many steps.
        columns = ", ".join(f"unnest(${name}::{kind}[]) as {name}" for name, kind in _FRESH.items())
        self._connection.execute(
            f"update memory.main.board set {assignments} from (select {columns}) as fresh"  # noqa: S608 - names above
            " where board.card_id = fresh.card_id",
            {name: [row[name] for row in rows] for name in _FRESH},
        )
        self._kept = {}

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()


class Books:
    """The published file, followed to its newest version at each question."""

    def __init__(self, published: Path, limits: Limits) -> None:
        """Open nothing yet: there may be nothing."""
        self.published = published
        self._limits = limits
        self._kept: OrderedDict[tuple[str, str], Snapshot] = OrderedDict()
        self._periods: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def periods(self) -> list[str]:
        """Months that have cards, oldest first; none while nothing is published."""
        if not self.published.exists():
            return []
        version = self.published.resolve()
        if version.name not in self._periods:
            with duckdb.connect(str(version), read_only=True) as connection:
                query = "select distinct period from recon.cards order by period"
                found = [str(row[0]) for row in connection.execute(query).fetchall()]
            self._periods = {version.name: found}
        return self._periods[version.name]

    def of(self, period: str, door: Door) -> Snapshot:
        """The month as it stands now.

        Raises:
            PipelineError: `incomplete`, while nothing is published.
        """
        if not self.published.exists():
            raise NothingPublishedError
        version = self.published.resolve()
        with self._lock:
            key = (version.name, period)
            if key not in self._kept:
                self._kept[key] = self._opened(version, period)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_SNAPSHOTS:
                # Requests under way keep it alive through their own connections.
                self._kept.popitem(last=False)
            snapshot = self._kept[key]
        snapshot.catch_up(door)
        return snapshot

    def _opened(self, version: Path, period: str) -> Snapshot:
        try:
            return Snapshot(version, period, self._limits)
        except duckdb.CatalogException as error:
            raise PipelineError(
                "The published tables were made by an older release of this software.",
                next_step="Run `reconcile rebuild`: it pulls nothing.",
                category=Category.INCOMPLETE,
            ) from error


class NothingPublishedError(PipelineError):
    """There is no published file yet: a fresh installation."""

    def __init__(self) -> None:
        """Say what makes one."""
        super().__init__(
            "Nothing was pulled and compared yet.",
            next_step="Run `reconcile run`, or materialize everything in the Dagster UI.",
            category=Category.INCOMPLETE,
        )


def _text(question: str) -> str:
    return sql_file("pages", question).read_text(encoding="utf-8")


@cache
def _statement(question: str) -> duckdb.Statement:
    """A question, parsed once: that takes as long as answering it."""
    (statement,) = duckdb.extract_statements(_text(question))
    return statement
