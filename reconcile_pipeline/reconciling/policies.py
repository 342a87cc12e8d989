"""What rules may decide without a person: equal counts, and differences too small to matter.

A policy's decision names the policy and its version as the decider, so a later change of the
rules never rewrites who decided what. Policies never decide anything that would be written.
"""

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal

from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.reconciling.cards import Card, number

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Tolerance:
    """How far apart the counts may be in one direction; 0 leaves a measure out."""

    units: Decimal = NOTHING
    percent: Decimal = NOTHING
    money: Decimal = NOTHING

    def covers(self, card: Card) -> bool:
        """Whether a card's difference stays within every measure that is set.

        A measure that can't be taken (no price, nothing invoiced) is not met.
        """
        if card.qty_delta is None or not (self.units or self.percent or self.money):
            return False
        units = abs(card.qty_delta)
        base, amount = card.qty_psa, card.amount_delta
        within_percent = bool(base) and units * 100 <= self.percent * (base or NOTHING)
        within_money = amount is not None and abs(amount) <= self.money
        return (
            (not self.units or units <= self.units)
            and (not self.percent or within_percent)
            and (not self.money or within_money)
        )


@dataclass(frozen=True)
class Policy:
    """The rules of [policy] in reconcile.toml."""

    approves_equal: bool = False
    up: Tolerance = field(default_factory=Tolerance)
    """More is used than invoiced."""
    down: Tolerance = field(default_factory=Tolerance)
    """More is invoiced than used."""

    @property
    def version(self) -> str:
        """Changes with every rule."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Judgement:
    """What a policy decides about a card, and in whose name."""

    decision: Decision
    reviewer: str
    note: str


def judge(card: Card, policy: Policy) -> Judgement | None:
    """Return what the policy decides; None where a person has to."""
    if card.finding is Finding.MATCH and policy.approves_equal:
        return Judgement(
            Decision.APPROVE,
            f"policy:equal_counts@{policy.version}",
            f"Both sides count {number(card.qty_psa)}.",
        )
    tolerances = {Finding.UNDER_BILLED: policy.up, Finding.OVER_BILLED: policy.down}
    tolerance = tolerances.get(card.finding)
    if tolerance is None or not tolerance.covers(card):
        return None
    return Judgement(
        Decision.NO_CHANGE,
        f"policy:tolerance@{policy.version}",
        f"The difference of {number(card.qty_delta)} is within the tolerance.",
    )
