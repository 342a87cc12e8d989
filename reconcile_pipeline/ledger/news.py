"""What was appended to the ledger after a certain entry, for readers who know it up to there."""

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import head
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import (
    confirmations,
    decisions,
    intents,
    line_changes,
    moved_ids,
    outcomes,
    psa_moves,
    withdrawals,
)


def decisions_touched_since(ledger: Ledger, entry: int) -> frozenset[str]:
    """Ids of decisions made, confirmed, taken back, or carried further after an entry.

    After a move to another PSA it is all of them: each may be about other ids since.
    """
    said = [
        sa.select(table.c.decision_id).where(table.c.seq > entry)
        for table in (decisions, withdrawals, confirmations, line_changes)
    ]
    done = [
        sa.select(line_changes.c.decision_id)
        .join(table, table.c.change_id == line_changes.c.change_id)
        .where(table.c.seq > entry)
        for table in (intents, outcomes)
    ]
    query = sa.union(*said, *done)
    with ledger.reading() as connection:
        if head(connection)[0] <= entry:
            return frozenset()
        moved = (sa.exists().where(table.c.seq > entry) for table in (psa_moves, moved_ids))
        if connection.execute(sa.select(sa.or_(*moved))).scalar():
            query = sa.union(sa.select(decisions.c.decision_id))
        return frozenset(str(found) for found in connection.execute(query).scalars())
