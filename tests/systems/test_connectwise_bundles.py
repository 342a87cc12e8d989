"""Bundles: the same additions in fewer calls, from the simulated server; none taken on trust."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.http import ApiError, Reply, Request
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.simulators.psa.connectwise import ConnectWiseState
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.systems.psa.connectwise import CONNECTWISE
from reconcile_pipeline.systems.psa.connectwise_account import make_bundling
from reconcile_pipeline.systems.psa.connectwise_bundles import PATH
from reconcile_pipeline.systems.psa.connectwise_probe import probe

AS_OF = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FORWARD = {"pagination-type": "forward-only"}


@pytest.fixture(scope="module")
def shared() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", AS_OF), has_vendors=False) as simulation:
        yield simulation.systems["connectwise"]


@pytest.fixture
def server(shared: SimulatedServer) -> Iterator[SimulatedServer]:
    shared.log.clear()
    yield shared
    shared.faults.clear()
    state = shared.state
    assert isinstance(state, ConnectWiseState)
    state.bundles_name_additions, state.largest_bundle = "addition", 1000


@pytest.fixture
def account(
    server: SimulatedServer, make_account: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """(**settings) -> an account at the server."""

    def make(**settings: Any) -> Any:
        credentials = dict(server.credentials)
        company = credentials.pop("company_id")
        found = make_account(
            "connectwise", base_url=server.base_url, company_id=company, **settings
        )
        for name, value in credentials.items():
            monkeypatch.setitem(found.secrets.environ, f"CONNECTWISE_{name.upper()}", value)
        return found

    return make


@pytest.fixture
def do_pull(account: Callable[..., Any], tmp_path: Path) -> Callable[..., Manifest]:
    """(**settings) -> a pull into a folder of its own."""

    def pull(**settings: Any) -> Manifest:
        landing = tmp_path / f"landing-{len(list(tmp_path.iterdir()))}"
        landing.mkdir()
        asked = Pull(
            system=CONNECTWISE,
            account=account(**settings),
            landing=landing,
            period="2026-11",
            is_grace=False,
            on=AS_OF,
            now=lambda: NOW,
        )
        return asyncio.run(pull_system(asked))

    return pull


def told(manifest: Manifest) -> list[tuple[str, int, int]]:
    return [(each.name, each.records, each.distinct_keys) for each in manifest.streams]


def bundles(server: SimulatedServer) -> int:
    return sum(call.path.endswith(PATH) for call in server.log)


def singles(server: SimulatedServer) -> int:
    return sum(call.path.endswith("/additions") for call in server.log)


def test_a_pull_in_bundles_lands_the_same_with_fewer_calls(
    do_pull: Callable[..., Manifest], server: SimulatedServer
) -> None:
    """Every list as by single calls; one call for up to 25 agreements."""
    plain = do_pull()
    agreements = singles(server)
    server.log.clear()
    bundled = do_pull(bundle_size=25)
    assert (bundled.state, bundled.reason) == ("complete", None)
    assert told(bundled) == told(plain)
    assert singles(server) == 0
    assert bundles(server) <= -(-agreements // 25) + 4
    assert bundled.calls == len(server.log)


@given(size=st.integers(1, 30), full=st.integers(1, 6))
@settings(max_examples=6, deadline=None)
def test_additions_are_the_same_in_bundles_of_any_size(
    shared: SimulatedServer, size: int, full: int
) -> None:
    """Agreement by agreement, also where pages are so small that bundles don't hold all."""
    world = shared.state.world
    agreements = [agreement.id for agreement in world.agreements]
    lines = {
        agreement: sorted(line.id for line in world.lines if line.agreement_id == agreement)
        for agreement in agreements
    }

    async def ask() -> list[Reply]:
        async with make_bundling(_Plain(shared), size) as client:  # type: ignore[arg-type]
            asked = [
                Request(f"/finance/agreements/{each}/additions", {"pageSize": str(full)}, FORWARD)
                for each in agreements
            ]
            return await asyncio.gather(*(client.get(request) for request in asked))

    replies = asyncio.run(ask())
    for agreement, reply in zip(agreements, replies, strict=True):
        found = [addition["id"] for addition in reply.data]
        assert found == lines[agreement][:full]
        # Only a list that goes on has a link.
        assert bool(reply.headers["link"]) == (len(lines[agreement]) > full)


