"""Datto RMM's pages as core rows: what counts, what is left out and why, nothing lost."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
ACME = "8c6d3c2e-0f0a-4b64-8d0e-3d8f1f6a9b10"
BIRCH = "1f0b6a44-7c1d-4f7e-9a55-0a4c1f2b3d4e"
SERVER = {"deviceType": {"category": "Server"}, "deviceClass": "device"}
AGENT = {"antivirusProduct": None, "antivirusStatus": "NotDetected"}


class Rmm:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.sites: list[Row] = []
        self.devices: list[Row] = []
        self.site_devices: list[Row] = []
        self.rules: Row = {"id": "counting_rules", "count_suspended": True, "count_antivirus": True}

    def site(self, uid: str = ACME, total: int | None = None, **changes: Any) -> None:
        status = None if total is None else {"numberOfDevices": total}
        self.sites.append(
            {"uid": uid, "name": uid, "onDemand": False, "devicesStatus": status} | changes
        )

    def device(self, uid: str, site: str = ACME, *, own: bool = False, **changes: Any) -> None:
        record = {"uid": uid, "siteUid": site, "hostname": uid.upper(), "deleted": False} | SERVER
        (self.site_devices if own else self.devices).append(record | changes)

    def core(self) -> None:
        pages = [
            ("sites", json.dumps({"sites": self.sites}), 1),
            ("devices", json.dumps({"devices": self.devices}), 1),
            ("site_devices", json.dumps({"devices": self.site_devices}), 1),
            ("site_devices", "null", 2),
            ("counting_rules", json.dumps([self.rules]), 1),
        ]
        self._connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?)", pages)
        given = {"system": "datto_rmm", "pull_id": "p1", "as_of": datetime(2026, 11, 22, 12)}  # noqa: DTZ001
        run_core(self._connection, "datto_rmm", given)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def counts(self, account: str = ACME) -> dict[str, int]:
        """Units above zero by service."""
        rows = self.rows("usage", "account_id, service_id, qty")
        return {service: int(qty) for site, service, qty in rows if site == account and qty}


@pytest.fixture
def rmm() -> Iterator[Rmm]:
    with duckdb.connect() as connection:
        create_tables(connection)
        yield Rmm(connection)


@pytest.mark.parametrize(
    ("category", "device_class", "services"),
    [
        ("Server", "device", {"servers", "workstations_and_servers"}),
        ("SERVER", "unknown", {"servers", "workstations_and_servers"}),
        ("Desktop", "device", {"workstations", "workstations_and_servers"}),
        ("laptop", None, {"workstations", "workstations_and_servers"}),
        ("Server", "esxihost", {"esxi_hosts"}),
        ("ESXi Host", "unknown", {"esxi_hosts"}),
        ("Network Device", "unknown", {"network_devices"}),
        (None, "rmmnetworkdevice", {"network_devices"}),
        ("Network Device", "printer", {"printers"}),
        ("Printer", "unknown", {"printers"}),
        ("Tablet", "device", {"other_devices"}),
        (None, None, {"other_devices"}),
    ],
)
def test_the_class_of_a_device_decides_its_services(
    rmm: Rmm, category: str | None, device_class: str | None, services: set[str]
) -> None:
    """The device class goes before the category, in any spelling; nobody's is Other Devices."""
    kind = None if category is None else {"category": category, "type": "x"}
    rmm.site(total=1)
    rmm.device("d1", deviceType=kind, deviceClass=device_class)
    rmm.core()
    assert rmm.counts() == dict.fromkeys({"total_devices", *services}, 1)


def test_none_of_a_class_is_an_explicit_zero(rmm: Rmm) -> None:
    """The lists are whole, so a site without printers has zero of them, not an unknown number."""
    rmm.site(total=0)
    rmm.core()
    usage = rmm.rows("usage", "service_id, qty")
    assert len(usage) == 9
    assert {qty for _, qty in usage} == {Decimal(0)}


