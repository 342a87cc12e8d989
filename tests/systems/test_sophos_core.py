"""Sophos Central's pages as core rows: each rule of the usage report by name, nothing lost."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
ON = date(2026, 11, 22)
NAME = "Central Intercept X Advanced"


class Vendor:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.pages: list[tuple[str, str, int, int, str | None]] = []
        self.tenants: list[Row] = [{"id": "t1", "name": "Acme", "billingType": "usage"}]
        self.lines: list[Row] = []
        self.before: list[Row] = []

    def line(self, quantity: float, **changes: Any) -> Row:
        record = {
            "accountId": "t1",
            "accountStatus": "active",
            "productCode": "CIXA-MSP",
            "sku": "CEAZ1CSMG",
            "productGroup": "User",
            "productDescription": f"{NAME} - 500-999 USERS - MSP Monthly",
            "orderLineItemNumber": f"OL-{len(self.lines)}",
            "actualQuantity": 999,
            "orderedQuantity": 777,
            "billableQuantity": quantity,
            "unitPrice": 2.15,
            "netPrice": 4300.0,
        } | changes
        self.lines.append(record)
        return record

    def licences(self, tenant: str, *rows: Row, status: int = 200) -> None:
        body = json.dumps({"licenses": rows}) if status == 200 else "null"
        self.pages.append(("licences", body, 1, status, tenant))

    def core(self) -> None:
        rules = [{"usage_month": "2026-10", "month_before": "2026-09", "currency": "USD"}]
        lists = {"tenants": self.tenants, "usage": self.lines, "usage_before": self.before}
        pages = [(name, json.dumps({"items": rows}), 1, 200, "p") for name, rows in lists.items()]
        pages += [("counting_rules", json.dumps(rules), 1, 200, None), *self.pages]
        self._connection.execute(
            "create or replace temp table raw_pages"
            " (stream varchar, body varchar, page integer, status integer, parent_id varchar)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?, ?, ?)", pages)
        parameters = {
            "system": "sophos",
            "pull_id": "p1",
            "on": ON,
            "as_of": "2026-11-22 12:00:00",
        }
        run_core(self._connection, "sophos", parameters)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def units(self) -> dict[tuple[str, str], Decimal]:
        """Units by account and service."""
        rows = self.rows("usage", "account_id, service_id, qty")
        found: dict[tuple[str, str], Decimal] = {}
        for account, service, qty in rows:
            found[account, service] = found.get((account, service), Decimal(0)) + qty
        return found

    def check_nothing_is_lost(self) -> None:
        """Both sides of conservation, for each service."""
        read = self.rows("control_totals", "measure, records, qty")
        kept = self._connection.execute(
            "select concat('usage:', service_id), count(*), coalesce(sum(qty), 0) from ("
            " select service_id, qty from core.usage union all"
            " select service_id, qty from core.left_out where service_id is not null)"
            " group by all order by all"
        ).fetchall()
        assert read == kept


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with duckdb.connect() as connection:
        create_tables(connection)
        yield Vendor(connection)


def test_the_billable_quantity_is_the_count(vendor: Vendor) -> None:
    """Neither what is deployed nor what was ordered counts; users are not devices."""
    vendor.line(20)
    vendor.core()
    assert vendor.units() == {("t1", "CIXA-MSP"): 20}
    assert vendor.rows("services", "service_id, name, unit, is_countable") == [
        ("CIXA-MSP", f"{NAME} - MSP Monthly", "user", True)
    ]
    vendor.check_nothing_is_lost()


def test_several_order_lines_of_a_product_sum(vendor: Vendor) -> None:
    """Orders and price bands change within the month; every line is a row of evidence."""
    vendor.line(20)
    vendor.line(5.5, sku="CEAZ1CSMH")
    vendor.core()
    assert vendor.units() == {("t1", "CIXA-MSP"): Decimal("25.5")}
    assert len(vendor.rows("usage", "usage_id")) == 2
    vendor.check_nothing_is_lost()


def test_the_sku_follows_the_band_and_the_service_does_not(vendor: Vendor) -> None:
    """When the partner's volume moves to another band, id and name of the service stay."""
    for band in ("1-9 USERS", "1,000-4,999 USERS", "5000+ USERS"):
        vendor.line(1, sku=band, productDescription=f"{NAME} - {band} - MSP Monthly")
    vendor.core()
    assert vendor.rows("services", "service_id, name") == [("CIXA-MSP", f"{NAME} - MSP Monthly")]


