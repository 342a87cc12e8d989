"""N-central's pages as core rows: whose a device is, what it counts as, nothing lost."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Server:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.account = "customer"
        self.pages = 1
        self.customers: list[Row] = [
            {"customerId": 237, "customerName": "Acme", "parentId": 50, "isSystem": False}
        ]
        self.sites: list[Row] = [{"siteId": 500, "siteName": "Main Office", "parentId": 237}]
        self.devices: list[Row] = []
        self.filtered: dict[str, list[int]] = {}

    def device(self, number: int, device_class: str = "Servers - Windows", **changes: Any) -> None:
        record = {
            "deviceId": number,
            "longName": f"DC{number}",
            "deviceClass": device_class,
            "isProbe": False,
            "licenseMode": "Professional",
            "orgUnitId": 237,
            "soId": 50,
            "soName": "North MSP",
            "customerId": 237,
            "siteId": None,
            "stillLoggedIn": "false" if number % 2 else False,
        }
        self.devices.append(record | changes)

    def core(self) -> None:
        rules = [{"account": self.account, "filters": sorted(self.filtered)}]
        names = [{"filterId": key, "filterName": f"Filter {key}"} for key in self.filtered]
        lists = {
            "customers": self.customers,
            "sites": self.sites,
            "device_filters": names,
            "devices": self.devices,
        }
        rows = [("counting_rules", json.dumps(rules), 1, None)]
        for page in range(1, self.pages + 1):
            rows += [(name, _page(held), page, None) for name, held in lists.items()]
            for key, numbers in self.filtered.items():
                found = [{"deviceId": number, "longName": f"DC{number}"} for number in numbers]
                rows.append((f"filtered_devices_{key}", _page(found), page, key))
        self._connection.execute(
            "create or replace temp table raw_pages"
            " (stream varchar, body varchar, page integer, parent_id varchar)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, ?, ?)", rows)
        parameters = {"system": "nc", "pull_id": "p1", "as_of": AS_OF}
        run_core(self._connection, "nable_ncentral", parameters)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} order by all"  # noqa: S608 - our own names
        return self._connection.execute(query).fetchall()

    def usage(self, account: str = "237") -> dict[str, int]:
        counted: Counter[str] = Counter()
        for owner, service, qty in self.rows("usage", "account_id, service_id, qty"):
            if owner == account:
                counted[service] += int(qty)
        return dict(counted)


def _page(rows: list[Row]) -> str:
    return json.dumps({"data": rows, "totalItems": len(rows)})


@pytest.fixture(scope="module")
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def server(tables: duckdb.DuckDBPyConnection) -> Iterator[Server]:
    tables.begin()
    yield Server(tables)
    # Making the tables costs more than any test: each finds them empty again.
    tables.rollback()


def test_a_device_is_in_every_service_of_its_class(server: Server) -> None:
    """Laptops are workstations; what is neither server nor workstation is a network device."""
    for number, name in enumerate(
        ("Servers - Windows", "Workstations - Mac", "Laptop - Windows", "Switch/Router", "New One")
    ):
        server.device(number, name)
    server.core()
    assert server.usage() == {
        "total_professional": 5,
        "servers": 1,
        "workstations": 2,
        "workstations_and_servers": 3,
        "network_other": 2,
    }


def test_essential_devices_are_a_service_of_their_own(server: Server) -> None:
    """Essential does not count as Professional, however the word is cased; none is a plain 0."""
    server.customers.append({"customerId": 241, "customerName": "Birch", "parentId": 50})
    server.device(1)
    server.device(2, licenseMode="ESSENTIAL", customerId=241, orgUnitId=241)
    server.core()
    assert (server.usage()["total_essential"], server.usage()["servers"]) == (0, 1)
    assert (server.usage("241")["total_essential"], server.usage("241")["servers"]) == (1, 0)


def test_an_untold_licence_mode_counts_and_is_flagged(server: Server) -> None:
    """A build that leaves the mode out loses no revenue, and somebody is told of the doubt."""
    server.device(1, licenseMode=None)
    server.device(2)
    del server.devices[1]["licenseMode"]
    server.device(3)
    server.customers.append({"customerId": 241, "customerName": "Birch", "parentId": 50})
    server.device(4, customerId=241, orgUnitId=241)
    server.core()
    assert server.usage()["total_professional"] == server.usage()["servers"] == 3
    assert server.usage()["licence_mode_unknown"] == 2
    assert "licence_mode_unknown" not in server.usage("241")
    assert ("licence_mode_unknown",) in server.rows("services", "service_id")


def test_nothing_is_flagged_where_modes_are_told(server: Server) -> None:
    """Without devices of unknown mode there is no such service to be asked about."""
    server.device(1)
    server.core()
    assert ("licence_mode_unknown",) not in server.rows("services", "service_id")


def test_probes_do_not_count(server: Server) -> None:
    """Probes are left out by name, written as a flag or as a text; a missing flag is no probe."""
    server.device(1, isProbe=True)
    server.device(2, isProbe="true")
    server.device(3)
    del server.devices[2]["isProbe"]
    server.core()
    assert server.usage()["servers"] == 1
    left_out = server.rows("left_out", "record_kind, record_id, name, qty, reason")
    assert left_out == [("device", "1", "DC1", 1, "probe"), ("device", "2", "DC2", 1, "probe")]


@pytest.mark.parametrize(
    "told",
    [
        {"customerId": 237, "siteId": 500, "orgUnitId": 500},
        {"customerId": "237", "siteId": None, "orgUnitId": "237"},
        {"customerId": None, "siteId": 500, "orgUnitId": 500},
        {"customerId": None, "siteId": 500, "orgUnitId": None},
        {"customerId": 500, "siteId": 500, "orgUnitId": 500},
        {"customerId": 500, "siteId": None, "orgUnitId": None},
        # As the vendor's own example has it; the organization is no customer, so nor is 50.
        {"customerId": 50, "soId": 50, "orgUnitId": 500},
    ],
)
def test_a_device_finds_its_customer(server: Server, told: Row) -> None:
    """A missing customer, or a site in its place, is resolved through the site's parent."""
    server.device(1, **told)
    server.core()
    assert server.usage()["servers"] == 1
    assert server.rows("entities", "distinct account_id") == [("237",)]


