"""Find and run the files of the `sql/` folder: parameters bound by name, never by formatting.

A file of `sql/core` is one system kind and holds several statements; every other file is one
`select` that fills the table of its own name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from reconcile_pipeline.warehouse.tables import Table

PACKAGED = Path(__file__).parent.parent / "sql"
SAME_AS = {"pulseway": "kaseya_bms"}
"""Kinds whose pages look like another's, because both are one code base: they share its file."""
CHECKOUT = Path(__file__).parent.parent.parent / "sql"


def sql_folder() -> Path:
    """The SQL files: inside an installed wheel, or at the top of a checkout."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


def sql_file(schema: str, name: str) -> Path:
    """`sql/<schema>/<name>.sql`."""
    return sql_folder() / schema / f"{name}.sql"


def core_file(kind: str) -> Path:
    """The file that turns the pages of one kind of system into core rows."""
    return sql_file("core", SAME_AS.get(kind, kind))


def run_core(
    connection: duckdb.DuckDBPyConnection, kind: str, parameters: Mapping[str, Any]
) -> None:
    """Turn `raw_pages` into core rows: the file of the kind, then what all kinds share."""
    run_file(connection, core_file(kind), parameters)
    run_file(connection, sql_file("core", "left_out"), parameters)


def run_file(
    connection: duckdb.DuckDBPyConnection, path: Path, parameters: Mapping[str, Any]
) -> None:
    """Run every statement of a file, giving each the parameters it names."""
    for statement in duckdb.extract_statements(path.read_text(encoding="utf-8")):
        named = {name: parameters[name] for name in statement.named_parameters}
        connection.execute(statement, named).fetchall()


def fill_table(
    connection: duckdb.DuckDBPyConnection, table: Table, parameters: Mapping[str, Any]
) -> None:
    """Append what the table's own SQL file selects; types and not-null come from the table."""
    select = sql_file(table.schema, table.name).read_text(encoding="utf-8")
    statement = duckdb.extract_statements(f"insert into {table.qualified} by name\n{select}")[0]
    named = {name: parameters[name] for name in statement.named_parameters}
    connection.execute(statement, named).fetchall()
