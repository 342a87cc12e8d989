"""A Veeam console's pages as core rows: one day, all locations, zeros said, nothing lost."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)
TB = 1024**4
CLOUD = "CloudTotalUsage|TB"
RULES = {
    "id": "counting_rules",
    "day": "2026-11-21",
    "storage_unit": "TB",
    "storage_rounding": "up",
    "new_licences": "inside",
    "licences_in_points": False,
}


class Console:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.rules: Row = dict(RULES)
        self.pages = 1
        self.companies: list[Row] = []
        self.usage: list[Row] = []
        self.licensing: list[Row] = []
        self.company("acme")

    def company(self, uid: str, **changes: Any) -> None:
        record = {"instanceUid": uid, "name": uid.title(), "status": "Active", "resellerUid": None}
        self.companies.append(record | {"_embedded": {"organization": None}} | changes)

    def place(
        self, uid: str, company: str = "acme", date: str = "2026-11-21", **counters: int
    ) -> None:
        listed = [{"type": name, "value": value} for name, value in counters.items()]
        row = {"companyUid": company, "locationUid": uid, "date": date, "counters": listed}
        self.usage.append({"resellerUid": None} | row)

    def licence(self, company: str, *servers: Row) -> None:
        held = [{"serverUid": str(n), "workloads": [each]} for n, each in enumerate(servers)]
        self.licensing.append({"organizationUid": company, "servers": held})

    def core(self) -> None:
        rows = [("counting_rules", json.dumps([self.rules]), 1)]
        for page in range(1, self.pages + 1):
            for name in ("companies", "usage", "licensing"):
                body = {"data": getattr(self, name), "meta": {"pagingInfo": {"total": 1}}}
                rows.append((name, json.dumps(body), page))
        self._connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?)", rows)
        parameters = {"system": "vspc", "pull_id": "p1", "as_of": AS_OF}
        run_core(self._connection, "veeam_vspc", parameters)
        self._check_conservation()

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def counts(self, company: str = "acme") -> dict[str, Decimal]:
        rows = self.rows("usage", "account_id, service_id, qty")
        return {service: qty for owner, service, qty in rows if owner == company}

    def left_out(self) -> list[tuple[Any, ...]]:
        return self.rows("left_out", "record_kind, record_id, qty, reason")

    def _check_conservation(self) -> None:
        """Each service's units are kept or left out, in whatever test."""
        found: dict[str, list[Decimal]] = {}
        for table in ("usage", "left_out"):
            for service, qty in self.rows(table, "service_id, qty"):
                if service is not None:
                    found.setdefault(f"usage:{service}", []).append(qty)
        totals = {name: (n, qty) for name, n, qty in self.rows(*CONTROL)}
        assert {name: (len(each), sum(each)) for name, each in found.items()} == totals


