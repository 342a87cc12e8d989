"""One small world, and the servers over it."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import time
from collections.abc import Callable, Iterator
from datetime import date

import httpx
import pytest

from reconcile_pipeline.simulators.psa.connectwise import ConnectWiseState
from reconcile_pipeline.simulators.serve import Simulation, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World

AS_OF = date(2026, 11, 22)


@pytest.fixture(scope="session")
def world() -> World:
    """Shared by all tests: look, don't touch."""
    return build_world(7, "small", AS_OF)


@pytest.fixture
def own_world() -> World:
    """As `world`, to be changed at will."""
    return build_world(7, "small", AS_OF)


@pytest.fixture(scope="session")
def served(world: World) -> Iterator[Simulation]:
    with running(world) as simulation:
        yield simulation


@pytest.fixture
def simulation(served: Simulation) -> Simulation:
    """The shared servers as if they had just started."""
    for server in served.systems.values():
        server.log.clear()
        server.targets.clear()
        server.faults.clear()
        server.app.clock = time.monotonic
        state = server.state
        state.throttle = None
        state.forbidden.clear()
        state.tokens.clear()
        if isinstance(state, ConnectWiseState):
            state.codebase, state.hidden_agreement_types = "v4_6_release", frozenset()
    return served


@pytest.fixture
def restored_lines(simulation: Simulation) -> Iterator[None]:
    """Undoes what a test does to the lines."""
    world = simulation.world
    before = [(line, line.quantity, line.updated_at) for line in world.lines]
    yield
    for line, quantity, updated_at in before:
        line.quantity, line.updated_at = quantity, updated_at
    world.lines = [line for line, _, _ in before]
    simulation.systems["connectwise"].state.changed()


@pytest.fixture
def connectwise(simulation: Simulation) -> Iterator[httpx.Client]:
    server = simulation.systems["connectwise"]
    known = server.credentials
    with httpx.Client(
        base_url=f"{server.base_url}/v4_6_release/apis/3.0",
        auth=(f"{known['company_id']}+{known['public_key']}", known["private_key"]),
        headers={"clientId": known["client_id"]},
        trust_env=False,
        verify=False,
    ) as client:
        yield client


@pytest.fixture
def pax8_token(simulation: Simulation) -> Callable[[], str]:
    def fetch() -> str:
        known = simulation.systems["pax8"].credentials
        body = {
            "client_id": known["client_id"],
            "client_secret": known["client_secret"],
            "audience": "https://api.pax8.com",
            "grant_type": "client_credentials",
        }
        reply = httpx.post(known["token_url"], json=body, trust_env=False, verify=False)
        return str(reply.json()["access_token"])

    return fetch


@pytest.fixture
def pax8(simulation: Simulation, pax8_token: Callable[[], str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=simulation.systems["pax8"].base_url,
        headers={"Authorization": f"Bearer {pax8_token()}"},
        trust_env=False,
        verify=False,
    ) as client:
        yield client


@pytest.fixture
def ninjaone(simulation: Simulation) -> Iterator[httpx.Client]:
    server = simulation.systems["ninjaone"]
    form = {**server.credentials, "grant_type": "client_credentials", "scope": "monitoring"}
    with httpx.Client(base_url=server.base_url, trust_env=False, verify=False) as client:
        token = client.post("/ws/oauth/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
