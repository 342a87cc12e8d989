"""What recording decisions would do, without recording them.

The rule is that of recording (`turns`); here it is only asked about many cards at once.
"""

from collections.abc import Sequence

from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import conflict_with
from reconcile_pipeline.ledger.known import known_about
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.turns import Turn
from reconcile_pipeline.model import PipelineError

Foretold = tuple[Turn, PipelineError | None]


def foretell(ledger: Ledger, decided: Sequence[Decided]) -> list[Foretold]:
    """What `record_decisions` would do with each of these, one by one, as the ledger is now.

    Args:
        ledger: where they would go.
        decided: checked decisions of one period, each on another card, with keys never used.

    Returns:
        For each, in order: its turn, and for `CONFLICT` why it would be refused.
    """
    if not decided:
        return []
    with ledger.reading() as connection:
        known = known_about(connection, decided)
        try:
            known.refuse_if_closed(decided[0].period)
        except PipelineError as error:
            return [(Turn.CONFLICT, error)] * len(decided)
    found: list[Foretold] = []
    for item in decided:
        turn, earlier = known.turn_of(item), known.on_same_numbers(item)
        why = conflict_with(earlier[-1]) if earlier and turn is Turn.CONFLICT else None
        found.append((turn, why))
    return found
