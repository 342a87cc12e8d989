"""Liongard's server: a redirect first, the key, bare lists, ten systems an evaluation."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import base64
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.liongard import (
    AD_USERS,
    DUO,
    LIONGARD,
    NO_COUNTS,
    LiongardRecords,
)


@pytest.fixture(scope="module")
def msp() -> World:
    return build_world(7, "small", date(2026, 11, 22), {LIONGARD})


@pytest.fixture(scope="module")
def held(msp: World) -> LiongardRecords:
    records: LiongardRecords = msp.at[LIONGARD]
    return records


@pytest.fixture(scope="module")
def server(msp: World) -> Iterator[SimulatedServer]:
    with running(msp) as simulation:
        yield simulation.systems[LIONGARD]


@pytest.fixture
def client(server: SimulatedServer) -> Iterator[httpx.Client]:
    known = server.credentials
    pair = f"{known['access_key_id']}:{known['access_key_secret']}"
    headers = {"X-ROAR-API-KEY": base64.b64encode(pair.encode()).decode()}
    with httpx.Client(
        base_url=server.base_url, headers=headers, trust_env=False, verify=False
    ) as opened:
        yield opened


def test_every_call_is_moved_first(client: httpx.Client) -> None:
    """301 on the same host, the query kept and no body; whoever follows gets the list."""
    first = client.get("/environments?fields[]=ID&fields[]=Name")
    assert (first.status_code, first.content) == (301, b"")
    assert first.headers["location"].endswith("/environments/?fields[]=ID&fields[]=Name")
    followed = client.get("/environments?fields[]=ID&fields[]=Name", follow_redirects=True)
    assert set(followed.json()[0]) == {"ID", "Name"}


def test_the_key_is_asked_for(client: httpx.Client) -> None:
    """Without it 401 with a message."""
    reply = client.get("/environments/", headers={"X-ROAR-API-KEY": "bm9uZTpub25l"})
    assert (reply.status_code, set(reply.json())) == (401, {"message"})


def test_lists_are_bare_and_whole(client: httpx.Client, held: LiongardRecords) -> None:
    """Everything at once, nested in each other, with texts that nobody should keep."""
    systems = client.get("/systems/").json()
    assert [row["ID"] for row in systems] == [system.id for system in held.systems]
    assert "simSecret-config" in systems[0]["Launchpoint"]["Config"]
    assert {row["ID"] for row in client.get("/metrics/").json()} == {m.id for m in held.metrics}
    assert client.get("/environments/count/").json() == len(held.environments)
    parents = {row["ParentID"] for row in client.get("/launchpoints/").json()}
    assert len(parents) == 3, "none, and the two inspectors with children"


def test_conditions_filter(client: httpx.Client, held: LiongardRecords) -> None:
    """By a path, an operator and a value, all of which must hold."""
    conditions = [
        json.dumps({"path": "Name", "op": "like", "value": "Gradient%"}),
        json.dumps({"path": "MetricDisplay", "op": "is", "value": True}),
    ]
    found = client.get("/metrics/", params={"conditions[]": conditions}).json()
    wanted = [m.id for m in held.metrics if m.name.startswith("Gradient") and m.is_displayed]
    assert [row["ID"] for row in found] == wanted
    assert client.get("/metrics/", params={"conditions[]": "Name='x'"}).status_code == 400


def evaluate(client: httpx.Client, systems: list[int]) -> Any:
    params = {"systems": ",".join(map(str, systems)), "uuids": AD_USERS}
    return client.get("/metrics/bulk/", params=params)


def test_evaluations_come_in_two_shapes(client: httpx.Client, held: LiongardRecords) -> None:
    """An object by system or an array; what no number is, an error's included; ten at most."""
    odd = next(system for system in held.systems if system.id % 2)
    even = next(system for system in held.systems if not system.id % 2)
    assert list(evaluate(client, [odd.id]).json()[0]) == [str(odd.id)]
    assert list(evaluate(client, [even.id]).json()) == [str(even.id)]
    assert evaluate(client, list(range(11))).status_code == 400
    values = [value for system in held.systems for value in system.values.values()]
    assert all(value in values for value in NO_COUNTS if value is not None)
    assert any(isinstance(value, str) and value.isdigit() for value in values)
    duo = next(system for system in held.systems if system.inspector_id == DUO)
    answer = evaluate(client, [duo.id]).json()
    [evaluation] = (answer[0] if isinstance(answer, list) else answer)[str(duo.id)].values()
    assert evaluation["Metric"]["err"], "a metric of another inspector comes to nothing"
