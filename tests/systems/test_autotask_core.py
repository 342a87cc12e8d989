"""Autotask's pages as core rows: what counts, what is left out and why, nothing lost."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
RULES = {
    "day": "2026-12-01",
    "customer_types": ["1"],
    "active_statuses": ["1"],
    "currency": "USD",
}
TABLES = (
    "companies",
    "products",
    "agreement_types",
    "agreements",
    "agreement_lines",
    "left_out",
    "control_totals",
)
CONTRACT = {
    "companyID": 10,
    "contractName": "Managed",
    "contractType": 7,
    "status": 1,
    "startDate": "2025-01-01T00:00:00Z",
    "endDate": "0001-01-01T00:00:00Z",
}


class Psa:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._pages: list[tuple[str, str]] = []
        self._tables: dict[str, list[Row]] = {}
        self.rules: Row = dict(RULES)
        self.lists: dict[str, list[Row]] = {
            "companies": [{"id": 10, "companyName": "Acme", "companyType": 1, "isActive": True}],
            "contracts": [{"id": 100, **CONTRACT}],
            "contract_services": [],
            "contract_service_units": [],
            "contract_service_bundles": [],
            "contract_service_bundle_units": [],
            "services": [{"id": 411, "name": "Managed Server", "isActive": True}],
            "service_bundles": [{"id": 411, "name": "All Inclusive", "isActive": True}],
        }

    def line(self, number: int, *, contract: int = 100, is_bundle: bool = False) -> None:
        name = "contract_service_bundles" if is_bundle else "contract_services"
        item = "serviceBundleID" if is_bundle else "serviceID"
        prices = {"unitPrice": 99.0, "internalCurrencyUnitPrice": 20.5}
        record = {"id": number, "contractID": contract, item: 411, "invoiceDescription": ""}
        self.lists[name].append(record | prices)

    def units(
        self,
        line: int,
        units: int,
        *days: str,
        number: int = 0,
        contract: int = 100,
        is_bundle: bool = False,
    ) -> None:
        """A row of units between two days; by default one that holds the day that counts."""
        name = "contract_service_bundle_units" if is_bundle else "contract_service_units"
        field = "contractServiceBundleID" if is_bundle else "contractServiceID"
        starts_on, ends_on = days or ("2026-12-01", "2026-12-31")
        rows = self.lists[name]
        rows.append(
            {
                "id": number or len(rows) + 1,
                "contractID": contract,
                field: line,
                "units": units,
                "startDate": f"{starts_on}T00:00:00Z",
                "endDate": f"{ends_on}T00:00:00Z",
            }
        )

    def core(self, table: str) -> list[Row]:
        """The rows of a core table; all are made anew once the lists have changed."""
        pages = [(name, json.dumps({"items": rows})) for name, rows in self.lists.items()]
        pages.append(("counting_rules", json.dumps([self.rules])))
        if pages != self._pages:
            self._pages = pages
            self._tables = self._read(pages)
        return self._tables[table]

    def _read(self, pages: list[tuple[str, str]]) -> dict[str, list[Row]]:
        self._connection.execute("begin")
        self._connection.execute("delete from raw_pages")
        self._connection.executemany("insert into raw_pages values (?, 1, ?)", pages)
        parameters = {"system": "autotask", "pull_id": "p1"}
        run_core(self._connection, "autotask", parameters)
        tables = {}
        for table in TABLES:
            result = self._connection.execute(f"select * from core.{table}")  # noqa: S608 - ours
            names = [column[0] for column in result.description]
            tables[table] = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        self._connection.execute("rollback")
        return tables

    def counted(self) -> dict[str, int]:
        """Units of the lines that count, by line."""
        lines = self.core("agreement_lines")
        return {row["line_id"]: int(row["qty"]) for row in lines if row["excluded_reason"] is None}

    def reasons(self) -> dict[str, str]:
        """Why records are left out, by record."""
        return {f"{r['record_kind']} {r['record_id']}": r["reason"] for r in self.core("left_out")}

    def is_conserved(self) -> bool:
        """Whether lines and units that came in are those that count and those left out."""
        [total] = self.core("control_totals")
        kept = [row for row in self.core("agreement_lines") if row["excluded_reason"] is None]
        left = [row for row in self.core("left_out") if row["record_kind"] == "agreement_line"]
        units = sum(row["qty"] for row in (*kept, *left))
        return bool((total["records"], total["qty"]) == (len(kept) + len(left), units))


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        create_tables(connection)
        connection.execute("create temp table raw_pages (stream varchar, page int, body varchar)")
        yield connection


@pytest.fixture
def psa(warehouse: duckdb.DuckDBPyConnection) -> Psa:
    return Psa(warehouse)


def test_units_of_the_day_count(psa: Psa) -> None:
    """The row that holds the day is the line's quantity, ends included; others are not."""
    for number in (1, 2, 3, 4):
        psa.line(number)
    psa.units(1, 42)
    psa.units(2, 7, "2026-11-01", "2026-12-01")
    psa.units(3, 5, "2026-11-01", "2026-11-30")
    psa.units(4, 6, "2026-12-02", "2026-12-31")
    assert psa.counted() == {"1": 42, "2": 7}
    assert psa.reasons() == {
        "agreement_line 3": "no_units_on_day",
        "agreement_line 4": "no_units_on_day",
    }
    assert psa.is_conserved()


