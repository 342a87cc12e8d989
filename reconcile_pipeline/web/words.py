"""Numbers, money, instants and the pipeline's words as people read them on a page."""

from datetime import UTC, datetime
from decimal import Decimal

from reconcile_pipeline.model import ChangeState, Decision, Finding
from reconcile_pipeline.review.foresight import Outcome

FINDINGS = {
    Finding.MATCH: "Match",
    Finding.UNDER_BILLED: "Under-billed",
    Finding.OVER_BILLED: "Over-billed",
    Finding.NEW_REVENUE: "New revenue",
    Finding.NO_VENDOR_FIGURE: "No vendor data",
    Finding.NOT_CONNECTED: "Not connected",
    Finding.STALE_EVIDENCE: "Stale",
    Finding.INCOMPLETE_EVIDENCE: "Incomplete",
}
STANDS = {
    "open": "open",
    "decided": "decided, to be written",
    "stuck": "needs a person",
    "applied": "in the PSA",
    "quiet": "left as it is",
    "settled": "nothing to do",
    "all": "all",
}
STATUSES = {
    "open": "Open",
    "reopened": "Open again",
    "quiet": "Left as it is",
    "decided": "Decided",
    "waiting": "To be confirmed",
    "needs_person": "Needs a person",
    "applied": "In the PSA",
    "nothing_to_do": "Nothing to do",
}
DECISIONS = {
    Decision.APPROVE: "Approved",
    Decision.RECONCILE: "Reconcile",
    Decision.NO_CHANGE: "No change",
    Decision.DISMISS: "Dismissed",
    Decision.EXCLUDE: "Excluded",
}
CHANGES = {
    ChangeState.QUEUED: "waits for the next write-back",
    ChangeState.INTENT: "about to be sent",
    ChangeState.SENT: "sent, not read back yet",
    ChangeState.NOT_APPLIED: "not applied; it may be sent again",
    ChangeState.UNKNOWN: "no answer; it will be looked up",
    ChangeState.VERIFIED: "read back: the line shows it",
    ChangeState.CONFLICT: "not written: the PSA showed another quantity",
    ChangeState.REJECTED: "refused by the PSA",
    ChangeState.NEEDS_PERSON: "needs a person",
    ChangeState.DONE_BY_HAND: "done by hand",
    ChangeState.DROPPED: "given up",
    ChangeState.PROVED: "proved by a later pull",
    ChangeState.DISPROVED: "a later pull shows another quantity",
}
CONFIRMATIONS = {
    "zero": "a line goes to 0",
    "large": "the change is large",
    "second_person": "a second person agrees",
}
LEGS = {"usage": "used", "purchased": "purchased", "invoiced": "invoiced by the vendor"}
CATEGORIES = {
    "credentials": "The credentials are refused",
    "permission": "A permission is missing",
    "rate_limit": "The system asks for fewer calls",
    "shape": "The answers look other than documented",
    "incomplete": "The data did not come in whole",
    "unreachable": "The system can't be reached",
    "settings": "A setting is wrong",
    "input": "Something entered is wrong",
    "storage": "This computer can't store it",
    "conflict": "Somebody was faster",
}
BULK = {
    Decision.RECONCILE: "Reconcile",
    Decision.APPROVE: "Approve",
    Decision.NO_CHANGE: "No change for",
}
"""What the buttons say that decide many cards."""
OUTCOMES = {
    Outcome.WRITTEN: "Recorded; the next write-back writes it",
    Outcome.CONFIRMED_FIRST: "Recorded; written after somebody confirms it",
    Outcome.BY_HAND: "Recorded; somebody does it in the PSA by hand",
    Outcome.NOTED: "Recorded; nothing changes in the PSA",
    Outcome.AGAIN: "You recorded the same before; nothing happens",
    Outcome.MOVED: "Not taken: changed since you saw it",
    Outcome.DECIDED: "Not taken: decided already",
    Outcome.UNPROVEN: "Not taken: its count is not proved",
    Outcome.UNFIT: "Not taken: that can't be said about it",
}
NEEDS = {
    "zero": "a line goes to 0",
    "large": "a large change",
    "second_person": "a second person must agree",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def quantity(value: Decimal | None, unknown: str = "–") -> str:
    """A quantity without useless zeros, thousands marked; a dash when unknown, which is not 0."""
    if value is None:
        return unknown
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def entered(value: Decimal | None) -> str:
    """A quantity as it is written into a field: no marks."""
    return quantity(value, "").replace(",", "")


def signed(value: Decimal | None) -> str:
    """A difference with its sign; a true minus, as in print."""
    if value is None:
        return "–"
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{quantity(abs(value))}"  # noqa: RUF001


def money(value: Decimal | None, currency: str | None = None) -> str:
    """An amount with its currency; a dash when unknown."""
    if value is None:
        return "–"
    minus = "−" if value < 0 else ""  # noqa: RUF001 - a true minus, as in print
    return f"{minus}{abs(value):,.2f} {currency or ''}".rstrip()


def signed_money(value: Decimal | None, currency: str | None = None) -> str:
    """An amount with its sign: above 0 is used and not invoiced."""
    return f"{'+' if value is not None and value > 0 else ''}{money(value, currency)}"


def ago(instant: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits; tables hold naive UTC."""
    if instant is None:
        return "never"
    seconds = (now - _aware(instant)).total_seconds()
    if seconds < _MINUTE:
        return "just now"
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def at(instant: datetime | None) -> str:
    """An instant to the minute, in UTC."""
    return "–" if instant is None else f"{_aware(instant).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def code(text: str) -> str:
    """A reason as the tables name it, as words: excluded_by_mapping reads excluded by mapping."""
    return text.replace("_", " ")


def many(count: int, one: str, several: str = "") -> str:
    """A count with its noun: 1 card, 2,000 cards."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
