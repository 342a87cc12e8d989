"""N-central's server: its login, numbered pages, odd records, and what it refuses."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world

KIND = "nable_ncentral"


@pytest.fixture(scope="module")
def ncentral_server() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", date(2026, 11, 22), {KIND})) as simulation:
        yield simulation.systems[KIND]


@pytest.fixture
def ncentral(ncentral_server: SimulatedServer) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=ncentral_server.base_url, trust_env=False, verify=False, timeout=30
    ) as client:
        head = {"Authorization": f"Bearer {ncentral_server.credentials['user_api_token']}"}
        reply = client.post("/api/auth/authenticate", headers=head).json()
        client.headers["Authorization"] = f"Bearer {reply['tokens']['access']['token']}"
        yield client


def test_tokens(ncentral: httpx.Client) -> None:
    """The login wants the User-API token, the renewal the bare refresh token as its body."""
    assert ncentral.get("/api/auth/validate").status_code == 200
    wrong = ncentral.post("/api/auth/authenticate", headers={"Authorization": "Bearer x"})
    assert (wrong.status_code, set(wrong.json())) == (401, {"status", "message"})
    asked = ncentral.post("/api/auth/refresh", json={"refresh_token": "x"})
    assert asked.status_code == 401
    access = ncentral.headers["Authorization"].removeprefix("Bearer ")
    renewed = ncentral.post("/api/auth/refresh", content=f"refresh-{access}")
    assert renewed.json()["tokens"]["access"]["expirySeconds"] == 3600


def test_pages(ncentral: httpx.Client, ncentral_server: SimulatedServer) -> None:
    """Pages are numbered from 1, 50 records unless asked; sites tell their total only."""
    held = ncentral_server.state.world.at[KIND]
    first = ncentral.get("/api/devices").json()
    assert (len(first["data"]), first["pageSize"], first["pageNumber"]) == (50, 50, 1)
    assert first["totalItems"] == len(held.devices) > 500
    assert "pageNumber=2" in first["_links"]["nextPage"]
    assert set(ncentral.get("/api/sites").json()) == {"data", "totalItems"}
    for params in ({"pageSize": "1001"}, {"pageNumber": "0"}):
        assert ncentral.get("/api/devices", params=params).status_code == 400
    assert ncentral.get("//api/devices").status_code == 404


def test_odd_records(ncentral: httpx.Client, ncentral_server: SimulatedServer) -> None:
    """Ids come as numbers and texts, customers are missing or sites, some fields are not sent."""
    big = {"pageSize": 1000}
    rows = []
    for page in (1, 2):
        params = {**big, "pageNumber": page}
        rows += ncentral.get("/api/devices", params=params).json()["data"]
    sites = {site.id for site in ncentral_server.state.world.at[KIND].sites}
    assert any("customerId" not in row for row in rows)
    assert any(row.get("customerId") in sites for row in rows)
    assert {type(row.get("stillLoggedIn")) for row in rows} == {bool, str}
    assert any(row["isProbe"] for row in rows)
    assert any(row["orgUnitId"] == 50 for row in rows)
    assert any("licenseMode" not in row for row in rows)
    assert any("lastApplianceCheckinTime" not in row for row in rows)
    assert {"Professional", "Essential"} <= {row.get("licenseMode") for row in rows}
    customers = ncentral.get("/api/customers", params=big).json()["data"]
    assert {type(row["customerId"]) for row in customers} == {int, str}
    assert any(row["isSystem"] for row in customers)
    names = [row["customerName"] for row in customers]
    assert len(set(names)) == len(names) - 1


def test_filters_and_select(ncentral: httpx.Client) -> None:
    """A filter picks devices by its id; `select` picks rows, and fails inside a 200."""
    listed = ncentral.get("/api/device-filters", params={"viewScope": "ALL"}).json()["data"]
    assert {"filterId": "75", "filterName": "Laptops - Windows", "description": ""} in listed
    laptops = ncentral.get("/api/devices", params={"filterId": "75"}).json()
    assert {row["deviceClass"] for row in laptops["data"]} == {"Laptop - Windows"}
    everybody = ncentral.get("/api/customers", params={"soId": "51"}).json()["totalItems"]
    second = ncentral.get("/api/service-orgs/51/customers").json()["totalItems"]
    assert (second, everybody > 1) == (1, True)
    odd = ncentral.get("/api/customers", params={"select": "soId==50"})
    assert (odd.status_code, odd.json()) == (200, {"error message": "Field not found: soId"})


def test_too_many_at_once(ncentral: httpx.Client, ncentral_server: SimulatedServer) -> None:
    """More than five calls under way on devices are refused, without a word when to return."""
    ncentral_server.state.latency_seconds = 0.2
    try:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: ncentral.get("/api/devices"), range(8)))
    finally:
        ncentral_server.state.latency_seconds = 0.0
    refused = [reply for reply in replies if reply.status_code == 429]
    assert refused
    assert not any("retry-after" in reply.headers for reply in refused)
    assert ncentral.get("/api/devices").status_code == 200
