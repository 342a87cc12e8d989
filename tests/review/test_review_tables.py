"""What the reconciling room returns fits the warehouse's review tables as they are."""

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb

from reconcile_pipeline.ledger.decisions import Decided
from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.reconciling.action_items import action_items, decision_row
from reconcile_pipeline.reconciling.cards import Card, Line
from reconcile_pipeline.warehouse.build import create_tables, replace_rows


def test_rows_enter_the_review_tables_unchanged() -> None:
    """Instants, decimals and nulls arrive as they left, whatever the session's time zone."""
    card = Card("2026-11", "c", "v", "17", "Acme", "Mail", Finding.MATCH, *[None] * 5)
    decided = Decided(
        "2026-11",
        "c",
        "v",
        Decision.RECONCILE,
        Decimal(3),
        "Ann",
        None,
        datetime(2026, 11, 2, tzinfo=UTC),
    )
    line = Line("7", None, None, Decimal("1.5"), None, Decimal("2.00"), None)
    items = action_items(decided, card, [line], date(2026, 12, 1))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Tokyo'")
        create_tables(connection)
        replace_rows(
            connection,
            "review.decisions",
            [decision_row(decided, is_current=True)],
            period="2026-11",
        )
        replace_rows(connection, "review.action_items", items, period="2026-11")
        decisions = connection.execute(
            "select decision, qty_target, decided_at, is_current from review.decisions"
        ).fetchall()
        assert decisions == [("reconcile", Decimal(3), datetime(2026, 11, 2), True)]  # noqa: DTZ001
        rows = connection.execute(
            "select action, line_id, qty_from, qty_to, effective_on, amount, currency"
            " from review.action_items"
        ).fetchall()
    assert rows == [
        ("change_line", "7", Decimal("1.5"), Decimal(3), date(2026, 12, 1), Decimal(3), None)
    ]
