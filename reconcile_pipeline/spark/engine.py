"""Fills a table of `map` or `recon` on Spark: inputs to the lake, one statement, its rows back.

What Spark reads is what the warehouse holds at this instant: each part of each input is known by a
fingerprint of its rows, and written to the lake unless it is there already. What Spark made goes to
the lake and from there into the warehouse, by name and with the table's own types, as DuckDB's own
rows do. So whatever comes after can't tell which engine it was.
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any

import duckdb
import pyarrow as pa

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.spark.frames import Frame, Session
from reconcile_pipeline.spark.lake import Lake, Part, Rows
from reconcile_pipeline.spark.parts import columns_of, part_made, parts_of, rows_of
from reconcile_pipeline.spark.session import first_line
from reconcile_pipeline.spark.translate import Translated, translated, view_name
from reconcile_pipeline.warehouse.tables import Kind, Table

Connection = duckdb.DuckDBPyConnection
ARROW_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "decimal": pa.decimal128(18, 4),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
SPARK_TYPES: dict[Kind, str] = {
    "text": "string",
    "decimal": "decimal(18,4)",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp_ntz",
}


class SparkEngine:
    """One session and one lake; called, it fills a table: see `Fill` in `warehouse/build.py`."""

    def __init__(self, session: Session, lake: Lake) -> None:
        """Take both opened: see `reconcile_pipeline/engines.py`."""
        self._session = session
        self._lake = lake
        self._made: dict[Part, tuple[str, str]] = {}
        """Fingerprint and folder of what Spark made itself."""
        self._turn = Lock()

    def __call__(self, connection: Connection, table: Table, parameters: Mapping[str, Any]) -> None:
        """Append what the table's own SQL file selects; see `sql_files.fill_table`.

        Raises:
            PipelineError: `storage`, when Spark gives up; nothing is in the warehouse then.
        """
        from py4j.protocol import Py4JError  # noqa: PLC0415 - comes with pyspark
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra

        statement = translated(table)
        with self._turn:
            try:
                self._fill(connection, table, statement, parameters)
            except (PySparkException, Py4JError) as error:
                raise PipelineError(
                    f"Spark could not fill {table.qualified}: {first_line(error)}",
                    next_step="Look into Spark's log, then start this again; a month is also built"
                    ' without Spark: [compute] engine = "duckdb".',
                    category=Category.STORAGE,
                ) from error

    def _fill(
        self,
        connection: Connection,
        table: Table,
        statement: Translated,
        parameters: Mapping[str, Any],
    ) -> None:
        for name in sorted(statement.inputs):
            parts = parts_of(connection, name, table, parameters)
            paths = [self._mirrored(connection, part, rows) for part, rows in parts]
            self._frame(name, paths).createOrReplaceTempView(view_name(name))
        values = {name: parameters[name] for name in statement.parameters}
        made = self._session.sql(statement.text, args=values).selectExpr(
            *(f"cast({c.name} as {SPARK_TYPES[c.kind]}) as {c.name}" for c in table.columns)
        )
        part = part_made(table, parameters)
        schema = pa.schema([(c.name, ARROW_TYPES[c.kind]) for c in table.columns])
        rows, found = self._lake.keep(part, made, schema)
        _insert(connection, table, found, statement.order)
        # Known by what the warehouse now holds: the next statement finds it in the lake.
        prints = dict(parts_of(connection, part.table, table, parameters))
        self._made[part] = (prints.get(part, ""), rows)

    def _frame(self, name: str, paths: list[str]) -> Frame:
        kinds = columns_of(name)
        if not paths:
            nulls = (f"cast(null as {SPARK_TYPES[kind]}) as {name}" for name, kind in kinds.items())
            return self._session.sql(f"select {', '.join(nulls)} where false")
        schema = ", ".join(f"{column} {SPARK_TYPES[kind]}" for column, kind in kinds.items())
        # With its schema told, no file is opened before the statement runs.
        frame: Frame = self._session.read.schema(schema).parquet(*paths)
        return frame

    def _mirrored(self, connection: Connection, part: Part, rows: str) -> str:
        """See that the lake holds these rows; returns where."""
        known, folder = self._made.get(part, ("", ""))
        if known == rows and self._lake.has(part, folder):
            return self._lake.path_of(part, folder)
        if not self._lake.has(part, rows):
            self._lake.mirror(part, rows, rows_of(connection, part))
        return self._lake.path_of(part, rows)


def _insert(connection: Connection, table: Table, rows: Rows, order: tuple[str, ...]) -> None:
    connection.register("spark_rows", rows)
    sort = f" order by {', '.join(order)}" if order else ""
    query = f"insert into {table.qualified} by name select * from spark_rows{sort}"  # noqa: S608
    connection.execute(query).fetchall()
    connection.unregister("spark_rows")