def test_products_that_share_a_code_are_named_after_it(vendor: Vendor) -> None:
    """No one model's name stands for all models of a code."""
    for model in ("XGS 116", "XGS 2100"):
        vendor.line(1, productCode="XGS-MSP", productDescription=f"{model} - MSP Monthly")
    vendor.core()
    assert vendor.rows("services", "name") == [("XGS-MSP (several products)",)]


def test_a_price_is_that_of_a_unit(vendor: Vendor) -> None:
    """The net price is a whole order line's, shared by customers; without a price no currency."""
    vendor.line(20)
    vendor.line(1, unitPrice=None)
    vendor.core()
    assert vendor.rows("usage", "qty, unit_cost, currency") == [
        (1, None, None),
        (20, Decimal("2.15"), "USD"),
    ]


def test_the_month_is_visible_in_the_evidence(vendor: Vendor) -> None:
    """Counts are last month's: whoever looks at a row sees of which month."""
    vendor.line(20)
    vendor.core()
    [(usage_id,)] = vendor.rows("usage", "usage_id")
    assert usage_id.startswith("2026-10|")


def test_a_line_without_a_tenant_belongs_to_whom_it_names(vendor: Vendor) -> None:
    """Firewalls sold alone: the name they were assigned to, else the serial number, else nobody."""
    bare = {"accountId": None, "accountNumberOrSerialNumber": "C230"}
    vendor.line(1, **bare, assignedAccountIdentifier="Globex")
    vendor.line(1, **bare)
    vendor.line(1, accountId="", accountNumberOrSerialNumber="")
    vendor.core()
    assert vendor.rows("accounts", "account_id, name") == [
        ("assigned:Globex", "Globex"),
        ("serial:C230", "C230"),
        ("t1", "Acme"),
        ("unassigned", "Not assigned to a customer"),
    ]
    assert set(vendor.units()) == {
        ("assigned:Globex", "CIXA-MSP"),
        ("serial:C230", "CIXA-MSP"),
        ("unassigned", "CIXA-MSP"),
    }
    vendor.check_nothing_is_lost()


def test_a_customer_that_is_gone_is_still_billed(vendor: Vendor) -> None:
    """A line for a tenant that is listed no more keeps its units, under its own account."""
    vendor.line(3, accountId="t9", assignedAccountIdentifier="Closed Ltd")
    vendor.core()
    assert ("t9", "Closed Ltd") in vendor.rows("accounts", "account_id, name")
    assert vendor.units() == {("t9", "CIXA-MSP"): 3}


def test_an_account_that_is_not_active_is_still_billed(vendor: Vendor) -> None:
    """Sophos bills the month; the account is marked as not active, and nothing is left out."""
    vendor.line(4, accountStatus="suspended")
    vendor.core()
    assert vendor.units() == {("t1", "CIXA-MSP"): 4}
    assert vendor.rows("accounts", "is_active, excluded_reason") == [(False, None)]
    assert vendor.rows("left_out", "record_id") == []


def test_trial_and_term_customers_are_accounts(vendor: Vendor) -> None:
    """All customers are listed, and the name shown is the display name where there is one."""
    vendor.tenants += [
        {"id": "t2", "name": "Globex", "showAs": "Globex (trial)", "billingType": "trial"},
        {"id": "t3", "name": "Initech", "showAs": " ", "billingType": "term", "status": "inactive"},
    ]
    vendor.core()
    assert vendor.rows("accounts", "account_id, name, is_active, excluded_reason") == [
        ("t1", "Acme", True, None),
        ("t2", "Globex (trial)", True, None),
        ("t3", "Initech", False, None),
    ]


