"""The one way decisions enter: checked against the cards, then appended to the ledger.

The review job, decision files and later doors all call `decide`. Also fills the review tables,
which show the ledger's decisions and what follows from them.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import duckdb

from reconcile_pipeline.ledger.decisions import Decided, read_decisions, record_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import first_day, next_period
from reconcile_pipeline.reconciling.action_items import (
    action_items,
    decision_row,
    standing_decisions,
)
from reconcile_pipeline.reconciling.decide import Card, Line, Wanted, check
from reconcile_pipeline.warehouse.build import replace_rows

Connection = duckdb.DuckDBPyConnection
MOST_ERRORS_SHOWN = 10


def decide(
    connection: Connection,
    ledger: Ledger,
    wanted: Sequence[Wanted],
    *,
    period: str,
    now: datetime,
) -> int:
    """Record decisions on the period's cards; returns how many are new.

    All are checked before the first is recorded: one stale or impossible decision refuses the
    whole batch, naming each wrong one.
    """
    cards = read_cards(connection, period)
    checked: list[Decided] = []
    refused: list[PipelineError] = []
    for item in wanted:
        try:
            target = check(item, cards.get(item.card_id))
        except PipelineError as error:
            refused.append(error)
            continue
        checked.append(
            Decided(
                period=period,
                card_id=item.card_id,
                card_version=item.card_version,
                decision=item.decision,
                qty_target=target,
                reviewer=item.reviewer,
                note=item.note,
                decided_at=now,
            )
        )
    if refused:
        raise _all_of(refused, len(wanted))
    return record_decisions(ledger, checked)


def fill_review_tables(connection: Connection, ledger: Ledger, period: str) -> None:
    """Replace the period's review tables by the ledger's decisions and what follows from them."""
    cards = read_cards(connection, period)
    lines = read_lines(connection, period)
    effective_on: date = first_day(next_period(period))
    decided = read_decisions(ledger, period)
    decisions = [
        decision_row(item, is_current=_is_current(item, cards.get(item.card_id)))
        for item in decided
    ]
    items = [
        row
        for item in standing_decisions(decided, cards)
        if item.card_id in cards
        for row in action_items(
            item, cards[item.card_id], lines.get(item.card_id, []), effective_on=effective_on
        )
    ]
    replace_rows(connection, "review.decisions", decisions, period=period)
    replace_rows(connection, "review.action_items", items, period=period)


def read_cards(connection: Connection, period: str) -> dict[str, Card]:
    """The period's cards by id."""
    rows = _rows(connection, "select * from recon.cards where period = $period", period)
    return {str(row["card_id"]): Card.from_row(row) for row in rows}


def read_lines(connection: Connection, period: str) -> dict[str, list[Line]]:
    """The PSA lines behind each card."""
    query = (
        "select * from recon.card_lines where period = $period and side = 'psa'"
        " order by card_id, record_id"
    )
    lines: dict[str, list[Line]] = {}
    for row in _rows(connection, query, period):
        lines.setdefault(str(row["card_id"]), []).append(Line.from_row(row))
    return lines


def read_discrepancies(connection: Connection, period: str) -> list[dict[str, Any]]:
    """The period's discrepancies, dearest first, as rows for an export."""
    query = "select * from recon.discrepancies where period = $period order by rank"
    return _rows(connection, query, period)


def _rows(connection: Connection, query: str, period: str) -> list[dict[str, Any]]:
    result = connection.execute(query, {"period": period})
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _is_current(decided: Decided, card: Card | None) -> bool:
    return card is not None and card.card_version == decided.card_version


def _all_of(refused: Sequence[PipelineError], total: int) -> PipelineError:
    if total == 1:
        return refused[0]
    shown = "\n".join(f"- {error}" for error in refused[:MOST_ERRORS_SHOWN])
    more = len(refused) - MOST_ERRORS_SHOWN
    rest = f"\n- and {more} more" if more > 0 else ""
    return PipelineError(
        f"{len(refused)} of {total} decisions can't be taken, so none was recorded:\n{shown}{rest}",
        next_step="Correct these and hand all in again; what was recorded before is untouched.",
        category=Category.INPUT,
    )
