"""Pushed counts as core rows: every landed pair ends in usage or on a list, and zeros say why."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

AT = "2026-11-22T07:00:00.000000+00:00"


def pair(account: str, quantity: str, basis: str = "pushed", batch: str = "api-1") -> Any:
    return {
        "pair": json.dumps([account, "s"]),
        "account_id": account,
        "service_id": "s",
        "quantity": quantity,
        "as_of": AT,
        "pushed_at": AT,
        "batch_id": batch,
        "row_no": 1,
        "basis": basis,
    }


LISTS: dict[str, Any] = {
    "counts": [
        pair("a", "42"),
        pair("b", "0.5"),
        pair("c", "0", "absent_in_run"),
        pair("d", "9", "not_in_last_run"),
    ],
    "accounts": [
        {"account_id": name, "name": name.upper(), "excluded_reason": None} for name in "abcd"
    ]
    + [{"account_id": "e", "name": "E", "excluded_reason": "no_counts_pushed_this_month"}],
    "services": [
        {"service_id": "s", "name": "EDR", "unit": "agent", "is_absence_unknown": False},
        {"service_id": "t", "name": "Vault", "unit": "unit", "is_absence_unknown": True},
    ],
    "rejected": [pair("e", "3") | {"reason": "no_counts_pushed_this_month"}],
}


@pytest.fixture
def core() -> Iterator[Any]:
    with duckdb.connect() as connection:
        create_tables(connection)
        connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        pages = [(name, json.dumps(rows), 1) for name, rows in LISTS.items()]
        connection.executemany("insert into raw_pages values (?, ?, ?)", pages)
        run_core(connection, "push", {"system": "my_edr", "pull_id": "p1", "as_of": None})

        def rows(table: str, columns: str) -> list[tuple[Any, ...]]:
            query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our names
            return connection.execute(query).fetchall()

        yield rows


def test_every_count_of_the_month_is_used(core: Any) -> None:
    """Pushed, absent and stale counts are usage with the instant of their push in UTC."""
    found = core("usage", "account_id, qty, usage_id, cast(as_of as varchar)")
    assert [(account, qty, usage) for account, qty, usage, _as_of in found] == [
        ("a", Decimal(42), "api-1 row 1"),
        ("b", Decimal("0.5"), "api-1 row 1"),
        ("c", Decimal(0), "absent_in_run api-1"),
        ("d", Decimal(9), "api-1 row 1"),
    ]
    assert {as_of for *_others, as_of in found} == {"2026-11-22 07:00:00"}


def test_what_was_not_pushed_as_it_stands_is_listed_with_its_reason(core: Any) -> None:
    """Zeros made of silence, stale counts, pairs and accounts of earlier months: each by name."""
    assert core("left_out", "record_kind, account_id, service_id, reason, qty") == [
        ("absent_count", "c", "s", "absent_in_run", Decimal(0)),
        ("absent_count", "d", "s", "not_in_last_run", Decimal(0)),
        ("account", "e", None, "no_counts_pushed_this_month", None),
        ("count", "e", "s", "no_counts_pushed_this_month", None),
    ]


def test_landed_pairs_are_counted_before_any_rule(core: Any) -> None:
    """The control total holds what was landed: conservation compares the lists with it."""
    assert core("control_totals", "measure, records, qty") == [("count", 5, Decimal("51.5"))]


def test_accounts_and_services_tell_what_is_unknown(core: Any) -> None:
    """An account this month says nothing of is out; a service may leave absence unknown."""
    assert core("accounts", "account_id, name, excluded_reason")[-1] == (
        "e",
        "E",
        "no_counts_pushed_this_month",
    )
    assert core("services", "service_id, unit, is_absence_unknown") == [
        ("s", "agent", False),
        ("t", "unit", True),
    ]
