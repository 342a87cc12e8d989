"""Decisions and accepted pulls: who said what about which numbers, and when.

The first decision on a card's version wins; the same decision again is harmless; a different
one is a conflict that names the first.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa

from reconcile_pipeline.ledger.store import Ledger, accepted_pulls
from reconcile_pipeline.ledger.store import decisions as table
from reconcile_pipeline.model import Category, Decision, PipelineError


@dataclass(frozen=True)
class Decided:
    """One decision on one version of a card."""

    period: str
    card_id: str
    card_version: str
    decision: Decision
    qty_target: Decimal | None
    reviewer: str
    note: str | None
    decided_at: datetime

    @property
    def decision_id(self) -> str:
        """Stable name: there is one decision per card version."""
        return hashlib.sha256(f"{self.card_id}|{self.card_version}".encode()).hexdigest()[:16]

    @property
    def content(self) -> tuple[object, ...]:
        """What makes a repeat the same decision: everything but the instant."""
        return (self.decision, self.qty_target, self.reviewer, self.note)


def record_decisions(ledger: Ledger, decided: Iterable[Decided]) -> int:
    """Append all of them or none; returns how many are new, repeats being harmless.

    Raises:
        PipelineError: `input`, when a card's version was decided differently before.
    """
    with ledger.writing() as connection:
        return sum(_record(connection, item) for item in decided)


def record_decision(ledger: Ledger, decided: Decided) -> bool:
    """Append one decision; True when it is new, False when it repeats the one on file."""
    return bool(record_decisions(ledger, [decided]))


def _record(connection: sa.Connection, decided: Decided) -> bool:
    query = sa.select(table).where(table.c.decision_id == decided.decision_id)
    found = connection.execute(query).mappings().first()
    if found is None:
        connection.execute(
            table.insert().values(
                {
                    **asdict(decided),
                    "decision_id": decided.decision_id,
                    "decision": str(decided.decision),
                    "qty_target": None if decided.qty_target is None else str(decided.qty_target),
                    "decided_at": decided.decided_at.astimezone(UTC).isoformat(),
                }
            )
        )
        return True
    first = _from_row(dict(found))
    if first.content == decided.content:
        return False
    raise PipelineError(
        f"Card {decided.card_id} was decided already: {first.decision} by {first.reviewer}"
        f" on {first.decided_at:%Y-%m-%d %H:%M} UTC.",
        next_step="Talk to them; the first decision on these numbers stands.",
        category=Category.INPUT,
    )


def read_decisions(ledger: Ledger, period: str) -> list[Decided]:
    """The period's decisions, oldest first."""
    query = sa.select(table).where(table.c.period == period)
    rows = ledger.rows(query.order_by(table.c.decided_at, table.c.decision_id))
    return [_from_row(row) for row in rows]


def accept_pull(ledger: Ledger, pull_id: str, *, reason: str, by: str, at: datetime) -> None:
    """Record that a person believes a quarantined pull; a repeat changes nothing."""
    with ledger.writing() as connection:
        known = connection.execute(
            sa.select(accepted_pulls.c.pull_id).where(accepted_pulls.c.pull_id == pull_id)
        ).first()
        if known is None:
            connection.execute(
                accepted_pulls.insert().values(
                    pull_id=pull_id,
                    reason=reason,
                    accepted_by=by,
                    accepted_at=at.astimezone(UTC).isoformat(),
                )
            )


def accepted_pull_ids(ledger: Ledger) -> frozenset[str]:
    """The quarantined pulls that people accepted."""
    return frozenset(str(row["pull_id"]) for row in ledger.rows(sa.select(accepted_pulls)))


def _from_row(row: dict[str, str | None]) -> Decided:
    target = row["qty_target"]
    return Decided(
        period=str(row["period"]),
        card_id=str(row["card_id"]),
        card_version=str(row["card_version"]),
        decision=Decision(str(row["decision"])),
        qty_target=None if target is None else Decimal(target),
        reviewer=str(row["reviewer"]),
        note=row["note"],
        decided_at=datetime.fromisoformat(str(row["decided_at"])),
    )