def test_rows_that_share_the_day_are_never_added_up(psa: Psa) -> None:
    """The row begun last holds the total; of two begun on one day the higher id."""
    psa.line(1)
    psa.line(2)
    psa.units(1, 10, "2026-11-01", "2026-12-01", number=30)
    psa.units(1, 12, "2026-12-01", "2026-12-31", number=9)
    psa.units(2, 3, "2026-12-01", "2026-12-01", number=99)
    psa.units(2, 4, "2026-12-01", "2026-12-31", number=100)
    assert psa.counted() == {"1": 12, "2": 4}
    assert psa.is_conserved()


def test_a_line_without_units_is_explained(psa: Psa) -> None:
    """Zero units and no row at all are two different reasons, and both leave a whole record."""
    psa.line(1)
    psa.line(2)
    psa.units(1, 0)
    assert psa.counted() == {}
    assert psa.reasons() == {
        "agreement_line 1": "zero_units",
        "agreement_line 2": "no_units_on_day",
    }
    lines = psa.core("agreement_lines")
    assert [(row["qty"], row["description"]) for row in lines] == [(0, "Managed Server")] * 2


def test_bundles_are_lines_and_products_of_their_own(psa: Psa) -> None:
    """Numbers of services and bundles overlap and never meet."""
    psa.line(1)
    psa.line(1, is_bundle=True)
    psa.units(1, 5)
    psa.units(1, 8, is_bundle=True)
    lines = {row["line_id"]: row for row in psa.core("agreement_lines")}
    assert {number: int(row["qty"]) for number, row in lines.items()} == {"1": 5, "bundle:1": 8}
    assert lines["bundle:1"]["product_id"] == "bundle:411"
    assert lines["bundle:1"]["description"] == "All Inclusive"
    assert lines["bundle:1"]["write_key"] == "contracts/100/bundles/1"
    names = {row["product_id"]: row["name"] for row in psa.core("products")}
    assert names == {"411": "Managed Server", "bundle:411": "All Inclusive"}
    assert psa.is_conserved()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"contractType": 1}, "not_recurring_service"),
        ({"contractType": 1, "status": 0}, "not_recurring_service"),
        ({"status": 0}, "not_active"),
        ({"startDate": "2026-12-02T00:00:00Z"}, "not_started"),
        ({"endDate": "2026-11-30T00:00:00Z"}, "ended"),
        ({"endDate": "2026-12-01T00:00:00Z", "startDate": "2026-12-01T00:00:00Z"}, None),
        ({"endDate": None, "startDate": "0001-01-01T00:00:00"}, None),
    ],
)
def test_contracts_out_of_scope_say_why(psa: Psa, changes: Row, reason: str | None) -> None:
    """Their lines arrive all the same, and are left out with their units, not lost."""
    psa.lists["contracts"] = [{"id": 100, **CONTRACT, **changes}]
    psa.line(1)
    psa.units(1, 5)
    assert psa.counted() == ({} if reason else {"1": 5})
    expected = {"agreement 100": reason, "agreement_line 1": "agreement_excluded"}
    assert psa.reasons() == (expected if reason else {})
    assert [row["ends_on"] for row in psa.core("agreements")] != []
    assert psa.is_conserved()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"companyType": 3}, "not_a_customer"),
        ({"companyType": 3, "isActive": False}, "not_a_customer"),
        ({"isActive": False}, "inactive"),
    ],
)
def test_companies_out_of_scope_take_their_lines_along(psa: Psa, changes: Row, reason: str) -> None:
    """Only active customers are invoiced."""
    psa.lists["companies"][0] |= changes
    psa.line(1)
    psa.units(1, 5)
    assert psa.reasons() == {"company 10": reason, "agreement_line 1": "company_excluded"}
    assert psa.is_conserved()


