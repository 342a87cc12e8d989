"""Which parts of an input a statement reads, each with a fingerprint of its rows in the warehouse.

A core table is split by pull: a pull's rows never change, and a month rests on the pulls that are
its evidence. Tables of `map`, `recon` and `review` are split by month, what the ledger lends to a
build is one part. Asks the warehouse and writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from reconcile_pipeline.spark.lake import Part
from reconcile_pipeline.warehouse.build import MAPPING_COLUMNS, RULE_COLUMNS
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.core_tables import CORE_TABLES
from reconcile_pipeline.warehouse.tables import Kind, Table

Connection = duckdb.DuckDBPyConnection
FROM_LEDGER: dict[str, pa.Schema] = {
    "ledger_mappings": MAPPING_COLUMNS,
    "ledger_count_rules": RULE_COLUMNS,
}
"""Temporary tables of a build: what the ledger says, for one month."""
BY_PULL = frozenset(table.qualified for table in CORE_TABLES if table.name != "pulls")
EVERY_PULL = "map.usage_by_pull"
"""Split by pull as well, and all pulls of its month are read, not its evidence alone."""
_LEDGER_KINDS: dict[pa.DataType, Kind] = {
    pa.string(): "text",
    pa.decimal128(18, 4): "decimal",
    pa.timestamp("us"): "timestamp",
}


@dataclass(frozen=True)
class _Reading:
    """How the parts of one input are asked for: SQL of closed lists, and the values it names."""

    period: str
    system: str
    pull_id: str
    condition: str
    values: dict[str, Any]


def columns_of(name: str) -> dict[str, Kind]:
    """The columns of an input and their kinds, in order."""
    if name in FROM_LEDGER:
        return {field.name: _LEDGER_KINDS[field.type] for field in FROM_LEDGER[name]}
    return {column.name: column.kind for column in TABLES[name].columns}


def parts_of(
    connection: Connection, name: str, target: Table, parameters: Mapping[str, Any]
) -> list[tuple[Part, str]]:
    """Every part of `name` that the statement of `target` reads, and the fingerprint of its rows.

    The fingerprint says how many rows there are and what is in them, in whatever order.
    """
    reading = _reading(name, target, parameters)
    query = (
        f"select {reading.period}, {reading.system}, {reading.pull_id},"  # noqa: S608 - closed lists
        f" concat(count(*), '-', sum(hash(t))) from {name} as t"
        f" where {reading.condition} group by 1, 2, 3 order by 1, 2, 3"
    )
    found = connection.execute(query, reading.values).fetchall()
    return [
        (Part(name, period or parameters["period"], system, pull_id), rows)
        for period, system, pull_id, rows in found
    ]


def rows_of(connection: Connection, part: Part) -> duckdb.DuckDBPyRelation:
    """The rows of a part, in the warehouse."""
    query = f"select {', '.join(columns_of(part.table))} from {part.table}"  # noqa: S608 - closed list
    if part.pull_id:
        return connection.sql(f"{query} where pull_id = $id", params={"id": part.pull_id})
    if part.table in FROM_LEDGER:
        return connection.sql(query)
    return connection.sql(f"{query} where period = $period", params={"period": part.period})


def part_made(target: Table, parameters: Mapping[str, Any]) -> Part:
    """The part that a statement makes."""
    pull_id = parameters["pull_id"] if target.qualified == EVERY_PULL else ""
    return Part(target.qualified, parameters["period"], pull_id=pull_id)


def _reading(name: str, target: Table, parameters: Mapping[str, Any]) -> _Reading:
    period = {"period": parameters["period"]}
    if name in FROM_LEDGER:
        return _Reading("''", "''", "''", "true", {})
    if name == EVERY_PULL:
        return _Reading("t.period", "''", "t.pull_id", "t.period = $period", period)
    if name in BY_PULL and target.qualified == EVERY_PULL:
        one = {"pull_id": parameters["pull_id"]}
        return _Reading("''", "t.system", "t.pull_id", "t.pull_id = $pull_id", one)
    if name in BY_PULL:
        evidence = "select pull_id from core.pulls where period = $period and is_evidence"
        return _Reading("''", "t.system", "t.pull_id", f"t.pull_id in ({evidence})", period)
    # Cards look back at earlier months' cards, and an undone write-back may be of another month.
    is_looking_back = name == target.qualified or name.startswith("review.")
    months = "t.period <= $period" if is_looking_back else "t.period = $period"
    return _Reading("t.period", "''", "''", months, period)
