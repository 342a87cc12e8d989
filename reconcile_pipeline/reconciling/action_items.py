"""What follows from decisions: rows of `review.decisions` and `review.action_items`.

Only a decision on the card's current version asks for a change; one on older numbers asks a
person to decide again. Pure: rows out, nothing stored, nothing sent.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol, TypeVar

from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.cards import Card, Line, counts, number
from reconcile_pipeline.reconciling.line_changes import LineChange, line_changes

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


SomeDecided = TypeVar("SomeDecided", bound=Decided)


def decision_row(decided: Decided, *, is_current: bool) -> dict[str, Any]:
    """One row of `review.decisions`; `decided_at` as a naive UTC timestamp."""
    return {
        "decision_id": decided.decision_id,
        "period": decided.period,
        "card_id": decided.card_id,
        "card_version": decided.card_version,
        "decision": str(decided.decision),
        "qty_target": _rounded(decided.qty_target),
        "reviewer": decided.reviewer,
        "note": decided.note,
        "decided_at": decided.decided_at.astimezone(UTC).replace(tzinfo=None),
        "is_current": is_current,
    }


def standing_decisions(
    decisions: Iterable[SomeDecided], cards: Mapping[str, Card]
) -> list[SomeDecided]:
    """Keep one decision per card: the one on its current version, else the latest."""
    kept: dict[str, SomeDecided] = {}
    for decided in sorted(decisions, key=lambda each: each.decided_at):
        before = kept.get(decided.card_id)
        if before is None or not _is_current(before, cards.get(before.card_id)):
            kept[decided.card_id] = decided
    return list(kept.values())


def action_items(
    decided: Decided, card: Card, lines: Sequence[Line], effective_on: date
) -> list[dict[str, Any]]:
    """Rows of `review.action_items` that follow from one decision on one card.

    Args:
        decided: the recorded decision.
        card: its card with the numbers as they are now.
        lines: the PSA lines behind the card.
        effective_on: the first day the agreed quantity is invoiced.
    """
    if not _is_current(decided, card):
        return [_person(decided, card, effective_on, _decide_again(decided, card))]
    if decided.decision is not Decision.RECONCILE:
        return []
    if decided.qty_target is None:
        why = f"{decided.reviewer} decided reconcile without a quantity: decide again."
        return [_person(decided, card, effective_on, why)]
    if not lines:
        return _line_to_add(decided, card, effective_on, decided.qty_target)
    split = line_changes(lines, decided.qty_target)
    items = [_line_to_change(decided, card, effective_on, change) for change in split.changes]
    if split.remainder:
        qty_from = decided.qty_target - split.remainder
        why = (
            f"{_said(decided, card)}; the lines stay at {number(qty_from)} because none may go"
            " below its included units or zero: change the agreement by hand."
        )
        left = {"qty_from": _rounded(qty_from), "qty_to": _rounded(decided.qty_target)}
        items.append(_person(decided, card, effective_on, why) | left)
    return items


def _is_current(decided: Decided, card: Card | None) -> bool:
    return card is not None and decided.card_version == card.card_version


def _line_to_change(
    decided: Decided, card: Card, effective_on: date, change: LineChange
) -> dict[str, Any]:
    line = change.line
    return _item(decided, card, "change_line", effective_on, key=line.line_id) | {
        "agreement_id": line.agreement_id,
        "line_id": line.line_id,
        "qty_from": _rounded(change.qty_from),
        "qty_to": _rounded(change.qty_to),
        "amount": _amount(change.qty_to - change.qty_from, line.unit_price),
        "currency": line.currency or card.currency,
        "why": f"{_said(decided, card)}.",
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


def _person(decided: Decided, card: Card, effective_on: date, why: str) -> dict[str, Any]:
    shown = {"qty_from": _rounded(card.qty_psa), "why": why}
    return _item(decided, card, "needs_person", effective_on) | shown


def _item(
    decided: Decided, card: Card, action: str, effective_on: date, *, key: str | None = None
) -> dict[str, Any]:
    name = f"{decided.decision_id}|{key or action}"
    return {
        "action_item_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "period": decided.period,
        "decision_id": decided.decision_id,
        "card_id": card.card_id,
        "action": action,
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


def _decide_again(decided: Decided, card: Card) -> str:
    target = "" if decided.qty_target is None else f" to {number(decided.qty_target)}"
    return (
        f"The numbers changed since {decided.reviewer} decided {decided.decision}{target} on"
        f" {decided.decided_at:%Y-%m-%d}; now {counts(card)}: decide again."
    )


def _amount(units: Decimal, unit_price: Decimal | None) -> Decimal | None:
    return None if unit_price is None else _rounded(units * unit_price)


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_FOUR_DECIMALS, ROUND_HALF_UP)
