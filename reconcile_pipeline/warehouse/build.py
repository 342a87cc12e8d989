"""Build one period: landed pages -> core -> map -> recon, each layer in one transaction.

Everything here is a pure function of the landing folder and the ledger's rows; the clock is not
asked. A layer replaces the period's rows and leaves the other periods alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from reconcile_pipeline.landing.evidence import Evidence
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pages import sha256_of
from reconcile_pipeline.matching.groups import group_members
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.warehouse.catalogue import (
    TABLES,
    comment_statement,
    comments,
    create_statements,
)
from reconcile_pipeline.warehouse.core_tables import CORE_TABLES
from reconcile_pipeline.warehouse.sql_files import fill_table, run_core
from reconcile_pipeline.warehouse.tables import Table

RECON_ORDER = (
    "recon.counts",
    "recon.cards",
    "recon.card_lines",
    "recon.discrepancies",
    "recon.unmapped_accounts",
    "recon.unmapped_services",
    "recon.exclusions",
    "recon.conservation",
)
MAPPING_COLUMNS = pa.schema(
    [
        ("kind", pa.string()),
        ("system", pa.string()),
        ("item_id", pa.string()),
        ("item_name", pa.string()),
        ("target_id", pa.string()),
        ("target_name", pa.string()),
        ("leg", pa.string()),
        ("multiplier", pa.decimal128(18, 4)),
        ("state", pa.string()),
        ("method", pa.string()),
        ("decided_by", pa.string()),
        ("decided_at", pa.timestamp("us")),
        ("reason", pa.string()),
    ]
)
RULE_COLUMNS = pa.schema(
    [
        ("system", pa.string()),
        ("service_id", pa.string()),
        ("count_from", pa.string()),
        ("exclude_names", pa.string()),
        ("exclude_classes", pa.string()),
        ("free_units", pa.decimal128(18, 4)),
        ("blocks_of", pa.decimal128(18, 4)),
        ("rounding", pa.string()),
        ("minimum_units", pa.decimal128(18, 4)),
        ("rule", pa.string()),
    ]
)

Connection = duckdb.DuckDBPyConnection
Fill = Callable[[Connection, Table, Mapping[str, Any]], None]
"""What appends the rows that a table's own SQL file selects; DuckDB itself where none is given."""


def create_tables(connection: Connection) -> None:
    """Make every schema and table that is missing; `describe_tables` adds the comments.

    Raises:
        PipelineError: `input`, when another release made the tables that are there.
    """
    _refuse_other_tables(connection)
    with _transaction(connection):
        for statement in create_statements():
            connection.execute(statement)


def describe_tables(connection: Connection) -> None:
    """Write beside tables and columns what they mean, where that is missing or has changed."""
    known = connection.execute(
        "select concat(schema_name, '.', table_name), null, comment from duckdb_tables()"
        " union all"
        " select concat(schema_name, '.', table_name), column_name, comment from duckdb_columns()"
    ).fetchall()
    told = {(table, column): comment for table, column, comment in known}
    # One transaction: four hundred statements would otherwise wait for the disk one by one.
    with _transaction(connection):
        for (table, column), comment in comments().items():
            if told.get((table, column)) != comment:
                connection.execute(comment_statement(table, column, comment))


def _refuse_other_tables(connection: Connection) -> None:
    found: dict[str, set[str]] = {}
    for schema, table, column in connection.execute(
        "select table_schema, table_name, column_name from information_schema.columns"
    ).fetchall():
        found.setdefault(f"{schema}.{table}", set()).add(column)
    for name, table in TABLES.items():
        if name in found and found[name] != set(table.column_names):
            raise PipelineError(
                f"The warehouse was made by another release: {name} has other columns.",
                next_step="Run `reconcile rebuild`: it makes all tables anew from landing and"
                " ledger.",
                category=Category.INPUT,
            )


