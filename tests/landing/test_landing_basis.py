"""When a pull has to be full, and which pull an incremental one goes on from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from reconcile_pipeline.landing.basis import Rhythm, footing_of, identity_of
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.model import PullMode, PullState
from reconcile_pipeline.systems.base import Field

MakeManifest = Callable[..., Manifest]
ON = date(2026, 11, 22)
RHYTHM = Rhythm(is_incremental=True)


def base_of(
    pulls: Sequence[Manifest], *, on: date = ON, accepted: Sequence[str] = (), **changes: Any
) -> tuple[str | None, str]:
    base, reason = footing_of(pulls, accepted=accepted, rhythm=replace(RHYTHM, **changes), on=on)
    return (base.pull_id if base else None), reason


def of_day(manifest: Manifest, day: int, mode: PullMode = PullMode.FULL) -> Manifest:
    return replace(manifest, on=f"2026-11-{day:02}", mode=mode)


def test_it_goes_on_from_the_latest_whole_pull(manifest: MakeManifest) -> None:
    """Not from an older one: what changed in between would be asked for again and again."""
    pulls = [manifest("acme", 0), manifest("acme", 24)]
    assert base_of(pulls) == ("acme-24", "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_incremental": False}, "the settings say so"),
        ({"is_forced_full": True}, "somebody asked for it"),
    ],
)
def test_settings_and_people_may_want_everything(
    manifest: MakeManifest, changes: dict[str, bool], reason: str
) -> None:
    """Switched off, or forced by somebody: everything is read, and the manifest says why."""
    assert base_of([manifest("acme", 0)], **changes) == (None, reason)


def test_incremental_pulls_are_off_unless_switched_on() -> None:
    """Whoever says nothing gets full pulls."""
    assert not Rhythm().is_incremental


def test_the_first_pull_of_a_month_is_full() -> None:
    """A month's numbers never rest on pages of another one alone."""
    assert base_of([]) == (None, "it is the first of the month")


@pytest.mark.parametrize("state", [PullState.FAILED, PullState.QUARANTINED])
def test_after_trouble_everything_is_read(manifest: MakeManifest, state: PullState) -> None:
    """A pull that failed or was held back may have a reason that only a full one shows."""
    pulls = [manifest("acme", 0), manifest("acme", 24, state)]
    base, reason = base_of(pulls)
    assert base is None
    assert "acme-24" in reason


def test_an_accepted_pull_can_be_gone_on_from(manifest: MakeManifest) -> None:
    """Believed by a person, it is as good as a complete one."""
    pulls = [manifest("acme", 0), manifest("acme", 24, PullState.QUARANTINED)]
    assert base_of(pulls, accepted=["acme-24"]) == ("acme-24", "")


@pytest.mark.parametrize(("day", "is_full"), [(23, False), (24, True), (30, True)])
def test_the_last_week_of_a_month_is_read_in_full(
    manifest: MakeManifest, day: int, *, is_full: bool
) -> None:
    """What is invoiced on the 1st rests on full pulls; in the grace days the day is the last."""
    base, reason = base_of([of_day(manifest("acme", 0), day)], on=date(2026, 11, day))
    assert (base is None) is is_full
    assert ("week" in reason) is is_full


@pytest.mark.parametrize(("days", "is_full"), [(6, False), (7, True)])
def test_everything_is_read_again_after_some_days(
    manifest: MakeManifest, days: int, *, is_full: bool
) -> None:
    """Days count from the last full pull: incremental ones in between put nothing off."""
    pulls = [
        of_day(manifest("acme", 0), 10),
        of_day(manifest("acme", 24), 15, PullMode.INCREMENTAL),
    ]
    base, reason = base_of(pulls, on=date(2026, 11, 10) + timedelta(days=days))
    assert (base is None) is is_full
    assert ("every 7 days" in reason) is is_full


def test_what_is_asked_of_another_tenant_is_another_question(system_of: Any, api: Any) -> None:
    """Open settings are part of a pull's identity; a secret is not."""

    class Told:
        name, kind = "acme", "made_up"

        def __init__(self, **values: Any) -> None:
            self.values = values

        def __getattr__(self, _kind: str) -> Callable[[str], Any]:
            return lambda name: self.values[name]

    kinds = ("text", "secret", "url", "number", "flag", "list")
    fields = tuple(Field(kind, "", kind=kind) for kind in kinds)
    system = replace(system_of(api), fields=fields)
    values: dict[str, Any] = {"text": "a", "secret": "b", "url": "c", "number": 1.0, "flag": True}
    known = identity_of(system, Told(**values, list=("d",)))  # type: ignore[arg-type]
    for name, other in {"text": "x", "url": "x", "number": 2.0, "flag": False}.items():
        assert identity_of(system, Told(**{**values, name: other}, list=("d",))) != known  # type: ignore[arg-type]
    assert identity_of(system, Told(**values, list=())) != known  # type: ignore[arg-type]
    assert identity_of(system, Told(**{**values, "secret": "x"}, list=("d",))) == known  # type: ignore[arg-type]
