"""Proof: a pull taken after the write shows what was agreed, or says loudly that it does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import (
    Change,
    Outcome,
    read_changes,
    read_trail,
    record_outcome,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import ChangeState
from reconcile_pipeline.reconciling.board import ARRIVED

UNPROVED = frozenset({ChangeState.VERIFIED, ChangeState.DONE_BY_HAND, ChangeState.DISPROVED})
RULE = "rule:proof"


@dataclass(frozen=True)
class Pulled:
    """The lines of one complete PSA pull."""

    pull_id: str
    system: str
    started_at: datetime
    counts_on: date
    """The last day whose quantities the pull can show."""
    quantities: Mapping[str, Decimal]
    """By line id."""
    invoiced_on: Mapping[str, date] = field(default_factory=dict)
    """By line id: the invoice a quantity is from, where the PSA shows nothing newer."""


def prove_changes(ledger: Ledger, pulled: Pulled, *, now: datetime) -> list[Change]:
    """Record for each arrived change whether the pull shows it; returns those it contradicts.

    Only the latest change of a line can be seen in a pull, and only in one that began after it;
    where invoices are all that the PSA shows, only on an invoice of a later day.
    """
    trail = read_trail(ledger)
    latest: dict[str, Change] = {}
    for change in read_changes(ledger):
        # A PSA that was left is pulled no more; its lines may have namesakes in the new one.
        is_here = change.system == pulled.system
        if is_here and change.state in ARRIVED | {ChangeState.DISPROVED}:
            latest[change.line_id] = change
    disproved = []
    for change in latest.values():
        steps = trail[change.change_id]
        arrived_at = max(
            datetime.fromisoformat(step["recorded_at"])
            for step in steps
            if step["step"] == "outcomes"
        )
        is_visible = change.effective_on <= pulled.counts_on and arrived_at < pulled.started_at
        invoiced_on = pulled.invoiced_on.get(change.line_id)
        is_old = invoiced_on is not None and invoiced_on <= arrived_at.date()
        if change.state not in UNPROVED or not is_visible or is_old:
            continue
        shown = pulled.quantities.get(change.line_id)
        state = ChangeState.PROVED if shown == change.qty_to else ChangeState.DISPROVED
        if state is ChangeState.DISPROVED:
            disproved.append(change)
        if state is change.state:
            continue
        says = "" if state is ChangeState.PROVED else _contradiction(change, shown)
        outcome = Outcome(
            change.change_id, state, qty_seen=shown, says=says, pull_id=pulled.pull_id
        )
        record_outcome(ledger, outcome, Stamp(RULE, now, f"pull {pulled.pull_id}"))
    return disproved


def _contradiction(change: Change, shown: Decimal | None) -> str:
    found = "does not show the line" if shown is None else f"shows {shown.normalize():f}"
    return f"written {change.qty_to.normalize():f}, but a later pull {found}"
