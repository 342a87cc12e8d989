"""Where each card stands between people and the PSA: open, decided, quiet, applied, reopened.

Pure: a card, the decisions ever made on its company and service, and how far their changes got.
A decision is never forgotten because numbers moved; it is shown, with what moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from reconcile_pipeline.model import ChangeState, Decision, Finding
from reconcile_pipeline.reconciling.cards import Card, number

ASKS_NOBODY = frozenset({Finding.MATCH, Finding.NOT_CONNECTED})
ARRIVED = frozenset({ChangeState.VERIFIED, ChangeState.PROVED, ChangeState.DONE_BY_HAND})
STUCK = frozenset(
    {
        ChangeState.CONFLICT,
        ChangeState.REJECTED,
        ChangeState.NEEDS_PERSON,
        ChangeState.DISPROVED,
    }
)


class Status(StrEnum):
    """Whose turn it is."""

    NOTHING_TO_DO = "nothing_to_do"
    OPEN = "open"
    REOPENED = "reopened"
    QUIET = "quiet"
    DECIDED = "decided"
    WAITING = "waiting"
    NEEDS_PERSON = "needs_person"
    APPLIED = "applied"


class Basis(Protocol):
    """The numbers a decision was made on."""

    @property
    def qty_psa(self) -> Decimal | None: ...  # noqa: D102 - the field's name says it
    @property
    def qty_vendor(self) -> Decimal | None: ...  # noqa: D102
    @property
    def unit_price(self) -> Decimal | None: ...  # noqa: D102
    @property
    def mapping_version(self) -> str | None: ...  # noqa: D102


class Said(Protocol):
    """A standing decision, as the ledger gives it."""

    @property
    def decision_id(self) -> str: ...  # noqa: D102 - the field's name says it
    @property
    def period(self) -> str: ...  # noqa: D102
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
    def expires_on(self) -> date | None: ...  # noqa: D102
    @property
    def bound(self) -> Decimal | None: ...  # noqa: D102
    @property
    def basis(self) -> Basis: ...  # noqa: D102


@dataclass(frozen=True)
class Progress:
    """How far a decision's line changes got, and which confirmations they still wait for."""

    states: tuple[ChangeState, ...] = ()
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Standing:
    """One card's place on the board."""

    status: Status
    said: Said | None = None
    why: str = ""


NO_PROGRESS = Progress()


def standing_of(
    card: Card, said: Sequence[Said], progress: dict[str, Progress], first_of_period: date
) -> Standing:
    """Tell where a card stands.

    Args:
        card: the card as it is now.
        said: standing decisions on its company and service, of any period, oldest first.
        progress: how far the changes of each decision got, by decision id.
        first_of_period: an exception that expired before this day is over.
    """
    here = [item for item in said if item.period == card.period]
    for item in reversed(here):
        if item.card_version == card.card_version:
            return _on_these_numbers(item, progress.get(item.decision_id, NO_PROGRESS))
    if here:
        return _on_older_numbers(card, here[-1], progress, first_of_period)
    if said:
        return _carried_over(card, said[-1], first_of_period)
    return Standing(_untouched(card))


def what_moved(basis: Basis, card: Card) -> str:
    """Say what changed since a decision; "" when none of what it was made on did."""
    moved = []
    for name, before, now in (
        ("invoiced", basis.qty_psa, card.qty_psa),
        ("used", basis.qty_vendor, card.qty_vendor),
        ("price", basis.unit_price, card.unit_price),
    ):
        if before != now:
            moved.append(f"{name} {number(before)} → {number(now)}")
    if basis.mapping_version != card.mapping_version:
        moved.append("the mapping of an account or a service")
    return ", ".join(moved)


def _on_these_numbers(said: Said, progress: Progress) -> Standing:
    if said.decision in (Decision.NO_CHANGE, Decision.DISMISS, Decision.EXCLUDE):
        return Standing(Status.QUIET, said, said.note or "")
    if said.decision is Decision.APPROVE:
        return Standing(Status.DECIDED, said)
    if any(state in STUCK or state is ChangeState.DROPPED for state in progress.states):
        why = "a change could not be written as decided, or was given up"
        return Standing(Status.NEEDS_PERSON, said, why)
    if progress.states and all(state in ARRIVED for state in progress.states):
        return Standing(Status.APPLIED, said)
    if progress.missing:
        return Standing(Status.WAITING, said, f"to be confirmed: {_listed(progress.missing)}")
    return Standing(Status.DECIDED, said)


def _on_older_numbers(
    card: Card, said: Said, progress: dict[str, Progress], first_of_period: date
) -> Standing:
    states = progress.get(said.decision_id, NO_PROGRESS).states
    arrived = bool(states) and all(state in ARRIVED for state in states)
    if arrived and card.qty_psa == said.qty_target and card.qty_vendor == said.basis.qty_vendor:
        return Standing(Status.APPLIED, said)
    if said.decision is Decision.EXCLUDE or _stays_quiet(card, said, first_of_period):
        return Standing(Status.QUIET, said, said.note or "")
    moved = what_moved(said.basis, card) or "a line behind the counts"
    status = Status.NOTHING_TO_DO if card.finding in ASKS_NOBODY else Status.REOPENED
    return Standing(status, said, f"changed since: {moved}")


def _carried_over(card: Card, said: Said, first_of_period: date) -> Standing:
    if said.decision is Decision.EXCLUDE or _stays_quiet(card, said, first_of_period):
        return Standing(Status.QUIET, said, f"since {said.period}: {said.note or ''}".strip())
    status = _untouched(card)
    if said.decision is not Decision.NO_CHANGE or status is Status.NOTHING_TO_DO:
        return Standing(status)
    if said.expires_on is not None and said.expires_on < first_of_period:
        return Standing(Status.REOPENED, said, f"the exception ended on {said.expires_on}")
    moved = what_moved(said.basis, card) or "a line behind the counts"
    return Standing(Status.REOPENED, said, f"changed since {said.period}: {moved}")


def _stays_quiet(card: Card, said: Said, first_of_period: date) -> bool:
    """Whether an exception still covers the card: not expired, and inside its bound."""
    if said.decision is not Decision.NO_CHANGE:
        return False
    if said.expires_on is not None and said.expires_on < first_of_period:
        return False
    basis = said.basis
    if said.bound is None:
        return (card.qty_psa, card.qty_vendor) == (basis.qty_psa, basis.qty_vendor)
    if card.qty_delta is None or basis.qty_vendor is None:
        return False
    before = basis.qty_vendor - (basis.qty_psa or 0)
    now = card.qty_delta if before >= 0 else -card.qty_delta
    return 0 <= now <= said.bound


def _untouched(card: Card) -> Status:
    return Status.NOTHING_TO_DO if card.finding in ASKS_NOBODY else Status.OPEN


def _listed(kinds: frozenset[str]) -> str:
    words = {"zero": "the line goes to 0", "large": "a large change", "second_person": "four eyes"}
    return ", ".join(words.get(kind, kind) for kind in sorted(kinds))
