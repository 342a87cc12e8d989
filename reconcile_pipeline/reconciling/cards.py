"""What the room works on: a card, the PSA lines behind it, and a decision someone asks for.

Frozen rows and how they come out of the warehouse's dictionaries. No rules here: those are in
`decide` (may it be said?) and `line_changes` (what follows from it?).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Self

from reconcile_pipeline.model import Decision, Finding


@dataclass(frozen=True)
class Card:
    """One company × one service group, with the numbers as they are now."""

    period: str
    card_id: str
    card_version: str
    company_id: str
    company_name: str
    service_name: str
    finding: Finding
    qty_psa: Decimal | None
    """Units on the PSA lines; None without a line."""
    qty_vendor: Decimal | None
    """Units the vendors count; None when unknown, which is not zero."""
    unit_price: Decimal | None
    currency: str | None
    amount_delta: Decimal | None
    service_group_id: str = ""
    mapping_version: str | None = None
    """Changes when an account or service behind the card is mapped otherwise."""
    evidence_as_of: datetime | None = None
    """The oldest pull behind the numbers, in UTC."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Take the needed columns of a `recon.cards` row."""
        as_of = row.get("evidence_as_of")
        return cls(
            period=str(row["period"]),
            card_id=str(row["card_id"]),
            card_version=str(row["card_version"]),
            company_id=str(row["company_id"]),
            company_name=str(row["company_name"]),
            service_name=str(row["service_name"]),
            finding=Finding(row["finding"]),
            qty_psa=_decimal(row["qty_psa"]),
            qty_vendor=_decimal(row["qty_vendor"]),
            unit_price=_decimal(row["unit_price"]),
            currency=_text(row["currency"]),
            amount_delta=_decimal(row["amount_delta"]),
            service_group_id=str(row.get("service_group_id", "")),
            mapping_version=_text(row.get("mapping_version")),
            evidence_as_of=None if as_of is None else as_of.replace(tzinfo=UTC),
        )

    @property
    def qty_delta(self) -> Decimal | None:
        """What is used beyond what is invoiced; None when the use is unknown."""
        return None if self.qty_vendor is None else self.qty_vendor - (self.qty_psa or 0)

    @property
    def title(self) -> str:
        """The card as people call it."""
        return f"{self.company_name}, {self.service_name}"


@dataclass(frozen=True)
class Line:
    """One PSA line behind a card."""

    line_id: str
    agreement_id: str | None
    name: str | None
    qty: Decimal
    qty_included: Decimal | None
    """Of these, units included without charge."""
    unit_price: Decimal | None
    effective_on: date | None
    currency: str | None = None
    system: str = ""
    is_auto_counted: bool = False
    """The PSA computes this quantity itself: it is never written."""
    agreement_name: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Take the needed columns of a `recon.card_lines` row of side psa."""
        return cls(
            line_id=str(row["record_id"]),
            agreement_id=_text(row["agreement_id"]),
            name=_text(row["name"]),
            qty=Decimal(row["qty"]),
            qty_included=_decimal(row["qty_included"]),
            unit_price=_decimal(row["unit_price"]),
            effective_on=row["effective_on"],
            currency=_text(row.get("currency")),
            system=str(row.get("system", "")),
            is_auto_counted=bool(row.get("is_auto_counted")),
            agreement_name=_text(row.get("agreement_name")),
        )


@dataclass(frozen=True)
class Seen:
    """What stood beside the decision when it was made; None where nothing stood."""

    qty_psa: Decimal | None
    qty_vendor: Decimal | None
    company_name: str | None = None
    service_name: str | None = None


@dataclass(frozen=True)
class Wanted:
    """A decision someone asks for on one version of a card; not checked yet."""

    card_id: str
    card_version: str
    decision: Decision
    qty_target: Decimal | None
    reviewer: str
    note: str | None
    row: str = ""
    """Where it comes from, for messages: `june.csv, line 5`."""
    seen: Seen | None = None
    effective_on: date | None = None
    """reconcile: from when; None takes the first of the next month."""
    expires_on: date | None = None
    """no_change: the last day it holds; None: until the numbers move."""
    bound: Decimal | None = None
    """no_change: how many units the difference may grow to before the card wakes."""
    confirmed: frozenset[str] = frozenset()
    """What the reviewer confirmed along with it: `zero`, `large`."""
    client_key: str = ""
    """Made by the caller before the first try, so that a repeat is harmless."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Take a dictionary with these fields' names; `row` and `seen` may be missing."""
        return cls(
            card_id=str(row["card_id"]),
            card_version=str(row["card_version"]),
            decision=Decision(row["decision"]),
            qty_target=_decimal(row["qty_target"]),
            reviewer=str(row["reviewer"]),
            note=_text(row["note"]),
            row=str(row.get("row", "")),
            seen=row.get("seen"),
        )


def number(value: Decimal | None, unknown: str = "unknown") -> str:
    """Write a quantity without exponent and needless zeros; None as the given word."""
    if value is None:
        return unknown
    return f"{value.normalize() + 0:f}" if value.is_finite() else str(value)


def counts(card: Card) -> str:
    """Both counts of a card in words."""
    return f"invoiced {number(card.qty_psa, 'on no line')}, used {number(card.qty_vendor)}"


def _decimal(value: Any) -> Decimal | None:  # noqa: ANN401 - whatever a database driver gives
    return None if value is None else Decimal(value)


def _text(value: Any) -> str | None:  # noqa: ANN401 - whatever a database driver gives
    return None if value is None else str(value)
