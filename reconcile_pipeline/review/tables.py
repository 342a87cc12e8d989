"""Fills the review tables: the ledger as analysts see it, and where each card stands.

A pure function of the ledger and the period's cards: filling twice gives the same rows.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from reconcile_pipeline.ledger.changes import Change, read_changes, read_trail
from reconcile_pipeline.ledger.closings import closing_history
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import (
    confirmed_kinds,
    read_decisions,
    standing_decisions,
    withdrawn_ids,
)
from reconcile_pipeline.ledger.mappings import mapping_history
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.periods import first_day
from reconcile_pipeline.reconciling.action_items import action_items, undo_items
from reconcile_pipeline.reconciling.board import Progress, standing_of
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.review.decide import Door, by_subject, subject_of
from reconcile_pipeline.review.progress import progress_of
from reconcile_pipeline.review.reading import Behind, read_board
from reconcile_pipeline.warehouse.build import build_recon_table, replace_all, replace_rows

Connection = duckdb.DuckDBPyConnection
Row = dict[str, Any]


def fill_review_tables(connection: Connection, door: Door, limits: Limits) -> None:
    """Replace the period's review tables, and the history that rests on them."""
    ledger, period = door.ledger, door.period
    # Asked first: what is recorded while the rest is read counts as not known yet.
    entry, head_hash = ledger.head()
    board = read_board(connection, period)
    said = door.standing()
    changes = read_changes(ledger)
    progress = progress_of(changes, confirmed_kinds(ledger), limits)
    about = by_subject(said)
    status = [
        status_row(behind.card, about.get(subject_of(behind.card), ()), progress)
        for behind in board.values()
    ]
    replace_rows(connection, "review.decisions", _decision_rows(ledger, door, board), period=period)
    replace_rows(connection, "review.card_status", status, period=period)
    items = _items(door, board, said, changes)
    replace_rows(connection, "review.action_items", items, period=period)
    trail = read_trail(ledger)
    written = [_write_back_row(item, trail) for item in changes if item.period == period]
    replace_rows(connection, "review.write_backs", written, period=period)
    replace_all(
        connection, "review.mapping_history", [_entry(row) for row in mapping_history(ledger)]
    )
    replace_all(connection, "review.closings", [_entry(row) for row in closing_history(ledger)])
    build_recon_table(connection, "recon.history", period=period)
    state = {"period": period, "entry": entry, "head_hash": head_hash}
    replace_rows(connection, "review.ledger_state", [state], period=period)


def status_row(card: Card, said: Sequence[Decided], progress: dict[str, Progress]) -> Row:
    """Where a card stands, as a row of `review.card_status`; `said`: all about its subject."""
    about = [item for item in said if item.period <= card.period]
    standing = standing_of(card, about, progress, first_day(card.period))
    decided = next((item for item in about if item is standing.said), None)
    return {
        "period": card.period,
        "card_id": card.card_id,
        "card_version": card.card_version,
        "company_id": card.company_id,
        "company_name": card.company_name,
        "service_name": card.service_name,
        "finding": str(card.finding),
        "status": str(standing.status),
        "why": standing.why or None,
        "decision_id": decided.decision_id if decided else None,
        "decision": str(decided.decision) if decided else None,
        "decided_by": decided.reviewer if decided else None,
        "decided_at": _naive(decided.decided_at) if decided else None,
        "amount_delta": card.amount_delta,
        "currency": card.currency,
    }


