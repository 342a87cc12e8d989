"""Billing periods: calendar months in the billing time zone, written `YYYY-MM`.

Which month is open, which days it has, and whether counts may still be pulled into it.
Pure functions: the instant always comes in as an argument. No settings, no files, no Dagster.
"""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reconcile_pipeline.model import Category, PipelineError

_PERIOD = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")


def local_day(now: datetime, timezone: str) -> date:
    """Return the calendar day of an instant in the billing time zone.

    Raises:
        ValueError: if `now` carries no time zone; guessing one could shift a month.
    """
    if now.tzinfo is None:
        raise ValueError("An instant needs a time zone to have a billing day.")
    return now.astimezone(ZoneInfo(timezone)).date()


def open_period(now: datetime, timezone: str) -> str:
    """Return the month the instant falls in, in the billing time zone."""
    return period_of(local_day(now, timezone))


def period_of(day: date) -> str:
    """Return the month a day belongs to."""
    return f"{day.year:04d}-{day.month:02d}"


@lru_cache(maxsize=1000)
def first_day(period: str) -> date:
    """Return the first day of a month.

    Raises:
        PipelineError: `input`, if the text is not a month written `YYYY-MM`.
    """
    match = _PERIOD.fullmatch(period)
    if match is None or match["year"] == "0000":
        raise PipelineError(
            f"{period[:20]!r} is not a billing period.",
            next_step="Write the year and the month as YYYY-MM, for example 2026-11.",
            category=Category.INPUT,
        )
    return date(int(match["year"]), int(match["month"]), 1)


def last_day(period: str) -> date:
    """Return the last day of a month, leap years included."""
    first = first_day(period)
    if first.month == 12:  # noqa: PLR2004 - December; the next first would need the next year
        return date(first.year, 12, 31)
    return date(first.year, first.month + 1, 1) - timedelta(days=1)


def previous_period(period: str) -> str:
    """Return the month before."""
    return period_of(first_day(period) - timedelta(days=1))


@lru_cache(maxsize=1000)
def next_period(period: str) -> str:
    """Return the month after."""
    return period_of(last_day(period) + timedelta(days=1))


def check_pullable(period: str, now: datetime, timezone: str, grace_days: int) -> bool:
    """Make sure that counts read now may stand for the period.

    Returns:
        False inside the month itself, True in the grace days after it. Grace day 1 is the 1st
        of the next month.

    Raises:
        PipelineError: `input`, if the period has not begun, or ended longer ago than the grace
            days: every system answers with its counts of this moment, whatever month is asked.
    """
    today = local_day(now, timezone)
    if today < first_day(period):
        raise PipelineError(
            f"The period {period} has not begun: it is {today} in {timezone}.",
            next_step=f"Pull the open period, {period_of(today)}.",
            category=Category.INPUT,
        )
    days_late = (today - last_day(period)).days
    if days_late <= 0:
        return False
    if days_late <= grace_days:
        return True
    raise PipelineError(
        f"The period {period} is closed for pulls: systems only tell their counts of today,"
        f" {today}, and those would be stored as if they were {period}'s.",
        next_step=f"Pull the open period, {period_of(today)};"
        f" {period} can be rebuilt from what was pulled in it, with `reconcile rebuild`.",
        category=Category.INPUT,
    )
