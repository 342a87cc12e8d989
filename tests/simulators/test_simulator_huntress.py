"""Huntress's server: ten of the newest by default, tokens or numbers, and the records' traps.

The real client reads it in pages of twenty: nobody is lost between two of them.
"""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.settings_checks import Table, read_table
from reconcile_pipeline.settings_systems import SecretSource, SystemSettings
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.server import Throttle
from reconcile_pipeline.simulators.vendors.huntress import HuntressState
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors.huntress import HuntressRecords
from reconcile_pipeline.systems.registry import SYSTEMS

AS_OF = date(2026, 11, 22)


@pytest.fixture(scope="module")
def served() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", AS_OF, {"huntress"})) as simulation:
        yield simulation.systems["huntress"]


@pytest.fixture
def server(served: SimulatedServer) -> Iterator[SimulatedServer]:
    """The shared server; what a test turns is turned back."""
    served.log.clear()
    yield served
    assert isinstance(served.state, HuntressState)
    served.state.is_older, served.state.throttle = False, None


@pytest.fixture
def held(server: SimulatedServer) -> HuntressRecords:
    records: HuntressRecords = server.state.world.at["huntress"]
    return records


@pytest.fixture
def portal(server: SimulatedServer) -> Iterator[httpx.Client]:
    known = server.credentials
    with httpx.Client(
        base_url=server.base_url,
        auth=(known["public_key"], known["secret_key"]),
        trust_env=False,
        verify=False,
    ) as client:
        yield client


def pull(
    server: SimulatedServer, folder: Path, **settings: Any
) -> tuple[Any, dict[str, list[Any]]]:
    """The manifest of a real pull, and the landed records by list."""
    system = SYSTEMS["huntress"]
    names = {"public_key": {"env": "PUBLIC"}, "secret_key": {"env": "SECRET"}}
    known = {"base_url": server.base_url, "requests_per_minute": 1_000_000}
    environ = {
        "PUBLIC": server.credentials["public_key"],
        "SECRET": server.credentials["secret_key"],
    }
    table = known | names | settings
    account = SystemSettings(
        name="huntress",
        kind="huntress",
        title=system.title,
        role=system.role,
        folder=folder,
        values=read_table(Table("reconcile.toml", "huntress"), table, system.fields),
        secrets=SecretSource(folder, environ),
    )
    now = lambda: datetime(2026, 11, 22, 12, tzinfo=UTC)  # noqa: E731
    (folder / "2026-11").mkdir()
    asked = Pull(system, account, folder, "2026-11", is_grace=False, on=AS_OF, now=now)
    manifest = asyncio.run(pull_system(asked))
    landed: dict[str, list[Any]] = {}
    for result in manifest.streams:
        bodies = pq.read_table(folder / manifest.relative_path / result.file).column("body")
        pages = [json.loads(body) for body in bodies.to_pylist()]
        landed[result.name] = [row for page in pages for row in page[result.name]]
    return manifest, landed


@pytest.mark.parametrize("is_older", [False, True])
def test_small_pages_lose_nobody(
    server: SimulatedServer, held: HuntressRecords, tmp_path: Path, *, is_older: bool
) -> None:
    """Organizations and agents of all pages are landed once, by token or by number."""
    assert isinstance(server.state, HuntressState)
    server.state.is_older = is_older
    manifest, landed = pull(server, tmp_path, page_size=20, read_agents=True)
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert [row["id"] for row in landed["organizations"]] == [o.id for o in held.organizations]
    assert [row["id"] for row in landed["agents"]] == [agent.id for agent in held.agents]
    name = "microsoft_365_users_count" if is_older else "billable_identity_count"
    assert all(name in row for row in landed["organizations"])
    total = len(held.organizations) if is_older else None
    assert manifest.streams[0].announced == total
    pages = -(-len(held.organizations) // 20) + -(-len(held.agents) // 20)
    # Without a total, all pages of both lists but their last are read twice.
    assert len(server.log) == (pages if is_older else 2 * pages - 2)


def test_ten_of_the_newest_unless_asked_for_more(
    portal: httpx.Client, held: HuntressRecords
) -> None:
    """The default page is ten, the default order descending, the largest page 500."""
    first = portal.get("/v1/organizations").json()
    newest = sorted((item.id for item in held.organizations), reverse=True)
    assert [row["id"] for row in first["organizations"]] == newest[:10]
    paging = first["pagination"]
    follow = portal.get("/v1/organizations", params={"page_token": paging["next_page_token"]})
    assert follow.json()["organizations"][0]["id"] == newest[10]
    assert portal.get(paging["next_page_url"]).json() == follow.json()
    refused = portal.get("/v1/organizations", params={"limit": 501})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "limit")


