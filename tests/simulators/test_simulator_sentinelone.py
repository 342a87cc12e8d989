"""SentinelOne's server: ten records by default, a cursor for one query, and the records' traps.

The real client reads it in pages of seven: nobody is lost between two of them.
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
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors.sentinelone import SentinelOneRecords
from reconcile_pipeline.systems.registry import SYSTEMS

AS_OF = date(2026, 11, 22)
API = "/web/api/v2.1"


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", AS_OF, {"sentinelone"})) as simulation:
        yield simulation.systems["sentinelone"]


@pytest.fixture(scope="module")
def held(server: SimulatedServer) -> SentinelOneRecords:
    records: SentinelOneRecords = server.state.world.at["sentinelone"]
    return records


@pytest.fixture
def console(server: SimulatedServer) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{server.base_url}{API}",
        headers={"Authorization": f"ApiToken {server.credentials['api_token']}"},
        trust_env=False,
        verify=False,
    ) as client:
        yield client


def pull(
    server: SimulatedServer, folder: Path, **settings: Any
) -> tuple[Any, dict[str, list[str]]]:
    """The manifest of a real pull, and the landed ids by list."""
    system = SYSTEMS["sentinelone"]
    secret = {"api_token": {"env": "TOKEN"}}
    table = {"base_url": server.base_url, **secret, **settings}
    account = SystemSettings(
        name="sentinelone",
        kind="sentinelone",
        title=system.title,
        role=system.role,
        folder=folder,
        values=read_table(Table("reconcile.toml", "sentinelone"), table, system.fields),
        secrets=SecretSource(folder, {"TOKEN": server.credentials["api_token"]}),
    )
    now = lambda: datetime(2026, 11, 22, 12, tzinfo=UTC)  # noqa: E731
    asked = Pull(system, account, folder, "2026-11", is_grace=False, on=AS_OF, now=now)
    (folder / "2026-11").mkdir()
    manifest = asyncio.run(pull_system(asked))
    streams = {each.name: each for each in system.streams(account, AS_OF)}
    landed: dict[str, list[str]] = {}
    for result in manifest.streams[1:]:
        path = folder / manifest.relative_path / result.file
        bodies = pq.read_table(path).column("body").to_pylist()
        read = streams[result.name].records
        landed[result.name] = [row["id"] for body in bodies for row in read(json.loads(body))]
    return manifest, landed


def test_small_pages_lose_nobody(
    server: SimulatedServer, held: SentinelOneRecords, tmp_path: Path
) -> None:
    """Sites of all pages are landed once, whatever the later pages say the total is."""
    server.log.clear()
    manifest, landed = pull(server, tmp_path, page_size=7)
    assert (manifest.state, manifest.reason) == ("complete", None)
    active = [site.id for site in held.sites if site.state == "active"]
    assert landed["sites"] == active
    assert len(landed["closed_sites"]) == len(held.sites) - len(active)
    assert len(server.log) > len(active) // 7 + 1


def test_agents_behind_the_counts(
    server: SimulatedServer, held: SentinelOneRecords, tmp_path: Path
) -> None:
    """As many agents as active licences are landed; retired ones are not asked for, nor keys."""
    manifest, landed = pull(server, tmp_path, read_agents=True)
    assert manifest.state == "complete"
    sites = [site for site in held.sites if site.state == "active"]
    assert len(landed["agents"]) == sum(site.active_licenses for site in sites)
    home = tmp_path / manifest.relative_path
    text = str([pq.read_table(path).to_pylist() for path in home.glob("*.parquet")])
    assert "eyJ1cmwi" not in text
    assert "key-" not in text


def test_ten_records_unless_asked_for_more(console: httpx.Client, held: SentinelOneRecords) -> None:
    """The default page is ten, the largest a thousand; the total is on the first page alone."""
    first = console.get("/sites", params={"state": "active"}).json()
    assert len(first["data"]["sites"]) == 10
    active = sum(site.state == "active" for site in held.sites)
    assert first["pagination"]["totalItems"] == active
    cursor = first["pagination"]["nextCursor"]
    second = console.get("/sites", params={"state": "active", "cursor": cursor}).json()
    assert second["pagination"]["totalItems"] == 0
    assert first["data"]["sites"][-1]["id"] != second["data"]["sites"][0]["id"]
    assert console.get("/sites", params={"limit": 1001}).status_code == 400


def test_a_cursor_holds_for_its_query_only(console: httpx.Client) -> None:
    """A client that drops its filter on the way is refused, not given other records."""
    first = console.get("/sites", params={"state": "active"}).json()
    reply = console.get("/sites", params={"cursor": first["pagination"]["nextCursor"]})
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["title"] == "Validation Error"


def test_only_the_sites_are_an_object(console: httpx.Client) -> None:
    """Other lists hold their records directly."""
    assert set(console.get("/sites").json()["data"]) == {"allSites", "sites"}
    assert isinstance(console.get("/accounts").json()["data"], list)
    assert isinstance(console.get("/agents").json()["data"], list)


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "APITOKEN"])
def test_only_an_api_token_opens(console: httpx.Client, scheme: str) -> None:
    """Another scheme is refused in the shape of all errors."""
    token = console.headers["authorization"].partition(" ")[2]
    reply = console.get("/sites", headers={"Authorization": f"{scheme} {token}"})
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (401, 4010010)


def test_counts_agree_with_the_agents(console: httpx.Client, held: SentinelOneRecords) -> None:
    """A site's active licences are its agents that are neither decommissioned nor uninstalled."""
    site = next(site for site in held.sites if site.active_licenses)
    asked = {"siteIds": site.id, "isDecommissioned": "False", "isUninstalled": "False"}
    counted = console.get("/agents/count", params=asked).json()
    assert counted == {"data": {"total": site.active_licenses}}
    assert console.get(f"/sites/{site.id}").json()["data"]["name"] == site.name


@pytest.mark.parametrize("seed", [7, 31, 90_210])
def test_every_world_has_every_trap(seed: int) -> None:
    """Trials, ended and default sites, two bundles, no limit, too many agents, old fields only."""
    sites = build_world(seed, "small", AS_OF, {"sentinelone"}).at["sentinelone"].sites
    live = [site for site in sites if site.state == "active" and site.site_type == "Paid"]
    assert {site.state for site in sites} == {"active", "expired", "deleted"}
    assert any(site.site_type == "Trial" and site.active_licenses for site in sites)
    assert any(site.is_default and not site.active_licenses for site in live)
    names = [{bundle for bundle, _bought in site.bundles} for site in live]
    assert any({"complete", "control"} <= held for held in names)
    assert any(site.total_licenses == -1 for site in live)
    assert any(0 < site.total_licenses < site.active_licenses for site in live)
    assert any(site.has_old_fields_only for site in live)
    assert any(not site.active_licenses and not site.is_default for site in live)
    assert all(len(site.id) in (18, 19) for site in sites)
