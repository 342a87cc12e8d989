"""The RMM's server: token calls, the id watermark, device filters."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import httpx
import pytest

from reconcile_pipeline.simulators.serve import Simulation
from reconcile_pipeline.simulators.world.records import World


@pytest.mark.parametrize("path", ["/ws/oauth/token", "/oauth/token"])
def test_token(simulation: Simulation, path: str) -> None:
    """Both paths take the form or a basic header, and any of the known scopes."""
    server = simulation.systems["ninjaone"]
    known = server.credentials
    scope = {"grant_type": "client_credentials", "scope": "monitoring management control"}
    with httpx.Client(base_url=server.base_url, trust_env=False, verify=False) as client:
        by_form = client.post(path, data={**known, **scope})
        assert by_form.json()["token_type"] == "Bearer"
        assert by_form.json()["expires_in"] == 3600
        pair = (known["client_id"], known["client_secret"])
        assert client.post(path, data=scope, auth=pair).status_code == 200
        assert client.post(path, data=scope, auth=("x", "y")).status_code == 401
        assert client.post(path, data={**known, "grant_type": "password"}).status_code == 400


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2"])
def test_watermark(ninjaone: httpx.Client, world: World, prefix: str) -> None:
    """`after` the last id gives every device once, until a page is short; the array is bare."""
    ids: list[int] = []
    for _ in range(len(world.devices) // 700 + 1):
        params = {"pageSize": 700, "after": ids[-1] if ids else 0}
        rows = ninjaone.get(f"{prefix}/devices", params=params).json()
        ids += [row["id"] for row in rows]
        if len(rows) < 700:
            break
    assert ids == [device.id for device in world.devices]
    assert len(ninjaone.get(f"{prefix}/devices").json()) == 100


def test_device_filter(ninjaone: httpx.Client, world: World) -> None:
    """Clauses on status, class and organization combine with AND; others are refused."""
    big = {"pageSize": 5000}
    df = "status eq PENDING AND class in (WINDOWS_SERVER,WINDOWS_WORKSTATION)"
    rows = ninjaone.get("/v2/devices", params={**big, "df": df}).json()
    wanted = [
        device.id
        for device in world.devices
        if device.approval == "PENDING"
        and device.node_class in {"WINDOWS_SERVER", "WINDOWS_WORKSTATION"}
    ]
    assert [row["id"] for row in rows] == wanted
    rows = ninjaone.get("/v2/devices", params={**big, "df": "org = 2"}).json()
    assert rows == ninjaone.get("/v2/organization/2/devices", params=big).json()
    assert {row["organizationId"] for row in rows} == {2}
    assert ninjaone.get("/v2/devices", params={"df": "colour = red"}).status_code == 400


def test_other_lists(ninjaone: httpx.Client, world: World) -> None:
    """Organizations have no status; every device stands at a location of its organization."""
    rows = ninjaone.get("/v2/organizations", params={"pageSize": 1000}).json()
    assert [row["name"] for row in rows] == [o.name for o in world.organizations]
    assert all("status" not in row for row in rows)
    places = ninjaone.get("/v2/locations", params={"pageSize": 1000}).json()
    owner = {row["id"]: row["organizationId"] for row in places}
    assert all(owner[d.location_id] == d.organization_id for d in world.devices)
    detailed = ninjaone.get("/v2/organizations-detailed").json()
    assert detailed[0]["locations"]
    assert ninjaone.get("/v2/roles").json()


def test_offline_and_absent_keys(ninjaone: httpx.Client) -> None:
    """Offline devices are listed, and keys without a value may be missing."""
    rows = ninjaone.get("/v2/devices", params={"pageSize": 1000}).json()
    assert any(row.get("offline") for row in rows)
    assert any("offline" not in row for row in rows)
    assert any("tags" not in row for row in rows)


def test_needs_a_token(ninjaone: httpx.Client) -> None:
    """Without a token the answer is 401 with a message."""
    reply = ninjaone.get("/v2/devices", headers={"Authorization": "Bearer nope"})
    assert (reply.status_code, set(reply.json())) == (401, {"message"})
