"""When a pull may ask for changes only, and which earlier pull it goes on from.

Pure: manifests, settings and the day of the pull decide; no clock is asked and no file is read.
What goes on from a pull, and how that is proven, is in `incremental`.
"""

import hashlib
import json
from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.model import PullMode, PullState
from reconcile_pipeline.systems.base import Account, System

LAST_WEEK = 7
"""Days before the month's end in which every pull is full: what is invoiced rests on it."""


@dataclass(frozen=True)
class Rhythm:
    """How often everything is read, as the settings say."""

    is_incremental: bool = False
    full_every_days: int = 7
    overlap: timedelta = timedelta(minutes=15)
    is_forced_full: bool = False
    """Somebody asked for a full pull now."""


@dataclass(frozen=True)
class Footing:
    """What a pull stands on, and what it has to know to leave a footing for the next one."""

    started_at: datetime
    identity: str
    """Digest of the settings that decide what is answered; secrets are no part of it."""
    landing: Path
    rhythm: Rhythm
    base: Manifest | None
    """The pull to go on from; None: everything is read."""
    why_full: str = ""


def footing_of(
    pulls: Sequence[Manifest],
    *,
    accepted: Collection[str],
    rhythm: Rhythm,
    on: date,
) -> tuple[Manifest | None, str]:
    """Choose the pull to go on from; None with the reason where this one has to be full.

    `pulls` are the attempts of one system in the pull's own period, oldest first.
    """

    def is_usable(pull: Manifest) -> bool:
        return pull.state is PullState.COMPLETE or (
            pull.state is PullState.QUARANTINED and pull.pull_id in accepted
        )

    usable = [pull for pull in pulls if is_usable(pull)]
    reason = _why_full(rhythm, on)
    if not reason and not usable:
        reason = "it is the first of the month"
    if not reason and not is_usable(pulls[-1]):
        reason = f"the one before ({pulls[-1].pull_id}) was not complete"
    if not reason:
        full = [pull for pull in usable if pull.mode is PullMode.FULL]
        age = (on - date.fromisoformat(full[-1].on)).days if full else rhythm.full_every_days
        if age >= rhythm.full_every_days:
            reason = f"everything is read every {rhythm.full_every_days} days"
    return (None, reason) if reason else (usable[-1], "")


def _why_full(rhythm: Rhythm, on: date) -> str:
    if rhythm.is_forced_full:
        return "somebody asked for it"
    if not rhythm.is_incremental:
        return "the settings say so"
    if on.day > monthrange(on.year, on.month)[1] - LAST_WEEK:
        return "the month ends within a week"
    return ""


def identity_of(system: System, account: Account) -> str:
    """Digest of what decides which records a system shows: its kind and its open settings."""
    told: dict[str, object] = {"": system.kind}
    for field in system.fields:
        match field.kind:
            case "secret":
                continue
            case "number":
                told[field.name] = account.number(field.name)
            case "flag":
                told[field.name] = account.flag(field.name)
            case "list":
                told[field.name] = account.items(field.name)
            case _:
                told[field.name] = account.text(field.name)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
