"""Dropsuite's pages as core rows: seats by plan, what is closed, the counters beside the count."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]


class Vendor:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.plans: list[Row] = [
            {"id": "3", "name": "Business Backup", "currency": "USD", "amount": "2.50"}
            | {"periodicity": "monthly"},
            {
                "id": "5",
                "name": "Archiver",
                "currency": "USD",
                "amount": "36",
                "periodicity": "yearly",
            },
        ]
        self.users: list[Row] = []
        self.mailboxes: list[tuple[str, int, list[Row]]] = []
        self.rules: Row = {"count": "seats_used", "read_mailboxes": False}

    def user(self, number: str = "100200-7", organization: int = 60101, **changes: Any) -> Row:
        record = {
            "id": number,
            "email": "it@reseller.example",
            "organization_id": organization,
            "organization_name": "Acme",
            "plan_id": "3",
            "customer_deactivated": False,
            "flg_suspended": False,
            "archive": False,
            "seats_used": 27,
            "active_seats": 25,
            "deactivated_seats": 2,
            "required_seats": 26,
            "paid_shared_mailboxes": 1,
            "free_shared_mailboxes": 4,
            "authentication_token": None,
        } | changes
        self.users.append(record)
        return record

    def core(self, envelope: str = "bare") -> None:
        def body(rows: list[Row]) -> str:
            return json.dumps(rows if envelope == "bare" else {envelope: rows, "pagination": {}})

        pages = [("counting_rules", json.dumps([self.rules]), 1, 200, None)]
        pages += [
            ("plans", body(self.plans), 1, 200, None),
            ("users", body(self.users), 1, 200, None),
        ]
        for parent, status, rows in self.mailboxes:
            pages.append(("mailboxes", body(rows) if status == 200 else "null", 1, status, parent))
        self._connection.execute(
            "create or replace temp table raw_pages"
            " (stream varchar, body varchar, page integer, status integer, parent_id varchar)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?, ?, ?)", pages)
        parameters = {"system": "dropsuite", "pull_id": "p1", "as_of": "2026-11-22 12:00:00"}
        run_core(self._connection, "dropsuite", parameters)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def units(self) -> list[tuple[Any, ...]]:
        return self.rows("usage", "account_id, service_id, qty")

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


@pytest.mark.parametrize("envelope", ["bare", "result_set", "data"])
def test_all_three_envelopes_are_read(vendor: Vendor, envelope: str) -> None:
    """Hosts differ in how they wrap a list, and the counts don't."""
    vendor.user()
    vendor.core(envelope)
    assert vendor.units() == [("60101", "3", 27)]
    vendor.check_nothing_is_lost()


def test_the_organization_is_the_account(vendor: Vendor) -> None:
    """Its own id and name: not the record's id, and not an address that is the reseller's."""
    vendor.user(organization_name="Acme Industries")
    vendor.user("100200-9", 60102, organization_name=None)
    vendor.core()
    assert vendor.rows("accounts", "account_id, name") == [
        ("60101", "Acme Industries"),
        ("60102", "Organization 60102"),
    ]


def test_a_plan_with_archive_is_a_service_of_its_own(vendor: Vendor) -> None:
    """Plan and archive make the service; a plan that is in no list still has a name."""
    vendor.user()
    vendor.user("100200-8", archive=True)
    vendor.user("100200-9", plan_id="9")
    vendor.user("100200-10", plan_id=None)
    vendor.core()
    assert vendor.rows("services", "service_id, name, unit") == [
        ("3", "Business Backup", "seat"),
        ("3|archive", "Business Backup with Archive", "seat"),
        ("9", "Plan 9", "seat"),
        ("none", "No plan", "seat"),
    ]
    vendor.check_nothing_is_lost()


@pytest.mark.parametrize(
    ("count", "qty"), [("seats_used", 27), ("active_seats", 25), ("required_seats", 26)]
)
def test_the_chosen_counter_is_the_count(vendor: Vendor, count: str, qty: int) -> None:
    """Which of them Dropsuite invoices is for whoever reads its invoice to say."""
    vendor.rules["count"] = count
    vendor.user()
    vendor.core()
    assert vendor.units() == [("60101", "3", qty)]


def test_all_counters_stand_beside_the_count(vendor: Vendor) -> None:
    """The reviewer sees them all, and when they do not add up."""
    vendor.user()
    vendor.user("100200-8", 60102, deactivated_seats=5, required_seats=None)
    vendor.core()
    assert vendor.rows("entities", "entity_id, name, kind") == [
        (
            "100200-7",
            "used 27, active 25, deactivated 2, required 26, shared paid 1, shared free 4",
            "counters",
        ),
        (
            "100200-8",
            "used 27, active 25, deactivated 5, required ?, shared paid 1, shared free 4",
            "counters that do not add up",
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer_deactivated": True}, "deactivated"),
        ({"flg_suspended": True}, "suspended"),
        ({"customer_deactivated": True, "flg_suspended": True}, "deactivated"),
    ],
)
def test_closed_and_suspended_organizations_are_left_out(
    vendor: Vendor, changes: Row, reason: str
) -> None:
    """By name and with their seats: a suspended one may still be charged."""
    vendor.user(**changes)
    vendor.core()
    assert vendor.units() == []
    assert vendor.rows("left_out", "record_kind, record_id, name, qty, reason") == [
        ("account", "60101", "Acme", None, reason),
        ("organization", "100200-7", "Acme", 27, reason),
    ]
    assert vendor.rows("accounts", "is_active, excluded_reason") == [(False, reason)]
    vendor.check_nothing_is_lost()