def test_nothing_billed_is_an_explicit_zero(vendor: Vendor) -> None:
    """A line that bills none is evidence of none."""
    vendor.line(0)
    vendor.core()
    assert vendor.units() == {("t1", "CIXA-MSP"): 0}


def test_what_was_there_the_month_before_is_an_explicit_zero(vendor: Vendor) -> None:
    """A product that a customer had, and has no more, shows 0 where that report was read, too."""
    vendor.line(5)
    vendor.before = [
        vendor.lines[0] | {"billableQuantity": 4},
        vendor.lines[0] | {"productCode": "ZTNA-MSP", "billableQuantity": 6},
        vendor.lines[0] | {"productCode": "PHISH-MSP", "billableQuantity": 0},
    ]
    vendor.core()
    assert vendor.units() == {("t1", "CIXA-MSP"): 5, ("t1", "ZTNA-MSP"): 0}
    assert ("2026-10|none, after 2026-09",) in vendor.rows("usage", "usage_id")
    vendor.check_nothing_is_lost()


def test_licences_are_purchased_and_never_used(vendor: Vendor) -> None:
    """A term customer's licences are services of their own beside the monthly ones."""
    vendor.tenants += [{"id": "t2", "name": "Initech", "billingType": "term"}]
    vendor.line(20)
    product = {"code": "CIXA", "name": "Intercept X Advanced"}
    row = {"id": "l1", "product": product, "type": "term", "startDate": "2026-01-15"}
    used = {"current": {"count": 41}}
    vendor.licences("t2", row | {"endDate": "2027-01-14", "quantity": 50, "usage": used})
    vendor.core()
    assert vendor.units() == {("t1", "CIXA-MSP"): 20, ("t2", "CIXA|purchased"): 50}
    assert ("CIXA|purchased", "Intercept X Advanced (purchased)", "Term") in vendor.rows(
        "services", "service_id, name, billing_term"
    )
    assert (date(2027, 1, 14),) in vendor.rows("usage", "commitment_ends_on")
    vendor.check_nothing_is_lost()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "trial"}, "trial"),
        ({"startDate": "2026-12-01"}, "not_started"),
        ({"endDate": "2026-11-21"}, "ended"),
        ({"unlimited": True}, "unlimited"),
        ({"quantity": None}, "quantity_unknown"),
        ({"endDate": "2026-11-22"}, None),
        ({"endDate": None, "perpetual": True}, None),
    ],
)
def test_licences_that_do_not_count_are_named(
    vendor: Vendor, changes: Row, reason: str | None
) -> None:
    """Trials, licences out of their dates and unknown quantities: each with its reason, none 0."""
    row = {"id": "l1", "product": {"code": "CIXA"}, "type": "term", "startDate": "2026-01-15"}
    vendor.licences("t1", row | {"quantity": 50} | changes)
    vendor.core()
    found = vendor.rows("left_out", "record_kind, record_id, reason")
    assert found == ([("licence", "l1", reason)] if reason else [])
    assert vendor.units() == ({} if reason else {("t1", "CIXA|purchased"): 50})
    vendor.check_nothing_is_lost()


def test_a_customer_that_hides_its_licences_is_flagged(vendor: Vendor) -> None:
    """Partner Assistance is off: the customer is named, its licences are unknown and not zero."""
    vendor.licences("t1", status=403)
    vendor.core()
    columns = "record_kind, record_id, name, qty, reason"
    assert vendor.rows("left_out", columns) == [
        ("licence_list", "t1", "Acme", None, "partner_assistance_off")
    ]
    assert vendor.units() == {}


def test_what_comes_twice_counts_once(vendor: Vendor) -> None:
    """The same customer, line or licence on two pages is one."""
    line = vendor.line(20)
    vendor.lines.append(dict(line))
    vendor.tenants *= 2
    row = {"id": "l1", "product": {"code": "CIXA"}, "type": "term", "quantity": 50}
    vendor.licences("t1", row, row)
    vendor.core()
    assert vendor.units() == {("t1", "CIXA-MSP"): 20, ("t1", "CIXA|purchased"): 50}
    assert len(vendor.rows("accounts", "account_id")) == 1
    vendor.check_nothing_is_lost()
