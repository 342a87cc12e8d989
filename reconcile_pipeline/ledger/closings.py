"""Closed months: what was frozen, by whom, and with which head of the chain.

A closed month takes no decision, no write-back and no pull until somebody reopens it with a
reason; both are entries like any other.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, append, head_hash
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import closings
from reconcile_pipeline.model import Category, PipelineError


@dataclass(frozen=True)
class Closing:
    """A month as it was closed."""

    period: str
    reason: str
    closed_by: str
    closed_at: datetime
    evidence: tuple[str, ...]
    """The pulls its cards rest on; a rebuild uses these and no later ones."""
    cards_digest: str
    """A hash over the month's cards: a rebuild must come out the same."""
    head_hash: str
    """The chain's head just before the closing's own entry."""


def close_period(
    ledger: Ledger,
    period: str,
    *,
    evidence: Sequence[str],
    cards_digest: str,
    reason: str,
    stamp: Stamp,
) -> Closing:
    """Close a month; closing a closed one changes nothing and returns how it was closed."""
    with ledger.writing() as connection:
        found = _closing(connection, period)
        if found is None:
            _add(
                connection,
                period,
                "close",
                reason=reason,
                evidence=evidence,
                cards_digest=cards_digest,
                stamp=stamp,
            )
            found = _closing(connection, period)
    if found is None:
        raise RuntimeError("a closing that was just appended can't be read")
    return found


def reopen_period(ledger: Ledger, period: str, *, reason: str, stamp: Stamp) -> None:
    """Open a closed month again.

    Raises:
        PipelineError: `input`, when it is not closed or no reason is given.
    """
    if not reason.strip():
        raise PipelineError(
            f"Reopening {period} needs a reason.",
            next_step='Add --reason "…".',
            category=Category.INPUT,
        )
    with ledger.writing() as connection:
        if _closing(connection, period) is None:
            raise PipelineError(
                f"The period {period} is not closed.",
                next_step="Nothing has to be reopened.",
                category=Category.INPUT,
            )
        _add(
            connection,
            period,
            "reopen",
            reason=reason,
            evidence=(),
            cards_digest="",
            stamp=stamp,
        )


def closing_of(ledger: Ledger, period: str) -> Closing | None:
    """How a month was closed; None while it is open."""
    with ledger.reading() as connection:
        return _closing(connection, period)


def closings_by_period(ledger: Ledger) -> dict[str, Closing]:
    """Every month that is closed now."""
    return {row["period"]: _from_row(row) for row in ledger.view("closed_periods")}


def closing_history(ledger: Ledger) -> list[dict[str, str]]:
    """Every closing and reopening as stored, oldest first, but for the list of its pulls."""
    columns = [column for column in closings.c if column.name != "evidence"]
    return ledger.rows(sa.select(*columns).order_by(closings.c.seq))


def refuse_if_closed(connection: sa.Connection, period: str) -> None:
    """Refuse to go on when a month is closed; inside the transaction that wants to write."""
    closing = _closing(connection, period)
    if closing is not None:
        raise PipelineError(
            f"The period {period} was closed by {closing.closed_by} on"
            f" {closing.closed_at:%Y-%m-%d %H:%M} UTC.",
            next_step=f"Decide in the open period, or reopen this one with a reason: `reconcile"
            f' reopen --period {period} --reason "…"`.',
            category=Category.CONFLICT,
        )


def _closing(connection: sa.Connection, period: str) -> Closing | None:
    query = (
        sa.select(closings)
        .where(closings.c.period == period)
        .order_by(closings.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None or row["action"] != "close" else _from_row(dict(row))


def _add(
    connection: sa.Connection,
    period: str,
    action: str,
    *,
    reason: str,
    evidence: Sequence[str],
    cards_digest: str,
    stamp: Stamp,
) -> None:
    entry = {
        "period": period,
        "action": action,
        "reason": reason,
        "evidence": json.dumps(list(evidence)),
        "cards_digest": cards_digest,
        "decided_by": stamp.by,
        "decided_at": stamp.at.astimezone(UTC).isoformat(),
        "head_hash": head_hash(connection),
    }
    append(connection, closings, entry, stamp)


def _from_row(row: dict[str, str]) -> Closing:
    return Closing(
        period=row["period"],
        reason=row["reason"],
        closed_by=row["decided_by"],
        closed_at=datetime.fromisoformat(row["decided_at"]),
        evidence=tuple(json.loads(row["evidence"])),
        cards_digest=row["cards_digest"],
        head_hash=row["head_hash"],
    )
