"""How a PSA takes a changed quantity: what it means, when it counts, how a line is read again.

Semantics are data here; the order of steps that makes a change exactly once is the write-back
room's. No Dagster, no disk, no ledger.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from reconcile_pipeline.http import ApiClient, Change


@dataclass(frozen=True)
class LineRef:
    """One line of the PSA, named so that it can be read again and changed."""

    agreement_id: str
    line_id: str


@dataclass(frozen=True)
class LineSeen:
    """What the PSA shows of a line, as of the day a change takes effect."""

    qty: Decimal | None
    """Its quantity; None when the line is gone or has none on that day."""
    stamp: str = ""
    """Whatever the PSA shows as the line's version, for the trail; "" where it shows none."""
    cannot_change: str = ""
    """Why the line must not be changed, in a sentence without its full stop; "" when it may."""
    record: Any = field(default=None, repr=False, compare=False)
    """The record as read, for PSAs that want all of it back; kept nowhere."""


@dataclass(frozen=True)
class WriteBack:
    """One PSA's way of changing the quantity of a line."""

    style: Literal["absolute", "delta"]
    """absolute: the new quantity is set, and setting it twice is harmless. delta: a difference is
    added, and adding it twice is a wrong invoice."""
    takes_effect: Literal["at_once", "on_date"]
    """at_once: the next invoice, whatever day is asked for. on_date: from the effective day on."""
    is_whole_units: bool
    """The PSA takes whole numbers only."""
    changes_at_once: int
    """Changes under way at once; the client keeps requests within the PSA's limits by itself."""
    settle_seconds: float
    """After an unanswered change: how long it may still be applied, by our reckoning."""
    repeat_is_harmless: bool
    """An unanswered change may be sent once more after the wait, because the PSA would take only
    one of the two: it sets absolute values, or refuses a second change of a line on one day."""
    undo_days_later: int
    """How many days after the change its undoing takes effect; 0 where one day may have two."""
    read: Callable[[ApiClient, LineRef, date], Awaitable[LineSeen]]
    """Read the line as it will count on a day. Raises `ApiError` when it can't be read."""
    change: Callable[[LineRef, LineSeen, Decimal, date], Change]
    """Build the call: (line, the line as just read, quantity wanted, effective day)."""
    effect: str
    """One sentence for the person who confirms: from when the invoice shows the change."""
    turns: Literal["line", "agreement"] = "line"
    """What one change has to itself while it is read, sent and read back: where a call holds all
    lines of an agreement, two at once would undo each other."""
    is_refusal: Callable[[int, str], bool] = lambda _status, _says: False
    """Whether a server error with these words is the PSA's refusal rather than its failure."""
