"""The Veeam console's server: keys and users, pages, days of usage, licences, queued answers."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections import Counter
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.vendors.veeam_vspc import USER, USER_PASSWORD, VspcState
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors.veeam_vspc import FLOWS, NEW_COUNTER, VspcRecords

KIND = "veeam_vspc"
COMPANIES, LICENCES = "/organizations/companies", "/licensing/usage/organizations"
USAGE = f"{COMPANIES}/usage"
DAY = {"fromDate": "2026-11-21", "toDate": "2026-11-21", "limit": 500}


@pytest.fixture(scope="module")
def console_server() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", date(2026, 11, 22), {KIND})) as simulation:
        yield simulation.systems[KIND]


@pytest.fixture
def held(console_server: SimulatedServer) -> VspcRecords:
    records: VspcRecords = console_server.state.world.at[KIND]
    return records


@pytest.fixture
def console(console_server: SimulatedServer) -> Iterator[httpx.Client]:
    head = {"Authorization": f"Bearer {console_server.credentials['api_key']}"}
    with httpx.Client(
        base_url=console_server.base_url, headers=head, trust_env=False, verify=False, timeout=30
    ) as client:
        yield client


def test_keys_and_tokens(console: httpx.Client) -> None:
    """The API key is the bearer; a user's password is changed for a token that is one, too."""
    form = {"grant_type": "password", "username": USER, "password": USER_PASSWORD}
    token = console.post("/token", data=form).json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", 3600)
    for bearer, status in ((token["access_token"], 200), ("x", 401)):
        answer = console.get("/about", headers={"Authorization": f"Bearer {bearer}"})
        assert answer.status_code == status
    assert answer.json()["errors"][0]["type"] == "security"
    wrong = console.post("/token", data={**form, "password": "x"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_request")


def test_pages(console: httpx.Client, held: VspcRecords) -> None:
    """100 records unless asked, 500 at most; the end is told by the total."""
    first = console.get(COMPANIES, params={"limit": 3, "offset": 2}).json()
    paging = {"total": len(held.companies), "count": 3, "offset": 2}
    assert first["meta"]["pagingInfo"] == paging
    assert [row["name"] for row in first["data"]] == [each.name for each in held.companies[2:5]]
    assert first["data"][0]["_embedded"] == {"organization": None}
    wide = console.get(COMPANIES, params={"expand": "Organization"}).json()["data"]
    assert wide[1]["_embedded"]["organization"]["name"] == wide[1]["name"]
    assert console.get(COMPANIES, params={"limit": 501}).status_code == 400
    assert {row["status"] for row in wide} == {"Active", "Disabled"}


def test_usage_is_by_location_and_day(console: httpx.Client, held: VspcRecords) -> None:
    """A row per location and day, the day written in two ways; a day that is not over has less."""
    rows = console.get(USAGE, params=DAY).json()["data"]
    assert [row["locationUid"] for row in rows] == [place.id for place in held.locations]
    assert max(Counter(row["companyUid"] for row in rows).values()) > 1
    assert {row["date"] for row in rows} == {"2026-11-21", "2026-11-20T20:00:00-04:00"}
    two = {**DAY, "fromDate": "2026-11-20"}
    assert len(console.get(USAGE, params=two).json()["data"]) == 2 * len(rows)
    today = {**DAY, "fromDate": "2026-11-22", "toDate": "2026-11-22"}
    unfinished = console.get(USAGE, params=today).json()["data"]
    sums = [
        sum(item["value"] for row in each for item in row["counters"])
        for each in (unfinished, rows)
    ]
    assert sums[0] < sums[1]
    one = console.get(f"{COMPANIES}/{rows[0]['companyUid']}/usage", params=DAY).json()["data"]
    assert {row["companyUid"] for row in one} == {rows[0]["companyUid"]}
    assert console.get(USAGE, params={**DAY, "fromDate": "2026-10-21"}).status_code == 400
    assert console.get(USAGE, params={**DAY, "fromDate": "soon"}).status_code == 400


def test_counters_come_and_go(console: httpx.Client) -> None:
    """Zeros are listed on some rows and absent on others; some counters nobody can use."""
    rows = console.get(USAGE, params=DAY).json()["data"]
    kinds = [{item["type"]: item["value"] for item in row["counters"]} for row in rows]
    assert any(0 in each.values() for each in kinds)
    assert any("ManagedVms" not in each for each in kinds)
    assert {NEW_COUNTER, FLOWS[0]} <= {name for each in kinds for name in each}


def test_licences(console: httpx.Client) -> None:
    """Used ones hold the new ones; without a type the provider's row sums all others up."""
    rows = console.get(LICENCES, params={"organizationType": "Company"}).json()["data"]
    every = console.get(LICENCES).json()["data"]
    assert every[:-1] == rows
    assert every[-1]["organizationType"] == "Provider"
    counts = [
        sum(work["usedCount"] for server in row["servers"] for work in server["workloads"])
        for row in every
    ]
    assert sum(counts[:-1]) == counts[-1]
    assert max(len(row["servers"]) for row in rows) > 1


def test_refusals(console: httpx.Client, console_server: SimulatedServer) -> None:
    """429 says the pause in its body; every failure of the server's own is a 520."""
    faults = console_server.faults
    faults.add("/about$", kind="status", value=429)
    faults.add("/about$", kind="status", value=503, after_n_calls=1)
    throttled, failed = console.get("/about"), console.get("/about")
    assert throttled.json() == {"errors": [{"type": "transport", "code": 429, "retryAfter": 25}]}
    assert "retry-after" not in throttled.headers
    assert failed.status_code == 520
    faults.clear()


def test_queued_answers(console: httpx.Client, console_server: SimulatedServer) -> None:
    """202 with a place under the console's own name; its result is the list."""
    state = console_server.state
    assert isinstance(state, VspcState)
    at_once = console.get(COMPANIES).json()
    state.polls_until_done = 1
    queued = console.get(COMPANIES)
    state.polls_until_done = None
    assert (queued.status_code, queued.content) == (202, b"")
    host, _, action = queued.headers["location"].partition("/api/v3")
    assert host != str(console.base_url).removesuffix("/api/v3/")
    assert console.get(f"{action}/result").status_code == 400
    states = [console.get(action).json()["data"]["status"] for _ in range(2)]
    assert states == ["running", "succeed"]
    assert console.get(f"{action}/result").json() == at_once