CONTROL = ("control_totals", "measure, records, qty")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Made once: making all tables costs more than a test."""
    with duckdb.connect() as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def console(warehouse: duckdb.DuckDBPyConnection) -> Console:
    for table in ("accounts", "services", "usage", "left_out", "control_totals"):
        warehouse.execute(f"delete from core.{table}")  # noqa: S608 - our own names
    return Console(warehouse)


def workload(name: str, used: int, new: int = 0, weight: float = 11.0) -> Row:
    units = {"usedUnits": used * weight, "newUnits": new * weight, "rentalCount": 50}
    return {"description": name, "usedCount": used, "newCount": new} | units


def test_locations_are_summed(console: Console) -> None:
    """A company with three locations has the units of all three, not those of the first."""
    console.place("l1", ManagedVms=9, ManagedServerAgents=2)
    console.place("l2", ManagedVms=4)
    console.place("l3", ManagedVms=1)
    console.core()
    assert console.counts() == {"ManagedVms": 14, "ManagedServerAgents": 2}


def test_days_are_never_summed(console: Console) -> None:
    """Rows of other days that come along are left out by name."""
    for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
        console.place("l1", date=day, ManagedVms=9)
    console.core()
    assert console.counts() == {"ManagedVms": 9}
    assert console.left_out() == [
        ("counter", "acme|ManagedVms|2026-11-20", 9, "other_day"),
        ("counter", "acme|ManagedVms|2026-11-22", 9, "other_day"),
    ]
    as_of = console.rows("usage", "usage_id, as_of")
    assert as_of == [("2026-11-21", datetime(2026, 11, 22))]  # noqa: DTZ001 - UTC by definition


@pytest.mark.parametrize(
    ("date", "is_the_day"),
    [
        ("2026-11-21", True),
        ("2026-11-20T20:00:00-04:00", True),
        ("2026-11-21T02:00:00+02:00", True),
        ("2026-11-21T00:00:00Z", True),
        ("2026-11-21T00:00:00.0000000+00:00", True),
        ("2026-11-21T00:00:00", True),
        ("2026-11-21T20:00:00-04:00", False),
        ("2026-11-21T01:00:00+02:00", False),
    ],
)
def test_a_day_is_a_day_in_utc(console: Console, date: str, *, is_the_day: bool) -> None:
    """A moment with an offset is taken to UTC before its day is read."""
    console.place("l1", date=date, ManagedVms=9)
    console.core()
    assert console.counts().get("ManagedVms", 0) == (9 if is_the_day else 0)
    assert len(console.left_out()) == (0 if is_the_day else 1)


def test_an_absent_counter_is_zero_where_others_have_it(console: Console) -> None:
    """Zero is said, also for a company without a row; a counter nobody has gets no rows."""
    console.company("bolt")
    console.company("coal")
    console.place("l1", ManagedVms=9, ManagedUsers=0)
    console.place("l2", "bolt", Vb365ProtectedUsers=37)
    console.core()
    zero = {"ManagedVms": 0, "ManagedUsers": 0, "Vb365ProtectedUsers": 0}
    assert console.counts() == zero | {"ManagedVms": 9}
    assert console.counts("bolt") == zero | {"Vb365ProtectedUsers": 37}
    assert console.counts("coal") == zero


@pytest.mark.parametrize(
    ("unit", "rounding", "counted"),
    [
        ("TB", "up", "3"),
        ("TB", "nearest", "2"),
        ("TB", "none", "2.0001"),
        ("GB", "up", "2049"),
        ("GB", "nearest", "2048"),
        ("GB", "none", "2048.0764"),
    ],
)
def test_storage_is_converted_once_after_summing(
    console: Console, unit: str, rounding: str, counted: str
) -> None:
    """Units of 1024, rounded per company: two halves of a terabyte are one, not two."""
    console.rules |= {"storage_unit": unit, "storage_rounding": rounding}
    console.place("l1", CloudTotalUsage=TB + TB // 2)
    console.place("l2", CloudTotalUsage=TB // 2 + 82_000_000)
    console.core()
    assert console.counts() == {f"CloudTotalUsage|{unit}": Decimal(counted)}
    [named] = [
        row for row in console.rows("services", "service_id, name, unit") if "CloudT" in row[0]
    ]
    assert named[1:] == (f"Cloud repository space used ({unit})", unit)


def test_a_full_unit_is_not_rounded_up(console: Console) -> None:
    """Exactly five terabytes are five, none are none, and eight exabytes fit."""
    console.company("bolt")
    console.company("coal")
    console.place("l1", CloudTotalUsage=5 * TB)
    console.place("l2", "bolt", CloudTotalUsage=0)
    console.place("l3", "coal", CloudTotalUsage=2**63 - 1)
    console.core()
    found = [console.counts(name)[CLOUD] for name in ("acme", "bolt", "coal")]
    assert found == [5, 0, 2**23]


def test_a_disabled_company_is_inactive_and_counted(console: Console) -> None:
    """The final invoice needs its counts; a status nobody knows is no reason to lose any."""
    console.company("old", status="Disabled")
    console.company("odd", status="SomethingNew")
    console.place("l1", "old", ManagedVms=3)
    console.place("l2", "odd", ManagedVms=4)
    console.core()
    accounts = console.rows("accounts", "account_id, is_active, excluded_reason")
    assert accounts == [("acme", True, None), ("odd", False, None), ("old", False, None)]
    assert console.counts("old") == {"ManagedVms": 3}
    assert console.counts("odd") == {"ManagedVms": 4}


def test_a_company_that_is_not_listed_is_left_out_by_name(console: Console) -> None:
    """Usage and licences of a company deleted since that day go to nobody, visibly."""
    console.place("l1", ManagedVms=1)
    console.place("l2", "gone", ManagedVms=4, ManagedUsers=0)
    console.licence("gone", workload("VM", 5, new=1))
    console.core()
    assert console.left_out() == [
        ("counter", "gone|ManagedVms|2026-11-21", 4, "account_unknown"),
        ("licence", "gone|licence|VM", 4, "account_unknown"),
        ("licence", "gone|licence|VM|new", 1, "new_this_month"),
    ]
    assert console.counts("gone") == {}


def test_traffic_and_unknown_counters_are_left_out_by_name(console: Console) -> None:
    """Enums are open: a new counter is named and never guessed at; traffic is not one day's."""
    console.place("l1", ManagedVms=1, AgentCloudBackupDataTransferIn=10**17, Unknown=0)
    console.place("l2", VmCloudReplicaComputeTime=60, ManagedQuantumVms=2, VbrBackupSize=1)
    console.core()
    assert console.counts() == {"ManagedVms": 1, "VbrBackupSize|TB": 1}
    assert console.left_out() == [
        ("counter", "acme|AgentCloudBackupDataTransferIn|2026-11-21", None, "traffic_or_time"),
        ("counter", "acme|ManagedQuantumVms|2026-11-21", None, "unknown_counter"),
        ("counter", "acme|VmCloudReplicaComputeTime|2026-11-21", None, "traffic_or_time"),
    ]


