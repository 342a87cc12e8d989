"""Huntress's organizations as core rows: each product's count, zeros said, the unknown named."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.core_tables import CORE_TABLES
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]


class Portal:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.organizations: list[Row] = []
        self.agents: list[Row] = []

    def organization(self, number: int, **counts: Any) -> Row:
        """One with no count above zero but those named; None takes a count away."""
        record = {
            "id": number,
            "name": f"Customer {number}",
            "account_id": 5,
            "agents_count": 0,
            "billable_identity_count": 0,
            "logs_sources_count": 0,
            "sat_learner_count": 0,
        } | counts
        kept = {name: value for name, value in record.items() if value is not None}
        self.organizations.append(kept)
        return kept

    def agent(self, number: int, organization: int, **changes: Any) -> None:
        record = {
            "id": number,
            "organization_id": organization,
            "hostname": f"PC-{number}",
            "os": "Windows 11 Pro",
            "edr_version": "0.3.20",
            "last_callback_at": "2026-11-20T20:05:10Z",
        }
        self.agents.append(record | changes)

    def core(self) -> None:
        pages = [
            (name, json.dumps({name: getattr(self, name), "pagination": {}}), 1)
            for name in ("organizations", "agents")
        ]
        self._connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?)", pages)
        of = {"system": "huntress", "pull_id": "p1", "as_of": "2026-11-22 12:00:00"}
        run_core(self._connection, "huntress", of)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def used(self) -> dict[tuple[str, str], Decimal]:
        found = self.rows("usage", "account_id, service_id, qty")
        return {(account, service): qty for account, service, qty in found}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    # Making the tables takes longer than all that a test does with them.
    with duckdb.connect(config={"threads": 1}) as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def portal(warehouse: duckdb.DuckDBPyConnection) -> Portal:
    for table in CORE_TABLES:
        warehouse.execute(f"delete from {table.qualified}")  # noqa: S608 - closed list
    return Portal(warehouse)


def test_each_product_has_its_count_on_the_organization(portal: Portal) -> None:
    """Agents, billable identities, log sources and learners are four services of one account."""
    portal.organization(
        1201,
        agents_count=42,
        billable_identity_count=37,
        logs_sources_count=3,
        sat_learner_count=40,
    )
    portal.core()
    assert portal.rows("accounts", "account_id, name, parent_account_id, excluded_reason") == [
        ("1201", "Customer 1201", "5", None)
    ]
    assert portal.used() == {
        ("1201", "edr"): 42,
        ("1201", "itdr"): 37,
        ("1201", "siem"): 3,
        ("1201", "sat"): 40,
    }
    assert portal.rows("services", "service_id, name, unit") == [
        ("edr", "Managed EDR", "device"),
        ("itdr", "Managed ITDR", "user"),
        ("sat", "Managed Security Awareness Training", "learner"),
        ("siem", "Managed SIEM", "log source"),
    ]


def test_an_organization_without_anything_says_zero(portal: Portal) -> None:
    """It is an account like any other, with an explicit zero of all that others use."""
    portal.organization(1201, agents_count=2)
    portal.organization(1202)
    portal.core()
    assert len(portal.rows("accounts", "account_id")) == 2
    assert portal.used() == {("1201", "edr"): 2, ("1202", "edr"): 0}


def test_a_product_nobody_uses_was_not_bought(portal: Portal) -> None:
    """Zero for every organization is no service; one unit anywhere makes it one for all."""
    portal.organization(1201, agents_count=2)
    portal.organization(1202, sat_learner_count=1)
    portal.core()
    assert portal.rows("services", "service_id") == [("edr",), ("sat",)]
    assert portal.used()["1201", "sat"] == 0
    assert portal.rows("left_out", "reason") == []


def test_the_older_name_of_a_count_is_the_same_count(portal: Portal) -> None:
    """Identities were Microsoft 365 users before; the newer name wins where both are there."""
    portal.organization(1201, billable_identity_count=None, microsoft_365_users_count=37)
    portal.organization(1202, billable_identity_count=5, microsoft_365_users_count=9)
    portal.core()
    assert portal.used() == {("1201", "itdr"): 37, ("1202", "itdr"): 5}


def test_a_missing_count_is_unknown_and_not_zero(portal: Portal) -> None:
    """The organization is named with its product, without units: nobody is billed nothing."""
    portal.organization(1201, agents_count=2, sat_learner_count=None)
    portal.organization(1202, sat_learner_count=4)
    portal.core()
    assert ("1201", "sat") not in portal.used()
    left = portal.rows("left_out", "record_kind, record_id, service_id, qty, reason")
    assert left == [("count", "1201|sat", "sat", None, "count_missing")]
    totals = portal.rows("control_totals", "measure, records, qty")
    assert totals == [("usage:edr", 2, 2), ("usage:sat", 2, 4)]


def test_servers_and_workstations_are_two_accounts(portal: Portal) -> None:
    """Names of the kind servers-m-X mean nothing here: a person maps both to one company."""
    portal.organization(1201, name="servers-m-globex", agents_count=2)
    portal.organization(1202, name="workstations-m-globex", agents_count=9)
    portal.core()
    assert portal.used() == {("1201", "edr"): 2, ("1202", "edr"): 9}


def test_stale_agents_count_and_can_be_seen(portal: Portal) -> None:
    """What was not heard of for a year is billed; when it was last heard of is there to look at."""
    portal.organization(1201, agents_count=3)
    portal.agent(1, 1201, last_callback_at="2025-11-01T10:00:00Z")
    portal.agent(2, 1201, os="Windows Server 2022", serial_number="S2")
    portal.agent(3, 1201, edr_version=None, last_callback_at=None)
    portal.core()
    assert portal.used() == {("1201", "edr"): 3}
    found = portal.rows("entities", "entity_id, service_id, kind, serial, last_seen_at")
    assert found == [
        ("1", "edr", "workstation", None, datetime(2025, 11, 1, 10)),  # noqa: DTZ001 - naive UTC
        ("2", "edr", "server", "S2", datetime(2026, 11, 20, 20, 5, 10)),  # noqa: DTZ001
        ("3", "edr", "workstation", None, None),
    ]
    assert ("device", 3, 3) in portal.rows("control_totals", "measure, records, qty")


def test_an_agent_of_nobody_is_named(portal: Portal) -> None:
    """Its organization came after the list was read, or is hidden: left out with that reason."""
    portal.organization(1201, agents_count=1)
    portal.agent(1, 1201)
    portal.agent(2, 1999)
    portal.core()
    left = portal.rows("left_out", "record_kind, name, account_id, reason")
    assert left == [("device", "PC-2", "1999", "account_unknown")]


def test_what_is_landed_twice_counts_once(portal: Portal) -> None:
    """The same organization or agent on two pages is one."""
    portal.organization(1201, agents_count=1)
    portal.agent(1, 1201)
    portal.organizations *= 2
    portal.agents *= 2
    portal.core()
    assert portal.used() == {("1201", "edr"): 1}
    totals = portal.rows("control_totals", "measure, records, qty")
    assert totals == [("device", 1, 1), ("usage:edr", 1, 1)]