def build_core(
    connection: Connection,
    *,
    landing: Path,
    period: str,
    attempts: Sequence[Manifest],
    evidence: Sequence[Evidence],
    stale_after: timedelta,
) -> None:
    """Replace the period's core rows by what its current evidence says."""
    with _transaction(connection):
        for table in CORE_TABLES:
            if table.name != "pulls":
                connection.execute(
                    f"delete from {table.qualified} where pull_id in"  # noqa: S608 - closed list
                    " (select pull_id from core.pulls where period = $period)",
                    {"period": period},
                )
        connection.execute("delete from core.pulls where period = $period", {"period": period})
        _insert(connection, "core.pulls", _pull_rows(attempts, evidence, stale_after))
        for item in evidence:
            if item.pull is not None:
                _load_pull(connection, landing, item.pull)


def build_usage_by_pull(
    connection: Connection,
    *,
    landing: Path,
    period: str,
    pulls: Sequence[Manifest],
    fill: Fill | None = None,
) -> None:
    """Keep what each account used at each of these pulls; a pull is read once, whenever it was."""
    with _transaction(connection):
        table = TABLES["map.usage_by_pull"]
        wanted = [pull.pull_id for pull in pulls]
        connection.execute(
            "delete from map.usage_by_pull where period = $period"
            " and not list_contains($wanted, pull_id)",
            {"period": period, "wanted": wanted},
        )
        known = _ids(connection, "select distinct pull_id from map.usage_by_pull")
        loaded = _ids(connection, "select pull_id from core.pulls where is_evidence")
        for pull in pulls:
            if pull.pull_id in known:
                continue
            if pull.pull_id not in loaded:
                _load_pull(connection, landing, pull)
            values = {"period": period, "pull_id": pull.pull_id}
            (fill or fill_table)(connection, table, values)
            if pull.pull_id not in loaded:
                _forget_pull(connection, pull.pull_id)


def _forget_pull(connection: Connection, pull_id: str) -> None:
    for table in CORE_TABLES:
        if table.name != "pulls":
            query = f"delete from {table.qualified} where pull_id = $pull_id"  # noqa: S608 - closed list
            connection.execute(query, {"pull_id": pull_id})


def _ids(connection: Connection, query: str) -> set[str]:
    return {row[0] for row in connection.execute(query).fetchall()}


def build_map(
    connection: Connection,
    *,
    period: str,
    mappings: Sequence[Mapping[str, Any]],
    rules: Sequence[Mapping[str, Any]] = (),
    moved: Mapping[tuple[str, str, str], str] | None = None,
    fill: Fill | None = None,
) -> None:
    """Replace the period's mapping tables by the ledger's mappings, seen from this period.

    `moved` are ids of PSAs that were left: (kind, system, id) -> the id in the period's PSA.
    """
    with _transaction(connection):
        _delete_period(connection, "map.moved_ids", period)
        _insert(connection, "map.moved_ids", _moved_rows(period, moved or {}))
        _load_temporary(connection, "ledger_mappings", mappings, MAPPING_COLUMNS)
        _load_temporary(connection, "ledger_count_rules", rules, RULE_COLUMNS)
        for name in ("map.accounts", "map.services"):
            _replace_period(connection, name, period, fill)
        _delete_period(connection, "map.service_groups", period)
        _insert(connection, "map.service_groups", _groups(connection, period))


def build_recon(connection: Connection, *, period: str, fill: Fill | None = None) -> None:
    """Replace the period's cards, lists and proof."""
    with _transaction(connection):
        for name in RECON_ORDER:
            _replace_period(connection, name, period, fill)


def replace_rows(
    connection: Connection, name: str, rows: Sequence[Mapping[str, Any]], *, period: str
) -> None:
    """Replace the period's rows of a table that is filled from Python."""
    with _transaction(connection):
        _delete_period(connection, name, period)
        _insert(connection, name, rows)


