"""SentinelOne's sites as core rows: what counts, what nobody can know, what is left out and why."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.core_tables import CORE_TABLES
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
AGENTS = "Total Agents"


def bundle(name: str, count: int = 50, surface: str = AGENTS) -> Row:
    display = f"Endpoint Security {name.capitalize()}"
    return {
        "name": name,
        "displayName": display,
        "surfaces": [{"name": surface, "count": count}],
    }


class Console:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.rules: Row = {"customers_are": "site", "count_trials": False, "counted_modules": []}
        self.sites: list[Row] = []
        self.closed: list[Row] = []
        self.accounts: list[Row] | None = None
        self.agents: list[Row] = []

    def site(self, number: int, agents: int, *bundles: Row, **changes: Any) -> Row:
        """An active, paid site; without bundles named it has one of 50 Complete."""
        record = {
            "id": f"13920535685827583{number:02}",
            "name": f"Site {number}",
            "accountId": "9",
            "state": "active",
            "siteType": "Paid",
            "isDefault": False,
            "activeLicenses": agents,
            "totalLicenses": 50,
            "unlimitedLicenses": False,
            "licenses": {"bundles": list(bundles or [bundle("complete")]), "modules": []},
        }
        self.sites.append(record | changes)
        return self.sites[-1]

    def agent(self, number: int, site: int, **changes: Any) -> None:
        record = {
            "id": f"901345720792880{number:03}",
            "siteId": f"13920535685827583{site:02}",
            "computerName": f"PC-{number}",
            "machineType": "laptop",
            "lastActiveDate": "2026-11-20T09:00:00.000000Z",
            "isDecommissioned": False,
            "isUninstalled": False,
        }
        self.agents.append(record | changes)

    def core(self) -> None:
        pages = [
            ("counting_rules", json.dumps([self.rules]), 1),
            ("sites", json.dumps({"data": {"sites": self.sites}}), 1),
            ("closed_sites", json.dumps({"data": {"sites": self.closed}}), 1),
            ("agents", json.dumps({"data": self.agents}), 1),
        ]
        if self.accounts is not None:
            pages.append(("accounts", json.dumps({"data": self.accounts}), 1))
        self._connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?)", pages)
        of = {"system": "s1", "pull_id": "p1", "as_of": "2026-11-22 12:00:00"}
        run_core(self._connection, "sentinelone", of)

    def rows(self, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} where {where} order by all"  # noqa: S608 - ours
        return self._connection.execute(query).fetchall()

    def used(self, number: int) -> dict[str, Decimal]:
        """Units by service of one site; what was bought is not among them."""
        where = f"usage_id like '%{number:02}' and service_id not like '%purchased'"
        return dict(self.rows("usage", "service_id, qty", where))

    def unknown(self) -> list[tuple[Any, ...]]:
        return self.rows("left_out", "service_id, reason", "qty is null and service_id is not null")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    # Making the tables takes longer than all that a test does with them.
    with duckdb.connect(config={"threads": 1}) as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def console(warehouse: duckdb.DuckDBPyConnection) -> Console:
    for table in CORE_TABLES:
        warehouse.execute(f"delete from {table.qualified}")  # noqa: S608 - closed list
    return Console(warehouse)


def test_a_site_counts_with_its_active_licences(console: Console) -> None:
    """In all and for its one bundle; 19 digits of an id survive, and bought is told apart."""
    console.site(1, 42, totalLicenses=60)
    console.core()
    assert console.rows("accounts", "account_id, name, parent_account_id, is_active") == [
        ("1392053568582758301", "Site 1", "9", True)
    ]
    assert console.rows("usage", "account_id, service_id, qty") == [
        ("1392053568582758301", "bundle:complete", 42),
        ("1392053568582758301", "bundle:complete|purchased", 50),
        ("1392053568582758301", "total_active_licenses", 42),
        ("1392053568582758301", "total_active_licenses|purchased", 60),
    ]
    assert ("bundle:complete", "Endpoint Security Complete") in console.rows(
        "services", "service_id, name"
    )


def test_more_agents_than_licences_is_right(console: Console) -> None:
    """Over-deployment is allowed: nothing is cut down to what was bought."""
    console.site(1, 80)
    console.core()
    assert console.used(1) == {"total_active_licenses": 80, "bundle:complete": 80}


def test_a_site_without_agents_counts_zero(console: Console) -> None:
    """An explicit zero, or a customer who removed all agents would keep last month's count."""
    console.site(1, 0)
    console.core()
    assert console.used(1) == {"total_active_licenses": 0, "bundle:complete": 0}


