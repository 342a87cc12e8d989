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
    """DDL for every schema and table that does not exist yet, comments included."""
    statements = [f"create schema if not exists {schema}" for schema in SCHEMAS]
    for table in TABLES.values():
        columns = ", ".join(_column(column) for column in table.columns)
        statements.append(f"create table if not exists {table.qualified} ({columns})")
        statements.append(f"comment on table {table.qualified} is {_literal(table.comment)}")
        statements.extend(
            f"comment on column {table.qualified}.{column.name} is {_literal(column.comment)}"
            for column in table.columns
        )
    return statements


def _column(column: Column) -> str:
    nullable = "" if column.is_nullable else " not null"
    return f"{column.name} {SQL_TYPES[column.kind]}{nullable}"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
