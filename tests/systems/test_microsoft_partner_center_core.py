"""Partner Center's pages as core rows: which licences count, what is left out and why."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
OFFER = "CFQ7TTC0LH18:0001:CFQ7TTC0K971"
YEAR = f"{OFFER}|P1Y|monthly"


class PartnerCenter:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.customers: list[Row] = [customer("acme")]
        self.bought: dict[str, list[Row]] = {"acme": []}
        self.refused: list[str] = []
        self.rules: Row = {
            "id": "counting_rules",
            "day": "2026-11-22",
            "relationships": ["reseller"],
            "count_suspended": True,
        }

    def buy(self, number: str, quantity: float, who: str = "acme", **changes: Any) -> None:
        record = {
            "id": number,
            "offerId": OFFER,
            "offerName": "Microsoft 365 Business Premium",
            "quantity": quantity,
            "unitType": "Licenses",
            "status": "active",
            "isTrial": False,
            "billingType": "license",
            "billingCycle": "monthly",
            "termDuration": "P1Y",
            "commitmentEndDate": "2027-01-13T00:00:00Z",
        }
        self.bought.setdefault(who, []).append(record | changes)

    def core(self) -> None:
        pages: list[tuple[Any, ...]] = [
            ("counting_rules", json.dumps([self.rules]), 1, None, 200),
            ("customers", json.dumps({"items": self.customers}), 1, None, 200),
        ]
        for page, (who, rows) in enumerate(self.bought.items(), start=1):
            pages.append(("subscriptions", json.dumps({"items": rows}), page, who, 200))
        pages += [("subscriptions", "null", 99, who, 403) for who in self.refused]
        self._connection.execute(
            "create or replace temp table raw_pages"
            " (stream varchar, body varchar, page integer, parent_id varchar, status integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?, ?, ?)", pages)
        as_of = datetime(2026, 11, 22, 2)  # noqa: DTZ001 - the warehouse holds naive UTC
        parameters = {"system": "csp", "pull_id": "p1", "as_of": as_of}
        run_core(self._connection, "microsoft_partner_center", parameters)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def reasons(self) -> dict[str, str]:
        rows = self.rows("left_out", "record_id, reason, record_kind")
        return {number: reason for number, reason, kind in rows if kind == "subscription"}


def customer(number: str, relationship: str = "reseller") -> Row:
    profile = {"companyName": number.title(), "domain": f"{number}.onmicrosoft.com"}
    return {"id": number, "companyProfile": profile, "relationshipToPartner": relationship}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def csp(connection: duckdb.DuckDBPyConnection) -> PartnerCenter:
    """Nothing landed yet, and empty tables."""
    for name in TABLES:
        connection.execute(f"delete from {name}")  # noqa: S608 - closed list
    return PartnerCenter(connection)


def test_a_subscription_is_its_licences_until_its_commitment_ends(csp: PartnerCenter) -> None:
    """The quantity counts for the customer, and says until when it can't go down."""
    csp.buy("s1", 25)
    csp.core()
    columns = "account_id, service_id, usage_id, qty, commitment_ends_on"
    assert csp.rows("usage", columns) == [("acme", YEAR, "s1", Decimal(25), date(2027, 1, 13))]
    assert csp.rows("accounts", "account_id, name, domain") == [
        ("acme", "Acme", "acme.onmicrosoft.com")
    ]


def test_two_co_terms_of_one_offer_add_up(csp: PartnerCenter) -> None:
    """One product bought twice, with two ends, is two records of one service."""
    csp.buy("s1", 20)
    csp.buy("s2", 5, commitmentEndDate="2027-06-30T00:00:00Z")
    csp.core()
    assert csp.rows("usage", "service_id, usage_id, qty") == [(YEAR, "s1", 20), (YEAR, "s2", 5)]
    assert csp.rows("services", "service_id") == [(YEAR,)]