def test_several_bundles_on_one_site_are_ambiguous(console: Console) -> None:
    """Nobody can tell which agent is in which bundle: unknown for both, and never zero."""
    console.site(1, 12, bundle("complete", 10), bundle("control", 5))
    console.site(2, 0, bundle("complete", 10), bundle("control", 5))
    console.core()
    assert console.used(1) == {"total_active_licenses": 12}
    assert console.used(2) == {
        "total_active_licenses": 0,
        "bundle:complete": 0,
        "bundle:control": 0,
    }
    assert console.unknown() == [
        ("bundle:complete", "ambiguous_bundle"),
        ("bundle:control", "ambiguous_bundle"),
    ]
    bought = console.rows("usage", "qty", "service_id = 'bundle:control|purchased'")
    assert bought == [(5,), (5,)]


def test_bundles_that_are_no_agents_leave_the_count_clear(console: Console) -> None:
    """Storage and users are no second bundle of agents, and have no count of their own."""
    lake = bundle("singularity_data_lake", 10, "Average GB per Day")
    console.site(1, 12, bundle("complete"), lake)
    console.core()
    assert console.used(1) == {"total_active_licenses": 12, "bundle:complete": 12}


@pytest.mark.parametrize("bundles", [None, []])
def test_an_old_console_tells_the_bundle_by_its_sku(console: Console, bundles: Any) -> None:
    """The deprecated field in capitals is the same bundle as the new one in small letters."""
    console.site(1, 7, sku="Complete", licenses={"bundles": bundles})
    console.site(2, 3)
    console.core()
    assert console.used(1) == {"total_active_licenses": 7, "bundle:complete": 7}
    names = console.rows("services", "name", "service_id = 'bundle:complete'")
    assert names == [("Endpoint Security Complete",)]


def test_agents_without_a_known_bundle_could_be_in_any(console: Console) -> None:
    """Their site counts in all; for each bundle there is, its count is unknown."""
    console.site(1, 7, licenses=None)
    console.site(2, 3)
    console.core()
    assert console.used(1) == {"total_active_licenses": 7}
    assert console.unknown() == [("bundle:complete", "no_bundle")]


@pytest.mark.parametrize("changes", [{"unlimitedLicenses": True}, {"totalLicenses": -1}])
def test_an_unlimited_entitlement_is_no_number(console: Console, changes: Row) -> None:
    """Minus one and the flag both mean without limit: never a count, and never a negative one."""
    console.site(1, 7, bundle("complete", -1), **changes)
    console.core()
    assert console.used(1) == {"total_active_licenses": 7, "bundle:complete": 7}
    assert console.unknown() == [
        ("bundle:complete|purchased", "unlimited"),
        ("total_active_licenses|purchased", "unlimited"),
    ]


def test_trials_and_empty_default_sites_do_not_count(console: Console) -> None:
    """Each is an account with a reason, its units are left out by name; a used default counts."""
    console.site(1, 3, siteType="Trial")
    console.site(2, 0, isDefault=True)
    console.site(3, 4, isDefault=True)
    console.core()
    assert console.rows("accounts", "name, excluded_reason") == [
        ("Site 1", "trial"),
        ("Site 2", "default_site"),
        ("Site 3", None),
    ]
    assert console.used(1) == console.used(2) == {}
    assert console.used(3) == {"total_active_licenses": 4, "bundle:complete": 4}
    left = console.rows("left_out", "name, qty, reason", "service_id = 'total_active_licenses'")
    assert left == [("Site 1", 3, "trial"), ("Site 2", 0, "default_site")]


def test_trials_count_where_they_are_billed(console: Console) -> None:
    """The setting turns a trial into a site like any other."""
    console.rules["count_trials"] = True
    console.site(1, 3, siteType="Trial")
    console.core()
    assert console.used(1)["total_active_licenses"] == 3
    assert console.rows("accounts", "excluded_reason") == [(None,)]