def test_the_deleted_devices_site_is_nobodys_account(rmm: Rmm) -> None:
    """The system site's uid is no GUID; it and its devices are left out, each by name."""
    rmm.site(total=1)
    rmm.site("DELETED", 9, name="Deleted Devices")
    rmm.device("d1")
    rmm.device("d2", "DELETED")
    rmm.device("d3", "DELETED", deleted=True)
    rmm.core()
    assert rmm.rows("left_out", "record_kind, record_id, reason") == [
        ("account", "DELETED", "deleted_devices_site"),
        ("device", "d2", "deleted_devices_site"),
        ("device", "d3", "deleted"),
    ]
    assert rmm.rows("accounts", "account_id, is_active") == [(ACME, True), ("DELETED", False)]
    assert {account for (account,) in rmm.rows("usage", "account_id")} == {ACME}


def test_offline_devices_count_and_deleted_ones_do_not(rmm: Rmm) -> None:
    """Who switched a server off still pays for it."""
    rmm.site(total=1)
    rmm.device("d1", online=False)
    rmm.device("d2", deleted=True)
    rmm.core()
    assert rmm.counts()["servers"] == 1
    assert rmm.rows("left_out", "record_id, name, reason") == [("d2", "D2", "deleted")]


@pytest.mark.parametrize("counted", [True, False])
def test_suspended_devices_count_as_set(rmm: Rmm, *, counted: bool) -> None:
    """The setting decides, and says so in the list of what is left out."""
    rmm.rules["count_suspended"] = counted
    rmm.site(total=1)
    rmm.device("d1", suspended=True)
    rmm.core()
    assert bool(rmm.counts()) is counted
    assert rmm.rows("left_out", "reason") == ([] if counted else [("suspended",)])


def test_ondemand_sites_are_a_service_of_their_own(rmm: Rmm) -> None:
    """Their devices are in no managed total, and managed sites have none of them."""
    rmm.site(total=1)
    rmm.site(BIRCH, 2, onDemand=True)
    rmm.device("d1")
    rmm.device("d2", BIRCH)
    rmm.device("d3", BIRCH, antivirus={"antivirusProduct": "X", "antivirusStatus": "NotRunning"})
    rmm.core()
    assert rmm.counts(BIRCH) == {"ondemand_devices": 2}
    assert "ondemand_devices" not in rmm.counts()


def test_the_account_list_misses_a_third(rmm: Rmm) -> None:
    """A site's own list counts where it shows more; the list that fell short is told by name."""
    rmm.site(total=3, name="Acme")
    for number in (1, 2):
        rmm.device(f"d{number}")
    for number in (1, 2, 3):
        rmm.device(f"d{number}", own=True)
    rmm.core()
    assert rmm.counts()["servers"] == 3
    assert rmm.rows("left_out", "record_kind, record_id, name, qty, reason") == [
        ("device_list", ACME, "Acme", None, "account_list_is_short")
    ]
    assert rmm.rows("control_totals", "measure, records, qty") == [("device", 3, 3)]


def test_the_account_list_counts_where_it_is_the_larger(rmm: Rmm) -> None:
    """A second look that shows fewer takes nothing away; what only it has is left out by name."""
    rmm.site(total=3)
    for number in (1, 2, 3):
        rmm.device(f"d{number}")
    rmm.device("d1", own=True)
    rmm.device("d9", own=True)
    rmm.core()
    assert rmm.counts()["servers"] == 3
    assert rmm.rows("left_out", "record_id, reason") == [("d9", "only_in_shorter_list")]
    assert rmm.rows("control_totals", "records") == [(4,)]


@pytest.mark.parametrize(
    ("total", "remark"), [(2, None), (3, None), (1, None), (5, "total_differs"), (None, None)]
)
def test_a_total_that_nothing_explains_is_told(rmm: Rmm, total: int, remark: str | None) -> None:
    """With or without deleted or suspended devices the total is right; any other is noted."""
    rmm.site(total=total)
    rmm.device("d1")
    rmm.device("d2", suspended=True)
    rmm.device("d3", deleted=True)
    rmm.core()
    found = [
        reason
        for kind, reason in rmm.rows("left_out", "record_kind, reason")
        if kind == "device_list"
    ]
    assert found == ([] if remark is None else [remark])


