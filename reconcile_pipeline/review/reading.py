"""Reads cards and what stands behind them from the warehouse, as the reconciling room's rows.

Only questions; nothing is decided or changed here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from reconcile_pipeline.reconciling.cards import Card, Line

Connection = duckdb.DuckDBPyConnection
_AMONG = " and card_id in (select unnest($card_ids))"


@dataclass(frozen=True)
class Behind:
    """A card, the PSA lines behind it, and the units its vendors charge until a later day."""

    card: Card
    lines: Sequence[Line] = ()
    commitments: Sequence[tuple[date, Decimal]] = field(default=())
    """(last day, units)"""

    def committed_after(self, day: date) -> Decimal:
        """Units that stay charged beyond a day: reducing the line would not save them."""
        return sum((qty for until, qty in self.commitments if until > day), Decimal(0))


def read_board(
    connection: Connection, period: str, card_ids: Collection[str] | None = None
) -> dict[str, Behind]:
    """The period's cards with what stands behind them, by card id; all, or those of `card_ids`."""
    cards = read_cards(connection, period, card_ids)
    lines: dict[str, list[Line]] = {}
    commitments: dict[str, list[tuple[date, Decimal]]] = {}
    among = _among(card_ids)
    query = (
        "select card_lines.*, agreements.name as agreement_name from recon.card_lines as card_lines"
        " left join core.agreements as agreements on card_lines.pull_id = agreements.pull_id"
        " and card_lines.agreement_id = agreements.agreement_id"
        " where card_lines.period = $period"
        " and (card_lines.side = 'psa' or card_lines.commitment_ends_on is not null)"
    )
    query += (_AMONG if among else "") + " order by card_lines.card_id, card_lines.record_id"
    for row in ask_rows(connection, query, period, **among):
        card_id = str(row["card_id"])
        if row["side"] == "psa":
            lines.setdefault(card_id, []).append(Line.from_row(row))
        elif row["commitment_ends_on"] is not None:
            committed = (row["commitment_ends_on"], Decimal(row["qty_counted"]))
            commitments.setdefault(card_id, []).append(committed)
    return {
        card_id: Behind(card, lines.get(card_id, ()), commitments.get(card_id, ()))
        for card_id, card in cards.items()
    }


def read_cards(
    connection: Connection, period: str, card_ids: Collection[str] | None = None
) -> dict[str, Card]:
    """The period's cards by id; all, or those of `card_ids`."""
    among = _among(card_ids)
    query = "select * from recon.cards where period = $period"
    query += _AMONG if among else ""
    rows = ask_rows(connection, query, period, **among)
    return {str(row["card_id"]): Card.from_row(row) for row in rows}


def read_open_cards(connection: Connection, period: str) -> list[dict[str, Any]]:
    """The discrepancies that wait for a decision, dearest first, as rows for an export."""
    query = (
        "select discrepancies.* from recon.discrepancies as discrepancies"
        " inner join review.card_status as card_status"
        " on discrepancies.card_id = card_status.card_id"
        " where discrepancies.period = $period and card_status.status in ('open', 'reopened')"
        " order by discrepancies.rank"
    )
    return ask_rows(connection, query, period)


def ask_rows(
    connection: Connection, query: str, period: str, **more: object
) -> list[dict[str, Any]]:
    """The rows of a query about a period, as dictionaries."""
    result = connection.execute(query, {"period": period, **more})
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _among(card_ids: Collection[str] | None) -> dict[str, object]:
    return {} if card_ids is None else {"card_ids": list(card_ids)}
