"""What recording decisions would do, without recording them.

The rule is that of recording (`turns`); here it is only asked about many cards at once.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.ledger.decided import Decided, from_row
from reconcile_pipeline.ledger.decisions import conflict_with
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import decisions, intents, line_changes, withdrawals
from reconcile_pipeline.ledger.turns import Turn, turn_after
from reconcile_pipeline.model import PipelineError

_AT_ONCE = 5_000
"""Ids in one question: SQLite takes 32,766 values, PostgreSQL 65,535."""

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
        try:
            refuse_if_closed(connection, decided[0].period)
        except PipelineError as error:
            return [(Turn.CONFLICT, error)] * len(decided)
        latest: dict[tuple[str, str], Decided] = {}
        for start in range(0, len(decided), _AT_ONCE):
            ids = [item.card_id for item in decided[start : start + _AT_ONCE]]
            query = sa.select(decisions).where(decisions.c.card_id.in_(ids))
            for row in connection.execute(query.order_by(decisions.c.turn)).mappings():
                latest[row["card_id"], row["card_version"]] = from_row(row)
        withdrawn: set[str] = set()
        sent: set[str] = set()
        if latest:
            withdrawn |= set(connection.execute(sa.select(withdrawals.c.decision_id)).scalars())
            join = sa.select(line_changes.c.decision_id).join(
                intents, intents.c.change_id == line_changes.c.change_id
            )
            sent |= set(connection.execute(join).scalars())
    found: list[Foretold] = []
    for item in decided:
        last = latest.get((item.card_id, item.card_version))
        turn = turn_after(
            last, item, is_withdrawn=withdrawn.__contains__, was_sent=sent.__contains__
        )
        why = conflict_with(last) if last is not None and turn is Turn.CONFLICT else None
        found.append((turn, why))
    return found
