"""Tenants' pages as core rows: seats assigned and bought, and who has no count at all."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
US, THEM = "partner", "another-partner"
SPB = "cbdc14ab"


class Tenants:
    """What was landed of each tenant; `core` reads it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.names = ["acme"]
        self.asked = ["acme"]
        self.refused: dict[str, str] = {}
        self.skus: list[Row] = []
        self.sales: list[Row] = []
        self.rules: Row = {
            "id": "counting_rules",
            "partner_tenant": US,
            "free_skus": ["FLOW_FREE"],
            "free_from_units": 10_000,
            "paid_skus": ["SPE_E3"],
            "sku_names": [{"sku": "SPB", "name": "Microsoft 365 Business Premium"}],
            "read_sellers": False,
        }

    def sku(self, sku: str = SPB, part: str = "SPB", who: str = "acme", **changes: Any) -> None:
        units = {name: changes.pop(name, 0) for name in ("enabled", "warning", "suspended")}
        record = {
            "tenant": who,
            "id": f"{who}_{sku}",
            "skuId": sku,
            "skuPartNumber": part,
            "appliesTo": "User",
            "capabilityStatus": "Enabled",
            "consumedUnits": 21,
            "prepaidUnits": units,
        }
        self.skus.append(record | changes)

    def sell(self, number: str, total: int, owner: str | None, **changes: Any) -> None:
        self.rules["read_sellers"] = True
        record = {
            "tenant": "acme",
            "id": number,
            "skuId": SPB,
            "skuPartNumber": "SPB",
            "status": "Enabled",
            "totalLicenses": total,
            "isTrial": False,
            "ownerTenantId": owner,
        }
        self.sales.append(record | changes)

    def core(self) -> None:
        def page(stream: str, body: Any, parent: str | None = None, status: int = 200) -> None:
            pages.append((stream, json.dumps(body), len(pages) + 1, parent, status))

        pages: list[tuple[Any, ...]] = []
        listed = [{"tenantId": name, "displayName": name.title()} for name in self.names]
        page("counting_rules", [self.rules])
        page("customers", {"value": listed})
        page("asked_customers", [{"id": name, "name": name} for name in self.asked])
        lists = {"subscribed_skus": self.skus, "directory_subscriptions": self.sales}
        for stream, rows in lists.items():
            for who in self.asked:
                if self.refused.get(who) == stream:
                    page(stream, None, who, 403)
                else:
                    page(stream, {"value": [row for row in rows if row["tenant"] == who]}, who)
        self._connection.execute(
            "create or replace temp table raw_pages"
            " (stream varchar, body varchar, page integer, parent_id varchar, status integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?, ?, ?)", pages)
        as_of = datetime(2026, 11, 22, 2)  # noqa: DTZ001 - the warehouse holds naive UTC
        parameters = {"system": "graph", "pull_id": "p1", "as_of": as_of}
        run_core(self._connection, "microsoft_graph", parameters)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def usage(self) -> dict[str, int]:
        self.core()
        counts: dict[str, int] = {}
        for service, qty in self.rows("usage", "service_id, qty"):
            counts[service] = counts.get(service, 0) + int(qty)
        return counts

    def reasons(self) -> set[tuple[str, str]]:
        return set(self.rows("left_out", "record_kind, reason"))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def tenants(connection: duckdb.DuckDBPyConnection) -> Tenants:
    """Nothing landed yet, and empty tables."""
    for name in TABLES:
        connection.execute(f"delete from {name}")  # noqa: S608 - closed list
    return Tenants(connection)


def test_assigned_and_bought_seats_are_two_services(tenants: Tenants) -> None:
    """What people hold is counted; what was bought stands beside it and is never added."""
    tenants.sku(enabled=25)
    assert tenants.usage() == {SPB: 21, f"{SPB}|purchased": 25}
    assert tenants.rows("services", "name, unit") == [
        ("Microsoft 365 Business Premium", "seat"),
        ("Microsoft 365 Business Premium (purchased)", "seat"),
    ]


def test_a_sku_that_nobody_named_keeps_its_part_number(tenants: Tenants) -> None:
    """Microsoft's list of display names is not ours to guess."""
    tenants.sku("e5", "ENTERPRISEPREMIUM", enabled=1)
    tenants.core()
    assert tenants.rows("services", "name")[0] == ("ENTERPRISEPREMIUM",)


def test_more_assigned_than_bought_is_counted_as_it_is(tenants: Tenants) -> None:
    """Licences lapse and assignments stay: nothing is cut down to what was bought."""
    tenants.sku(enabled=10, consumedUnits=14)
    assert tenants.usage() == {SPB: 14, f"{SPB}|purchased": 10}


def test_the_days_of_grace_count_and_suspended_seats_do_not(tenants: Tenants) -> None:
    """Seats in Warning can still be used; suspended ones can't be, and are not bought."""
    tenants.sku(capabilityStatus="Warning", warning=8, suspended=3, consumedUnits=8)
    assert tenants.usage() == {SPB: 8, f"{SPB}|purchased": 8}