def test_a_site_is_never_a_customer(server: Server) -> None:
    """Customers and sites share one id space: no account is made of a site's id."""
    server.device(1, customerId=500, orgUnitId=500)
    server.core()
    assert server.rows("accounts", "account_id, name, parent_account_id") == [("237", "Acme", None)]


def test_a_device_of_no_customer_is_named(server: Server) -> None:
    """A device at the service organization itself is left out, not lost and not given away."""
    server.device(1, customerId=50, orgUnitId=50)
    server.device(2, customerId=None, orgUnitId=None)
    server.core()
    assert server.rows("left_out", "record_id, reason") == [
        ("1", "account_unknown"),
        ("2", "account_unknown"),
    ]


def test_system_customers_are_skipped(server: Server) -> None:
    """The server's own customer is listed as excluded, and its devices with it."""
    server.customers.append(
        {"customerId": 300, "customerName": "System", "parentId": 50, "isSystem": True}
    )
    server.sites.append({"siteId": 301, "siteName": "Rack", "parentId": 300})
    server.device(1, customerId=300, orgUnitId=300)
    server.account = "site"
    server.core()
    assert server.rows("left_out", "record_kind, record_id, reason") == [
        ("account", "300", "system"),
        ("account", "301", "system"),
        ("device", "1", "account_excluded"),
    ]
    assert ("300", False) in server.rows("accounts", "account_id, is_active")


