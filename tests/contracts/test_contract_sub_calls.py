"""Lists that are asked for one account at a time: what one refuses is unknown, never zero."""

from typing import Any

import pytest

pytestmark = pytest.mark.long


@pytest.fixture
def middle(kind: str, clean: Any, facts: dict[str, Any]) -> int:
    """How many sub-calls are made before the one in the middle."""
    asked = {each.name: each for each in clean[1][kind].streams}[facts[kind].sub_calls]
    assert asked.pages > 0, "no sub-call is made in this world"
    return int(asked.pages) // 2


def tolerates(bench: Any, kind: str, name: str, manifest: Any, status: int) -> bool:
    """Whether a refusal was landed as the answer of one account."""
    return manifest.state == "complete" and status in bench.statuses(manifest, name)


@pytest.mark.fault(33)
@pytest.mark.parametrize("status", [403, 500])
def test_one_sub_call_fails(
    bench: Any, kind: str, middle: int, facts: dict[str, Any], *, status: int
) -> None:
    """One refused sub-call among many fails the pull, or is landed as that account's refusal."""
    name = facts[kind].sub_calls
    stream = bench.stream(kind, name)
    bench.fault(
        kind,
        stream,
        what="status",
        value=status,
        after_n_calls=middle,
        times=1 if status == 403 else None,
    )
    manifest = bench.pull(kind)
    if tolerates(bench, kind, name, manifest, status):
        assert status == 403, "what may pass is no answer"
        return
    expected = {403: "permission", 500: "unreachable"}[status]
    assert (manifest.state, manifest.category) == ("failed", expected), manifest.reason
    assert manifest.streams == ()


@pytest.mark.fault(19)
def test_parent_is_gone(
    bench: Any, kind: str, middle: int, clean_pull: Any, *, facts: dict[str, Any]
) -> None:
    """What is listed and then not found is landed as such, or its list is read again."""
    name = facts[kind].sub_calls
    bench.fault(kind, bench.stream(kind, name), what="status", value=404, after_n_calls=middle)
    manifest = bench.pull(kind)
    assert (manifest.state, manifest.reason) == ("complete", None)
    if tolerates(bench, kind, name, manifest, 404):
        return
    assert [each.distinct_keys for each in manifest.streams] == [
        each.distinct_keys for each in clean_pull.streams
    ]
    assert manifest.calls > clean_pull.calls


@pytest.mark.fault(19)
def test_parent_stays_gone(bench: Any, kind: str, facts: dict[str, Any]) -> None:
    """What stays listed and is never found is not zero: the pull fails after three readings."""
    name = facts[kind].sub_calls
    bench.fault(kind, bench.stream(kind, name), what="status", value=404, times=None)
    manifest = bench.pull(kind)
    if tolerates(bench, kind, name, manifest, 404):
        assert 200 not in bench.statuses(manifest, name)
        return
    assert manifest.state == "failed"
    assert manifest.category in {"incomplete", "permission"}
    assert manifest.streams == ()
