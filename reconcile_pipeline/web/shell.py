"""What stands around every page: the month, how old its data is, how much waits.

There is none while there is no data, so that the pages of trouble have a frame too.
"""

from dataclasses import dataclass
from datetime import datetime

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.web.access.users import Role
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.words import ago


@dataclass(frozen=True)
class Place:
    """One entry of the navigation."""

    address: str
    title: str
    key: str
    """The second key of its shortcut: g, then this."""


PLACES = (
    Place("/", "Overview", "o"),
    Place("/review", "Review", "r"),
    Place("/mapping/accounts", "Mapping", "m"),
    Place("/syncs", "Syncs", "s"),
    Place("/writeback", "Write-back", "w"),
    Place("/history", "History", "h"),
)


@dataclass(frozen=True)
class Shell:
    """The head of a page."""

    period: str
    periods: tuple[str, ...]
    cards_open: int
    freshness: str
    """How old the data is, in a few words."""
    is_worrying: bool
    """Whether a system is not fresh."""


def shell_of(call: Call) -> Shell | None:
    """The head of a page; None while there is no data for the month, and for strangers."""
    if call.user.role < Role.VIEWER:
        # A missing page is shown to everybody; how much waits is nobody's business.
        return None
    try:
        row = call.books.ask_once("shell")[0]
    except PipelineError:
        return None
    return Shell(
        period=call.period,
        periods=tuple(reversed(call.desk.books.periods())),
        cards_open=row["cards_open"],
        freshness=_freshness(row, call.desk.now()),
        is_worrying=row["vendors_fresh"] < row["vendors"] or bool(row["not_complete"]),
    )


def _freshness(row: dict[str, object], now: datetime) -> str:
    counted_at = row["psa_counted_at"]
    parts = [f"PSA {ago(counted_at, now)}" if isinstance(counted_at, datetime) else "no PSA data"]
    parts.append(f"{row['vendors_fresh']} of {row['vendors']} vendors fresh")
    if row["not_complete"]:
        parts.append(f"look at {row['not_complete']}")
    return " · ".join(parts)