def test_namesakes_show_their_service_organization(server: Server) -> None:
    """One name under two organizations maps to no company by itself: a person sees which is which.

    An organization that no device names is shown by its number.
    """
    server.customers += [
        {"customerId": 238, "customerName": "Acme", "parentId": 51},
        {"customerId": 239, "customerName": "Birch", "parentId": 51},
    ]
    server.device(1)
    server.core()
    names = [("237", "Acme (North MSP)"), ("238", "Acme (51)"), ("239", "Birch")]
    assert server.rows("accounts", "account_id, name") == names


def test_sites_as_accounts(server: Server) -> None:
    """With `account` = site each site is counted alone, and the customer keeps what has no site."""
    server.account = "site"
    server.customers.append({"customerId": 241, "customerName": "Birch", "parentId": 50})
    server.sites += [
        {"siteId": 501, "siteName": "Warehouse", "parentId": 237},
        {"siteId": 502, "siteName": "Main Office", "parentId": 241},
    ]
    server.device(1, siteId=500, orgUnitId=500)
    server.device(2, siteId=500, orgUnitId=500, customerId=None)
    server.device(3, siteId=501)
    server.device(4)
    server.core()
    assert [server.usage(each)["servers"] for each in ("500", "501", "237")] == [2, 1, 1]
    assert server.rows("accounts", "account_id, name, parent_account_id") == [
        ("237", "Acme", None),
        ("241", "Birch", None),
        ("500", "Main Office (Acme)", "237"),
        ("501", "Warehouse", "237"),
        ("502", "Main Office (Birch)", "241"),
    ]


def test_stale_devices_count(server: Server) -> None:
    """A device not seen for years is still licensed; its age stands beside it."""
    server.device(1, lastApplianceCheckinTime="2020-01-02T21:33:26.278Z")
    server.device(2)
    server.core()
    assert server.usage()["servers"] == 2
    seen = dict(server.rows("entities", "distinct entity_id, last_seen_at"))
    assert seen["1"].replace(microsecond=0) == datetime(2020, 1, 2, 21, 33, 26)  # noqa: DTZ001
    assert seen["2"] is None


def test_what_is_landed_twice_counts_once(server: Server) -> None:
    """Pages over a changing list may repeat a customer, a site or a device."""
    server.filtered = {"75": [1]}
    server.device(1)
    server.pages = 2
    server.core()
    assert (server.usage()["servers"], server.usage()["filter:75"]) == (1, 1)
    totals = [("device", 1, 1), ("usage:filter:75", 1, 1)]
    assert server.rows("control_totals", "measure, records, qty") == totals
    assert len(server.rows("accounts", "account_id")) == 1


def test_a_chosen_filter_is_a_service(server: Server) -> None:
    """Its devices count whatever their licence mode; probes and strangers are named per filter."""
    server.filtered = {"75": [1, 2, 3, 99], "112": [2]}
    server.device(1)
    server.device(2, licenseMode="Essential")
    server.device(3, isProbe=True)
    server.core()
    assert (server.usage()["filter:75"], server.usage()["filter:112"]) == (2, 1)
    assert ("filter:75", "Filter 75") in server.rows("services", "service_id, name")
    columns = "record_kind, record_id, service_id, reason"
    assert server.rows("left_out", columns) == [
        ("device", "3", None, "probe"),
        ("filtered_device", "75/3", "filter:75", "probe"),
        ("filtered_device", "75/99", "filter:75", "not_in_device_list"),
    ]
    assert server.rows("control_totals", "measure, records") == [
        ("device", 3),
        ("usage:filter:112", 1),
        ("usage:filter:75", 4),
    ]


def test_a_licence_mode_nobody_knows_is_left_out_by_name(server: Server) -> None:
    """A third mode is neither of the two that are documented: it is shown, not guessed at."""
    server.device(1, licenseMode="Trial")
    server.core()
    assert server.rows("left_out", "record_id, reason") == [("1", "other_licence_mode")]


def test_a_customer_without_devices_is_listed(server: Server) -> None:
    """It has no usage row to be mapped for, and is there for those who mapped it."""
    server.core()
    assert server.rows("accounts", "account_id, excluded_reason") == [("237", None)]
    assert server.rows("usage", "account_id") == []
