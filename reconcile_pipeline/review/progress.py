"""How far each decision's line changes got, and which confirmations they still wait for."""

from collections.abc import Mapping, Sequence

from reconcile_pipeline.ledger.changes import Change
from reconcile_pipeline.reconciling.board import Progress
from reconcile_pipeline.reconciling.limits import Limits, confirmations_needed


def progress_of(
    changes: Sequence[Change], confirmed: Mapping[str, frozenset[str]], limits: Limits
) -> dict[str, Progress]:
    """Progress by decision id; decisions without line changes have none.

    Args:
        changes: line changes of all decisions that are asked about.
        confirmed: what was confirmed, by decision.
        limits: what has to be confirmed.
    """
    found: dict[str, list[Change]] = {}
    for change in changes:
        if change.undoes is None:
            found.setdefault(change.decision_id, []).append(change)
    return {
        decision_id: Progress(
            states=tuple(change.state for change in own),
            missing=confirmations_of(own, limits) - confirmed.get(decision_id, frozenset()),
        )
        for decision_id, own in found.items()
    }


def confirmations_of(changes: Sequence[Change], limits: Limits) -> frozenset[str]:
    """What has to be confirmed for these changes, whether it was or not."""
    needed: set[str] = set()
    for item in changes:
        needed |= confirmations_needed(item.qty_from, item.qty_to, item.unit_price, limits)
    return frozenset(needed)
