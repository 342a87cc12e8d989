"""Pandera schemas, made from the table specifications when they are needed.

Made late on purpose: importing Pandera takes two seconds, and the command line needs none of it
until a run checks its tables.
"""

from typing import TYPE_CHECKING

import duckdb

from reconcile_pipeline.warehouse.tables import Column, Kind, Table

if TYPE_CHECKING:
    import pandera.polars as pa
    import polars as pl

ROWS_CHECKED = 250_000
"""Most rows one validation reads; types and not-null hold for all rows by the table's DDL."""


def pandera_schema(table: Table) -> "pa.DataFrameSchema":
    """The strict schema of one table: columns in any order, nothing missing, nothing more."""
    import pandera.polars as pa  # noqa: PLC0415 - two seconds

    return pa.DataFrameSchema(
        {column.name: _pandera_column(column) for column in table.columns},
        strict=True,
        unique=list(table.key),
        name=table.qualified,
    )


def failure_cases(
    connection: duckdb.DuckDBPyConnection, table: Table, period: str
) -> "pl.DataFrame | None":
    """Validate the period's rows; None when all is well, else one row per failure."""
    import pandera.errors  # noqa: PLC0415 - two seconds

    frame = connection.sql(_select(table), params={"period": period}).pl()
    try:
        pandera_schema(table).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
        return cases
    return None


def _select(table: Table) -> str:
    names = ", ".join(table.column_names)
    if "period" in table.column_names:
        where = "period = $period"
    elif "pull_id" not in table.column_names:
        where = "$period = $period"
    else:
        where = "pull_id in (select pull_id from core.pulls where period = $period)"
    return f"select {names} from {table.qualified} where {where} limit {ROWS_CHECKED}"  # noqa: S608 - closed catalogue


def _pandera_column(column: Column) -> "pa.Column":
    import pandera.polars as pa  # noqa: PLC0415 - two seconds

    checks = [pa.Check.isin(list(column.allowed))] if column.allowed else []
    return pa.Column(_polars_type(column.kind), checks=checks, nullable=column.is_nullable)


def _polars_type(kind: Kind) -> "pl.DataType | type[pl.DataType]":
    import polars as pl  # noqa: PLC0415 - half a second

    types: dict[Kind, pl.DataType | type[pl.DataType]] = {
        "text": pl.String,
        "decimal": pl.Decimal(18, 4),
        "integer": pl.Int64,
        "boolean": pl.Boolean,
        "date": pl.Date,
        "timestamp": pl.Datetime("us"),
    }
    return types[kind]
