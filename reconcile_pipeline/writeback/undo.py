"""What people do about changes afterwards: take them back, settle them, say they did it by hand.

Only entries in the ledger; whatever has to be written for it goes through the same engine.
"""

from datetime import timedelta
from typing import Literal

from reconcile_pipeline.ledger.chain import Stamp, append
from reconcile_pipeline.ledger.changes import (
    Change,
    Outcome,
    PlannedChange,
    add_changes,
    intents_of,
    read_changes,
    record_outcome,
)
from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.ledger.decisions import withdraw_decision, withdrawn_ids
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import withdrawals
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.reconciling.board import ARRIVED, STUCK
from reconcile_pipeline.systems.writing import WriteBack
from reconcile_pipeline.writeback.lock import writing_alone
from reconcile_pipeline.writeback.plan import UNSETTLED, WAITING

UNCLEAR = frozenset({ChangeState.NEEDS_PERSON, ChangeState.DISPROVED})
Choice = Literal["applied", "retry", "drop"]
_CHOICES = {
    "applied": ChangeState.DONE_BY_HAND,
    "retry": ChangeState.NOT_APPLIED,
    "drop": ChangeState.DROPPED,
}


def undo_decision(
    ledger: Ledger, any_id: str, write_back: WriteBack | None, *, reason: str, stamp: Stamp
) -> tuple[str, ...]:
    """Take a decision back, by its own id or one of its changes'.

    Before anything was sent this is all; what has arrived in the PSA gets reverse changes, which
    the next write-back carries out if the PSA still shows our value. Repeating changes nothing.

    Returns:
        Ids of the reverse changes; none when nothing had arrived.

    Raises:
        PipelineError: `conflict`, while a change of it is on its way, has to be settled by a
            person, or was changed again since.
    """
    with ledger.writing() as connection:
        # Read inside: nothing can be sent, and nobody else can undo it, between look and entry.
        changes = read_changes(ledger)
        named = [item for item in changes if item.change_id == any_id]
        decision_id = named[0].decision_id if named else any_id
        own = [item for item in changes if item.decision_id == decision_id]
        undone = tuple(item.change_id for item in own if item.undoes is not None)
        if undone or any(item.is_withdrawn for item in own):
            return undone
        arrived = [item for item in own if item.state in ARRIVED]
        if arrived or intents_of(connection, decision_id):
            for item in own:
                _refuse_if_unclear(item)
            for item in arrived:
                _refuse_if_changed_again(item, changes)
            refuse_if_closed(connection, own[0].period)
            days = timedelta(days=0 if write_back is None else write_back.undo_days_later)
            planned = [_reverse(item, days) for item in arrived]
            ids = add_changes(connection, decision_id, own[0].period, planned, stamp)
            # The card is open again: whoever decides next decides on what the PSA shows then.
            append(connection, withdrawals, {"decision_id": decision_id, "reason": reason}, stamp)
            return tuple(ids)
    withdraw_decision(ledger, decision_id, reason=reason, stamp=stamp)
    return ()


def settle_change(ledger: Ledger, change_id: str, choice: Choice, *, stamp: Stamp) -> None:
    """Record what a person found out about a change that stands still.

    applied: it is in the PSA, done by hand; the next pull has to prove it. retry: it is not, and
    may be sent again. drop: it is given up.

    Raises:
        PipelineError: `conflict`, while a write-back runs or when nothing is to be settled by
            hand; `input`, for an unknown change.
    """
    # A batch that has planned the change already would send it, whatever is said meanwhile.
    with writing_alone(ledger):
        _settle(ledger, change_id, choice, stamp)


def withdrawn(ledger: Ledger, decision_id: str) -> bool:
    """Whether a decision was taken back."""
    return decision_id in withdrawn_ids(ledger)


def _settle(ledger: Ledger, change_id: str, choice: Choice, stamp: Stamp) -> None:
    found = [item for item in read_changes(ledger) if item.change_id == change_id]
    if not found:
        raise PipelineError(
            f"There is no change {change_id[:40]}.",
            next_step="`reconcile changes` lists them with their ids.",
            category=Category.INPUT,
        )
    change = found[0]
    target = _CHOICES[choice]
    if change.state is target:
        return
    if change.state not in STUCK | WAITING:
        raise PipelineError(
            f"Change {change_id} is {change.state}: there is nothing to settle by hand.",
            next_step="Run the write-back if it is on its way, or undo it if it has arrived.",
            category=Category.CONFLICT,
        )
    says = f"{stamp.by}: {choice}"
    record_outcome(ledger, Outcome(change_id, target, says=says), stamp)


def _refuse_if_unclear(change: Change) -> None:
    """Refuse to take back what may be in the PSA, or may not."""
    if change.state in UNSETTLED:
        raise PipelineError(
            f"Change {change.change_id} of this decision is on its way and not settled yet.",
            next_step="Run the write-back first: `reconcile write-back`; then undo.",
            category=Category.CONFLICT,
        )
    if change.state in UNCLEAR:
        raise PipelineError(
            f"Change {change.change_id} of this decision is {change.state}: the PSA may show it,"
            " or not.",
            next_step="Look at the line in the PSA, then settle it: `reconcile settle"
            f" {change.change_id} applied|retry|drop`; then undo.",
            category=Category.CONFLICT,
        )


def _refuse_if_changed_again(change: Change, changes: list[Change]) -> None:
    later = changes[[item.change_id for item in changes].index(change.change_id) + 1 :]
    again = [
        item
        for item in later
        if (item.system, item.line_id) == (change.system, change.line_id)
        and item.state in ARRIVED | UNSETTLED
    ]
    if again:
        raise PipelineError(
            f"The line of change {change.change_id} was changed again by {again[-1].change_id}.",
            next_step=f"Undo that one first: `reconcile undo {again[-1].change_id}`.",
            category=Category.CONFLICT,
        )


def _reverse(change: Change, days: timedelta) -> PlannedChange:
    return PlannedChange(
        system=change.system,
        company_name=change.company_name,
        service_name=change.service_name,
        agreement_id=change.agreement_id,
        line_id=change.line_id,
        qty_from=change.qty_to,
        qty_to=change.qty_from,
        effective_on=change.effective_on + days,
        unit_price=change.unit_price,
        currency=change.currency,
        undoes=change.change_id,
    )