def test_closed_sites_are_accounts_with_a_reason(console: Console) -> None:
    """Who left is known by name and not only missing; a site in both lists was active."""
    console.site(1, 3)
    console.closed = [
        {"id": "77", "name": "Old", "state": "expired", "accountId": "9"},
        {"id": "78", "name": "Gone", "state": "deleted", "accountId": "9"},
        console.sites[0] | {"state": "expired"},
    ]
    console.core()
    assert console.rows("accounts", "name, is_active, excluded_reason") == [
        ("Gone", False, "deleted"),
        ("Old", False, "expired"),
        ("Site 1", True, None),
    ]
    assert console.used(1)["total_active_licenses"] == 3


def test_modules_count_only_where_somebody_says_so(console: Console) -> None:
    """SentinelOne has no counter for modules: named ones count each agent, others nothing."""
    modules = [{"name": "rso", "displayName": "Remote Script Orchestration"}, {"name": "ranger"}]
    console.rules["counted_modules"] = ["rso"]
    console.site(1, 6, licenses={"bundles": [bundle("complete")], "modules": modules})
    console.core()
    assert console.used(1)["module:rso"] == 6
    assert not [name for (name,) in console.rows("services", "service_id") if "ranger" in name]


def test_sites_of_an_account_are_one_customer(console: Console) -> None:
    """By account: the sites' units stand under it, each site a row."""
    console.rules["customers_are"] = "account"
    console.accounts = [
        {"id": "9", "name": "Acme", "state": "active", "accountType": "Paid"},
        {"id": "8", "name": "Old", "state": "expired", "accountType": "Paid"},
    ]
    console.site(1, 3)
    console.site(2, 4)
    console.site(3, 9, bundle("complete"), bundle("control"), siteType="Trial")
    console.site(4, 5, accountId="8")
    console.site(5, 6, accountId="7")
    console.core()
    assert console.rows("accounts", "account_id, name, excluded_reason") == [
        ("8", "Old", "expired"),
        ("9", "Acme", None),
    ]
    units = console.rows("usage", "account_id, qty", "service_id = 'bundle:complete'")
    assert units == [("9", 3), ("9", 4)]
    left = console.rows("left_out", "qty, reason", "service_id = 'total_active_licenses'")
    assert left == [(5, "account_inactive"), (6, "account_unknown"), (9, "trial")]
    assert console.unknown() == []


def test_agents_are_the_evidence_behind_each_unit(console: Console) -> None:
    """Where they are read: in each of their site's services; offline ones too, retired ones not."""
    console.site(1, 2)
    console.site(2, 1, siteType="Trial")
    console.agent(1, 1, serialNumber="S1")
    console.agent(2, 1, lastActiveDate="2025-01-01T00:00:00Z")
    console.agent(3, 1, isDecommissioned=True)
    console.agent(4, 1, isUninstalled=True)
    console.agent(5, 2)
    console.agent(6, 99)
    console.core()
    assert console.rows("entities", "service_id, name, kind") == [
        ("bundle:complete", "PC-1", "laptop"),
        ("bundle:complete", "PC-2", "laptop"),
        ("total_active_licenses", "PC-1", "laptop"),
        ("total_active_licenses", "PC-2", "laptop"),
    ]
    left = console.rows("left_out", "name, reason", "record_kind = 'device'")
    assert left == [
        ("PC-3", "decommissioned"),
        ("PC-4", "uninstalled"),
        ("PC-5", "trial"),
        ("PC-6", "account_unknown"),
    ]
    totals = console.rows("control_totals", "records, qty", "measure = 'device'")
    assert totals == [(6, 6)]


def test_what_is_landed_twice_counts_once(console: Console) -> None:
    """The same site or agent on two pages is one."""
    console.site(1, 5)
    console.agent(1, 1)
    console.sites *= 2
    console.agents *= 2
    console.core()
    assert console.used(1) == {"total_active_licenses": 5, "bundle:complete": 5}
    assert len(console.rows("entities", "entity_id")) == 2
    totals = console.rows("control_totals", "measure, records, qty", "measure not like '%|%'")
    assert totals == [
        ("device", 1, 1),
        ("usage:bundle:complete", 1, 5),
        ("usage:total_active_licenses", 1, 5),
    ]
