"""What all assets share: the month partition, failures people can read, table metadata.

Leaf module: imports no other asset module.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from unicodedata import category

import dagster as dg
import duckdb

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.tables import SQL_TYPES

OWNERS = ["team:billing"]
PREVIEW_ROWS = 10
_MARKUP = re.compile(r"[\\|\[\]!`*_]")
"""What Markdown reads; a name from outside may hold any of it."""
Facts = dict[str, dg.MetadataValue | int | float | str]
"""What a materialization tells beside its table."""

RAW, CORE, MAP, RECON, REVIEW, REPORTS = "raw", "core", "map", "recon", "review", "reports"


def monthly(first_period: str, timezone: str) -> dg.MonthlyPartitionsDefinition:
    """One partition per billing period; the offset makes the month that is still open a key."""
    return dg.MonthlyPartitionsDefinition(
        start_date=first_period, fmt="%Y-%m", end_offset=1, timezone=timezone
    )


def review_url(installation: Installation, period: str) -> str:
    """Where a person looks at the month: its overview in the review app."""
    return f"{installation.site.settings.review.address}/?period={period}"


def table_spec(name: str, *, deps: list[str], group: str, more: str = "") -> dg.AssetSpec:
    """The asset of one warehouse table, described from its specification."""
    table = TABLES[name]
    return dg.AssetSpec(
        key=name.split("."),
        deps=[dg.AssetKey(dep.split(".")) for dep in deps],
        description=f"{table.comment}\n\n{more}".strip(),
        group_name=group,
        kinds={"duckdb", "sql"},
        owners=OWNERS,
        metadata={
            "dagster/table_name": name,
            "dagster/column_schema": column_schema(name),
            "key": ", ".join(table.key),
        },
    )


def column_schema(name: str) -> dg.TableSchema:
    """The table's columns for the Dagster UI."""
    table = TABLES[name]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=SQL_TYPES[column.kind],
                description=column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=column.is_nullable, unique=table.key == (column.name,)
                ),
            )
            for column in table.columns
        ]
    )


def row_count(connection: duckdb.DuckDBPyConnection, name: str, period: str) -> int:
    """Rows of the table that belong to the period."""
    columns = TABLES[name].column_names
    if "period" in columns:
        where = "period = $period"
    elif "pull_id" not in columns:
        query = f"select count(*) from {name}"  # noqa: S608 - closed catalogue
        return int(connection.execute(query).fetchall()[0][0])
    else:
        where = "pull_id in (select pull_id from core.pulls where period = $period)"
    query = f"select count(*) from {name} where {where}"  # noqa: S608 - closed catalogue
    return int(connection.execute(query, {"period": period}).fetchall()[0][0])


def materialized(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    period: str,
    **metadata: dg.MetadataValue | float | str,
) -> dg.MaterializeResult[None]:
    """The result of filling one table: its rows for this period, and numbers worth plotting."""
    return dg.MaterializeResult(
        asset_key=name.split("."),
        metadata={"dagster/partition_row_count": row_count(connection, name, period), **metadata},
    )


def markdown_table(header: list[str], rows: list[tuple[object, ...]]) -> dg.MarkdownMetadataValue:
    """A short table for the asset's page; at most ten rows, the rest is in the warehouse."""
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(_cell(value) for value in row) for row in rows[:PREVIEW_ROWS]]
    return dg.MetadataValue.md("\n".join(f"| {line} |" for line in lines))


@contextmanager
def readable_failures() -> Iterator[None]:
    """Turn the pipeline's own errors into failures that show the sentence and the next step."""
    try:
        yield
    except PipelineError as error:
        raise dg.Failure(
            description=f"{error.message}\nNext: {error.next_step}",
            metadata={"next_step": error.next_step, "category": str(error.category)},
            allow_retries=False,
        ) from error


def _cell(value: object) -> str:
    """One cell's text: no line of its own, no markup, and no link or picture from elsewhere."""
    text = "–" if value is None else str(value)
    line = " ".join("".join(" " if category(char) == "Cc" else char for char in text).split())
    return _MARKUP.sub(r"\\\g<0>", line).replace("<", "&lt;")
