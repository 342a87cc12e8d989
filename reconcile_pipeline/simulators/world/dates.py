"""Calendar arithmetic of the made-up MSP: every date is relative to the day the world stands at."""

from datetime import date, timedelta
from random import Random


def month_start(day: date, months: int = 0) -> date:
    """The first of the day's month, moved by whole months."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def month_end(day: date, months: int = 0) -> date:
    """The last day of the day's month, moved by whole months."""
    return month_start(day, months + 1) - timedelta(days=1)


def past_stamp(rng: Random, as_of: date) -> str:
    """A UTC instant in the last two years, before the day, as the PSA writes it."""
    day = as_of - timedelta(days=rng.randint(1, 700))
    seconds = rng.randrange(86_400)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{day.isoformat()}T{hours:02}:{minutes:02}:{seconds % 60:02}Z"
