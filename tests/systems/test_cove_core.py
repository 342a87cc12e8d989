"""Cove's pages as core rows: what each device counts as, whose it is, what is left out and why."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.systems.vendors.cove import NEEDED_COLUMNS, OTHER_COLUMNS
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
GB = 2**30
ACME, SITE = 2000101, 2000102
SERVER = {"I59": "1", "I32": "2", "I81": "Physical", "I10": "All-In"}
WORKSTATION = {"I59": "1", "I32": "1", "I81": "Physical", "I10": "All-In"}
TENANT = {"I59": "2", "I32": "0", "I81": "Undefined"}


class Cove:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.devices: list[Row] = []
        self.report: list[Row] | None = None
        self.rules: Row = {
            "id": "counting_rules",
            "count_trials": False,
            "fair_use_gb_server": 2000,
            "fair_use_gb_workstation": 500,
            "columns": [*NEEDED_COLUMNS, *OTHER_COLUMNS],
        }
        self.partners: list[Row] = []
        self.partner(ACME, "Acme")

    def partner(
        self, number: int, name: str, parent: int = 2000000, level: str = "EndCustomer", **more: Any
    ) -> None:
        row = {"Id": number, "ParentId": parent, "Name": name, "Level": level}
        self.partners.append({"State": "InProduction", **row, **more})

    def device(self, number: int, kind: Row, partner: int = ACME, **columns: str) -> None:
        told = {"I1": f"device-{number}", **kind, **columns}
        settings = [{code: value} for code, value in told.items()]
        self.devices.append({"AccountId": number, "PartnerId": partner, "Settings": settings})

    def reported(self, number: int, partner: int = ACME, **columns: str | None) -> None:
        self.report = self.report or []
        row = {"CustomerId": str(partner), "DeviceId": str(number), **columns}
        self.report.append(row)

    def core(self) -> None:
        pages = [
            ("partners", json.dumps({"visa": None, "result": {"result": self.partners}})),
            ("devices", json.dumps({"visa": None, "result": {"result": self.devices}})),
            ("counting_rules", json.dumps([self.rules])),
        ]
        if self.report is not None:
            pages.append(("maximum", json.dumps(self.report)))
        self._connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, 1)", pages)
        parameters = {
            "system": "cove",
            "pull_id": "p1",
            "as_of": datetime(2026, 11, 22, tzinfo=UTC),
        }
        run_core(self._connection, "cove", parameters)

    def rows(self, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} where {where} order by all"  # noqa: S608
        return self._connection.execute(query).fetchall()

    def counts(self, account: int = ACME) -> dict[str, Decimal]:
        """Units above zero of one account, by service."""
        found = self.rows("usage", "service_id, sum(qty)", f"account_id = '{account}' group by all")
        return {service: qty for service, qty in found if qty}


@pytest.fixture(scope="module")
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def cove(tables: duckdb.DuckDBPyConnection) -> Cove:
    for name in ("accounts", "services", "usage", "entities", "left_out", "control_totals"):
        tables.execute(f"delete from core.{name}")  # noqa: S608 - our own names
    return Cove(tables)


def test_devices_count_by_what_they_are(cove: Cove) -> None:
    """Servers and workstations in total and by what they run on; Documents apart."""
    cove.device(1, SERVER)
    cove.device(2, SERVER, I81="Virtual")
    cove.device(3, WORKSTATION)
    cove.device(4, WORKSTATION, I81="Virtual")
    cove.device(5, WORKSTATION, I10="Documents")
    cove.device(6, SERVER, I81="Undefined")
    cove.core()
    assert cove.counts() == {
        "physical_servers": 1,
        "virtual_servers": 1,
        "total_servers": 3,
        "physical_workstations": 1,
        "virtual_workstations": 1,
        "workstations": 2,
        "documents": 1,
    }
    found = cove.rows("entities", "entity_id", "service_id = 'total_servers'")
    assert found == [("1",), ("2",), ("6",)]


def test_a_tenant_counts_its_billable_users_and_is_no_device(cove: Cove) -> None:
    """Account type 2; TM and not the mailboxes; an absent TM is none."""
    cove.device(1, TENANT, TM="27", D19F20="25", D19F21="6")
    cove.device(2, TENANT)
    cove.core()
    assert cove.counts() == {"microsoft_365_users": 27}
    assert cove.rows("usage", "usage_id, qty", "service_id = 'microsoft_365_users'") == [
        ("1", 27),
        ("2", 0),
    ]


@pytest.mark.parametrize(("value", "service"), [("1", "recovery_testing"), ("2", "standby_image")])
def test_recovery_is_counted_besides_the_device(cove: Cove, value: str, service: str) -> None:
    """1 is recovery testing, 2 a standby image, 0 and absent are neither."""
    cove.device(1, SERVER, I80=value)
    cove.device(2, SERVER, I80="0")
    cove.device(3, SERVER)
    cove.core()
    counted = cove.counts()
    assert (counted["total_servers"], counted[service]) == (3, 1)
    assert len({"recovery_testing", "standby_image"} & counted.keys()) == 1


def test_storage_is_in_gb_and_fair_use_is_each_devices_own(cove: Cove) -> None:
    """2,000 GB are included with a server, 500 with a workstation, none with Documents."""
    sizes = {"I14": str(GB + GB // 4), "D9F03": str(2100 * GB)}
    cove.device(1, SERVER, **sizes)
    cove.device(2, WORKSTATION, I14="0", D9F03=str(499 * GB))
    cove.device(3, WORKSTATION, I10="Documents", D9F03=str(7 * GB))
    cove.device(4, TENANT, TM="1", **sizes)
    cove.core()
    counted = cove.counts()
    assert counted["used_storage_gb"] == Decimal("1.25")
    assert counted["selected_size_gb"] == 2606
    assert counted["storage_over_fair_use_gb"] == 107
    assert cove.rows("usage", "qty", "service_id = 'used_storage_gb' and usage_id = '2'") == [(0,)]


def test_a_site_counts_with_its_customer(cove: Cove) -> None:
    """However deep; a site below no customer is an account of its own."""
    cove.partner(SITE, "Acme Warehouse", ACME, "Site")
    cove.partner(2000103, "Acme Attic", SITE, "Site")
    cove.partner(2000200, "Dealer", level="Reseller")
    cove.partner(2000201, "Showroom", 2000200, "Site")
    for number, partner in enumerate((ACME, SITE, 2000103, 2000201), start=1):
        cove.device(number, SERVER, partner)
    cove.core()
    assert cove.counts()["total_servers"] == 3
    assert cove.counts(2000201)["total_servers"] == 1
    assert cove.rows("accounts", "account_id, parent_account_id, excluded_reason") == [
        ("2000101", "2000000", None),
        ("2000102", "2000101", "counted_with_customer"),
        ("2000103", "2000102", "counted_with_customer"),
        ("2000200", "2000000", "not_a_customer"),
        ("2000201", "2000200", None),
    ]


def test_what_does_not_count_is_named(cove: Cove) -> None:
    """Trials, the recycle bin, resellers, demo devices, never installed: each with its reason."""
    cove.partner(2, "Try Co", State="InTrial")
    cove.partner(3, "Our Recycle Bin")
    cove.partner(4, "Dealer", level="Reseller")
    cove.partner(5, "Pop-up", ACME, "Site", State="InTrial")
    cove.partner(6, "Try Shop", 2, "Site")
    for number, partner in enumerate((2, 3, 4, 5, 6, 2000000), start=10):
        cove.device(number, SERVER, partner)
    cove.device(20, WORKSTATION, I72="1")
    cove.device(21, WORKSTATION | {"I32": "0", "I81": "Undefined"})
    cove.device(22, TENANT, 2, TM="9")
    cove.core()
    assert cove.counts() == {}
    left_out = cove.rows("left_out", "record_id, reason", "record_kind = 'device'")
    assert left_out == [
        ("10", "trial"),
        ("11", "recycle_bin"),
        ("12", "not_a_customer"),
        ("13", "trial"),
        ("14", "trial"),
        ("15", "account_unknown"),
        ("20", "demo_device"),
        ("21", "os_type_undefined"),
        ("22", "trial"),
    ]
    users = cove.rows("left_out", "record_id, qty", "service_id = 'microsoft_365_users'")
    assert users == [("22", 9)]


def test_trials_count_where_they_are_wanted(cove: Cove) -> None:
    """The setting lets them in."""
    cove.partner(2, "Try Co", State="InTrial")
    cove.device(1, SERVER, 2)
    cove.rules["count_trials"] = True
    cove.core()
    assert cove.counts(2)["total_servers"] == 1


@pytest.mark.parametrize("value", ["1", "true", "Yes"])
def test_demo_is_whatever_is_not_said_to_be_none(cove: Cove, value: str) -> None:
    """How the flag is written is not documented; 0, false and no are none."""
    cove.device(1, SERVER, I72=value)
    for number, none in enumerate(("0", "false", "No"), start=2):
        cove.device(number, SERVER, I72=none)
    cove.core()
    assert cove.counts()["total_servers"] == 3


def test_a_customer_without_a_device_has_none(cove: Cove) -> None:
    """Every service of devices is an explicit zero: the list is complete and shows none."""
    cove.core()
    zeros = cove.rows("usage", "service_id, qty")
    assert ("total_servers", 0) in zeros
    assert {qty for _service, qty in zeros} == {0}


def test_what_is_no_number_counts_nothing_not_zero(cove: Cove) -> None:
    """A tenant whose users can't be read is left out by name; storage without a size has no row."""
    cove.device(1, TENANT, TM="many")
    cove.device(2, SERVER, I14="", D9F03="big", I6="soon")
    cove.core()
    assert cove.counts() == {"physical_servers": 1, "total_servers": 1}
    assert not cove.rows("usage", "qty", "service_id in ('microsoft_365_users', 'used_storage_gb')")
    assert cove.rows("left_out", "record_kind, record_id, reason") == [
        ("device", "1", "users_unknown"),
        ("microsoft_365_users", "1", "users_unknown"),
    ]