def test_an_old_plan_does_not_close_the_organization(vendor: Vendor) -> None:
    """One record in force keeps the account; the closed one's seats are left out."""
    vendor.user()
    vendor.user("100200-8", plan_id="5", seats_used=4, customer_deactivated=True)
    vendor.core()
    assert vendor.units() == [("60101", "3", 27)]
    assert vendor.rows("accounts", "is_active, excluded_reason") == [(True, None)]
    assert vendor.rows("left_out", "record_id, qty, reason") == [("100200-8", 4, "deactivated")]
    vendor.check_nothing_is_lost()


def test_one_plan_listed_twice_counts_once(vendor: Vendor) -> None:
    """The larger record counts and the other is named; a closed one is no rival."""
    vendor.user()
    vendor.user("100200-8", seats_used=30)
    vendor.user("100200-9", seats_used=99, flg_suspended=True)
    vendor.core()
    assert vendor.rows("usage", "usage_id, qty") == [("100200-8", 30)]
    assert vendor.rows("left_out", "record_id, qty, reason") == [
        ("100200-7", 27, "plan_counted_once"),
        ("100200-9", 99, "suspended"),
    ]
    vendor.check_nothing_is_lost()


def test_distinct_plans_of_one_organization_all_count(vendor: Vendor) -> None:
    """Each with its own seats, under one account."""
    vendor.user()
    vendor.user("100200-8", plan_id="5", seats_used=8)
    vendor.core()
    assert vendor.units() == [("60101", "3", 27), ("60101", "5", 8)]
    assert len(vendor.rows("accounts", "account_id")) == 1


def test_no_seats_are_an_explicit_zero(vendor: Vendor) -> None:
    """An organization in force that uses none is evidence of none."""
    vendor.user(seats_used=0)
    vendor.core()
    assert vendor.units() == [("60101", "3", 0)]


def test_a_cost_is_a_monthly_plans_price(vendor: Vendor) -> None:
    """What the archive costs, or a year, is not what a seat costs a month: left empty."""
    vendor.user()
    vendor.user("100200-8", archive=True)
    vendor.user("100200-9", plan_id="5")
    vendor.core()
    assert vendor.rows("usage", "service_id, unit_cost, currency") == [
        ("3", Decimal("2.5"), "USD"),
        ("3|archive", None, None),
        ("5", None, None),
    ]


def test_mailboxes_are_the_evidence_behind_seats(vendor: Vendor) -> None:
    """Those of people who left, or that were deleted, are named and are no evidence."""
    vendor.rules["read_mailboxes"] = True
    vendor.user()
    box = {"email": "dana@acme.example", "flg_deleted": False, "deactivated_since": None}
    vendor.mailboxes.append(
        (
            "100200-7",
            200,
            [
                box | {"id": 1, "display_name": "Dana", "last_backup": "2026-11-20T06:43:27.040Z"},
                box | {"id": 2, "flg_deleted": True, "errors": []},
                box | {"id": 3, "deactivated_since": "2026-10-01T00:00:00Z", "errors": "x"},
                box | {"id": 1, "display_name": "Dana", "last_backup": "2026-11-20T06:43:27.040Z"},
            ],
        )
    )
    vendor.core()
    columns = "account_id, service_id, entity_id, name, domain, kind"
    found = vendor.rows("entities", columns)
    assert ("60101", "3", "mailbox:1", "Dana", "acme.example", "mailbox") in found
    assert len(found) == 2
    assert vendor.rows("left_out", "record_kind, record_id, reason") == [
        ("mailbox", "2", "deleted"),
        ("mailbox", "3", "deactivated"),
    ]
    assert vendor.units() == [("60101", "3", 27)]


def test_mailboxes_that_could_not_be_read_are_flagged(vendor: Vendor) -> None:
    """No token, or no such product: said, and nothing is made of it."""
    vendor.rules["read_mailboxes"] = True
    vendor.user()
    vendor.user("100200-8", 60102)
    vendor.user("100200-9", 60103, flg_suspended=True)
    vendor.mailboxes.append(("100200-7", 404, []))
    vendor.core()
    left_out = vendor.rows("left_out", "record_kind, record_id, reason")
    assert [row for row in left_out if row[0] == "mailbox_list"] == [
        ("mailbox_list", "100200-7", "product_not_owned"),
        ("mailbox_list", "100200-8", "no_token"),
    ]
    assert len(vendor.units()) == 2


def test_what_comes_twice_counts_once(vendor: Vendor) -> None:
    """The same plan or organization on two pages is one."""
    vendor.user()
    vendor.users *= 2
    vendor.plans *= 2
    vendor.core()
    assert vendor.units() == [("60101", "3", 27)]
    vendor.check_nothing_is_lost()
