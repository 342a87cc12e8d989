"""Whole pulls from a served Veeam console: small pages, queued lists, pauses, users, tokens."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.vendors.veeam_vspc import USER, USER_PASSWORD, VspcState
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.systems.registry import SYSTEMS

AS_OF = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KIND = "veeam_vspc"
DoPull = Callable[..., Manifest]


@pytest.fixture(scope="module")
def served() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", AS_OF, {KIND})) as simulation:
        yield simulation.systems[KIND]


@pytest.fixture
def server(served: SimulatedServer) -> Iterator[SimulatedServer]:
    served.log.clear()
    served.targets.clear()
    yield served
    served.faults.clear()
    before = VspcState(served.state.world)
    for name in VspcState.__dataclass_fields__.keys() - {"world"}:
        setattr(served.state, name, getattr(before, name))


@pytest.fixture
def state(server: SimulatedServer) -> VspcState:
    assert isinstance(server.state, VspcState)
    return server.state


@pytest.fixture
def do_pull(
    server: SimulatedServer, make_account: Any, pauses: list[float], tmp_path: Path
) -> DoPull:
    def pull(secret: str = "", **settings: Any) -> Manifest:
        account = make_account(KIND, base_url=server.base_url, **settings)
        key = secret or server.credentials["api_key"]
        account.secrets.environ["VEEAM_VSPC_API_KEY"] = key
        return asyncio.run(
            pull_system(
                Pull(
                    system=SYSTEMS[KIND],
                    account=account,
                    landing=tmp_path,
                    period="2026-11",
                    is_grace=False,
                    on=AS_OF,
                    now=lambda: NOW,
                )
            )
        )

    return pull


def sizes(manifest: Manifest) -> dict[str, int]:
    assert manifest.state == "complete", manifest.reason
    return {stream.name: stream.distinct_keys for stream in manifest.streams}


def test_a_lowered_page_size_loses_nobody(
    server: SimulatedServer, state: VspcState, do_pull: DoPull
) -> None:
    """Pages shorter than asked for are read on until the announced total is there."""
    whole = sizes(do_pull())
    server.log.clear()
    state.largest_page = 7
    assert sizes(do_pull()) == whole
    assert len(server.log) == -(-whole["companies"] // 7) + -(-whole["usage"] // 7)


def test_rows_of_another_day_do_not_look_like_a_changing_list(
    server: SimulatedServer, do_pull: DoPull
) -> None:
    """One location on two days is two records: the pull is whole, SQL keeps the one day."""

    def add_a_day(body: bytes) -> bytes:
        data = json.loads(body)
        data["data"] += [row | {"date": "2026-11-20", "counters": []} for row in data["data"]]
        data["meta"]["pagingInfo"]["total"] *= 2
        return json.dumps(data).encode()

    whole = sizes(do_pull())
    server.faults.add("/usage$", kind="replace_body", value=add_a_day)
    assert sizes(do_pull())["usage"] == 2 * whole["usage"]


def test_a_queued_list_is_waited_for(
    server: SimulatedServer, state: VspcState, do_pull: DoPull, pauses: list[float], tmp_path: Path
) -> None:
    """202 is no empty list: its action is asked, at our address, until the list is there."""
    whole = sizes(do_pull(read_licences=True))
    server.log.clear()
    state.polls_until_done = 2
    manifest = do_pull(read_licences=True)
    assert sizes(manifest) == whole
    # Its lists are asked for together, and each of them waits for its own.
    assert sorted(pauses) == [2.0] * 3 + [4.0] * 3
    assert manifest.throttled_seconds == 18.0
    paths = [call.path.rpartition("/")[2] for call in server.log[:5]]
    assert paths[0] == "companies"
    assert paths[-1] == "result"
    assert len(set(paths[1:4])) == 1
    landed = pq.read_table(tmp_path / manifest.relative_path / "companies.parquet")
    assert landed.column("template").to_pylist() == ["/organizations/companies"]


@pytest.mark.parametrize("ending", ["failed", "canceled"])
def test_a_queued_list_that_fails_is_unreachable(
    state: VspcState, do_pull: DoPull, ending: str
) -> None:
    """A list that was never prepared fails the pull, after six tries, with the console's word."""
    state.polls_until_done, state.ends_as = 0, ending
    manifest = do_pull()
    assert (manifest.state, manifest.category) == ("failed", "unreachable")
    assert f"{ending!r}" in str(manifest.reason)
    assert manifest.retries == 5


