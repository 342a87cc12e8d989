"""Accepted pulls: quarantined ones that a person believes, with the reason."""

from datetime import UTC

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, append
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import accepted_pulls


def accept_pull(ledger: Ledger, pull_id: str, *, reason: str, stamp: Stamp) -> None:
    """Record that a person believes a quarantined pull; a repeat changes nothing."""
    with ledger.writing() as connection:
        known = connection.execute(
            sa.select(accepted_pulls.c.seq).where(accepted_pulls.c.pull_id == pull_id)
        ).first()
        if known is None:
            entry = {
                "pull_id": pull_id,
                "reason": reason,
                "accepted_by": stamp.by,
                "accepted_at": stamp.at.astimezone(UTC).isoformat(),
            }
            append(connection, accepted_pulls, entry, stamp)


def accepted_pull_ids(ledger: Ledger) -> frozenset[str]:
    """The quarantined pulls that people accepted."""
    query = sa.select(accepted_pulls.c.pull_id)
    return frozenset(str(row["pull_id"]) for row in ledger.rows(query))