def _decision_rows(ledger: Ledger, door: Door, board: dict[str, Behind]) -> list[Row]:
    withdrawn = withdrawn_ids(ledger)
    standing = {item.decision_id for item in standing_decisions(ledger, door.period)}
    rows = []
    for item in read_decisions(ledger, door.period):
        decision_id, basis = item.decision_id, item.basis
        behind = board.get(item.card_id)
        stands = "standing" if decision_id in standing else "superseded"
        rows.append(
            {
                "decision_id": decision_id,
                "period": item.period,
                "card_id": item.card_id,
                "card_version": item.card_version,
                "decision": str(item.decision),
                "qty_target": item.qty_target,
                "effective_on": item.effective_on,
                "expires_on": item.expires_on,
                "bound": item.bound,
                "reviewer": item.reviewer,
                "note": item.note,
                "decided_at": _naive(item.decided_at),
                "stands": "withdrawn" if decision_id in withdrawn else stands,
                "is_current": behind is not None and behind.card.card_version == item.card_version,
                "company_id": basis.company_id,
                "company_name": basis.company_name,
                "service_name": basis.service_name,
                "finding": basis.finding,
                "qty_psa": basis.qty_psa,
                "qty_vendor": basis.qty_vendor,
                "unit_price": basis.unit_price,
                "currency": basis.currency,
            }
        )
    return rows


def _items(
    door: Door, board: dict[str, Behind], said: Sequence[Decided], changes: Sequence[Change]
) -> list[Row]:
    by_decision: dict[str, list[Change]] = {}
    for change in changes:
        by_decision.setdefault(change.decision_id, []).append(change)
    latest: dict[str, Decided] = {}
    for item in said:
        if item.period == door.period:
            latest[item.card_id] = item
    for_psa: dict[str, Any] = {
        "can_write": door.write_back is not None,
        "psa_title": door.psa_title,
    }
    rows: list[Row] = []
    for item in latest.values():
        behind = board.get(item.card_id)
        if behind is not None:
            own = by_decision.get(item.decision_id, [])
            day = item.effective_on or door.usual_day
            seen: dict[str, Any] = {**for_psa, "lines": behind.lines}
            rows += action_items(item, behind.card, own, effective_on=day, **seen)
    gone = withdrawn_ids(door.ledger)
    for item in read_decisions(door.ledger, door.period):
        behind = board.get(item.card_id)
        if behind is not None and item.decision_id in gone:
            own = by_decision.get(item.decision_id, [])
            rows += undo_items(item, behind.card, own, lines=behind.lines, **for_psa)
    return rows


def _write_back_row(change: Change, trail: dict[str, list[Row]]) -> Row:
    steps = trail.get(change.change_id, [])
    sent = [step for step in steps if step["step"] == "intents"]
    known = [step for step in steps if step["step"] == "outcomes"]
    answered = [step for step in known if step["http_status"] is not None]
    seen = [step for step in known if step["qty_seen"] is not None]
    told = [step for step in known if step["says"]]
    proofs = [step for step in known if step["pull_id"] and step["state"] == "proved"]
    return {
        "change_id": change.change_id,
        "period": change.period,
        "decision_id": change.decision_id,
        "undoes": change.undoes,
        "system": change.system,
        "company_name": change.company_name,
        "service_name": change.service_name,
        "agreement_id": change.agreement_id,
        "line_id": change.line_id,
        "qty_from": change.qty_from,
        "qty_to": change.qty_to,
        "effective_on": change.effective_on,
        "unit_price": change.unit_price,
        "currency": change.currency,
        "amount": None if change.amount is None else round(change.amount, 4),
        "decided_by": change.decided_by,
        "state": str(change.state),
        "is_withdrawn": change.is_withdrawn,
        "attempts": len(sent),
        "sent_at": _naive(datetime.fromisoformat(sent[-1]["sent_at"])) if sent else None,
        "finished_at": _naive(datetime.fromisoformat(known[-1]["recorded_at"])) if known else None,
        "qty_seen": seen[-1]["qty_seen"] if seen else None,
        "http_status": answered[-1]["http_status"] if answered else None,
        "says": told[-1]["says"] if told else None,
        "proved_by": proofs[-1]["pull_id"] if proofs else None,
    }


def _entry(row: Row) -> Row:
    values = {name: value for name, value in row.items() if name != "seq"}
    at = _naive(datetime.fromisoformat(row["decided_at"]))
    return {"entry": row["seq"], **values, "decided_at": at}


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
