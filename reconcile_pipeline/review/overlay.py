"""What the ledger learned since the review tables were filled: which cards stand elsewhere now.

The published tables are a copy of some minutes ago. Whoever shows them lays this over them, and so
never shows as open what somebody has just decided. Filling the tables anew gives the same rows.
"""

from collections.abc import Collection
from typing import Any

import duckdb

from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.decisions import decisions_of
from reconcile_pipeline.ledger.news import decisions_touched_since
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.review.decide import Door, by_subject, subject_of
from reconcile_pipeline.review.progress import progress_of
from reconcile_pipeline.review.reading import ask_rows, read_cards
from reconcile_pipeline.review.tables import status_row

Connection = duckdb.DuckDBPyConnection
MOST_SUBJECTS = 500
"""Beyond that, reading everything once is quicker than asking for each."""
Subject = tuple[str, str]
"""Company and service group: what a card is about, in every month."""


def changed_since(door: Door, entry: int) -> set[Subject]:
    """What may stand elsewhere than tables say that know the ledger up to this entry."""
    ids = decisions_touched_since(door.ledger, entry)
    if not ids:
        return set()
    said = door.translated(decisions_of(door.ledger, ids))
    return {(item.basis.company_id, item.basis.service_group_id) for item in said}


def standings(
    connection: Connection, door: Door, limits: Limits, subjects: Collection[Subject]
) -> list[dict[str, Any]]:
    """The rows of `review.card_status` for these subjects' cards of the month, as they are now."""
    if len(subjects) > MOST_SUBJECTS:
        cards = list(read_cards(connection, door.period).values())
        about, of = by_subject(door.standing()), None
    else:
        query = (
            "select * from recon.cards where period = $period"
            " and list_contains($subjects, concat(company_id, '|', service_group_id))"
        )
        wanted = ["|".join(subject) for subject in subjects]
        rows = ask_rows(connection, query, door.period, subjects=wanted)
        cards = [Card.from_row(row) for row in rows]
        about = by_subject(door.standing({company for company, _group in subjects}))
        of = [item.decision_id for said in about.values() for item in said]
    progress = progress_of(door.ledger, read_changes(door.ledger, of=of), limits)
    return [
        status_row(card, about.get(subject_of(card), ()), progress)
        for card in cards
        if subject_of(card) in subjects
    ]
