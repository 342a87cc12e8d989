"""A full pull of every kind: all records once, as few calls as documented, and only reads."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors import SIDES
from reconcile_pipeline.systems.reading import at
from reconcile_pipeline.systems.registry import SYSTEMS

SEEDS = [31, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (90_210, 7_340_033))]


@dataclass(frozen=True)
class FullPull:
    """One undisturbed pull of every kind from a world that no test changes."""

    bench: Any
    manifests: dict[str, Manifest]
    calls: dict[str, int]


@pytest.fixture(scope="module", params=SEEDS)
def full(
    request: pytest.FixtureRequest,
    clean: tuple[Any, Any],
    serve_all: Callable[..., Any],
    calls_of: Callable[..., dict[str, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FullPull]:
    shared = clean[0]
    world = build_world(request.param, "small", shared.simulation.world.as_of, SIDES)
    with serve_all(world) as simulation:
        folder: Path = tmp_path_factory.mktemp("full")
        bench = type(shared)(simulation, folder)
        manifests = bench.pull_all([name for name in simulation.systems if name in SYSTEMS])
        yield FullPull(bench, manifests, calls_of(world))


def test_every_http_kind_is_on_the_bench(full: FullPull, facts: dict[str, Any]) -> None:
    """A kind that speaks HTTP has a server of its own and facts that name all its lists."""
    kinds = {kind for kind, system in SYSTEMS.items() if system.client is not None}
    assert set(full.bench.simulation.systems) == set(facts) == kinds
    for kind in kinds:
        declared = SYSTEMS[kind].streams(
            full.bench.account(kind), full.bench.simulation.world.as_of
        )
        fetched = [stream.name for stream in declared if stream.plan is None]
        assert list(facts[kind].holds) == fetched


def test_what_cannot_happen_is_declared(kind: str, facts: dict[str, Any]) -> None:
    """A kind has a list to page, a cursor, sub-calls and a state, or says why it has none."""
    fact = facts[kind]
    needs = {20: fact.paged, 21: fact.paged, 25: fact.paged, 26: fact.paged, 27: fact.cursor}
    needs |= {19: fact.sub_calls, 33: fact.sub_calls, 42: fact.state[0]}
    missing = {number for number, has in needs.items() if not has}
    assert missing <= set(fact.without), "say in the facts why it can't happen"
    others = set(fact.without) - missing
    # Such a list has pages, and ends at one that is not full.
    assert others <= {20, 21}, "what can happen must be tried"


@pytest.mark.fault(22)
def test_all_records_are_landed_once(full: FullPull, facts: dict[str, Any], kind: str) -> None:
    """A complete manifest means that each record of the system lies on disk exactly once."""
    manifest = full.manifests[kind]
    assert (manifest.state, manifest.reason, manifest.category) == ("complete", None, None)
    landed = full.bench.landed(manifest)
    counted = {stream.name: stream for stream in manifest.streams}
    for name, held in facts[kind].holds.items():
        key = full.bench.stream(kind, name).key
        found = Counter(str(at(record, key)) for record in landed[name])
        assert found == Counter(map(str, held(full.bench.simulation.world))), name
        assert counted[name].records == counted[name].distinct_keys == found.total(), name


def test_no_call_too_many(full: FullPull, facts: dict[str, Any], kind: str) -> None:
    """The server's log, the manifest and the cheapest documented full sync agree on the calls."""
    log = full.bench.server(kind).log
    assert len(log) == full.manifests[kind].calls == full.calls[kind]
    assert full.manifests[kind].retries == 0
    answers = {*facts[kind].answers, *facts[kind].answered_by.values()}
    answers |= {301} if facts[kind].moves else set()
    assert {call.status for call in log} == answers


@pytest.mark.fault(29)
def test_pages_are_as_large_as_documented(full: FullPull, facts: dict[str, Any], kind: str) -> None:
    """Every list call asks for the documented maximum of records, and never for more."""
    server = full.bench.server(kind)
    for call, target in zip(server.log, server.targets, strict=True):
        if call.path in (facts[kind].token_path, facts[kind].look_up):
            continue
        if re.fullmatch(facts[kind].unpaged, call.path):
            continue
        params = {name.lower(): value for name, value in parse_qsl(urlsplit(target).query)}
        size = facts[kind].size_param
        asked = size(params) if callable(size) else params[size]
        wanted = facts[kind].smaller_pages.get(call.path, facts[kind].page_size)
        assert asked == str(wanted), target


def test_only_reads(full: FullPull, facts: dict[str, Any], kind: str) -> None:
    """Nothing but reads is sent, and one POST for a token where the system wants one."""
    reads = facts[kind].reads_by_post
    calls = full.bench.server(kind).log
    writes = [call for call in calls if call.method != "GET" and call.path not in reads]
    token_path = facts[kind].token_path
    others = [call for call in writes if not re.fullmatch(facts[kind].more_tokens, call.path)]
    assert others == ([("POST", token_path, 200)] if token_path else [])


@pytest.mark.fault(103)
def test_no_secret_is_landed(full: FullPull, kind: str) -> None:
    """No credential and no token of a good pull reaches its part of the landing folder."""
    server = full.bench.server(kind)
    secrets = [item.name for item in SYSTEMS[kind].fields if item.kind == "secret"]
    values = [server.credentials[name] for name in secrets] + list(server.state.tokens)
    text = full.bench.landed_text(full.manifests[kind].relative_path)
    assert len(text) > 1000
    assert not [value for value in values if value in text]