def replace_all(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace every row of a table that belongs to no single period."""
    with _transaction(connection):
        connection.execute(f"delete from {name}")  # noqa: S608 - closed list
        _insert(connection, name, rows)


def build_recon_table(
    connection: Connection, name: str, *, period: str, fill: Fill | None = None
) -> None:
    """Replace one recon table of the period."""
    with _transaction(connection):
        _replace_period(connection, name, period, fill)


def _replace_period(connection: Connection, name: str, period: str, fill: Fill | None) -> None:
    _delete_period(connection, name, period)
    (fill or fill_table)(connection, TABLES[name], {"period": period})


def _delete_period(connection: Connection, name: str, period: str) -> None:
    connection.execute(f"delete from {name} where period = $period", {"period": period})  # noqa: S608 - closed list


def _load_pull(connection: Connection, landing: Path, pull: Manifest) -> None:
    folder = landing / pull.relative_path
    for stream in pull.streams:
        if sha256_of(folder / stream.file) != stream.sha256:
            raise PipelineError(
                f"{folder / stream.file} is not the file that was landed: its hash differs.",
                next_step="Restore the landing folder from its backup, or pull again.",
                category=Category.INPUT,
                system=pull.system,
            )
    files = [str(folder / stream.file) for stream in pull.streams]
    connection.read_parquet(files).create_view("raw_pages", replace=True)
    parameters = {
        "system": pull.system,
        "pull_id": pull.pull_id,
        "period": pull.period,
        "on": date.fromisoformat(pull.on),
        "as_of": _utc(pull.finished_at),
    }
    run_core(connection, pull.kind, parameters)


def _pull_rows(
    attempts: Sequence[Manifest], evidence: Sequence[Evidence], stale_after: timedelta
) -> list[dict[str, Any]]:
    believed = {item.pull.pull_id: item for item in evidence if item.pull is not None}
    rows = []
    for attempt in attempts:
        item = believed.get(attempt.pull_id)
        stale = item is not None and item.is_stale(stale_after)
        latest = item.latest if item is not None and stale else attempt
        rows.append(
            {
                "pull_id": attempt.pull_id,
                "period": attempt.period,
                "system": attempt.system,
                "kind": attempt.kind,
                "role": attempt.role,
                "state": str(attempt.state),
                "mode": str(attempt.mode),
                "is_evidence": item is not None,
                "is_stale": stale,
                "is_grace": attempt.is_grace,
                "started_at": _utc(attempt.started_at),
                "finished_at": _utc(attempt.finished_at),
                "reason": latest.reason,
                "next_step": latest.next_step,
                "calls": attempt.calls,
                "retries": attempt.retries,
                "throttled_seconds": round(attempt.throttled_seconds, 4),
                "pages": attempt.pages,
                "records": attempt.records,
                "landing_path": attempt.relative_path,
            }
        )
    return rows


def _moved_rows(period: str, moved: Mapping[tuple[str, str, str], str]) -> list[dict[str, Any]]:
    return [
        {"period": period, "kind": kind, "from_system": system, "from_id": old, "to_id": new}
        for (kind, system, old), new in moved.items()
    ]


def _groups(connection: Connection, period: str) -> list[dict[str, Any]]:
    links = connection.execute(
        "select system, service_id, service_name, product_id from map.services"
        " where period = $period and state = 'mapped'",
        {"period": period},
    ).fetchall()
    products = connection.execute(
        "select products.system, products.product_id, products.name from core.products"
        " inner join core.pulls on products.pull_id = pulls.pull_id"
        " where pulls.period = $period and pulls.is_evidence",
        {"period": period},
    ).fetchall()
    return [{"period": period, **member} for member in group_members(links, products)]


def _insert(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows made in Python, in one go, typed by the table."""
    if rows:
        batch = pa.Table.from_pylist([dict(row) for row in rows])
        connection.register("new_rows", batch)
        connection.execute(f"insert into {name} by name select * from new_rows")  # noqa: S608 - closed list
        connection.unregister("new_rows")


def _load_temporary(
    connection: Connection, name: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema
) -> None:
    connection.register("new_rows", pa.Table.from_pylist([dict(row) for row in rows], schema))
    connection.execute(f"create or replace temp table {name} as select * from new_rows")  # noqa: S608 - closed list
    connection.unregister("new_rows")


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
