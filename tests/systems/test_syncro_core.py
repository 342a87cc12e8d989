"""Syncro's pages as core rows: what counts, what is left out and why, nothing lost."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]


class Psa:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.details: list[Row] = []
        self.customers: list[Row] = [{"id": 10, "business_name": "Acme", "disabled": False}]
        self.products: list[Row] = [
            {"id": 77, "name": "Seat", "price_retail": 22.0, "price_cost": 18.7, "quantity": 900}
        ]
        self.schedules: list[Row] = [
            {
                "id": 100,
                "customer_id": 10,
                "name": "Monthly",
                "frequency": "Monthly",
                "paused": False,
                "lines": [],
            }
        ]

    def line(self, number: int, quantity: str = "5.0", schedule: int = 0, **changes: Any) -> None:
        record = {
            "id": number,
            "product_id": 77,
            "name": "Seat",
            "quantity": quantity,
            "retail_cents": 2250,
            "cost_cents": 1870,
            "one_time_charge": False,
        }
        self.schedules[schedule]["lines"].append(record | changes)

    def core(self) -> None:
        lists = ("customers", "schedules", "products")
        pages = [(name, json.dumps({name: getattr(self, name)}), 1) for name in lists]
        pages += [("schedule_details", json.dumps({"schedule": row}), 1) for row in self.details]
        rules = [{"day": "2026-11-22", "currency": "USD"}]
        pages.append(("counting_rules", json.dumps(rules), 1))
        self._connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?)", pages)
        run_core(self._connection, "syncro", {"system": "syncro", "pull_id": "p1"})

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()


@pytest.fixture
def psa() -> Iterator[Psa]:
    with duckdb.connect() as connection:
        create_tables(connection)
        yield Psa(connection)


def test_a_line_is_read_to_the_last_cent(psa: Psa) -> None:
    """The text quantity is a number, cents are money, and stock on hand is nobody's units."""
    psa.line(1, "9.99")
    psa.core()
    columns = "line_id, agreement_id, company_id, product_id, qty, unit_price, unit_cost, currency"
    assert psa.rows("agreement_lines", columns) == [
        ("1", "100", "10", "77", Decimal("9.99"), Decimal("22.5"), Decimal("18.7"), "USD")
    ]
    assert psa.rows("control_totals", "records, qty") == [(1, Decimal("9.99"))]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({"business_name": "Acme", "business_then_name": "X", "fullname": "Dana Reed"}, "Acme"),
        ({"business_name": None, "business_then_name": "Pat Solo", "fullname": "P"}, "Pat Solo"),
        ({"business_name": " ", "fullname": "Pat Solo"}, "Pat Solo"),
        ({"business_name": None}, "Customer 10"),
    ],
)
def test_whoever_is_no_business_has_a_name(psa: Psa, names: Row, shown: str) -> None:
    """Residential customers have no business name; nobody is nameless."""
    psa.customers = [{"id": 10, "disabled": False} | names]
    psa.core()
    assert psa.rows("companies", "name") == [(shown,)]


def test_what_does_not_count_is_named(psa: Psa) -> None:
    """Disabled customers, paused schedules and lines charged once: each with its reason."""
    psa.customers += [{"id": 11, "business_name": "Old", "disabled": True}]
    psa.schedules += [
        psa.schedules[0] | {"id": 101, "paused": True, "lines": []},
        psa.schedules[0] | {"id": 102, "customer_id": 11, "lines": []},
        psa.schedules[0] | {"id": 103, "customer_id": 99, "lines": []},
    ]
    psa.line(1, one_time_charge=True)
    for number in (1, 2, 3):
        psa.line(10 + number, schedule=number)
    psa.line(2)
    psa.core()
    assert psa.rows("left_out", "record_kind, record_id, reason") == [
        ("agreement", "101", "paused"),
        ("agreement_line", "1", "one_time"),
        ("agreement_line", "11", "agreement_excluded"),
        ("agreement_line", "12", "company_excluded"),
        ("agreement_line", "13", "company_unknown"),
        ("company", "11", "disabled"),
    ]
    counted = psa.rows("agreement_lines", "line_id, excluded_reason")
    assert [line for line, reason in counted if reason is None] == ["2"]
    assert psa.rows("control_totals", "records, qty") == [(5, 25)]


def test_a_manual_line_is_a_product_of_its_own(psa: Psa) -> None:
    """Without a product the schedule and the line's text name it, so that somebody can map it."""
    psa.line(1, product_id=None, name="On-site  Visit")
    psa.line(2, "2.0", product_id=None, name="on-site visit")
    psa.core()
    own = "manual:100:on-site visit"
    assert psa.rows("agreement_lines", "line_id, product_id") == [("1", own), ("2", own)]
    products = psa.rows("products", "product_id, name")
    assert products[0] == ("77", "Seat")
    assert [product for product, _name in products[1:]] == [own]


@pytest.mark.parametrize(
    "field",
    [
        "recurring_type_id",
        "asset_type_id",
        "saved_asset_search_id",
        "contact_field_type_id",
        "contact_field_answer_id",
    ],
)
def test_lines_that_syncro_counts_are_marked(psa: Psa, field: str) -> None:
    """They count like any other, and are never written."""
    psa.line(1, **{field: 3})
    psa.line(2, **{field: None})
    psa.core()
    found = psa.rows("agreement_lines", "line_id, is_auto_counted, excluded_reason")
    assert found == [("1", True, None), ("2", False, None)]


def test_the_single_schedule_tells_more_than_the_list(psa: Psa) -> None:
    """Where a schedule was asked for its lines, those count, once."""
    psa.line(1)
    psa.details = [dict(psa.schedules[0])]
    psa.schedules = [psa.schedules[0] | {"lines": []}]
    psa.core()
    assert psa.rows("agreement_lines", "line_id, qty") == [("1", 5)]


def test_what_is_landed_twice_counts_once(psa: Psa) -> None:
    """The same customer, schedule, line or product on two pages is one."""
    psa.line(1)
    psa.schedules[0]["lines"] *= 2
    psa.customers *= 2
    psa.schedules *= 2
    psa.products *= 2
    psa.core()
    assert psa.rows("agreement_lines", "line_id, qty") == [("1", 5)]
    assert psa.rows("control_totals", "records, qty") == [(1, 5)]
    assert len(psa.rows("companies", "company_id") + psa.rows("products", "product_id")) == 2


def test_units_of_all_frequencies_are_added_up(psa: Psa) -> None:
    """A yearly and a monthly schedule of one product are units in use alike."""
    psa.schedules += [psa.schedules[0] | {"id": 101, "frequency": "Annually", "lines": []}]
    psa.line(1)
    psa.line(2, "7.0", schedule=1)
    psa.core()
    assert psa.rows("agreements", "billing_cycle") == [("Annually",), ("Monthly",)]
    assert sum(qty for (qty,) in psa.rows("agreement_lines", "qty")) == 12
