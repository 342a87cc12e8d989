"""Statuses, classes and cycles that nobody has heard of: shown with a reason, never just gone."""

from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import at
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.core_tables import CORE_TABLES
from reconcile_pipeline.warehouse.sql_files import run_core

pytestmark = pytest.mark.long

NEVER_HEARD_OF = "Semi-retired"
IDS = {
    "companies": "company_id",
    "agreements": "agreement_id",
    "agreement_lines": "line_id",
    "accounts": "account_id",
    "entities": "entity_id",
}
"""Where a record may stand in the core tables, besides the list of what is left out."""

Core = tuple[set[str], list[tuple[Any, ...]], set[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def warehouse() -> Any:
    with duckdb.connect(config={"threads": 1}) as connection:
        create_tables(connection)
        yield connection


def read_core(connection: Any, bench: Any, manifest: Manifest) -> Core:
    """Ids that stand anywhere; what is counted; and what is left out, with its reason."""
    for table in CORE_TABLES:
        connection.execute(f"delete from {table.qualified}")  # noqa: S608 - our own names
    folder = bench.landing / manifest.relative_path
    files = [str(folder / stream.file) for stream in manifest.streams]
    connection.read_parquet(files).create_view("raw_pages", replace=True)
    named = {
        "system": manifest.system,
        "pull_id": "p1",
        "period": manifest.period,
        "on": date.fromisoformat(manifest.on),
        "as_of": datetime(2026, 11, 22, 12),  # noqa: DTZ001 - core's instants are UTC, without a zone
    }
    run_core(connection, manifest.kind, named)
    rows = connection.sql
    places = {
        str(found)
        for table, column in IDS.items()
        for (found,) in rows(f"select {column} from core.{table}").fetchall()  # noqa: S608
    }
    left_out = set(
        rows("select record_kind, record_id, account_id, reason from core.left_out").fetchall()
    )
    places |= {str(part) for row in left_out for part in row[1:3]}
    counted = rows(
        # Of another class: then it counts under another name.
        "select account_id, sum(qty) from core.usage group by all"
        " union all select agreement_id, sum(qty) from core.agreement_lines"
        " where excluded_reason is null group by all order by all"
    ).fetchall()
    return places, counted, left_out


@pytest.mark.fault(42)
def test_state_that_nobody_knows(
    bench: Any, kind: str, clean: Any, facts: dict[str, Any], warehouse: Any
) -> None:
    """Records in an unknown state are left out by name, count as before, or fail the pull."""
    listed, field = facts[kind].state
    before = read_core(warehouse, clean[0], clean[1][kind])
    stream = bench.stream(kind, listed)
    changed: set[str] = set()

    def change(rows: list[Record]) -> None:
        # Every other one: where all are unknown, nothing may be left to ask for.
        for row in rows[::2]:
            *parents, last = field.split(".")
            place = row
            for name in parents:
                place = place[name]
            if last not in place:
                continue
            is_number = isinstance(place[last], int) and not isinstance(place[last], bool)
            place[last] = 7777 if is_number else NEVER_HEARD_OF
            changed.add(str(at(row, stream.key)))

    bench.edit_rows(kind, stream, change)
    manifest = bench.pull(kind)
    assert changed
    if manifest.state == "failed":
        told = manifest.reason
        assert NEVER_HEARD_OF in told or "7777" in told or field in told, told
        return
    places, counted, left_out = read_core(warehouse, bench, manifest)
    assert changed & before[0] <= places, "a record is gone without a word"
    assert counted == before[1] or left_out > before[2] or left_out - before[2]