def test_nobody_assigned_is_an_explicit_zero(tenants: Tenants) -> None:
    """The tenant was asked and showed the SKU with nobody on it: that is a count."""
    tenants.sku(enabled=5, consumedUnits=0)
    assert tenants.usage() == {SPB: 0, f"{SPB}|purchased": 5}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"part": "FLOW_FREE", "enabled": 50}, "free_sku"),
        ({"part": "flow_free", "enabled": 50}, "free_sku"),
        ({"part": "POWERAPPS_DEV", "enabled": 10_000}, "free_sku"),
        ({"appliesTo": "Company", "enabled": 5}, "not_for_users"),
        ({"capabilityStatus": "Suspended"}, "suspended"),
        ({"capabilityStatus": "Deleted"}, "deleted"),
        ({"capabilityStatus": "LockedOut"}, "lockedout"),
        ({"capabilityStatus": "Hibernating"}, "unknown_status"),
    ],
)
def test_what_nobody_pays_for_is_left_out_by_name(
    tenants: Tenants, changes: Row, reason: str
) -> None:
    """Free, for the tenant as a whole, or not in force: neither leg counts, each says why."""
    tenants.sku(**changes)
    assert tenants.usage() == {}
    assert tenants.reasons() == {("assigned", reason), ("purchased", reason)}


def test_a_very_large_customer_is_not_free(tenants: Tenants) -> None:
    """A SKU on the list of paid ones counts however many seats there are."""
    tenants.sku("e3", "SPE_E3", enabled=12_000, consumedUnits=11_000)
    assert tenants.usage() == {"e3": 11_000, "e3|purchased": 12_000}


def test_who_was_not_asked_is_not_ready_and_never_zero(tenants: Tenants) -> None:
    """Without an active relationship there is no count: the account is left out, with no row."""
    tenants.names.append("globex")
    tenants.sku(enabled=25)
    tenants.core()
    found = tenants.rows("accounts", "account_id, is_active, excluded_reason")
    assert found == [("acme", True, None), ("globex", False, "not_ready")]
    assert {account for (account,) in tenants.rows("usage", "account_id")} == {"acme"}


@pytest.mark.parametrize("refused", ["subscribed_skus", "directory_subscriptions"])
def test_a_tenant_that_refuses_has_no_count_at_all(tenants: Tenants, refused: str) -> None:
    """Consent that lapsed, MFA or a missing role: half of what it showed is no count either."""
    tenants.names.append("globex")
    tenants.asked.append("globex")
    tenants.refused["globex"] = refused
    tenants.sku(enabled=25)
    tenants.sku(who="globex", enabled=9)
    tenants.sell("s1", 25, US)
    tenants.sell("s2", 9, US, tenant="globex")
    tenants.core()
    assert ("globex", "not_ready") in tenants.rows("accounts", "account_id, excluded_reason")
    assert {account for (account,) in tenants.rows("usage", "account_id")} == {"acme"}
    assert {reason for _kind, reason in tenants.reasons()} == {"not_ready"}


def test_seats_bought_elsewhere_are_not_ours(tenants: Tenants) -> None:
    """A SKU that another partner sold, or the customer bought directly, is left out whole."""
    tenants.sku(enabled=25)
    tenants.sell("s1", 20, THEM)
    tenants.sell("s2", 5, None)
    assert tenants.usage() == {}
    assert tenants.reasons() == {
        ("assigned", "bought_elsewhere"),
        ("purchased", "bought_elsewhere"),
    }


def test_of_a_sku_that_both_sold_only_our_seats_were_bought_from_us(tenants: Tenants) -> None:
    """Whose seats are assigned Microsoft doesn't tell: all of them count, ours are shown beside."""
    tenants.sku(enabled=25)
    tenants.sell("s1", 15, US.upper())
    tenants.sell("s2", 10, THEM)
    assert tenants.usage() == {SPB: 21, f"{SPB}|purchased": 15}
    assert tenants.reasons() == {("purchased", "bought_elsewhere")}


def test_a_trial_is_nobodys_bill(tenants: Tenants) -> None:
    """Seats of a SKU that is only on trial don't count, assigned or not."""
    tenants.sku(enabled=25)
    tenants.sell("s1", 25, US, isTrial=True)
    assert tenants.usage() == {}
    assert tenants.reasons() == {("assigned", "trial"), ("purchased", "trial")}


def test_an_old_subscription_of_ours_says_nothing_of_todays_seller(tenants: Tenants) -> None:
    """What has lapsed is left out, and does not make another's seats ours."""
    tenants.sku(enabled=10)
    tenants.sell("s1", 25, US, status="Deleted")
    tenants.sell("s2", 10, THEM)
    assert tenants.usage() == {}
    assert tenants.reasons() == {
        ("assigned", "bought_elsewhere"),
        ("purchased", "bought_elsewhere"),
        ("purchased", "deleted"),
    }


def test_without_a_seller_the_seats_still_count(tenants: Tenants) -> None:
    """A SKU without any subscription in force tells nothing of sellers, so nothing is left out."""
    tenants.sku(enabled=10)
    tenants.sell("s1", 4, US, skuId="other", skuPartNumber="OTHER")
    assert tenants.usage() == {SPB: 21, "other|purchased": 4}


@pytest.mark.parametrize("reads_sellers", [False, True])
def test_every_unit_that_was_landed_is_kept_or_left_out(
    tenants: Tenants, *, reads_sellers: bool
) -> None:
    """Control totals, counted before any rule, are what is kept and left out by service."""
    tenants.sku(enabled=25)
    tenants.sku("free", "FLOW_FREE", enabled=10_000, consumedUnits=4)
    tenants.skus *= 2
    if reads_sellers:
        tenants.sell("s1", 15, US)
        tenants.sell("s2", 10, THEM)
        tenants.sales *= 2
    tenants.core()
    totals = dict(tenants.rows("control_totals", "measure, qty"))
    kept: dict[str, Any] = dict.fromkeys(totals, 0)
    for table in ("usage", "left_out"):
        for service, qty in tenants.rows(table, "service_id, qty"):
            kept[f"usage:{service}"] += qty
    assert kept == totals
    assert totals[f"usage:{SPB}|purchased"] == 25
    assert totals["usage:free"] == 4
