"""Reads cards and what stands behind them from the warehouse, as the reconciling room's rows.

Only questions; nothing is decided or changed here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from reconcile_pipeline.reconciling.cards import Card, Line

Connection = duckdb.DuckDBPyConnection


# What `Card` and `Line` need: of thousands of cards, every further column takes its time.
_CARD = ", ".join(
    f"cards.{name}"
    for name in (
        *("period", "card_id", "card_version", "company_id", "company_name", "service_group_id"),
        *("service_name", "finding", "qty_psa", "qty_vendor", "unit_price", "currency"),
        *("amount_delta", "mapping_version", "evidence_as_of"),
    )
)
_LINE = ", ".join(
    f"card_lines.{name}"
    for name in (
        *("card_id", "side", "system", "record_id", "agreement_id", "name", "qty", "qty_counted"),
        *("qty_included", "unit_price", "currency", "effective_on", "commitment_ends_on"),
        "is_auto_counted",
    )
)


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
    only, more = _only(card_ids)
    query = (
        f"select {_LINE}, agreements.name as agreement_name"  # noqa: S608 - ours, below
        " from recon.card_lines as card_lines"
        " left join core.agreements as agreements on card_lines.pull_id = agreements.pull_id"
        " and card_lines.agreement_id = agreements.agreement_id"
        " where card_lines.period = $period"
        " and (card_lines.side = 'psa' or card_lines.commitment_ends_on is not null)"
        f"{only} order by card_lines.card_id, card_lines.record_id"
    )
    records: dict[str, list[dict[str, Any]]] = {}
    for row in ask_rows(connection, query, period, **more):
        records.setdefault(str(row["card_id"]), []).append(row)
    return {card_id: behind_of(card, records.get(card_id, ())) for card_id, card in cards.items()}


def behind_of(card: Card, records: Sequence[Mapping[str, Any]]) -> Behind:
    """Put a card together with its rows of `recon.card_lines`."""
    lines = [Line.from_row(row) for row in records if row["side"] == "psa"]
    commitments = [
        (row["commitment_ends_on"], Decimal(row["qty_counted"]))
        for row in records
        if row["side"] != "psa" and row["commitment_ends_on"] is not None
    ]
    return Behind(card, lines, commitments)


def read_cards(
    connection: Connection, period: str, card_ids: Collection[str] | None = None
) -> dict[str, Card]:
    """The period's cards by id; all, or those of `card_ids`."""
    only, more = _only(card_ids)
    query = f"select {_CARD} from recon.cards where period = $period{only}"  # noqa: S608 - ours
    rows = ask_rows(connection, query, period, **more)
    return {str(row["card_id"]): Card.from_row(row) for row in rows}


def read_cards_about(
    connection: Connection, period: str, subjects: Collection[tuple[str, str]]
) -> list[Card]:
    """The period's cards about these companies and services, in no order."""
    query = (
        f"select {_CARD} from recon.cards as cards"  # noqa: S608 - ours
        " semi join (select unnest($companies) as company_id, unnest($groups) as service_group_id)"
        " as wanted on cards.company_id = wanted.company_id"
        " and cards.service_group_id = wanted.service_group_id"
        " where cards.period = $period"
    )
    asked = sorted(subjects)
    companies, groups = ([subject[part] for subject in asked] for part in (0, 1))
    rows = ask_rows(connection, query, period, companies=companies, groups=groups)
    return [Card.from_row(row) for row in rows]


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
    """The rows of a query about a period, as dictionaries; `more`: its further parameters."""
    result = connection.execute(query, {"period": period, **more})
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _only(card_ids: Collection[str] | None) -> tuple[str, dict[str, object]]:
    """Narrow a question to some cards; both tables name the column alike."""
    if card_ids is None:
        return "", {}
    # One id as a plain comparison: the file's statistics then skip most of a large month.
    if len(card_ids) == 1:
        return " and card_id = $card_id", {"card_id": next(iter(card_ids))}
    return " and card_id in (select unnest($card_ids))", {"card_ids": list(card_ids)}
