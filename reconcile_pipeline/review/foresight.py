"""What deciding many cards would do, card by card, before anything is recorded.

Asks the same checks as `decide` and the same rule as the ledger; what it promises is what `decide`
does as long as nothing moves in between. Nothing is recorded here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import duckdb

from reconcile_pipeline.ledger.changes import PlannedChange
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.foresight import foretell
from reconcile_pipeline.ledger.turns import Turn
from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.decide import UNPROVEN, Wanted
from reconcile_pipeline.reconciling.limits import Limits, confirmations_needed
from reconcile_pipeline.review.decide import Door, checked
from reconcile_pipeline.review.reading import Behind, read_board

ZERO = Decimal(0)


class Outcome(StrEnum):
    """What would become of one decision."""

    WRITTEN = "written"
    """Recorded; the next write-back writes it."""
    CONFIRMED_FIRST = "confirmed_first"
    """Recorded; written after somebody confirmed it."""
    BY_HAND = "by_hand"
    """Recorded; a person does it in the PSA, at least in part."""
    NOTED = "noted"
    """Recorded; nothing changes in the PSA."""
    AGAIN = "again"
    """Recorded before by the same person; nothing happens."""
    MOVED = "moved"
    """Refused: the card has changed since it was seen, or is gone."""
    DECIDED = "decided"
    """Refused: somebody has decided these numbers, or the month is closed."""
    UNPROVEN = "unproven"
    """Refused: its count is not proved."""
    UNFIT = "unfit"
    """Refused: this can't be said about this card."""

    @property
    def is_recorded(self) -> bool:
        """Whether an entry would be made."""
        return self in (
            Outcome.WRITTEN,
            Outcome.CONFIRMED_FIRST,
            Outcome.BY_HAND,
            Outcome.NOTED,
        )

    @property
    def is_refused(self) -> bool:
        """Whether it can't be taken."""
        return not self.is_recorded and self is not Outcome.AGAIN


@dataclass(frozen=True)
class Foreseen:
    """What would become of one decision; units and money of the card before and after."""

    wanted: Wanted
    outcome: Outcome
    company_name: str = ""
    service_name: str = ""
    currency: str | None = None
    qty_before: Decimal = ZERO
    qty_after: Decimal = ZERO
    money_before: Decimal | None = None
    """Per billing cycle; None when a price is unknown."""
    money_after: Decimal | None = None
    changes: int = 0
    """Lines that would change in the PSA."""
    needs: frozenset[str] = frozenset()
    """Confirmations it would wait for."""
    error: PipelineError | None = None

    @property
    def money_moved(self) -> Decimal:
        """Money per billing cycle that it moves, as far as prices are known."""
        if self.money_before is None or self.money_after is None:
            return ZERO
        return self.money_after - self.money_before


def foresee(
    connection: duckdb.DuckDBPyConnection,
    door: Door,
    limits: Limits,
    wanted: Sequence[Wanted],
    *,
    now: datetime,
) -> list[Foreseen]:
    """Tell what `decide` would do with each of these if it were called now.

    Args:
        connection: the warehouse or its published copy.
        door: ledger, period, and what the PSA takes.
        limits: what needs a confirmation.
        wanted: the decisions, each on another card, with keys never used.
        now: the instant of the question.
    """
    board = read_board(connection, door.period, [item.card_id for item in wanted])
    said: dict[str, Decided] = {}
    refused: dict[str, PipelineError] = {}
    for item in wanted:
        try:
            said[item.card_id] = checked(item, board.get(item.card_id), door, now, None)
        except PipelineError as error:
            refused[item.card_id] = error
    told = dict(zip(said, foretell(door.ledger, list(said.values())), strict=True))
    found = []
    for item in wanted:
        behind = board.get(item.card_id)
        if item.card_id in refused or behind is None:
            found.append(_refused(item, behind, refused[item.card_id]))
        else:
            turn, why = told[item.card_id]
            if why is not None:
                found.append(_seen(item, behind, Outcome.DECIDED, error=why))
            elif turn is Turn.SAME:
                found.append(_seen(item, behind, Outcome.AGAIN))
            else:
                found.append(_taken(item, behind, said[item.card_id], door, limits))
    return found


