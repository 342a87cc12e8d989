"""Sophos Central's server: token, identity headers, pages by number and by key, its errors."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors.sophos import SOPHOS, SophosRecords

REPORT = "/partner/v1/billing/usage/2026/10"


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    world = build_world(7, "small", date(2026, 11, 22), {SOPHOS})
    with running(world) as simulation:
        yield simulation.systems[SOPHOS]


@pytest.fixture
def records(server: SimulatedServer) -> SophosRecords:
    records: SophosRecords = server.state.world.at[SOPHOS]
    return records


@pytest.fixture
def partner(server: SimulatedServer, records: SophosRecords) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, trust_env=False, verify=False) as client:
        reply = client.post(server.credentials["token_url"], data=form(server))
        assert (reply.json()["token_type"], reply.json()["errorCode"]) == ("bearer", "success")
        client.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        client.headers["X-Partner-ID"] = records.partner_id
        yield client


def form(server: SimulatedServer) -> dict[str, str]:
    known = server.credentials
    keys = {name: known[name] for name in ("client_id", "client_secret")}
    return {**keys, "grant_type": "client_credentials", "scope": "token"}


def test_token_errors_have_a_shape_of_their_own(server: SimulatedServer) -> None:
    """A wrong secret is 401 with an error code; a missing scope is 400."""
    url = server.credentials["token_url"]
    with httpx.Client(trust_env=False, verify=False) as client:
        wrong = client.post(url, data=form(server) | {"client_secret": "x"})
        assert (wrong.status_code, wrong.json()["errorCode"]) == (
            401,
            "oauth.invalid_client_secret",
        )
        assert client.post(url, data=form(server) | {"scope": ""}).status_code == 400


def test_calls_name_who_asks(partner: httpx.Client, records: SophosRecords) -> None:
    """Without the header a call is 401, for another partner 403; only `error` is always there."""
    assert partner.get("/whoami/v1").json()["id"] == records.partner_id
    missing = partner.get("/partner/v1/tenants", headers={"X-Partner-ID": ""})
    assert (missing.status_code, missing.json()) == (401, {"error": "Unauthorized"})
    other = partner.get("/partner/v1/tenants", headers={"X-Partner-ID": "somebody"})
    assert other.status_code == 403


def test_tenants_by_page(partner: httpx.Client, records: SophosRecords) -> None:
    """Totals come only when asked for; 50 is the default, 100 the most."""
    pages = partner.get("/partner/v1/tenants").json()["pages"]
    assert pages == {"current": 1, "size": 50, "maxSize": 100}
    found: list[Any] = []
    for page in range(1, len(records.tenants) // 7 + 2):
        params = {"page": page, "pageSize": 7, "pageTotal": "true"}
        reply = partner.get("/partner/v1/tenants", params=params).json()
        assert reply["pages"]["items"] == len(records.tenants)
        found += [row["id"] for row in reply["items"]]
    assert found == [tenant.id for tenant in records.tenants]
    big = partner.get("/partner/v1/tenants", params={"pageSize": 5000}).json()
    assert big["pages"]["size"] == 100
    assert {"showAs" in row for row in big["items"]} == {True, False}
    assert {"status" in row for row in big["items"]} == {True, False}


def test_report_by_key(partner: httpx.Client, records: SophosRecords) -> None:
    """Each line once, until a page has no key; the month may have a zero in front or not."""
    found: list[Any] = []
    params = {"pageSize": "9"}
    for _ in range(len(records.lines) // 9 + 1):
        reply = partner.get(REPORT, params=params).json()
        found += [row["externalId"] for row in reply["items"]]
        if "nextKey" not in reply["pages"]:
            break
        params["pageFromKey"] = reply["pages"]["nextKey"]
    assert found == [line.id for line in records.lines]
    assert partner.get(REPORT.replace("10", "09")).status_code == 200
    assert partner.get(REPORT.replace("10", "9")).status_code == 200


def test_a_month_without_data_is_not_found(partner: httpx.Client) -> None:
    """The month that runs has no report yet: 404, not an empty list."""
    reply = partner.get(REPORT.replace("10", "11"))
    assert reply.status_code == 404
    assert "items" not in reply.json()


def test_every_trap_is_in_a_small_world(records: SophosRecords) -> None:
    """What the report is known for occurs in each world, whatever the dice say."""
    lines = records.lines
    assert any(line.account_id is None and line.assigned_to for line in lines)
    assert any(line.account_id is None and not line.assigned_to for line in lines)
    assert any(line.account_status != "active" for line in lines)
    tenants = {tenant.id for tenant in records.tenants}
    assert any(line.account_id and line.account_id not in tenants for line in lines)
    assert len({(line.product_code, line.sku) for line in lines}) > len(
        {line.product_code for line in lines}
    )
    assert len({(line.order, line.order_line) for line in lines}) < len(lines)
    assert {tenant.billing_type for tenant in records.tenants} == {"usage", "term", "trial"}


def test_licences_of_a_customer(partner: httpx.Client, records: SophosRecords) -> None:
    """A customer's header gives its licences; without Partner Assistance it is 403."""
    for tenant in [tenant for tenant in records.tenants if tenant.billing_type == "term"]:
        reply = partner.get("/licenses/v1/licenses", headers={"X-Tenant-ID": tenant.id})
        assert reply.status_code == (200 if tenant.has_assistance else 403)
        if tenant.has_assistance:
            assert len(reply.json()["licenses"]) == 7
    assert partner.get("/licenses/v1/licenses").status_code == 401
