"""Which pull the numbers come from after any run of good and bad ones."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from reconcile_pipeline.landing.evidence import current_evidence
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.model import PullState

MakeManifest = Callable[..., Manifest]
STATES = {
    "c": PullState.COMPLETE,
    "f": PullState.FAILED,
    "q": PullState.QUARANTINED,
    "a": PullState.QUARANTINED,
}
"""a: quarantined, and accepted by a person."""


@pytest.mark.parametrize(
    ("story", "believed", "is_behind"),
    [
        ("c", 0, False),
        ("cc", 1, False),
        ("cf", 0, True),
        ("cq", 0, True),
        ("ca", 1, False),
        ("caf", 1, True),
        ("cfc", 2, False),
        ("cqc", 2, False),
        ("ac", 1, False),
        ("a", 0, False),
        ("f", None, True),
        ("q", None, True),
        ("fqf", None, True),
        ("cfqaf", 3, True),
    ],
)
def test_the_last_usable_pull_is_the_evidence(
    manifest: MakeManifest, story: str, believed: int | None, *, is_behind: bool
) -> None:
    """Only complete pulls and accepted ones are believed; anything later leaves them in use."""
    pulls = [manifest("acme", hour, STATES[letter]) for hour, letter in enumerate(story)]
    accepted = {pull.pull_id for pull, letter in zip(pulls, story, strict=True) if letter == "a"}
    evidence = current_evidence(pulls, accepted=accepted)[0]
    assert evidence.pull == (None if believed is None else pulls[believed])
    assert evidence.latest == pulls[-1]
    assert evidence.is_behind is is_behind


def test_accepting_a_failed_pull_helps_nothing(manifest: MakeManifest) -> None:
    """A failed pull holds no whole list, whoever accepts it."""
    pull = manifest("acme", 0, PullState.FAILED)
    assert current_evidence([pull], accepted={pull.pull_id})[0].pull is None


@pytest.mark.parametrize(("hours", "is_stale"), [(24, False), (24.01, True), (23.9, False)])
def test_stale_begins_after_the_set_hours(
    manifest: MakeManifest, hours: float, *, is_stale: bool
) -> None:
    """Exactly the set age is still fresh; the age is measured from end to failed beginning."""
    good = manifest("acme", 0)
    failed = manifest("acme", hours + 0.1, PullState.FAILED)  # a pull takes six minutes
    evidence = current_evidence([good, failed])[0]
    assert evidence.is_stale(timedelta(hours=24)) is is_stale


@pytest.mark.parametrize("story", ["c", "f", "cc"])
def test_without_a_later_failure_nothing_is_stale(manifest: MakeManifest, story: str) -> None:
    """Evidence does not grow stale by the clock alone, and what is not there can't be stale."""
    pulls = [manifest("acme", 1000 * hour, STATES[letter]) for hour, letter in enumerate(story)]
    assert not current_evidence(pulls)[0].is_stale(timedelta(hours=1))


def test_systems_are_told_apart_and_sorted(manifest: MakeManifest) -> None:
    """Each system has evidence of its own, in the order of names."""
    pulls = [manifest("zeta", 0), manifest("alpha", 1), manifest("zeta", 2, PullState.FAILED)]
    found = current_evidence(pulls)
    assert [(item.system, item.pull) for item in found] == [("alpha", pulls[1]), ("zeta", pulls[0])]


def test_only_configured_systems_count(manifest: MakeManifest) -> None:
    """A system that was taken out of the settings is no evidence; None means all."""
    pulls = [manifest("old", 0), manifest("kept", 1)]
    assert [item.system for item in current_evidence(pulls, systems={"kept", "new"})] == ["kept"]
    assert len(current_evidence(pulls, systems=None)) == 2
    assert current_evidence(pulls, systems=set()) == []
