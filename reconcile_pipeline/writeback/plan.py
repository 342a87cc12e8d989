"""What may be written now, what has to be looked up first, and what waits, with the reason.

Pure: ledger entries and cards in, lists out. Every gate a change has to pass stands here, once,
and is asked again at each write-back, whatever was checked when it was decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconcile_pipeline.ledger.changes import Change
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.reconciling.board import ARRIVED, what_moved
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.reconciling.limits import Limits, confirmations_needed, why_impossible
from reconcile_pipeline.systems.writing import WriteBack

WAITING = frozenset({ChangeState.QUEUED, ChangeState.NOT_APPLIED})
UNSETTLED = frozenset({ChangeState.INTENT, ChangeState.SENT, ChangeState.UNKNOWN})


@dataclass(frozen=True)
class Known:
    """What the ledger and the published cards say, read at one moment."""

    changes: Sequence[Change]
    decisions: Mapping[str, Decided]
    """Standing decisions by id."""
    confirmed: Mapping[str, frozenset[str]]
    cards: Mapping[str, Card]


@dataclass(frozen=True)
class Gate:
    """What a change has to pass."""

    limits: Limits
    write_back: WriteBack | None
    evidence_hours: float
    now: datetime
    period: str = ""
    """Only this month's changes are written; what is unsettled is looked up whatever its month."""


@dataclass(frozen=True)
class Blocked:
    """A change that is not written now."""

    change: Change
    why: str
    next_step: str


@dataclass(frozen=True)
class Plan:
    """A batch: first what is unsettled is looked up, then what is ready is written."""

    ready: tuple[Change, ...] = ()
    unsettled: tuple[Change, ...] = ()
    by_hand: tuple[Change, ...] = ()
    """Ready, but this software can't write into the PSA: somebody does it and says so."""
    blocked: tuple[Blocked, ...] = ()


def make_plan(known: Known, gate: Gate) -> Plan:
    """Sort the changes that have not arrived yet."""
    unsettled = [change for change in known.changes if change.state in UNSETTLED]
    busy = {(change.system, change.line_id) for change in unsettled}
    by_id = {change.change_id: change for change in known.changes}
    ready: list[Change] = []
    blocked: list[Blocked] = []
    for change in known.changes:
        if change.state not in WAITING or change.is_withdrawn:
            continue
        if gate.period not in ("", change.period):
            continue
        why = _why_not(change, known, gate, by_id)
        line = (change.system, change.line_id)
        if why is None and line in busy:
            why = (
                "another change of the same line is not settled yet",
                "Run the write-back once more after this one.",
            )
        if why is not None:
            blocked.append(Blocked(change, *why))
            continue
        busy.add(line)
        ready.append(change)
    if gate.write_back is None:
        return Plan(by_hand=tuple(ready), blocked=tuple(blocked))
    return Plan(tuple(ready), tuple(unsettled), (), tuple(blocked))


def check_batch(plan: Plan, limits: Limits) -> None:
    """Refuse a batch that is larger than the limit, before its first write."""
    if len(plan.ready) > limits.most_changes:
        raise PipelineError(
            f"{len(plan.ready):,} changes wait to be written, and one batch may hold"
            f" {limits.most_changes:,}.",
            next_step="Look at them with `reconcile changes`; if they are right, raise most_changes"
            " in [write_back] of reconcile.toml.",
            category=Category.INPUT,
        )


def _why_not(
    change: Change, known: Known, gate: Gate, by_id: Mapping[str, Change]
) -> tuple[str, str] | None:
    """Why a change must wait, and what to do; None when it may be written."""
    if gate.write_back is not None:
        impossible = why_impossible(change.qty_to, is_whole_units=gate.write_back.is_whole_units)
        if impossible:
            return impossible, "Undo the decision and decide on another quantity."
    if change.undoes is not None:
        undone = by_id.get(change.undoes)
        if undone is None or undone.state not in ARRIVED:
            return "what it takes back has not arrived in the PSA", "Settle that change first."
        return None
    decided = known.decisions.get(change.decision_id)
    if decided is None:
        return "its decision does not stand any more", "Decide again if it is still wanted."
    return _card_moved(decided, known, gate) or _unconfirmed(change, known, gate.limits)


def _card_moved(decided: Decided, known: Known, gate: Gate) -> tuple[str, str] | None:
    card = known.cards.get(decided.card_id)
    if card is None:
        return "its card is gone", "Look at the company's agreements; decide again if needed."
    if card.card_version != decided.card_version:
        moved = what_moved(decided.basis, card) or "a line behind the counts"
        return f"changed since it was decided: {moved}", "Decide again on the numbers of now."
    oldest = gate.now - timedelta(hours=gate.evidence_hours)
    if card.evidence_as_of is None or card.evidence_as_of < oldest:
        at = card.evidence_as_of
        age = "of unknown age" if at is None else f"too old ({at:%Y-%m-%d %H:%M} UTC)"
        return f"its counts are {age}", "Pull again: `reconcile run`."
    return None


def _unconfirmed(change: Change, known: Known, limits: Limits) -> tuple[str, str] | None:
    needed = confirmations_needed(change.qty_from, change.qty_to, change.unit_price, limits)
    missing = sorted(needed - known.confirmed.get(change.decision_id, frozenset()))
    if not missing:
        return None
    words = {
        "zero": "the line goes to 0",
        "large": "it is a large change",
        "second_person": "it needs a second person",
    }
    asked = " ".join(f"--{kind.replace('_', '-')}" for kind in missing)
    return (
        f"not confirmed: {', '.join(words[kind] for kind in missing)}",
        f"`reconcile confirm {change.decision_id} {asked}`",
    )