class _Plain:
    """An account as the client's makers read it."""

    def __init__(self, server: SimulatedServer) -> None:
        self.name = self.kind = "connectwise"
        self._values = {
            **server.credentials,
            "base_url": server.base_url,
            "codebase": "v4_6_release/",
            "api_version": "2022.1",
            "bundle_resource_type": "addition",
        }

    def text(self, name: str) -> str:
        return self._values[name]

    secret = text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda part: part["results"].pop(), "results|questions"),
        (lambda part: part["results"].append(part["results"][0]), "questions"),
        (lambda part: part["results"][0].update(sequenceNumber=99), "questions"),
        (
            lambda part: [
                each.update(agreementId=1)
                for result in part["results"]
                for each in result["entities"]
            ],
            "an addition of 1",
        ),
        (lambda part: part.update(results=None), "list of results"),
    ],
    ids=["one missing", "one twice", "another number", "of another agreement", "no list"],
)
@pytest.mark.fault(22)
def test_an_answer_that_mixes_questions_up_ends_the_pull(
    do_pull: Callable[..., Manifest], server: SimulatedServer, change: Any, says: str
) -> None:
    """Nothing of it is used, and the next step is to switch bundles off."""
    server.faults.add(PATH, kind="replace_body", value=_edited(change), times=None)
    manifest = do_pull(bundle_size=10)
    assert manifest.state == "failed"
    assert manifest.reason is not None
    assert manifest.next_step is not None
    assert re.search(says, manifest.reason)
    assert "bundle_size = 0" in manifest.next_step


@pytest.mark.parametrize(
    "change",
    [
        lambda result: result.update(success=False, statusCode=500, entities=[]),
        lambda result: result.update(statusCode=206),
        lambda result: result.update(count=result["count"] + 1),
        lambda result: result.pop("entities"),
        lambda result: result.update(entities=None, count=0),
    ],
    ids=["failed", "partly", "more are counted", "no entities", "null"],
)
def test_a_part_that_is_not_whole_is_asked_for_by_itself(
    do_pull: Callable[..., Manifest], server: SimulatedServer, change: Any
) -> None:
    """An agreement without additions and one whose part failed are told apart."""
    plain = do_pull()
    server.log.clear()

    def spoil(answer: Any) -> None:
        change(answer["results"][0])

    server.faults.add(PATH, kind="replace_body", value=_edited(spoil), times=None)
    manifest = do_pull(bundle_size=10)
    assert manifest.state == "complete"
    assert told(manifest) == told(plain)
    assert singles(server) == bundles(server) > 0


def _edited(change: Any) -> Callable[[bytes], bytes]:
    def edit(body: bytes) -> bytes:
        answer = json.loads(body)
        change(answer)
        return json.dumps(answer).encode()

    return edit


def test_a_server_without_bundles_ends_the_pull_with_the_next_step(
    do_pull: Callable[..., Manifest], server: SimulatedServer
) -> None:
    """A refusal is no empty list; every list is as it was once bundles are off."""
    server.faults.add(PATH, kind="status", value=404, times=None)
    manifest = do_pull(bundle_size=10)
    assert manifest.state == "failed"
    assert "bundle_size = 0" in str(manifest.next_step)
    assert do_pull(bundle_size=0).state == "complete"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda _server: None, "the same as by single calls: bundle_size = 25"),
        (lambda server: setattr(server.state, "largest_bundle", 2), "refuses"),
        (lambda server: setattr(server.state, "bundles_name_additions", "x"), "is not whole"),
        (
            lambda server: server.faults.add(
                PATH, kind="replace_body", value=_edited(_one_unit_more), times=None
            ),
            "other additions",
        ),
    ],
    ids=["right", "too many", "another name", "another quantity"],
)
def test_check_finds_out_whether_bundles_are_right(
    account: Callable[..., Any], server: SimulatedServer, spoil: Any, says: str
) -> None:
    """Told in a sentence while they are off; an error with its next step once they are on."""
    spoil(server)
    assert says in asyncio.run(probe(account()))
    if "same" in says:
        assert "the same" in asyncio.run(probe(account(bundle_size=10)))
        return
    with pytest.raises(PipelineError, match=says) as caught:
        asyncio.run(probe(account(bundle_size=10)))
    assert "bundle_size = 0" in caught.value.next_step


def _one_unit_more(answer: Any) -> None:
    for result in answer["results"]:
        for addition in result["entities"]:
            addition["quantity"] += 1


def test_a_wrong_key_is_a_wrong_key_in_a_probe(
    account: Callable[..., Any], server: SimulatedServer
) -> None:
    """A refusal of the keys says nothing about bundles."""
    server.faults.add(PATH, kind="status", value=401, times=None)
    with pytest.raises(ApiError) as caught:
        asyncio.run(probe(account()))
    assert caught.value.category is Category.CREDENTIALS


def test_sizes_that_make_no_sense_are_refused(account: Callable[..., Any]) -> None:
    """A settings error before any call."""
    for size in (-1, 1.5, 1000):
        with pytest.raises(PipelineError, match="bundle_size"):
            CONNECTWISE.client(account(bundle_size=size))  # type: ignore[misc]
