"""interim"""
import sqlalchemy as sa
from datetime import UTC
from reconcile_pipeline.ledger.tables import decisions, withdrawals, confirmations, intents, outcomes, line_changes
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.review.decide import by_subject, subject_of
from reconcile_pipeline.review.progress import progress_of
from reconcile_pipeline.review.reading import read_board
from reconcile_pipeline.review.tables import _status_row

def changed_since(door, entry):
    ids=set()
    for t in (decisions, withdrawals, confirmations):
        ids |= {r["decision_id"] for r in door.ledger.rows(sa.select(t.c.decision_id).where(t.c.seq>entry))}
    for t in (intents, outcomes):
        ids |= {r["decision_id"] for r in door.ledger.rows(sa.select(line_changes.c.decision_id).join(t, t.c.change_id==line_changes.c.change_id).where(t.c.seq>entry))}
    if not ids: return set()
    return {(r["company_id"], r["service_group_id"]) for r in door.ledger.rows(sa.select(decisions.c.company_id, decisions.c.service_group_id).where(decisions.c.decision_id.in_(ids)))}

def standings(connection, door, limits, subjects):
    said=by_subject(door.standing()); progress=progress_of(door.ledger, read_changes(door.ledger), limits)
    return [_status_row(b.card, said.get(subject_of(b.card),()), progress) for b in read_board(connection, door.period).values() if subject_of(b.card) in subjects]