def _taken(
    wanted: Wanted, behind: Behind, decided: Decided, door: Door, limits: Limits
) -> Foreseen:
    needs: frozenset[str] = frozenset()
    for change in decided.changes:
        needs |= confirmations_needed(change.qty_from, change.qty_to, change.unit_price, limits)
    needs -= decided.confirmed
    outcome = _outcome(behind, decided, needs, can_write=door.write_back is not None)
    return _seen(wanted, behind, outcome, decided=decided, needs=needs)


def _outcome(
    behind: Behind, decided: Decided, needs: frozenset[str], *, can_write: bool
) -> Outcome:
    if decided.qty_target is None:
        return Outcome.NOTED
    moved = sum((item.qty_to - item.qty_from for item in decided.changes), ZERO)
    if (behind.card.qty_psa or ZERO) + moved != decided.qty_target:
        return Outcome.BY_HAND
    if not decided.changes:
        return Outcome.NOTED
    if not can_write:
        return Outcome.BY_HAND
    return Outcome.CONFIRMED_FIRST if needs else Outcome.WRITTEN


def _refused(wanted: Wanted, behind: Behind | None, error: PipelineError) -> Foreseen:
    if behind is None or wanted.card_version != behind.card.card_version:
        outcome = Outcome.MOVED
    elif behind.card.finding in UNPROVEN and wanted.decision in (
        Decision.APPROVE,
        Decision.RECONCILE,
    ):
        outcome = Outcome.UNPROVEN
    else:
        outcome = Outcome.DECIDED if error.category is Category.CONFLICT else Outcome.UNFIT
    return _seen(wanted, behind, outcome, error=error)


def _seen(
    wanted: Wanted,
    behind: Behind | None,
    outcome: Outcome,
    *,
    decided: Decided | None = None,
    needs: frozenset[str] = frozenset(),
    error: PipelineError | None = None,
) -> Foreseen:
    if behind is None:
        return Foreseen(wanted, outcome, error=error)
    card = behind.card
    before = card.qty_psa or ZERO
    after = before
    if decided is not None and decided.qty_target is not None:
        after = decided.qty_target
    money = _money_of(behind)
    return Foreseen(
        wanted=wanted,
        outcome=outcome,
        company_name=card.company_name,
        service_name=card.service_name,
        currency=card.currency,
        qty_before=before,
        qty_after=after,
        money_before=money,
        money_after=_money_after(behind, money, decided, after - before),
        changes=len(decided.changes) if decided is not None else 0,
        needs=needs,
        error=error,
    )


def _money_of(behind: Behind) -> Decimal | None:
    """What the lines invoice per cycle: units beyond the included ones, at each line's price."""
    total = ZERO
    for line in behind.lines:
        if line.unit_price is None:
            return None
        total += max(ZERO, line.qty - (line.qty_included or ZERO)) * line.unit_price
    return total


def _money_after(
    behind: Behind, before: Decimal | None, decided: Decided | None, units: Decimal
) -> Decimal | None:
    if before is None or not units or decided is None:
        return before
    planned = decided.changes
    if any(item.unit_price is None for item in planned):
        return None
    by_lines = sum((_amount(item) for item in planned), ZERO)
    left = units - sum((item.qty_to - item.qty_from for item in planned), ZERO)
    if not left:
        return before + by_lines
    # What no line takes is added by hand, at the card's price.
    price = behind.card.unit_price
    return None if price is None else before + by_lines + left * price


def _amount(change: PlannedChange) -> Decimal:
    return (change.qty_to - change.qty_from) * (change.unit_price or ZERO)
