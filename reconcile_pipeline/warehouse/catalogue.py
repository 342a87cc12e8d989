"""All table specifications by name, and the DDL and comments derived from them."""

from reconcile_pipeline.warehouse.core_tables import CORE_TABLES
from reconcile_pipeline.warehouse.recon_tables import MAP_TABLES, RECON_TABLES
from reconcile_pipeline.warehouse.review_tables import REVIEW_TABLES
from reconcile_pipeline.warehouse.tables import SQL_TYPES, Column, Table

TABLES: dict[str, Table] = {
    table.qualified: table for table in (*CORE_TABLES, *MAP_TABLES, *RECON_TABLES, *REVIEW_TABLES)
}
SCHEMAS = ("core", "map", "recon", "review")


def create_statements() -> list[str]:
    """DDL for every schema and table that does not exist yet."""
    schemas = [f"create schema if not exists {schema}" for schema in SCHEMAS]
    return [*schemas, *(_create(table) for table in TABLES.values())]


def comments() -> dict[tuple[str, str | None], str]:
    """What analysts read about each table, and about each column; by table and column (None)."""
    told: dict[tuple[str, str | None], str] = {}
    for name, table in TABLES.items():
        told[name, None] = table.comment
        told |= {(name, column.name): column.comment for column in table.columns}
    return told


def comment_statement(table: str, column: str | None, comment: str) -> str:
    """Write a comment beside its table or column."""
    what = f"table {table}" if column is None else f"column {table}.{column}"
    return f"comment on {what} is {_literal(comment)}"


def _create(table: Table) -> str:
    columns = ", ".join(_column(column) for column in table.columns)
    return f"create table if not exists {table.qualified} ({columns})"


def _column(column: Column) -> str:
    nullable = "" if column.is_nullable else " not null"
    return f"{column.name} {SQL_TYPES[column.kind]}{nullable}"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