def test_a_queue_that_never_ends_is_given_up(
    state: VspcState, do_pull: DoPull, pauses: list[float]
) -> None:
    """After a quarter of an hour the pull fails, once, instead of waiting for ever."""
    state.polls_until_done = 10_000
    manifest = do_pull()
    assert (manifest.state, manifest.category) == ("failed", "unreachable")
    assert "15 minutes" in str(manifest.reason)
    assert 900 <= sum(pauses) < 960


def test_a_server_error_while_waiting_is_not_queued_anew(
    server: SimulatedServer, state: VspcState, do_pull: DoPull
) -> None:
    """An action that can't be asked is tried six times, and not six times six."""
    state.polls_until_done = 0
    server.faults.add("/asyncActions/", kind="status", value=520, text="Internal", times=None)
    manifest = do_pull()
    assert (manifest.state, manifest.category) == ("failed", "unreachable")
    assert len(server.log) == 7


def test_a_promise_without_a_place_is_refused(
    server: SimulatedServer, state: VspcState, do_pull: DoPull
) -> None:
    """A 202 that names no action is an answer of unknown shape, never nothing."""
    state.polls_until_done = 0
    server.faults.add("/companies$", kind="drop_header", value="Location")
    manifest = do_pull()
    assert (manifest.state, manifest.category) == ("failed", "shape")
    assert "queued" in str(manifest.reason)


@pytest.mark.parametrize("told", [25, None])
def test_a_throttled_call_waits_as_the_body_says(
    server: SimulatedServer,
    state: VspcState,
    do_pull: DoPull,
    pauses: list[float],
    told: int | None,
) -> None:
    """Seconds in the body are waited out; without them the usual short pause is made."""
    state.retry_after_in_body = told
    server.faults.add("/usage$", kind="status", value=429)
    manifest = do_pull()
    assert sizes(manifest)
    assert manifest.retries == 1
    assert len(pauses) == 1
    assert pauses[0] == told if told else pauses[0] <= 1


def test_520_is_a_server_error(
    server: SimulatedServer, do_pull: DoPull, pauses: list[float]
) -> None:
    """The console's only status for its own failures is tried again like any 500."""
    server.faults.add("/companies$", kind="status", value=520, text="Internal error", times=2)
    assert sizes(do_pull())
    assert [call.status for call in server.log][:3] == [520, 520, 200]
    assert len(pauses) == 2


def test_a_users_token_is_renewed(server: SimulatedServer, do_pull: DoPull) -> None:
    """A user logs in once; a token that ends on the way costs one more login and no record."""
    whole = sizes(do_pull(USER_PASSWORD, username=USER))
    assert [call.method for call in server.log].count("POST") == 1
    server.faults.add("/usage$", kind="hook", value=lambda state: state.tokens.clear())
    assert sizes(do_pull(USER_PASSWORD, username=USER)) == whole
    assert [call.method for call in server.log].count("POST") == 3


def test_a_users_wrong_password_is_tried_once(server: SimulatedServer, do_pull: DoPull) -> None:
    """Refused with 400 here, it is still a matter of credentials, in the console's words."""
    manifest = do_pull("wrong-password", username=USER)
    assert (manifest.state, manifest.category) == ("failed", "credentials")
    assert "incorrect username or password" in str(manifest.reason)
    assert len(server.log) == 1


def test_a_second_factor_stops_the_pull(state: VspcState, do_pull: DoPull) -> None:
    """A user who needs a second factor is sent to make an API key."""
    state.needs_second_factor = True
    manifest = do_pull(USER_PASSWORD, username=USER)
    assert (manifest.state, manifest.category) == ("failed", "credentials")
    assert "Simple Key" in str(manifest.next_step)


def test_licences_hidden_from_the_key_name_the_role(state: VspcState, do_pull: DoPull) -> None:
    """Read-only roles see usage and no licences: the pull says so, and works without them."""
    state.forbidden.add("/api/v3/licensing")
    manifest = do_pull(read_licences=True)
    assert (manifest.state, manifest.category) == ("failed", "permission")
    assert "Portal Administrator" in str(manifest.next_step)
    assert sizes(do_pull())
