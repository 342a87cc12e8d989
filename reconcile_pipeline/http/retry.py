"""How long to wait before asking again: what the vendor says, else random and growing.

Pure functions of a header, a clock and a random number. Waiting itself happens in the client.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

BACKOFF_CAP_SECONDS = 60.0
_LONGEST = timedelta(days=3650).total_seconds()
_SECONDS = re.compile(r"[0-9]{1,300}(\.[0-9]{1,300})?")


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date.

    None when it is absent, unreadable, or asks for no wait at all (0, or a moment in the past):
    then the usual backoff applies.
    """
    text = (value or "").strip()
    seconds = float(text) if _SECONDS.fullmatch(text) else _seconds_until(text, now)
    return min(seconds, _LONGEST) if seconds > 0 else None


def backoff_seconds(tries: int, random: float) -> float:
    """Full jitter: anything from 0 to 1, 2, 4 … s after the 1st, 2nd, 3rd … try, at most 60 s.

    `random` is a number from 0 to 1. Spreading the waits evenly keeps many clients apart.
    """
    return random * min(BACKOFF_CAP_SECONDS, 2.0 ** min(tries - 1, 16))


def moment_after(now: datetime, seconds: float) -> str:
    """Say when a wait that begins now will be over, for a message."""
    return f"{now.astimezone(UTC) + timedelta(seconds=seconds):%Y-%m-%d %H:%M} UTC"


def _seconds_until(text: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        # Not a date either: a header nobody can read is the same as none.
        return 0.0
