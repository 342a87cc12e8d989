"""What follows from decisions: rows of `review.action_items`.

Only a decision on the card's current version asks for a change; one on older numbers asks a
person to decide again. Pure: rows out, nothing stored, nothing sent.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from reconcile_pipeline.model import ChangeState, Decision
from reconcile_pipeline.reconciling.board import ARRIVED
from reconcile_pipeline.reconciling.cards import Card, Line, counts, number

_FOUR_DECIMALS = Decimal("0.0001")


class Decided(Protocol):
    """A recorded decision, as the ledger gives it."""

    @property
    def decision_id(self) -> str: ...  # noqa: D102 - the field's name says it
    @property
    def period(self) -> str: ...  # noqa: D102
    @property
    def card_id(self) -> str: ...  # noqa: D102
    @property
    def card_version(self) -> str: ...  # noqa: D102
    @property
    def decision(self) -> Decision: ...  # noqa: D102
    @property
    def qty_target(self) -> Decimal | None: ...  # noqa: D102
    @property
    def reviewer(self) -> str: ...  # noqa: D102
    @property
    def note(self) -> str | None: ...  # noqa: D102
    @property
    def decided_at(self) -> datetime: ...  # noqa: D102


class Planned(Protocol):
    """A line change that was recorded with a decision, and how far it got."""

    @property
    def change_id(self) -> str: ...  # noqa: D102 - the field's name says it
    @property
    def undoes(self) -> str | None: ...  # noqa: D102
    @property
    def agreement_id(self) -> str: ...  # noqa: D102
    @property
    def line_id(self) -> str: ...  # noqa: D102
    @property
    def qty_from(self) -> Decimal: ...  # noqa: D102
    @property
    def qty_to(self) -> Decimal: ...  # noqa: D102
    @property
    def effective_on(self) -> date: ...  # noqa: D102
    @property
    def unit_price(self) -> Decimal | None: ...  # noqa: D102
    @property
    def currency(self) -> str | None: ...  # noqa: D102
    @property
    def state(self) -> ChangeState: ...  # noqa: D102


@dataclass(frozen=True)
class Places:
    """Where a person finds the lines of a card: the PSA, and its own names for them."""

    psa_title: str
    lines: Sequence[Line]

    def of(self, change: Planned, card: Card) -> str:
        """The line of a change, with ids and, where they are known, names."""
        line = next((line for line in self.lines if line.line_id == change.line_id), None)
        agreement = line.agreement_name if line is not None else None
        name = (line.name if line is not None else None) or card.service_name
        shown = f" “{agreement}”" if agreement else ""
        return (
            f"{self.psa_title}, agreement {change.agreement_id}{shown} of {card.company_name}, line"
            f" {change.line_id} ({name})"
        )


def action_items(
    decided: Decided,
    card: Card,
    changes: Sequence[Planned],
    *,
    effective_on: date,
    can_write: bool = True,
    psa_title: str = "the PSA",
    lines: Sequence[Line] = (),
) -> list[dict[str, Any]]:
    """Rows of `review.action_items` that follow from one decision on one card.

    Args:
        decided: the recorded decision.
        card: its card with the numbers as they are now.
        changes: the line changes that were recorded with the decision.
        effective_on: the first day the agreed quantity is invoiced.
        can_write: this software can write into the PSA; else a person gets an instruction.
        psa_title: the PSA's name, for that instruction.
        lines: the card's lines, so that the instruction names them as the PSA does.
    """
    where = Places(psa_title, lines) if not can_write else None
    items = [_line_to_change(decided, card, change, where) for change in changes]
    if decided.card_version != card.card_version:
        arrived = bool(changes) and all(change.state in ARRIVED for change in changes)
        again = [] if arrived else [_again(decided, card, effective_on)]
        return [*(item for item in items if item["state"] != "queued"), *again]
    if decided.decision is not Decision.RECONCILE:
        return []
    if decided.qty_target is None:
        why = f"{decided.reviewer} decided reconcile without a quantity: decide again."
        return [_person(decided, card, effective_on, why)]
    if card.qty_psa is None:
        return _line_to_add(decided, card, effective_on, decided.qty_target)
    return [*items, *_rest(decided, card, changes, effective_on)]


def undo_items(
    decided: Decided,
    card: Card,
    changes: Sequence[Planned],
    *,
    can_write: bool = True,
    psa_title: str = "the PSA",
    lines: Sequence[Line] = (),
) -> list[dict[str, Any]]:
    """Rows for the changes that take a withdrawn decision's back; arguments as above.

    The decision asks for nothing any more, but what it left in the PSA has still to be undone.
    """
    where = Places(psa_title, lines) if not can_write else None
    return [
        _line_to_change(decided, card, change, where)
        for change in changes
        if change.undoes is not None
    ]


def _rest(
    decided: Decided, card: Card, changes: Sequence[Planned], effective_on: date
) -> list[dict[str, Any]]:
    """What no line may take: it needs a person."""
    own = [change for change in changes if change.undoes is None]
    moved = sum((change.qty_to - change.qty_from for change in own), Decimal(0))
    reached = (card.qty_psa or Decimal(0)) + moved
    if reached == decided.qty_target:
        return []
    why = (
        f"{_said(decided, card)}; the lines stay at {number(reached)} because none may go below"
        " zero, its included units or what is committed at the vendor, and a line that the PSA"
        " counts itself is never written: change the agreement by hand."
    )
    left = {"qty_from": _rounded(reached), "qty_to": _rounded(decided.qty_target)}
    return [_person(decided, card, effective_on, why) | left]


def _line_to_change(
    decided: Decided, card: Card, change: Planned, where: Places | None
) -> dict[str, Any]:
    item = _item(decided, card, "by_hand" if where else "change_line", change.effective_on)
    why = f"{_said(decided, card)}."
    if change.undoes is not None:
        why = f"Takes change {change.undoes} back."
    if where:
        why = (
            f"In {where.of(change, card)}: change the quantity from"
            f" {number(change.qty_from)} to {number(change.qty_to)}, effective"
            f" {change.effective_on}; then confirm with `reconcile done-by-hand"
            f" {change.change_id}`. {why}"
        )
    return item | {
        "action_item_id": change.change_id,
        "state": str(change.state),
        "agreement_id": change.agreement_id,
        "line_id": change.line_id,
        "qty_from": _rounded(change.qty_from),
        "qty_to": _rounded(change.qty_to),
        "amount": _amount(change.qty_to - change.qty_from, change.unit_price),
        "currency": change.currency or card.currency,
        "why": why,
    }


def _line_to_add(
    decided: Decided, card: Card, effective_on: date, target: Decimal
) -> list[dict[str, Any]]:
    if not target:
        return []
    added = {
        "qty_to": _rounded(target),
        "amount": _amount(target, card.unit_price),
        "why": f"{_said(decided, card)}; no line invoices it: add one to an agreement.",
    }
    return [_item(decided, card, "add_line", effective_on) | added]


def _again(decided: Decided, card: Card, effective_on: date) -> dict[str, Any]:
    target = "" if decided.qty_target is None else f" to {number(decided.qty_target)}"
    why = (
        f"The numbers changed since {decided.reviewer} decided {decided.decision}{target} on"
        f" {decided.decided_at:%Y-%m-%d}; now {counts(card)}: decide again."
    )
    return _person(decided, card, effective_on, why)


def _person(decided: Decided, card: Card, effective_on: date, why: str) -> dict[str, Any]:
    shown = {"qty_from": _rounded(card.qty_psa), "why": why}
    return _item(decided, card, "needs_person", effective_on) | shown


def _item(decided: Decided, card: Card, action: str, effective_on: date) -> dict[str, Any]:
    name = f"{decided.decision_id}|{action}"
    return {
        "action_item_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "period": decided.period,
        "decision_id": decided.decision_id,
        "card_id": card.card_id,
        "action": action,
        "state": None,
        "company_id": card.company_id,
        "company_name": card.company_name,
        "service_name": card.service_name,
        "agreement_id": None,
        "line_id": None,
        "qty_from": None,
        "qty_to": None,
        "effective_on": effective_on,
        "amount": None,
        "currency": card.currency,
        "why": "",
    }


def _said(decided: Decided, card: Card) -> str:
    note = " ".join((decided.note or "").split()).rstrip(".")
    return (
        f"{decided.reviewer} reconciled {number(card.qty_psa, 'no line')} →"
        f" {number(decided.qty_target)} on {decided.decided_at:%Y-%m-%d}"
        + (f" (“{note}”)" if note else "")
    )


def _amount(units: Decimal, unit_price: Decimal | None) -> Decimal | None:
    return None if unit_price is None else _rounded(units * unit_price)


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_FOUR_DECIMALS, ROUND_HALF_UP)
