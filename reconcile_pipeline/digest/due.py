"""When a digest has something to say: one rule per event, for schedules and people alike.

Pure. Whether it was said already is the memory's to know.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from reconcile_pipeline.digest.content import Content, Numbers
from reconcile_pipeline.settings_notify import Event

LAST_WEEK = range(7)
"""Days left in the month's last week, its last day included."""
LAST_DAYS = range(3)
"""Two days before the last day; the days after it make up for a machine that was off."""


def why_not(content: Content, timezone: str) -> str | None:
    """Say in a sentence why there is nothing to tell; None: the digest is due.

    `timezone` is the billing time zone.
    """
    if content.is_closed:
        return f"{content.period} is closed."
    if content.event is Event.PULL_FAILED:
        return None if content.failures else "Every system's latest pull is in use."
    if content.numbers is None:
        return "Nothing is published yet."
    return _RULES[content.event](content, content.numbers, timezone)


def _review_ready(content: Content, numbers: Numbers, _timezone: str) -> str | None:
    if content.days_left not in LAST_WEEK:
        return f"It is not the last week of {content.period}."
    return _if_open(numbers)


def _two_days_left(content: Content, numbers: Numbers, _timezone: str) -> str | None:
    if content.days_left not in LAST_DAYS:
        return f"{content.period} does not end in two days."
    return _if_open(numbers)


def _if_open(numbers: Numbers) -> str | None:
    return None if numbers.cards_open else "No card waits for a decision."


def _write_back_done(content: Content, numbers: Numbers, timezone: str) -> str | None:
    moved_at = numbers.written.moved_at
    if moved_at is None or moved_at.astimezone(ZoneInfo(timezone)).date() < content.today:
        return "Nothing was written back today."
    return None


_RULES: dict[Event, Callable[[Content, Numbers, str], str | None]] = {
    Event.REVIEW_READY: _review_ready,
    Event.TWO_DAYS_LEFT: _two_days_left,
    Event.WRITE_BACK_DONE: _write_back_done,
}
