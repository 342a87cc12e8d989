"""Dropsuite's server: two tokens, the asymmetry of access, and its three envelopes."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.vendors.dropsuite import DropsuiteState
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors.dropsuite import DROPSUITE, DropsuiteRecords


@pytest.fixture(scope="module")
def served() -> Iterator[SimulatedServer]:
    world = build_world(7, "small", date(2026, 11, 22), {DROPSUITE})
    with running(world) as simulation:
        yield simulation.systems[DROPSUITE]


@pytest.fixture
def server(served: SimulatedServer) -> SimulatedServer:
    assert isinstance(served.state, DropsuiteState)
    served.state.is_bare = False
    return served


@pytest.fixture
def records(server: SimulatedServer) -> DropsuiteRecords:
    records: DropsuiteRecords = server.state.world.at[DROPSUITE]
    return records


@pytest.fixture
def admin(server: SimulatedServer) -> Iterator[httpx.Client]:
    known = server.credentials
    headers = {
        "X-Reseller-Token": known["reseller_token"],
        "X-Access-Token": known["authentication_token"],
    }
    with httpx.Client(
        base_url=server.base_url, headers=headers, trust_env=False, verify=False
    ) as client:
        yield client


def test_both_tokens_are_needed(admin: httpx.Client) -> None:
    """Either one wrong is 401; the health check is a text."""
    assert admin.get("/status").json() == "OK"
    for name in ("X-Reseller-Token", "X-Access-Token"):
        assert admin.get("/users", headers={name: "nope"}).status_code == 401


def test_who_may_ask_what(admin: httpx.Client, records: DropsuiteRecords) -> None:
    """The admin sees organizations, an organization its own mailboxes, and neither the other's."""
    user = next(user for user in records.users if user.plan_id != "5")
    own = {"X-Access-Token": user.token}
    assert admin.get("/accounts").status_code == 401
    assert "not authorized" in admin.get("/accounts").json()["message"]
    assert admin.get("/accounts", headers=own).status_code == 200
    assert admin.get("/users", headers=own).status_code == 401
    assert admin.get(f"/users/{user.id}").json()["authentication_token"] == user.token
    other = next(user.id for user in records.users[1:])
    assert admin.get(f"/users/{other}/tenants", headers=own).status_code == 401


def test_result_sets_come_in_pages_of_25(admin: httpx.Client, records: DropsuiteRecords) -> None:
    """Whatever size is asked for; each organization once."""
    found: list[Any] = []
    for page in range(1, len(records.users) // 25 + 2):
        reply = admin.get("/users", params={"page": page, "per_page": 100}).json()
        assert len(reply["result_set"]) <= 25
        assert reply["pagination"]["total_entries"] == len(records.users)
        found += [row["id"] for row in reply["result_set"]]
    assert found == [user.id for user in records.users]


def test_other_hosts_answer_with_bare_lists(
    server: SimulatedServer, admin: httpx.Client, records: DropsuiteRecords
) -> None:
    """The same paths, all records at once."""
    assert isinstance(server.state, DropsuiteState)
    server.state.is_bare = True
    assert len(admin.get("/users").json()) == len(records.users)
    assert all(isinstance(row["amount"], str) for row in admin.get("/plans").json())


def test_tenants_name_the_next_page(admin: httpx.Client, records: DropsuiteRecords) -> None:
    """The third envelope: `next_page` until there is none."""
    user = max(records.users, key=lambda user: user.used)
    own = {"X-Access-Token": user.token}
    [tenant] = admin.get(f"/users/{user.id}/tenants", headers=own).json()["data"]
    assert tenant["organization_id"] == user.organization_id
    path = f"/users/{user.id}/tenants/{tenant['id']}/accounts"
    reply = admin.get(path, headers=own, params={"per_page": 2}).json()
    assert reply["pagination"]["next_page"] == 2
    assert (
        "next_page" not in admin.get(path, headers=own, params={"page": 999}).json()["pagination"]
    )


def test_every_trap_is_in_a_small_world(admin: httpx.Client, records: DropsuiteRecords) -> None:
    """What the list is known for occurs in each world, whatever the dice say."""
    users = records.users
    assert any(user.is_deactivated for user in users)
    assert any(user.is_suspended and not user.is_deactivated for user in users)
    plans = [(user.organization_id, user.plan_id, user.archive) for user in users]
    assert len(set(plans)) < len(plans)
    assert any(user.used != user.active + user.deactivated for user in users)
    refused = {
        admin.get("/accounts", headers={"X-Access-Token": user.token}).status_code
        for user in users
        if user.plan_id == "5"
    }
    assert refused <= {403, 404}
    assert refused