def test_devices_of_an_unknown_site_are_left_out(rmm: Rmm) -> None:
    """Nobody's account gets units of a site that came after the list of sites."""
    rmm.site(total=0)
    rmm.device("d1", BIRCH)
    rmm.core()
    assert rmm.rows("left_out", "record_id, account_id, reason") == [
        ("d1", BIRCH, "account_unknown")
    ]


def test_antivirus_seats_are_counted_by_product(rmm: Rmm) -> None:
    """Whatever its state, a product that was found is a seat; one not detected is none."""
    rmm.site(total=3)
    for number, status in enumerate(("RunningAndUpToDate", "NotRunning", "NotDetected")):
        agent = {"antivirusProduct": "Webroot", "antivirusStatus": status}
        rmm.device(f"d{number}", antivirus=agent)
    rmm.core()
    assert rmm.counts()["antivirus|Webroot"] == 2
    named = rmm.rows("services", "service_id, name, unit")
    assert ("antivirus|Webroot", "Antivirus: Webroot", "seat") in named


def test_antivirus_is_unknown_where_no_agent_looked(rmm: Rmm) -> None:
    """Zero seats need an agent that found none; without one there is no number at all."""
    rmm.site(total=1)
    rmm.site(BIRCH, 1)
    rmm.site(other := ACME.replace("8", "9"), 1)
    rmm.device("d1", antivirus={"antivirusProduct": "Webroot", "antivirusStatus": "NotRunning"})
    rmm.device("d2", BIRCH, antivirus=AGENT)
    rmm.device("d3", other, antivirus=None)
    rmm.core()
    seats = [
        (account, int(qty))
        for account, service, qty in rmm.rows("usage", "account_id, service_id, qty")
        if service == "antivirus|Webroot"
    ]
    assert sorted(seats) == sorted([(ACME, 1), (BIRCH, 0)])


def test_antivirus_is_not_counted_unless_asked_for(rmm: Rmm) -> None:
    """By default no service of that kind exists."""
    rmm.rules["count_antivirus"] = False
    rmm.site(total=1)
    rmm.device("d1", antivirus={"antivirusProduct": "Webroot", "antivirusStatus": "NotRunning"})
    rmm.core()
    assert not [name for (name,) in rmm.rows("services", "name") if "Antivirus" in name]


@pytest.mark.parametrize(
    "sent", [1_763_812_800_000, 1_763_812_800, "2025-11-22T12:00:00Z", "2025-11-22T13:00:00+01:00"]
)
def test_dates_are_read_in_all_three_shapes(rmm: Rmm, sent: int | str) -> None:
    """Milliseconds, seconds and ISO 8601 are the same instant."""
    rmm.site(total=1)
    rmm.device("d1", lastSeen=sent)
    rmm.core()
    seen = {moment for (moment,) in rmm.rows("entities", "last_seen_at")}
    assert seen == {datetime(2025, 11, 22, 12)}  # noqa: DTZ001 - UTC without a zone, as stored


@pytest.mark.parametrize("sent", [None, "", "never"])
def test_a_date_that_is_none_is_unknown(rmm: Rmm, sent: str | None) -> None:
    """A device that was never seen is counted, its last contact unknown."""
    rmm.site(total=1)
    rmm.device("d1", lastSeen=sent)
    rmm.core()
    assert {moment for (moment,) in rmm.rows("entities", "last_seen_at")} == {None}


def test_what_is_landed_twice_counts_once(rmm: Rmm) -> None:
    """The same site or device on two pages is one."""
    rmm.site(total=1)
    rmm.device("d1")
    rmm.sites *= 2
    rmm.devices *= 2
    rmm.core()
    assert rmm.counts()["servers"] == 1
    assert rmm.rows("control_totals", "records") == [(1,)]
