"""Tables as specified: comments everywhere, exact types, Pandera schemas that notice."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables, describe_tables, replace_rows
from reconcile_pipeline.warehouse.catalogue import SCHEMAS, TABLES
from reconcile_pipeline.warehouse.schemas import failure_cases

PERIOD = "2026-11"
Pair = Callable[..., Any]
COLUMNS = (
    "select concat(schema_name, '.', table_name), column_name, data_type, is_nullable, comment"
    " from duckdb_columns() where schema_name in ('core', 'map', 'recon', 'review')"
)


@pytest.fixture(scope="module")
def columns(shared_connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """(table, column, type, is nullable, comment) as DuckDB tells it."""
    return shared_connection.execute(COLUMNS).fetchall()


def test_every_table_and_column_explains_itself(
    shared_connection: duckdb.DuckDBPyConnection,
) -> None:
    """Analysts find a sentence on each table and each column, in DuckDB itself."""
    describe_tables(shared_connection)
    tables = shared_connection.execute(
        "select concat(schema_name, '.', table_name), comment from duckdb_tables()"
        " where not temporary"
    ).fetchall()
    assert dict(tables) == {name: table.comment for name, table in TABLES.items()}
    columns = shared_connection.execute(COLUMNS).fetchall()
    told = {(table, column): comment for table, column, *_type, comment in columns}
    wanted = {
        (name, column.name): column.comment
        for name, table in TABLES.items()
        for column in table.columns
    }
    assert told == wanted
    assert min(len(comment) for comment in told.values()) > 3


def test_quantities_and_money_are_decimals(columns: list[tuple[Any, ...]]) -> None:
    """No float anywhere; what counts units or money is DECIMAL(18,4)."""
    types = {(table, column): kind for table, column, kind, *_ in columns}
    assert set(types.values()) == {
        "VARCHAR",
        "DECIMAL(18,4)",
        "BIGINT",
        "BOOLEAN",
        "DATE",
        "TIMESTAMP",
    }
    for (table, column), kind in types.items():
        if column.startswith(("qty", "unit_price", "unit_cost", "amount")) or column == "cost":
            assert kind == "DECIMAL(18,4)", (table, column)
        assert (kind == "TIMESTAMP") is column.endswith(("_at", "as_of")), column
        assert (kind == "DATE") is column.endswith("_on"), column
        assert (kind == "BOOLEAN") is column.startswith("is_"), column


def test_keys_are_columns_that_are_always_there() -> None:
    """Each table has a key of its own columns; only a link's product may be missing."""
    for name, table in TABLES.items():
        nullable = {column.name for column in table.columns if column.is_nullable}
        assert set(table.key) <= set(table.column_names), name
        assert len(set(table.column_names)) == len(table.column_names), name
        assert (set(table.key) & nullable) <= {"product_id"}, name
        assert table.schema in SCHEMAS


def test_every_core_table_says_which_pull_it_is_from() -> None:
    """A core row leads back to its pull, everything after it to its period.

    Mappings alone belong to no month: they hold from when they were made.
    """
    without = set()
    for table in TABLES.values():
        needed = "pull_id" if table.schema == "core" else "period"
        if needed not in table.column_names:
            without.add(table.qualified)
    assert without == {"review.mapping_history"}


def test_a_sentence_that_changed_is_written_anew(
    shared_connection: duckdb.DuckDBPyConnection,
) -> None:
    """An older release's words about a column give way to this one's."""
    shared_connection.execute("comment on column recon.cards.finding is 'Something else.'")
    describe_tables(shared_connection)
    told = {
        (table, column): comment
        for table, column, *_type, comment in shared_connection.execute(COLUMNS).fetchall()
    }
    assert told["recon.cards", "finding"] == "What the comparison saw."


def test_creating_twice_keeps_the_rows(books: Any) -> None:
    """Tables that exist are left as they are."""
    books.pull("psa")
    create_tables(books.connection)
    assert books.connection.execute("select count(*) from core.pulls").fetchall() == [(1,)]


def test_empty_tables_are_a_valid_result(books: Any) -> None:
    """No rows at all pass every schema."""
    failures = {name: failure_cases(books.connection, TABLES[name], PERIOD) for name in TABLES}
    assert set(failures.values()) == {None}


def test_what_the_pipeline_builds_passes_its_schemas(pair: Pair) -> None:
    """A period with cards, lists and exclusions breaks no schema of any table."""
    books = pair(5, 8)
    books.line("1", "other", 1, line_id="l2")
    for name in ("free", "out"):
        books.account(name)
        books.usage(name, "s", 3)
    books.map("account", "out", None)
    books.control("pax8", "subscription", 3, 14)
    books.build()
    failures = {name: failure_cases(books.connection, TABLES[name], PERIOD) for name in TABLES}
    assert {name for name, cases in failures.items() if cases is not None} == set()


@pytest.mark.parametrize(
    ("harm", "table", "column"),
    [
        ("update recon.cards set finding = 'maybe'", "recon.cards", "finding"),
        ("update core.pulls set state = 'done' where role = 'psa'", "core.pulls", "state"),
        ("update map.services set leg = 'both'", "map.services", "leg"),
        ("insert into recon.cards from recon.cards", "recon.cards", "card_id"),
        ("insert into core.usage from core.usage", "core.usage", "usage_id"),
    ],
)
def test_a_wrong_value_or_a_key_twice_is_found(
    pair: Pair, harm: str, table: str, column: str
) -> None:
    """A value outside its list, or one key on two rows, comes back as a failure naming it."""
    books = pair(5, 8)
    books.build()
    books.connection.execute(harm)
    cases = failure_cases(books.connection, TABLES[table], PERIOD)
    assert cases is not None
    assert column in str(cases.select("column", "check", "failure_case").rows())
    assert failure_cases(books.connection, TABLES[table], "2026-12") is None


def test_rows_made_in_python_replace_their_periods(books: Any) -> None:
    """A table filled from Python keeps other months, and takes decimals and nulls as they are."""
    row: dict[str, Any] = {
        "period": PERIOD,
        "system": "psa",
        "measure": "read:x",
        "qty_in": Decimal("1.5"),
        "qty_cards": Decimal("0.0001"),
        "qty_unmapped": 0,
        "qty_excluded": 0,
        "qty_missing": 0,
        "records_missing": 0,
        "is_conserved": True,
    }
    for period in (PERIOD, "2026-12"):
        rows = [row | {"period": period}, row | {"period": period, "measure": "read:y"}]
        replace_rows(books.connection, "recon.conservation", rows, period=period)
    replace_rows(books.connection, "recon.conservation", [row], period=PERIOD)
    assert books.rows("recon.conservation") == [row]
    assert len(books.rows("recon.conservation", "2026-12")) == 2
    replace_rows(books.connection, "recon.conservation", [], period=PERIOD)
    assert books.rows("recon.conservation") == []


def test_a_failed_replacement_keeps_the_old_rows(books: Any) -> None:
    """Rows are replaced whole or not at all."""
    row = {"period": PERIOD, "service_group_id": "g", "service_name": "G", "member_kind": "product"}
    good = row | {"system": "psa", "member_id": "p"}
    replace_rows(books.connection, "map.service_groups", [good], period=PERIOD)
    with pytest.raises(duckdb.ConstraintException):
        replace_rows(
            books.connection, "map.service_groups", [good | {"member_id": None}], period=PERIOD
        )
    assert books.rows("map.service_groups") == [good]
