"""Datto RMM's server: its login, links that lose filters, lists that disagree, the rate limit."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections.abc import Iterator
from datetime import date
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.server import Throttle
from reconcile_pipeline.simulators.truth.datto_rmm import read_again
from reconcile_pipeline.simulators.vendors.datto_rmm import DattoState
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors.datto_rmm import DATTO_RMM, DattoRecords

AS_OF = date(2026, 11, 22)


@pytest.fixture(scope="module")
def served_rmm() -> Iterator[SimulatedServer]:
    world = build_world(7, "small", AS_OF, {DATTO_RMM})
    with running(world) as simulation:
        yield simulation.systems[DATTO_RMM]


@pytest.fixture
def rmm(served_rmm: SimulatedServer) -> Iterator[httpx.Client]:
    known = served_rmm.credentials
    form = {"grant_type": "password", "username": known["api_key"], "password": known["api_secret"]}
    with httpx.Client(base_url=served_rmm.base_url, trust_env=False, verify=False) as client:
        public = ("public-client", "public")
        token = client.post("/auth/oauth/token", data=form, auth=public).json()
        assert token["expires_in"] == 359_999
        client.headers["Authorization"] = f"Bearer {token['access_token']}"
        yield client


def test_login(served_rmm: SimulatedServer) -> None:
    """The public client's name and password, the key and its secret: each of them is needed."""
    known = served_rmm.credentials
    form = {"grant_type": "password", "username": known["api_key"], "password": known["api_secret"]}
    url = f"{served_rmm.base_url}/auth/oauth/token"

    def status(form: dict[str, str], auth: tuple[str, str]) -> int:
        reply = httpx.post(url, data=form, auth=auth, trust_env=False, verify=False)
        return reply.status_code

    public = ("public-client", "public")
    assert status(form, public) == 200
    assert status(form, ("public-client", "secret")) == 401
    assert status(form | {"password": "no"}, public) == 401
    assert status(form | {"grant_type": "client_credentials"}, public) == 401


def test_next_links_lose_the_filters(rmm: httpx.Client) -> None:
    """Page 2 of a filtered list, asked as its link says, is page 2 of everything."""
    params = {"max": 10, "page": 0, "hostname": "SRV"}
    first = rmm.get("/api/v2/account/devices", params=params).json()
    link = first["pageDetails"]["nextPageUrl"]
    assert dict(parse_qsl(urlsplit(link).query)) == {"max": "10", "page": "1"}
    following = rmm.get(link).json()
    assert following["pageDetails"]["totalCount"] > first["pageDetails"]["totalCount"]
    right = rmm.get("/api/v2/account/devices", params={**params, "page": 1}).json()
    assert {row["hostname"][:3] for row in right["devices"]} == {"SRV"}


def test_pages(rmm: httpx.Client, served_rmm: SimulatedServer) -> None:
    """Pages begin at 0, hold 250 at most, and the last names no next one."""
    page = rmm.get("/api/v2/account/devices", params={"max": 9999}).json()
    assert page["pageDetails"]["count"] == len(page["devices"]) == 250
    sites = rmm.get("/api/v2/account/sites").json()
    assert sites["pageDetails"]["nextPageUrl"] is None
    state = served_rmm.state
    assert isinstance(state, DattoState)
    assert len(sites["sites"]) == len(state.records.sites)


@pytest.mark.parametrize("seed", [3, 8_675_309, 271_828])
def test_every_world_has_the_traps(seed: int) -> None:
    """Short lists, deleted and suspended devices, OnDemand sites, unknown classes: in each."""
    records: DattoRecords = build_world(seed, "small", AS_OF, {DATTO_RMM}).at[DATTO_RMM]
    assert read_again(records)
    assert sum(site.is_system for site in records.sites) == 1
    assert any(site.is_on_demand for site in records.sites)
    assert any(device.is_suspended for device in records.devices)
    assert any(device.is_deleted and device.site_uid != "DELETED" for device in records.devices)
    categories = {device.category for device in records.devices}
    assert {None, "Tablet", "desktop", "Printer", "ESXi Host"} <= categories
    assert any(device.antivirus and not device.has_antivirus for device in records.devices)


def test_the_two_lists_disagree(rmm: httpx.Client, served_rmm: SimulatedServer) -> None:
    """A site's own list has what the account-wide list lacks, and agrees with the site's total."""
    state = served_rmm.state
    assert isinstance(state, DattoState)
    short = next(site for site, _ in read_again(state.records) if site.id % 9 == 4)
    own = rmm.get(f"/api/v2/site/{short.uid}/devices").json()["devices"]
    site = rmm.get(f"/api/v2/site/{short.uid}").json()
    live = [row for row in own if not row["deleted"]]
    assert site["devicesStatus"]["numberOfDevices"] in (len(live), len(own))
    listed = []
    for page in range(9):
        listed += rmm.get("/api/v2/account/devices", params={"page": page}).json()["devices"]
    assert len([row for row in listed if row["siteUid"] == short.uid]) < len(own)
    assert rmm.get("/api/v2/site/8c6d3c2e-0000-4000-8000-000000000000/devices").status_code == 404


def test_a_user_may_see_less(rmm: httpx.Client, served_rmm: SimulatedServer) -> None:
    """Hidden sites vanish without an error; the account's total still has their devices."""
    state = served_rmm.state
    assert isinstance(state, DattoState)
    before = rmm.get("/api/v2/account").json()["devicesStatus"]["numberOfDevices"]
    hidden = state.records.sites[-1].uid
    state.hidden.add(hidden)
    try:
        sites = rmm.get("/api/v2/account/sites").json()["sites"]
        assert hidden not in {site["uid"] for site in sites}
        assert rmm.get(f"/api/v2/site/{hidden}").status_code == 404
        assert rmm.get("/api/v2/account").json()["devicesStatus"]["numberOfDevices"] == before
    finally:
        state.hidden.clear()


def test_whoever_hammers_is_locked_out(rmm: httpx.Client, served_rmm: SimulatedServer) -> None:
    """Beyond the limit 429 without a header; going on leads to 403."""
    state = served_rmm.state
    assert isinstance(state, DattoState)
    state.throttle = Throttle(1, retry_after=None)
    try:
        replies = [rmm.get("/api/v2/system/status") for _ in range(25)]
        assert replies[-1].status_code == 429
        assert "retry-after" not in replies[-1].headers
        state.throttle = None
        assert rmm.get("/api/v2/system/status").status_code == 403
    finally:
        state.throttle, state.refused = None, 0


def test_dates_come_in_three_shapes(rmm: httpx.Client) -> None:
    """Declared as ISO 8601; sent as that, as milliseconds, or as seconds."""
    rows = rmm.get("/api/v2/account/devices").json()["devices"]
    shapes = {
        "iso" if isinstance(seen, str) else "ms" if seen > 1e11 else "s"
        for seen in (row["lastSeen"] for row in rows)
    }
    assert shapes == {"iso", "ms", "s"}
