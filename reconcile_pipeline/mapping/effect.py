"""What saving would change: cards that appear, vanish or change, in units and in money.

The numbers come from a trial (trial.py); here they are added up and put into words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from reconcile_pipeline.ledger.mappings import with_entries
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.mapping.propose import Proposal, Verdict, check
from reconcile_pipeline.mapping.standing import Connection, standing
from reconcile_pipeline.mapping.trial import try_out

Kind = Literal["appears", "vanishes", "changes"]


@dataclass(frozen=True)
class Side:
    """A card's numbers, before or after; units and money are None when unknown."""

    finding: str
    qty_psa: Decimal | None
    qty_vendor: Decimal | None
    amount: Decimal | None
    """Money per billing cycle at stake: above 0 is used and not invoiced."""
    currency: str | None


@dataclass(frozen=True)
class CardEffect:
    """One card that would not stay as it is."""

    kind: Kind
    company_id: str
    company_name: str
    service_group_id: str
    service_name: str
    before: Side | None
    """None: there is no such card yet."""
    after: Side | None
    """None: there will be none."""

    @property
    def units(self) -> Decimal | None:
        """Vendor units more than before; None when they become unknown."""
        if self.after is not None and self.after.qty_vendor is None:
            return None if self.before and self.before.qty_vendor is not None else Decimal(0)
        return _vendor(self.after) - _vendor(self.before)


@dataclass(frozen=True)
class Effect:
    """What saving the proposals would change."""

    verdicts: tuple[Verdict, ...]
    """What `check` says of each; one with an error is left out of the effect."""
    cards: tuple[CardEffect, ...]
    """Dearest first."""
    units: Decimal
    """Vendor units more on cards; below 0: fewer."""
    amounts: Mapping[str, Decimal]
    """By currency ("" where none is known): money at stake more than before, per billing cycle."""
    asked_again: int
    """Cards with the same numbers whose decisions no longer hold: they rest on other mappings."""
    summary: str
    """All of it in one line."""


def effect(
    connection: Connection,
    ledger: Ledger,
    period: str,
    proposals: Sequence[Proposal],
    *,
    now: datetime,
    until: datetime | None = None,
) -> Effect:
    """Work out what the cards of a period would be with these proposals saved at `now`.

    `connection` reads the published file. `until` is the instant after which mappings count for
    later periods only: from then on nothing changes in this one.
    """
    verdicts = tuple(check(ledger, connection, proposals, period=period, by="", now=now))
    entries = [entry for verdict in verdicts for entry in verdict.entries]
    if until is not None and now >= until:
        summary = f"No card of {period} changes: its grace days are over."
        return Effect(verdicts, (), Decimal(0), {}, 0, summary)
    if not entries:
        return Effect(verdicts, (), Decimal(0), {}, 0, "No card changes.")
    in_force = with_entries(standing(ledger, until).in_force, entries)
    rows = try_out(connection, ledger, period, in_force, until=until)
    cards = tuple(_card(row) for row in rows if row["is_changed"])
    asked_again = sum(not row["is_changed"] for row in rows)
    units = sum((card.units or Decimal(0) for card in cards), Decimal(0))
    amounts = _amounts(cards)
    return Effect(
        verdicts, cards, units, amounts, asked_again, _summary(cards, units, amounts, asked_again)
    )


def _card(row: Mapping[str, Any]) -> CardEffect:
    kind: Kind = "changes"
    if not row["was_there"]:
        kind = "appears"
    elif not row["is_there"]:
        kind = "vanishes"
    return CardEffect(
        kind=kind,
        company_id=row["company_id"],
        company_name=row["company_name"],
        service_group_id=row["service_group_id"],
        service_name=row["service_name"],
        before=_side(row, "before") if row["was_there"] else None,
        after=_side(row, "after") if row["is_there"] else None,
    )


def _side(row: Mapping[str, Any], when: str) -> Side:
    return Side(
        finding=row[f"finding_{when}"],
        qty_psa=row[f"qty_psa_{when}"],
        qty_vendor=row[f"qty_vendor_{when}"],
        amount=row[f"amount_{when}"],
        currency=row[f"currency_{when}"],
    )


def _vendor(side: Side | None) -> Decimal:
    return Decimal(0) if side is None or side.qty_vendor is None else side.qty_vendor


def _amounts(cards: Sequence[CardEffect]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for card in cards:
        for side, sign in ((card.before, -1), (card.after, 1)):
            if side is not None and side.amount is not None:
                currency = side.currency or ""
                found[currency] = found.get(currency, Decimal(0)) + sign * side.amount
    return {currency: amount for currency, amount in sorted(found.items()) if amount}


def _summary(
    cards: Sequence[CardEffect], units: Decimal, amounts: Mapping[str, Decimal], asked_again: int
) -> str:
    parts = []
    if cards:
        verb = "Adds" if units > 0 else "Takes away" if units < 0 else "Changes no units"
        number = "" if not units else f" {_plain(abs(units))} {_many(abs(units), 'unit')}"
        kinds = [card.kind for card in cards]
        told = [
            f"{kinds.count(kind)} {word}"
            for kind, word in (("appears", "new"), ("vanishes", "gone"))
            if kind in kinds
        ]
        more = f" ({', '.join(told)})" if told else ""
        parts.append(f"{verb}{number} on {len(cards)} {_many(len(cards), 'card')}{more}")
        parts += [
            f"{amount:+,.2f} {currency or '(no currency)'}/month"
            for currency, amount in amounts.items()
        ]
        unknown = sum(card.units is None for card in cards)
        if unknown:
            parts.append(f"the count of {unknown} becomes unknown")
    if asked_again:
        again = f"{asked_again} {_many(asked_again, 'card')} with the same numbers"
        parts.append(f"{again} will be asked again")
    return f"{', '.join(parts)}." if parts else "No card changes."


def _many(count: Decimal | int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