def test_a_column_that_was_not_asked_for_counts_nothing_not_zero(cove: Cove) -> None:
    """Its services are not listed at all: unknown is never zero."""
    cove.device(1, SERVER)
    cove.rules["columns"] = [*NEEDED_COLUMNS]
    cove.core()
    gone = {"recovery_testing", "standby_image", "used_storage_gb", "selected_size_gb"}
    assert not gone & {service for (service,) in cove.rows("services", "service_id")}
    assert not gone & {service for (service,) in cove.rows("usage", "service_id")}


def test_a_device_landed_twice_counts_once(cove: Cove) -> None:
    """Pages may overlap; partners, too."""
    cove.device(1, SERVER)
    cove.device(2, TENANT, TM="5")
    cove.devices *= 2
    cove.partners *= 2
    cove.core()
    assert cove.counts() == {"physical_servers": 1, "total_servers": 1, "microsoft_365_users": 5}
    assert cove.rows("control_totals", "measure, records, qty") == [
        ("device", 2, 2),
        ("usage:microsoft_365_users", 1, 5),
    ]


def test_the_months_maximum_counts_devices_deleted_in_it(cove: Cove) -> None:
    """They are absent from the list of devices and still billed: the report alone knows them."""
    cove.device(1, SERVER)
    cove.reported(1, OsType="Server", CurrentMonthMvSKU="Physical Server", O365Users="0")
    gone = {"DeviceDeletionDate": "2026-11-09", "ComputerName": "OLD01"}
    cove.reported(2, OsType="Server", CurrentMonthMvSKU="Virtual Server", **gone)
    cove.reported(3, OsType="Workstation", CurrentMonthMvSKU="Documents", **gone)
    cove.reported(4, OsType="Server", CurrentMonthMvSKU="Server", **gone)
    cove.reported(5, OsType="Undefined", O365Users="12", **gone)
    cove.core()
    assert cove.counts() == {
        "total_servers": 3,
        "physical_servers": 1,
        "virtual_servers": 1,
        "documents": 1,
        "microsoft_365_users": 12,
    }
    assert ("2", "OLD01") in cove.rows("entities", "entity_id, name")
    assert cove.rows("control_totals", "records", "measure = 'device'") == [(5,)]


def test_the_months_maximum_never_lowers_what_there_is(cove: Cove) -> None:
    """The higher of both counts, and what the report does not know yet counts as it is now."""
    cove.device(1, TENANT, TM="27")
    cove.device(2, SERVER, I14=str(9 * GB), D9F03=str(3 * GB), I80="1")
    cove.device(3, SERVER)
    cove.reported(1, O365Users="30", CurrentMonthMvSKU="Microsoft 365")
    cove.reported(2, UsedStorageGb="8.5", SelectedSizeGb="4", RecoveryTesting="StandbyImage")
    cove.core()
    assert cove.counts() == {
        "microsoft_365_users": 30,
        "physical_servers": 2,
        "total_servers": 2,
        "standby_image": 1,
        "used_storage_gb": 9,
        "selected_size_gb": 4,
    }


def test_a_device_that_moved_counts_once_where_it_is(cove: Cove) -> None:
    """The report shows it at both customers."""
    cove.partner(2, "Beta")
    cove.device(1, SERVER, 2)
    cove.reported(1, ACME, OsType="Server", DeviceDeletionDate="2026-11-05")
    cove.reported(1, 2, OsType="Server")
    cove.core()
    assert cove.counts() == {}
    assert cove.counts(2)["total_servers"] == 1
