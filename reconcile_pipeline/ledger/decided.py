"""One decision, the numbers it was made on, and how both lie in the ledger's table."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reconcile_pipeline.ledger.changes import PlannedChange
from reconcile_pipeline.model import Decision

POLICY = "policy:"
"""How the name of a decider begins that is no person."""


@dataclass(frozen=True)
class Basis:
    """The numbers a decision was made on; later numbers are compared with these."""

    company_id: str
    company_name: str
    service_group_id: str
    service_name: str
    finding: str
    qty_psa: Decimal | None
    qty_vendor: Decimal | None
    unit_price: Decimal | None
    currency: str | None
    mapping_version: str | None
    evidence_as_of: datetime | None


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
    basis: Basis
    effective_on: date | None = None
    expires_on: date | None = None
    bound: Decimal | None = None
    """no_change stays quiet while the difference is between none and this many units."""
    changes: tuple[PlannedChange, ...] = ()
    confirmed: frozenset[str] = frozenset()
    """What was confirmed with it: `zero`, `large`."""
    client_key: str = ""
    """Made by the caller before the first try: a repeat with the same key changes nothing."""
    batch_id: str | None = None
    turn: int = 1
    """The n-th decision on this version; above 1 after an undoing, or over a policy's."""
    supersedes: str | None = None

    @property
    def decision_id(self) -> str:
        """Stable name: card, version and turn."""
        return _short_hash(self.card_id, self.card_version, self.turn)

    @property
    def content(self) -> tuple[object, ...]:
        """What makes a repeat the same decision: everything said, but not when."""
        said = (self.card_id, self.card_version, self.decision, self.qty_target, self.reviewer)
        return (*said, self.note, self.effective_on, self.expires_on, self.bound)

    @property
    def is_by_policy(self) -> bool:
        """No person decided this."""
        return self.reviewer.startswith(POLICY)


def as_row(decided: Decided) -> dict[str, Any]:
    """The columns of a decision, all of them text but the turn."""
    return {
        "decision_id": decided.decision_id,
        "client_key": decided.client_key or decided.decision_id,
        "batch_id": decided.batch_id,
        "period": decided.period,
        "card_id": decided.card_id,
        "card_version": decided.card_version,
        "turn": decided.turn,
        "supersedes": decided.supersedes,
        "decision": str(decided.decision),
        "qty_target": _as_text(decided.qty_target),
        "effective_on": _as_text(decided.effective_on),
        "note": decided.note,
        "expires_on": _as_text(decided.expires_on),
        "bound": _as_text(decided.bound),
        "reviewer": decided.reviewer,
        "decided_at": decided.decided_at.astimezone(UTC).isoformat(),
        **_basis_row(decided.basis),
    }


def _basis_row(basis: Basis) -> dict[str, str | None]:
    at = basis.evidence_as_of
    return {
        "company_id": basis.company_id,
        "company_name": basis.company_name,
        "service_group_id": basis.service_group_id,
        "service_name": basis.service_name,
        "finding": basis.finding,
        "qty_psa": _as_text(basis.qty_psa),
        "qty_vendor": _as_text(basis.qty_vendor),
        "unit_price": _as_text(basis.unit_price),
        "currency": basis.currency,
        "mapping_version": basis.mapping_version,
        "evidence_as_of": None if at is None else at.astimezone(UTC).isoformat(),
    }


def from_row(row: Any) -> Decided:  # noqa: ANN401 - a row of the table, by column name
    """A decision as it is stored."""
    at = row["evidence_as_of"]
    return Decided(
        period=row["period"],
        card_id=row["card_id"],
        card_version=row["card_version"],
        decision=Decision(row["decision"]),
        qty_target=_as_decimal(row["qty_target"]),
        reviewer=row["reviewer"],
        note=row["note"],
        decided_at=datetime.fromisoformat(row["decided_at"]),
        effective_on=_as_day(row["effective_on"]),
        expires_on=_as_day(row["expires_on"]),
        bound=_as_decimal(row["bound"]),
        client_key=row["client_key"],
        batch_id=row["batch_id"],
        turn=row["turn"],
        supersedes=row["supersedes"],
        basis=Basis(
            company_id=row["company_id"],
            company_name=row["company_name"],
            service_group_id=row["service_group_id"],
            service_name=row["service_name"],
            finding=row["finding"],
            qty_psa=_as_decimal(row["qty_psa"]),
            qty_vendor=_as_decimal(row["qty_vendor"]),
            unit_price=_as_decimal(row["unit_price"]),
            currency=row["currency"],
            mapping_version=row["mapping_version"],
            evidence_as_of=None if at is None else datetime.fromisoformat(at),
        ),
    )


def _as_text(value: Decimal | date | None) -> str | None:
    if isinstance(value, Decimal):
        return f"{value.normalize() + 0:f}"
    return None if value is None else value.isoformat()


def _as_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _as_day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _short_hash(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]
