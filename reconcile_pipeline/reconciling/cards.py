"""What the room works on: a card, the PSA lines behind it, and a decision someone asks for.

Frozen rows and how they come out of the warehouse's dictionaries. No rules here: those are in
`decide` (may it be said?) and `line_changes` (what follows from it?).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
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

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Take the needed columns of a `recon.cards` row."""
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
        )

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