def test_the_last_page_names_no_next_one(portal: httpx.Client) -> None:
    """Neither a token nor a URL is there, or both are null."""
    last = portal.get("/v1/organizations", params={"limit": 500}).json()
    assert not any(last["pagination"].values())


def test_whoever_asks_for_a_page_gets_numbers(portal: httpx.Client, held: HuntressRecords) -> None:
    """The older paging is still understood, with its older field names."""
    body = portal.get("/v1/organizations", params={"page": 2}).json()
    assert body["pagination"]["current_page"] == 2
    assert body["pagination"]["total_count"] == len(held.organizations)
    assert "notify_emails" in body["organizations"][0]


def test_only_the_pair_of_keys_opens(portal: httpx.Client, server: SimulatedServer) -> None:
    """Another secret is refused in the shape of all errors; a foreign id is as good as missing."""
    wrong = (server.credentials["public_key"], "nope")
    reply = portal.get("/v1/actor", auth=wrong)
    assert (reply.status_code, set(reply.json())) == (401, {"errors"})
    assert portal.get("/v1/actor").json()["actor"]["account"]["id"] == 5
    assert portal.get("/v1/organizations/1").status_code == 404


def test_sixty_calls_fit_into_a_sliding_minute(
    portal: httpx.Client, server: SimulatedServer
) -> None:
    """Call 61 is refused until a minute has passed since the first one."""
    moments = iter([float(second) for second in range(60)] + [59.5, 60.5])
    server.state.throttle = Throttle(limit=60, window_seconds=60, retry_after=None)
    server.app.clock = lambda: next(moments)
    server.app._recent.clear()
    statuses = [portal.get("/v1/actor").status_code for _ in range(62)]
    assert statuses == [200] * 60 + [429, 200]


def test_counts_stand_on_the_organization(portal: httpx.Client, held: HuntressRecords) -> None:
    """An organization shows as many agents as its list of agents has."""
    some = next(item for item in held.organizations if item.agents)
    row = portal.get(f"/v1/organizations/{some.id}").json()["organization"]
    listed = portal.get("/v1/agents", params={"organization_id": some.id, "limit": 500}).json()
    assert row["agents_count"] == len(listed["agents"]) == some.agents
    assert "status" not in row


@pytest.mark.parametrize("seed", [7, 31, 90_210])
def test_every_world_has_every_trap(seed: int) -> None:
    """Split customers, strays of one or two agents, stale agents, empty ones, an unsold product."""
    records = build_world(seed, "small", AS_OF, {"huntress"}).at["huntress"]
    names = [item.name for item in records.organizations]
    split = [name.removeprefix("servers-m-") for name in names if name.startswith("servers-m-")]
    assert split
    assert {f"workstations-m-{name}" for name in split} <= set(names)
    strays = [item for item in records.organizations if "tpyo" in item.name]
    assert strays
    assert all(1 <= item.agents <= 2 for item in strays)
    assert any((AS_OF - agent.last_callback_on).days > 180 for agent in records.agents)
    empty = [item for item in records.organizations if not item.agents]
    assert any(not item.identities and not item.learners for item in empty)
    assert not any(item.log_sources for item in records.organizations)
    assert len(records.organizations) > 10
