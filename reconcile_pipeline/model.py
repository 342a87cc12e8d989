"""The words every room shares: findings, decisions, states, and the one error people read.

Add here only what two rooms need and what imports nothing of ours. No I/O, no Dagster, no SQL.
"""

from enum import StrEnum


class Category(StrEnum):
    """Why something could not be done; each asks for a different person or a different fix."""

    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    RATE_LIMIT = "rate_limit"
    SHAPE = "shape"
    INCOMPLETE = "incomplete"
    UNREACHABLE = "unreachable"
    SETTINGS = "settings"
    INPUT = "input"
    STORAGE = "storage"
    """This computer can't write it: no room, no right, or a broken disk."""
    CONFLICT = "conflict"
    """Somebody or something was faster: look at what there is now, then decide again."""
    CANCELLED = "cancelled"
    """A person or the machine asked the work to end before it was through."""


class Role(StrEnum):
    """Which side of the comparison a system speaks for."""

    PSA = "psa"
    VENDOR = "vendor"


class Finding(StrEnum):
    """What the system saw when it compared the two sides of one card."""

    MATCH = "match"
    UNDER_BILLED = "under_billed"
    OVER_BILLED = "over_billed"
    NEW_REVENUE = "new_revenue"
    NO_VENDOR_FIGURE = "no_vendor_figure"
    NOT_CONNECTED = "not_connected"
    STALE_EVIDENCE = "stale_evidence"
    INCOMPLETE_EVIDENCE = "incomplete_evidence"


class Decision(StrEnum):
    """What a person said about one card; the words users of Gradient Reconcile know."""

    APPROVE = "approve"
    RECONCILE = "reconcile"
    NO_CHANGE = "no_change"
    DISMISS = "dismiss"
    EXCLUDE = "exclude"


class ChangeState(StrEnum):
    """Where one line change stands on its way into the PSA; told by its latest ledger entry."""

    QUEUED = "queued"
    """Decided, nothing done yet."""
    INTENT = "intent"
    """About to be sent, or sent without a word back: it has to be looked up before anything."""
    SENT = "sent"
    """Answered with success, not read back yet."""
    NOT_APPLIED = "not_applied"
    """Known to have changed nothing: it may be sent again."""
    UNKNOWN = "unknown"
    """It may have been applied, or still be: it has to be looked up after the settle wait."""
    VERIFIED = "verified"
    """Read back: the line shows the decided quantity."""
    CONFLICT = "conflict"
    """The PSA showed another quantity than the one decided on; nothing was written."""
    REJECTED = "rejected"
    """The PSA refused it; nothing was written."""
    NEEDS_PERSON = "needs_person"
    """The line shows neither the old nor the new quantity, or can't be written by this software."""
    DONE_BY_HAND = "done_by_hand"
    """A person says they made the change; the next pull has to prove it."""
    DROPPED = "dropped"
    """A person gave it up."""
    PROVED = "proved"
    """A later pull shows the decided quantity."""
    DISPROVED = "disproved"
    """A later pull shows another quantity: somebody should look."""


class PullState(StrEnum):
    """How a pull ended. Only `complete` (or a `quarantined` one a person accepted) is evidence."""

    COMPLETE = "complete"
    FAILED = "failed"
    QUARANTINED = "quarantined"


class PullMode(StrEnum):
    """How much of its system a pull asked for; what it landed is the whole either way."""

    FULL = "full"
    INCREMENTAL = "incremental"


class PipelineError(Exception):
    """Something a person has to know: one clear sentence, and the next step in another.

    Never carries a secret, a query string or a whole response body.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str,
        category: Category,
        system: str | None = None,
        is_transient: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        """Keep the parts apart so that screens and checks can show each in its place."""
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.category = category
        self.system = system
        self.is_transient = is_transient
        self.wait_seconds = wait_seconds

    def __str__(self) -> str:
        """Read as the sentence and what to do about it."""
        return f"{self.message} {self.next_step}".strip()
