"""What the ledger learned since the review tables were filled: which cards stand elsewhere now.

The published tables are a copy of some minutes ago. Whoever shows them lays this over them, and so
never shows as open what somebody has just decided. Filling the tables anew gives the same rows.
"""

from collections.abc import Collection
from typing import Any

import duckdb

from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.decisions import confirmed_kinds, decisions_of
from reconcile_pipeline.ledger.news import decisions_touched_since
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.review.decide import Door, by_subject, subject_of
from reconcile_pipeline.review.progress import progress_of
from reconcile_pipeline.review.reading import read_cards_about
from reconcile_pipeline.review.tables import status_row

Connection = duckdb.DuckDBPyConnection
Subject = tuple[str, str]
"""Company and service group: what a card is about, in every month."""


def changed_since(door: Door, entry: int) -> set[Subject]:
    """What may stand elsewhere than tables say that know the ledger up to this entry."""
    ids = decisions_touched_since(door.ledger, entry)
    if not ids:
        return set()
    said = decisions_of(door.ledger, ids)
    # By both names: after a move the tables may still show the cards of the PSA that was left.
    return set(by_subject(said)) | set(by_subject(door.translated(said)))


def standings(
    connection: Connection, door: Door, limits: Limits, subjects: Collection[Subject]
) -> list[dict[str, Any]]:
    """The rows of `review.card_status` for these subjects' cards of the month, as they are now."""
    cards = read_cards_about(connection, door.period, subjects) if subjects else []
    if not cards:
        return []
    about = by_subject(door.standing({company for company, _group in subjects}))
    ids = {item.decision_id for card in cards for item in about.get(subject_of(card), ())}
    changes = read_changes(door.ledger, of=ids)
    progress = progress_of(changes, confirmed_kinds(door.ledger, of=ids), limits)
    return [status_row(card, about.get(subject_of(card), ()), progress) for card in cards]