def test_the_providers_own_company_is_a_company(psa: Psa) -> None:
    """Its id is 0, which is an id like any other."""
    psa.lists["companies"].append(
        {"id": 0, "companyName": "We", "companyType": 1, "isActive": True}
    )
    psa.lists["contracts"][0]["companyID"] = 0
    psa.line(1)
    psa.units(1, 5)
    assert psa.counted() == {"1": 5}


def test_the_settings_decide_what_numbers_mean(psa: Psa) -> None:
    """Types and statuses are a tenant's own picklists."""
    psa.rules |= {"customer_types": ["6", "7"], "active_statuses": ["5"]}
    psa.lists["companies"][0]["companyType"] = 7
    psa.lists["contracts"][0]["status"] = 5
    psa.line(1)
    psa.units(1, 5)
    assert psa.counted() == {"1": 5}


def test_what_lists_disagree_about_is_left_out_by_name(psa: Psa) -> None:
    """Records made or hidden between two lists are neither lost nor guessed at."""
    psa.line(1, contract=999)
    psa.units(1, 5, contract=999)
    psa.units(2, 6)
    psa.units(3, 7, is_bundle=True)
    psa.lists["contracts"].append({"id": 101, **CONTRACT, "companyID": 999})
    psa.line(4, contract=101)
    psa.units(4, 8, contract=101)
    assert psa.counted() == {}
    assert psa.reasons() == {
        "agreement_line 1": "agreement_unknown",
        "agreement_line 2": "line_unknown",
        "agreement_line bundle:3": "line_unknown",
        "agreement_line 4": "company_unknown",
    }
    assert psa.is_conserved()


def test_prices_are_in_the_providers_own_currency(psa: Psa) -> None:
    """An adjusted price goes before the list price; the currency is the one in the settings."""
    psa.line(1)
    psa.line(2)
    psa.lists["contract_services"][1]["internalCurrencyAdjustedPrice"] = 18.25
    lines = {row["line_id"]: row for row in psa.core("agreement_lines")}
    assert {number: str(row["unit_price"]) for number, row in lines.items()} == {
        "1": "20.5000",
        "2": "18.2500",
    }
    assert {row["currency"] for row in lines.values()} == {"USD"}


def test_a_record_on_two_pages_counts_once(psa: Psa) -> None:
    """Pages may repeat a record while the list changes."""
    psa.line(1)
    psa.line(1)
    psa.units(1, 5, number=1)
    psa.units(1, 5, number=1)
    for name in ("companies", "contracts", "services"):
        psa.lists[name] *= 2
    assert psa.counted() == {"1": 5}
    for name, count in (("companies", 1), ("agreements", 1), ("products", 2)):
        assert len(psa.core(name)) == count
    assert psa.is_conserved()


def test_agreement_types_are_those_seen(psa: Psa) -> None:
    """The one that counts has its documented name."""
    psa.lists["contracts"].append({"id": 101, **CONTRACT, "contractType": 4})
    types = {row["type_id"]: row["name"] for row in psa.core("agreement_types")}
    assert types == {"7": "Recurring Service", "4": "Contract type 4"}