@pytest.mark.parametrize(
    ("term", "cycle", "version", "name"),
    [
        ("P1Y", "monthly", "P1Y|monthly", "Premium (1-year term, billed monthly)"),
        ("P1Y", "annual", "P1Y|annual", "Premium (1-year term, billed annually)"),
        ("P1M", "monthly", "P1M|monthly", "Premium (1-month term, billed monthly)"),
        ("P3Y", "triennial", "P3Y|triennial", "Premium (3-year term, billed every 3 years)"),
        ("P6M", "weekly", "P6M|weekly", "Premium (term P6M, billed weekly)"),
        ("", "one_time", "none|one_time", "Premium (billed once)"),
        (None, None, "none|none", "Premium"),
    ],
)
def test_term_and_billing_cycle_are_part_of_the_service(
    csp: PartnerCenter, term: str | None, cycle: str | None, version: str, name: str
) -> None:
    """They have prices of their own; legacy offers have neither."""
    csp.buy("s1", 3, termDuration=term, billingCycle=cycle, offerName="Premium")
    csp.core()
    assert csp.rows("services", "service_id, name") == [(f"{OFFER}|{version}", name)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"isTrial": True}, "trial"),
        ({"billingType": "usage", "unitType": "Usage-based"}, "not_billed_by_licence"),
        ({"billingType": "none"}, "not_billed_by_licence"),
        ({"status": "expired"}, "expired"),
        ({"status": "deleted"}, "deleted"),
        ({"status": "pending"}, "pending"),
        ({"status": "disabled"}, "disabled"),
        ({"status": "none"}, "unknown_status"),
        ({"status": "hibernating"}, "unknown_status"),
        ({"status": "suspended", "commitmentEndDate": "2026-11-21T00:00:00Z"}, "suspended"),
        ({"status": "suspended", "commitmentEndDate": None}, "suspended"),
    ],
)
def test_what_nobody_pays_for_is_left_out_by_name(
    csp: PartnerCenter, changes: Row, reason: str
) -> None:
    """Trials, usage and ended subscriptions don't count; a status nobody knows breaks nothing."""
    csp.buy("s1", 4, **changes)
    csp.core()
    assert csp.rows("usage", "usage_id") == []
    assert csp.reasons() == {"s1": reason}
    assert csp.rows("control_totals", "measure, records, qty") == [("subscription", 1, 4)]


@pytest.mark.parametrize(("counts", "left"), [(True, {}), (False, {"s1": "suspended"})])
def test_a_suspended_subscription_counts_until_its_commitment_ends(
    csp: PartnerCenter, *, counts: bool, left: Row
) -> None:
    """The customer stays liable for the term, the last day included, unless told otherwise."""
    csp.rules["count_suspended"] = counts
    csp.buy("s1", 4, status="Suspended", commitmentEndDate="2026-11-22T00:00:00Z")
    csp.core()
    assert csp.reasons() == left
    assert csp.rows("usage", "qty") == ([] if left else [(4,)])


def test_an_add_on_counts_as_itself_and_not_for_its_parent(csp: PartnerCenter) -> None:
    """What hangs below another subscription has an offer, and a count, of its own."""
    csp.buy("s1", 10)
    csp.buy("s2", 3, parentSubscriptionId="s1", offerId="AUDIO:1:2", offerName="Audio")
    csp.core()
    assert csp.rows("usage", "service_id, qty") == [("AUDIO:1:2|P1Y|monthly", 3), (YEAR, 10)]


@pytest.mark.fault(46)
def test_an_offer_that_was_renamed_stays_one_service(csp: PartnerCenter) -> None:
    """Microsoft renames offers; their ids stay, and mapping goes by those."""
    csp.buy("s1", 1, offerName="Office 365 Business Premium")
    csp.buy("s2", 2)
    csp.core()
    assert csp.rows("services", "service_id, name") == [
        (YEAR, "Office 365 Business Premium (1-year term, billed monthly)")
    ]


def test_only_reseller_customers_are_in_scope(csp: PartnerCenter) -> None:
    """The others are listed with the reason, and which ones is a setting."""
    csp.customers += [customer("globex", "none"), customer("initech", "Advisor")]
    csp.core()
    found = csp.rows("accounts", "account_id, is_active, excluded_reason")
    assert found == [
        ("acme", True, None),
        ("globex", False, "not_reseller"),
        ("initech", False, "not_reseller"),
    ]
    assert csp.rows("left_out", "record_kind, record_id, reason")[1:] == [
        ("account", "initech", "not_reseller")
    ]


def test_refused_subscriptions_are_unknown_and_never_zero(csp: PartnerCenter) -> None:
    """A customer that can't be asked is not ready: it is no account with nothing bought."""
    csp.customers.append(customer("globex"))
    csp.refused = ["globex"]
    csp.buy("s1", 4)
    csp.core()
    found = csp.rows("accounts", "account_id, excluded_reason")
    assert found == [("acme", None), ("globex", "not_ready")]
    assert csp.rows("usage", "account_id") == [("acme",)]


def test_what_is_landed_twice_counts_once(csp: PartnerCenter) -> None:
    """The same customer or subscription on two pages is one."""
    csp.customers *= 2
    csp.buy("s1", 4)
    csp.bought["acme"] *= 2
    csp.core()
    assert len(csp.rows("accounts", "account_id")) == 1
    assert csp.rows("usage", "usage_id, qty") == [("s1", 4)]
    assert csp.rows("control_totals", "records, qty") == [(1, 4)]
