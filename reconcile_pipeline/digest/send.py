"""Tell people: is it due, was it told, which channels; what came of each goes to alerts.jsonl.

A failing channel stops no other, and is tried again when its event comes again; what went out, or
may have gone out, is never sent a second time. Calls nobody on a dry run.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconcile_pipeline.alerts import append_alert
from reconcile_pipeline.building import Site, evidence_of
from reconcile_pipeline.digest.channels import Channel, Posting, UnsureError, channels_of
from reconcile_pipeline.digest.content import Content, Numbers, read_numbers
from reconcile_pipeline.digest.due import why_not
from reconcile_pipeline.digest.failures import failures_in
from reconcile_pipeline.digest.memory import Memory, telling_alone
from reconcile_pipeline.digest.words import Letter, write_letter
from reconcile_pipeline.landing.manifest import read_manifests
from reconcile_pipeline.ledger.closings import closing_of
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import local_day
from reconcile_pipeline.settings_notify import Event
from reconcile_pipeline.warehouse.connect import open_for_reading

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of one channel."""

    channel: str
    state: str
    """sent, unsure or failed."""
    message: str = ""
    next_step: str = ""


@dataclass(frozen=True)
class Digest:
    """One digest: what it says, whom it would go to, and what came of it."""

    content: Content
    letter: Letter
    silent_because: str | None
    """Why nothing is to be told; None: it is due."""
    waiting: tuple[str, ...] = ()
    """Channels that were not told yet."""
    told: tuple[str, ...] = ()
    """Channels that were told before."""
    outcomes: tuple[Outcome, ...] = ()

    def check(self) -> None:
        """Raise the first channel's failure, if there is one, naming them all."""
        bad = [outcome for outcome in self.outcomes if outcome.state != "sent"]
        if bad:
            raise PipelineError(
                " ".join(outcome.message for outcome in bad),
                next_step=" ".join(dict.fromkeys(outcome.next_step for outcome in bad)),
                category=Category.UNREACHABLE,
            )


def prepare_digest(site: Site, event: Event, period: str, *, now: datetime) -> Digest:
    """What would be told now, and to whom; sends nothing, and looks up no secret."""
    return _prepared(site, event, period, now, Memory(site.state.digests))


def send_digest(site: Site, event: Event, period: str, *, now: datetime) -> Digest:
    """Tell what is due through every channel that was not told yet.

    Raises:
        PipelineError: when the digest can't be written. A channel's failure is an outcome.
    """
    with telling_alone(site.state.digests) as memory:
        digest = _prepared(site, event, period, now, memory)
        if digest.silent_because or not digest.waiting:
            return digest
        channels = [each for each in channels_of(site.settings) if each.name in digest.waiting]
        outcomes = asyncio.run(_send(digest, channels, memory, now))
    for outcome in outcomes:
        _record(site, digest, outcome, now)
    return Digest(digest.content, digest.letter, None, digest.waiting, digest.told, tuple(outcomes))


def _prepared(site: Site, event: Event, period: str, now: datetime, memory: Memory) -> Digest:
    content = _content(site, event, period, now)
    names = [channel.name for channel in channels_of(site.settings)]
    told = tuple(name for name in names if memory.knows(name, _keys(content)))
    timezone = site.settings.timezone
    silent = why_not(content, timezone)
    if event not in site.settings.notify.events:
        silent = f"[notify] leaves {event} out of its events."
    return Digest(
        content=content,
        letter=write_letter(content, timezone),
        silent_because=silent,
        waiting=tuple(name for name in names if name not in told),
        told=told,
    )


def _content(site: Site, event: Event, period: str, now: datetime) -> Content:
    names = site.settings.notify.customer_names
    attempts = read_manifests(site.state.landing, period)
    return Content(
        event=event,
        period=period,
        today=local_day(now, site.settings.timezone),
        numbers=_numbers(site, period, has_names=names),
        failures=tuple(failures_in(evidence_of(site, period, now=now), attempts)),
        is_closed=closing_of(site.ledger, period) is not None,
        has_names=names,
        link=_link(site, period),
    )


def _link(site: Site, period: str) -> str | None:
    """Where cards are decided; an address of this computer alone would help no reader."""
    review = site.settings.review
    return f"{review.address}/?period={period}" if review.base_url else None


def _numbers(site: Site, period: str, *, has_names: bool) -> Numbers | None:
    if not site.state.published.exists():
        return None
    with open_for_reading(site.state.published) as connection:
        return read_numbers(connection, period, has_names=has_names)


def _keys(content: Content) -> list[str]:
    """What is told, so that a second digest of the same can be recognised."""
    event, period = content.event, content.period
    if event is Event.PULL_FAILED:
        return [f"{event} {period} {failure.key}" for failure in content.failures]
    if event is Event.TWO_DAYS_LEFT:
        # Once a month: its days are only there for a machine that was off on the first of them.
        return [f"{event} {period}"]
    return [f"{event} {period} {content.today}"]


async def _send(
    digest: Digest, channels: Sequence[Channel], memory: Memory, now: datetime
) -> list[Outcome]:
    keys = _keys(digest.content)
    message_id = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]
    posting = Posting(digest.letter, message_id, now)

    async def deliver(channel: Channel) -> str:
        try:
            note = await channel.deliver(posting)
        except UnsureError:
            memory.remember(channel.name, keys, at=now)
            raise
        memory.remember(channel.name, keys, at=now)
        return note

    ended = await asyncio.gather(*map(deliver, channels), return_exceptions=True)
    return [_outcome(channel.name, end) for channel, end in zip(channels, ended, strict=True)]


def _outcome(channel: str, end: str | BaseException) -> Outcome:
    if isinstance(end, str):
        return Outcome(channel, "sent", end)
    if isinstance(end, PipelineError):
        state = "unsure" if isinstance(end, UnsureError) else "failed"
        return Outcome(channel, state, end.message, end.next_step)
    if not isinstance(end, Exception):
        raise end
    # Its text may quote what was sent, or where to.
    message = f"{channel} failed in a way nobody foresaw ({type(end).__name__})."
    return Outcome(channel, "failed", message, "Report this.")


def _record(site: Site, digest: Digest, outcome: Outcome, now: datetime) -> None:
    content = digest.content
    entry = {
        "digest": str(content.event),
        "period": content.period,
        "channel": outcome.channel,
        "outcome": outcome.state,
        "message": outcome.message,
        "next_step": outcome.next_step,
    }
    append_alert(site.state.alerts, entry, at=now)
    level = logging.INFO if outcome.state == "sent" else logging.WARNING
    logger.log(level, "digest %s: %s %s", content.event, outcome.channel, outcome.state)
