"""The ledger's tables and its one engine: an SQLite file, written durably, never updated in place.

Every write is one immediate transaction with synchronous FULL: an acknowledged entry survives
a power cut. Back this file up: nothing else holds what people decided.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.model import Category, PipelineError

SCHEMA_VERSION = 1

metadata = sa.MetaData()
versions = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, nullable=False))
mappings = sa.Table(
    "mappings",
    metadata,
    sa.Column("entry_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("item_id", sa.Text, nullable=False),
    sa.Column("item_name", sa.Text, nullable=False),
    sa.Column("target_id", sa.Text),
    sa.Column("target_name", sa.Text),
    sa.Column("leg", sa.Text, nullable=False),
    sa.Column("multiplier", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("decided_at", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
)
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("decision_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("card_id", sa.Text, nullable=False),
    sa.Column("card_version", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("qty_target", sa.Text),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("decided_at", sa.Text, nullable=False),
    sa.UniqueConstraint("card_id", "card_version", name="first_decision_wins"),
)
accepted_pulls = sa.Table(
    "accepted_pulls",
    metadata,
    sa.Column("pull_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("accepted_by", sa.Text, nullable=False),
    sa.Column("accepted_at", sa.Text, nullable=False),
)


class Ledger:
    """Opens the ledger, making its tables when it is new."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
        sa.event.listen(self._engine, "connect", _set_up_connection)
        sa.event.listen(self._engine, "begin", _begin_immediate)
        self._check_version()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is kept, or nothing."""
        with self._engine.begin() as connection:
            yield connection

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """The rows of a query as plain dictionaries."""
        with self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _check_version(self) -> None:
        try:
            with self.writing() as connection:
                metadata.create_all(connection)
                found = connection.execute(sa.select(versions.c.version)).scalar()
                if found is None:
                    connection.execute(versions.insert().values(version=SCHEMA_VERSION))
        except sa.exc.DatabaseError as error:
            advice = "Restore it from its backup; nothing else holds what people decided."
            if "locked" in str(error.orig):
                advice = "Another program is writing into it: wait until it has finished."
            raise PipelineError(
                f"The ledger {self.path} can't be read: {error.orig}.",
                next_step=advice,
                category=Category.INPUT,
            ) from error
        if found is not None and found > SCHEMA_VERSION:
            raise PipelineError(
                f"The ledger {self.path} was written by a newer release (schema {found}).",
                next_step="Use that release; an older one must not write into it.",
                category=Category.INPUT,
            )


def _set_up_connection(connection: Any, _record: Any) -> None:  # noqa: ANN401 - DB-API types
    # The driver must not begin transactions by itself: _begin_immediate does.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"pragma {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("begin immediate")