def test_every_known_counter_is_a_service_of_its_own(console: Console) -> None:
    """The 52 counters that one day can tell; Microsoft 365 users stand apart from other objects."""
    console.core()
    names = dict(console.rows("services", "service_id, name"))
    assert len(names) == len(set(names.values())) == 52
    assert names["Vb365ProtectedUsers"] == "Protected Microsoft 365 users"
    assert not any("Transfer" in name or "ComputeTime" in name for name in names)


def test_what_is_landed_twice_counts_once(console: Console) -> None:
    """Records move between pages while a console works; one day written in two ways is one."""
    console.place("l1", ManagedVms=9)
    console.place("l1", date="2026-11-20T20:00:00-04:00", ManagedVms=9)
    console.licence("acme", workload("VM", 5))
    console.pages = 2
    console.core()
    assert console.counts() == {"ManagedVms": 9, "licence|VM": 5}
    assert len(console.rows("accounts", "account_id")) == 1


def test_licences_of_all_servers_are_summed(console: Console) -> None:
    """One licence on several servers is one sum, and companies without it have zero."""
    console.company("bolt")
    console.licence("acme", workload("Server", 6), workload("Server", 2), workload("VM", 3))
    console.core()
    assert console.counts() == {"licence|Server": 8, "licence|VM": 3}
    assert console.counts("bolt") == {"licence|Server": 0, "licence|VM": 0}
    services = console.rows("services", "service_id, name, unit")
    assert ("licence|VM", "VM licences", "licence") in services


@pytest.mark.parametrize(("place", "counted"), [("inside", 5), ("beside", 6)])
def test_new_licences_are_free(console: Console, place: str, counted: int) -> None:
    """In their first month they are left out by name, wherever the console counts them."""
    console.rules |= {"new_licences": place}
    console.licence("acme", workload("Server", 4, new=1), workload("Server", 2))
    console.core()
    assert console.counts() == {"licence|Server": counted}
    assert console.left_out() == [("licence", "acme|licence|Server|new", 1, "new_this_month")]


def test_points_are_a_service_apart(console: Console) -> None:
    """Points never pass for licences: id, name and unit say what they are."""
    console.rules |= {"licences_in_points": True}
    console.licence("acme", workload("Cloud Backup (VM)", 4, new=1, weight=2.5))
    console.core()
    assert console.counts() == {"licence|Cloud Backup (VM)|points": Decimal("7.5")}
    points = [row for row in console.rows("services", "service_id, name, unit") if "|p" in row[0]]
    assert [row[1:] for row in points] == [("Cloud Backup (VM) licence points", "point")]


def test_a_resellers_company_keeps_its_parent_and_its_website(console: Console) -> None:
    """Who resells to it is shown beside it; its website helps to find the PSA's company."""
    organization = {"organization": {"website": "https://bolt.example", "companyId": "CW-7"}}
    console.company("bolt", resellerUid="r1", _embedded=organization)
    console.core()
    accounts = console.rows("accounts", "account_id, parent_account_id, domain")
    assert accounts == [("acme", None, None), ("bolt", "r1", "https://bolt.example")]
