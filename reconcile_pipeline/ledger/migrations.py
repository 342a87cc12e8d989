"""Moves an older ledger forward, entry by entry, in one transaction; a copy is kept beside it.

One function per step; a step reads the old tables, makes the new ones, and appends what it read.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, append
from reconcile_pipeline.ledger.tables import (
    INDEXES,
    SCHEMA_VERSION,
    accepted_pulls,
    append_only_triggers,
    count_rules,
    decisions,
    mappings,
    metadata,
    moved_ids,
    psa_moves,
    versions,
)

Make = Callable[[sa.Connection], None]
_NEW_SINCE = {2: [psa_moves, moved_ids, count_rules], 3: [count_rules], 4: []}
"""Kinds of entries that an older schema did not have; schema 4 had no indexes of its own."""
_FROM_FIRST = "moved from schema 1"


def migrate(connection: sa.Connection, version: int, make: Make, path: Path | None) -> None:
    """Move a ledger of an older schema forward, inside the caller's transaction."""
    if path is not None:
        _keep_copy(path, version)
    if version == 1:
        _from_first(connection, make)
    else:
        _add(connection, _NEW_SINCE[version])


def _keep_copy(path: Path, version: int) -> None:
    target = path.with_name(f"{path.name}.schema-{version}")
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _from_first(connection: sa.Connection, make: Make) -> None:
    """Schema 1 had mappings, decisions and accepted pulls, and no chain."""
    order = {"mappings": "entry_id", "decisions": "decided_at", "accepted_pulls": "accepted_at"}
    old = {
        name: [
            dict(row)
            for row in connection.exec_driver_sql(
                f"select * from {name} order by {column}"  # noqa: S608 - our own names
            ).mappings()
        ]
        for name, column in order.items()
    }
    for name in (*order, "schema_version"):
        connection.exec_driver_sql(f"drop table {name}")
    make(connection)
    for row in old["mappings"]:
        del row["entry_id"]
        append(connection, mappings, row, _stamp(row["decided_by"], row["decided_at"]))
    for row in old["decisions"]:
        entry = _decision(row)
        append(connection, decisions, entry, _stamp(row["reviewer"], row["decided_at"]))
    for row in old["accepted_pulls"]:
        append(connection, accepted_pulls, row, _stamp(row["accepted_by"], row["accepted_at"]))


def _add(connection: sa.Connection, new: list[sa.Table]) -> None:
    """Add what the older schema did not have; nothing that is there changes."""
    metadata.create_all(connection, tables=new)
    names = [table.name for table in new]
    for statement in append_only_triggers(connection.dialect.name, names):
        connection.exec_driver_sql(statement)
    for index in INDEXES:
        index.create(connection, checkfirst=True)
    connection.execute(versions.update().values(version=SCHEMA_VERSION))


def _decision(row: dict[str, Any]) -> dict[str, Any]:
    """What schema 1 did not keep stays empty: such a decision is shown, and never written.

    Its id is made anew, as the ids of schema 2 are; the key keeps the old one.
    """
    name = f"{row['card_id']}|{row['card_version']}|1"
    return row | {
        "decision_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "client_key": f"schema-1:{row['decision_id']}",
        "turn": 1,
        "company_id": "",
        "company_name": "",
        "service_group_id": "",
        "service_name": "",
        "finding": "",
    }


def _stamp(by: str, at: str) -> Stamp:
    return Stamp(by=by, at=datetime.fromisoformat(at), origin=_FROM_FIRST)
