"""Wrong keys, missing permissions, tokens that end: named for what they are, secrets kept."""

import base64
import logging
from typing import Any
from urllib.parse import quote_plus

import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.systems.registry import SYSTEMS

CANARY = "canary+0f3c9a17/secret=="


@pytest.mark.fault(17)
def test_wrong_key(bench: Any, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong key fails as credentials, in a sentence that names the system and holds no secret."""
    caplog.set_level(logging.DEBUG)
    manifest: Manifest = bench.pull(kind, CANARY)
    assert (manifest.state, manifest.category) == ("failed", "credentials")
    assert SYSTEMS[kind].title in str(manifest.reason) or f"our_{kind}" in str(manifest.reason)
    assert manifest.next_step
    assert manifest.streams == ()
    told = bench.landed_text() + caplog.text
    assert manifest.pull_id in told
    encoded = base64.b64encode(CANARY.encode()).decode()
    assert not [form for form in (CANARY, quote_plus(CANARY), encoded[:-4]) if form in told]


@pytest.mark.fault(17)
def test_wrong_key_is_tried_once(bench: Any, kind: str, facts: dict[str, Any]) -> None:
    """Wrong keys are not hammered at: vendors lock accounts for less."""
    bench.pull(kind, CANARY)
    log = bench.server(kind).log
    assert len([call for call in log if call.status == facts[kind].refuses_keys_with]) == 1
    assert len(log) <= 2, "one refusal, and at most one question without credentials"


@pytest.mark.fault(18)
def test_missing_permission(
    bench: Any, kind: str, listed: str, facts: dict[str, Any], clean_pull: Manifest
) -> None:
    """A list that may not be read fails the pull as permission: never as an empty list."""
    stream = bench.stream(kind, listed)
    bench.fault(kind, stream, what="status", value=403, times=None)
    manifest = bench.pull(kind)
    if facts[kind].answered_by.get(listed) == 403:
        # Of one customer each: landed as refusals, so that nobody takes them for nothing.
        assert (manifest.state, manifest.calls) == ("complete", clean_pull.calls)
        assert set(bench.statuses(manifest, listed)) == {403}
        return
    assert (manifest.state, manifest.category) == ("failed", "permission")
    words = listed.replace("_", " ")
    path = stream.request.path if stream.request else words
    told = f"{manifest.reason} {manifest.next_step}"
    assert words in told or path in told
    assert manifest.streams == ()


@pytest.mark.long
@pytest.mark.fault(18)
def test_one_list_refuses_the_keys(
    bench: Any, kind: str, listed: str, facts: dict[str, Any]
) -> None:
    """Keys that one list alone refuses fail the pull, as it asks for them or may not see it."""
    stream = bench.stream(kind, listed)
    bench.fault(kind, stream, what="status", value=401, times=None)
    manifest = bench.pull(kind)
    assert manifest.state == "failed"
    assert manifest.category in {"credentials", "permission"}
    assert manifest.next_step
    assert manifest.streams == ()
    log = bench.server(kind).log
    logins = [call for call in log if call.path == facts[kind].token_path]
    # Cove's diagnosis asks for each column alone, each twice with a new login between.
    most = 1 + (len(log) - len(logins)) / 2 if kind == "cove" else 2
    assert len(logins) <= most, "no login again and again"


@pytest.mark.long
@pytest.mark.fault(6)
def test_others_go_on(bench: Any, kind: str, facts: dict[str, Any]) -> None:
    """One system's refusal leaves the pulls of all others complete."""
    bench.fault(kind, None, what="status", value=403, times=None)
    states = {name: str(each.state) for name, each in bench.pull_all(facts).items()}
    assert states == {name: "failed" if name == kind else "complete" for name in facts}


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.fault(17)
def test_token_ends_during_the_pull(
    bench: Any, kind: str, facts: dict[str, Any], clean_pull: Manifest, after: int
) -> None:
    """A token that ends early costs one refused call and one new token, and no record."""
    if facts[kind].token_path is None:
        # Not skipped: kinds without tokens must keep being asked without one.
        assert not [call for call in bench.server(kind).log if call.method == "POST"]
        return
    revoke = lambda state: state.tokens.clear()  # noqa: E731 - a fault's value
    bench.fault(kind, None, what="hook", value=revoke, after_n_calls=after)
    manifest = bench.pull(kind)
    assert manifest.state == "complete"
    log = bench.server(kind).log
    wasted = 2
    if after >= facts[kind].calls_in_turn:
        # Calls that are under way together all carry the token that ended.
        wasted = len([call for call in log if call.status == 401 or call.method == "POST"])
        wasted -= facts[kind].tokens_of(bench.simulation.world)
    assert manifest.calls == clean_pull.calls + wasted == len(log)
    assert [each.distinct_keys for each in manifest.streams] == [
        each.distinct_keys for each in clean_pull.streams
    ]


@pytest.mark.fault(17)
def test_token_is_not_renewed(bench: Any, kind: str, facts: dict[str, Any]) -> None:
    """A token that ends early and is refused anew fails as credentials, after one attempt."""
    token_path = facts[kind].token_path
    if token_path is None:
        return
    revoke = lambda state: state.tokens.clear()  # noqa: E731 - a fault's value
    bench.fault(kind, None, what="hook", value=revoke, after_n_calls=1)
    faults = bench.server(kind).faults
    faults.add(f"{token_path}$", kind="status", value=401, after_n_calls=1, times=None)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.category) == ("failed", "credentials")
    assert len([call for call in bench.server(kind).log if call.path == token_path]) == 2
