"""Systems that stumble: asked again as they wish, given up on in the end, never believed half."""

from typing import Any

import pytest

from reconcile_pipeline.landing.evidence import current_evidence
from reconcile_pipeline.landing.manifest import Manifest, read_manifests
from reconcile_pipeline.simulators.world.records import World

pytestmark = pytest.mark.long

PERIOD = "2026-11"


def list_calls(manifest: Manifest, facts: dict[str, Any], world: World) -> int:
    calls = manifest.calls - facts[manifest.kind].tokens_of(world)
    return calls // int(facts[manifest.kind].calls_each)


def sizes(manifest: Manifest) -> list[tuple[str, int]]:
    return [(stream.name, stream.distinct_keys) for stream in manifest.streams]


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.fault(1, 4)
def test_throttled_once(
    bench: Any,
    kind: str,
    place: str,
    clean_pull: Manifest,
    *,
    facts: dict[str, Any],
    pauses: list[float],
) -> None:
    """429 with Retry-After is waited out: the same records, for one call more."""
    calls = list_calls(clean_pull, facts, bench.simulation.world)
    after = {"first": 0, "middle": calls // 2, "last": calls - 1}[place]
    bench.fault(kind, None, what="status", value=429, retry_after=7, after_n_calls=after)
    manifest = bench.pull(kind)
    assert manifest.state == "complete"
    assert sizes(manifest) == sizes(clean_pull)
    assert pauses == [7.0]
    again = facts[kind].calls_each
    assert manifest.calls == clean_pull.calls + again == len(bench.server(kind).log)
    assert manifest.retries == 1
    # Our own limits are measured with it: a busy machine is a moment late.
    assert manifest.throttled_seconds == pytest.approx(7.0, abs=0.1)


@pytest.mark.fault(2, 3)
def test_throttled_for_an_hour(bench: Any, kind: str, pauses: list[float]) -> None:
    """A Retry-After of an hour ends the pull as rate limit instead of hanging it."""
    bench.fault(kind, None, what="status", value=429, retry_after=3600)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category, pauses) == ("failed", "rate_limit", [])


@pytest.mark.parametrize(("burst", "status"), [(1, 500), (2, 502), (3, 503), (4, 504), (5, 500)])
@pytest.mark.fault(5)
def test_burst_of_server_errors(
    bench: Any,
    kind: str,
    burst: int,
    *,
    status: int,
    clean_pull: Manifest,
    facts: dict[str, Any],
    pauses: list[float],
) -> None:
    """A burst of server errors costs its calls and pauses, and no record."""
    after = min(1, list_calls(clean_pull, facts, bench.simulation.world) - 1)
    bench.fault(kind, None, what="status", value=status, after_n_calls=after, times=burst)
    manifest = bench.pull(kind)
    assert manifest.state == "complete"
    assert sizes(manifest) == sizes(clean_pull)
    assert manifest.calls == clean_pull.calls + burst * facts[kind].calls_each
    assert (manifest.retries, len(pauses)) == (burst, burst)


@pytest.mark.fault(9)
def test_cut_answer(bench: Any, kind: str, listed: str, clean: Any) -> None:
    """An answer cut in the middle is asked for again, never read as a shorter list."""
    bench.fault(kind, bench.stream(kind, listed), what="close_midway")
    manifest = bench.pull(kind)
    assert manifest.state == "complete"
    assert sizes(manifest) == sizes(clean[1][kind])
    assert manifest.retries == 1


@pytest.mark.parametrize("what", ["drop_before", "close_midway"])
@pytest.mark.fault(9)
def test_cut_at_the_end(
    bench: Any, kind: str, what: str, clean_pull: Manifest, *, facts: dict[str, Any]
) -> None:
    """The last answer cut right after its head, or in its body, is asked for again."""
    calls = list_calls(clean_pull, facts, bench.simulation.world)
    bench.fault(kind, None, what=what, after_n_calls=calls - 1)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert sizes(manifest) == sizes(clean_pull)
    assert manifest.retries == 1


@pytest.mark.fault(6)
def test_server_error_for_ever(bench: Any, kind: str, listed: str, pulled_before: Any) -> None:
    """A list that never comes fails as unreachable after six tries; older evidence stays."""
    stream = bench.stream(kind, listed)
    bench.fault(kind, stream, what="status", value=500, times=None)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "unreachable")
    assert "try 6 of 6" in manifest.reason
    assert manifest.streams == ()
    mine = [each for each in read_manifests(bench.landing, PERIOD) if each.kind == kind]
    [evidence] = current_evidence(mine)
    assert evidence.pull == pulled_before[kind]
    assert evidence.latest == manifest
    assert evidence.is_behind
    assert bench.landed(evidence.pull)
