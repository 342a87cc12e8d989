"""N-able N-sight's server: XML at one address, refusals with status 200, one client or many."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections.abc import Iterator
from datetime import date

import httpx
import pytest
import xmltodict

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors.nable_nsight import NSightRecords


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", date(2026, 11, 22), {"nable_nsight"})) as simulation:
        yield simulation.systems["nable_nsight"]


def held(server: SimulatedServer) -> NSightRecords:
    found: NSightRecords = server.state.world.at["nable_nsight"]
    return found


def ask(server: SimulatedServer, **params: str) -> httpx.Response:
    known = {"apikey": server.credentials["api_key"], **params}
    with httpx.Client(verify=False, trust_env=False) as client:
        return client.get(f"{server.base_url}/api/", params=known)


def test_all_counts_come_in_one_answer(server: SimulatedServer) -> None:
    """Every client with its totals, which are the devices of the world; names as they are."""
    reply = ask(server, service="list_clients")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    rows = xmltodict.parse(reply.content)["result"]["items"]["client"]
    assert [row["name"] for row in rows] == [client.name for client in held(server).clients]
    assert sum(int(row["device_count"]) for row in rows) == len(held(server).devices)
    assert {row["device_count"] for row in rows} >= {"0"}
    assert b"<![CDATA[" in reply.content


def test_only_clients_with_such_devices_are_listed_by_type(server: SimulatedServer) -> None:
    """With a device type the list is shorter, and its counts are the same."""
    rows = ask(server, service="list_clients", devicetype="mobile_device")
    found = xmltodict.parse(rows.content, force_list=("client",))["result"]["items"]["client"]
    with_mobiles = {d.client_id for d in held(server).devices if d.type == "mobile_device"}
    assert {int(row["clientid"]) for row in found} == with_mobiles


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"apikey": "wrong", "service": "list_clients"}, "3"),
        ({"service": "list_everything"}, "4"),
        ({"service": "list_devices_at_client", "clientid": "1", "devicetype": "server"}, "4"),
        ({"service": "list_devices_at_client", "devicetype": "server"}, "5"),
        ({"service": "list_devices_at_client", "clientid": "123456789"}, "5"),
    ],
)
def test_refusals_come_with_status_200(
    server: SimulatedServer, params: dict[str, str], code: str
) -> None:
    """The body says FAIL, with a code and a message."""
    reply = ask(server, **params)
    root = xmltodict.parse(reply.content)["result"]
    assert (reply.status_code, root["@status"]) == (200, "FAIL")
    assert root["error"]["errorcode"] == code
    assert root["error"]["message"]


def test_the_devices_of_a_client_stand_at_its_sites(server: SimulatedServer) -> None:
    """Of the type asked for, each with its features as 0 or 1."""
    device = next(each for each in held(server).devices if each.type == "workstation")
    reply = ask(
        server,
        service="list_devices_at_client",
        clientid=str(device.client_id),
        devicetype="workstation",
    )
    lists = ("site", "workstation")
    client = xmltodict.parse(reply.content, force_list=lists)["result"]["items"]["client"]
    found = [row for site in client["site"] for row in site.get("workstation", [])]
    wanted = [
        each.id
        for each in held(server).devices
        if (each.client_id, each.type) == (device.client_id, "workstation")
    ]
    assert sorted(int(row["id"]) for row in found) == wanted
    assert {row["mav"] for row in found} <= {"0", "1"}
