"""The rows that follow from decisions: line changes, lines to add, and work for a person."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.decisions import Decided
from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.reconciling.action_items import (
    action_items,
    decision_row,
    standing_decisions,
)
from reconcile_pipeline.reconciling.cards import Card, Line
from reconcile_pipeline.warehouse.recon_tables import REVIEW_TABLES

NEXT_MONTH = date(2026, 12, 1)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CARD = Card(
    period="2026-11",
    card_id="00112233445566aa",
    card_version="0123456789ab",
    company_id="17",
    company_name="Acme",
    service_name="Backup",
    finding=Finding.UNDER_BILLED,
    qty_psa=Decimal("10.0000"),
    qty_vendor=Decimal("12.0000"),
    unit_price=Decimal("3.3333"),
    currency="USD",
    amount_delta=Decimal("6.6666"),
)
LINE = Line.from_row(
    {
        "record_id": "501",
        "agreement_id": "9",
        "name": "Backup",
        "qty": Decimal("10.0000"),
        "qty_included": None,
        "unit_price": Decimal("3.3333"),
        "effective_on": date(2026, 1, 1),
        "currency": "CAD",
        "side": "psa",
    }
)
NEW = replace(CARD, finding=Finding.NEW_REVENUE, qty_psa=None)
DECIDED = Decided(
    period="2026-11",
    card_id=CARD.card_id,
    card_version=CARD.card_version,
    decision=Decision.RECONCILE,
    qty_target=Decimal(12),
    reviewer="Ann",
    note="Two laptops.\nSee ticket 7",
    decided_at=AT,
)


def items(decided: Decided = DECIDED, card: Card = CARD, *lines: Line) -> list[dict[str, Any]]:
    rows = action_items(decided, card, lines, effective_on=NEXT_MONTH)
    table = next(each for each in REVIEW_TABLES if each.name == "action_items")
    for row in rows:
        assert tuple(row) == table.column_names
        for column in table.columns:
            value = row[column.name]
            assert column.is_nullable or value is not None
            assert not column.allowed or value in column.allowed
            if isinstance(value, Decimal):
                assert value.as_tuple().exponent == -4
    assert len({row["action_item_id"] for row in rows}) == len(rows)
    return rows


def test_one_line_is_set_to_the_target() -> None:
    """Reconcile on one line yields that line's before, after, date and money."""
    (row,) = items(DECIDED, CARD, LINE)
    name = f"{DECIDED.decision_id}|501".encode()
    assert row == {
        "action_item_id": hashlib.sha256(name).hexdigest()[:16],
        "period": "2026-11",
        "decision_id": DECIDED.decision_id,
        "card_id": CARD.card_id,
        "action": "change_line",
        "company_id": "17",
        "company_name": "Acme",
        "service_name": "Backup",
        "agreement_id": "9",
        "line_id": "501",
        "qty_from": Decimal(10),
        "qty_to": Decimal(12),
        "effective_on": NEXT_MONTH,
        "amount": Decimal("6.6666"),
        "currency": "CAD",
        "why": "Ann reconciled 10 → 12 on 2026-11-20 (“Two laptops. See ticket 7”).",
    }


def test_money_is_the_lines_own_price_or_unknown() -> None:
    """Amounts use each line's price, round to four decimals, and stay unknown without one."""
    half = replace(DECIDED, qty_target=Decimal("10.5"))
    assert items(half, CARD, LINE)[0]["amount"] == Decimal("1.6667")
    down = replace(DECIDED, qty_target=Decimal(9))
    assert items(down, CARD, LINE)[0]["amount"] == Decimal("-3.3333")
    assert items(DECIDED, CARD, replace(LINE, unit_price=None))[0]["amount"] is None
    assert items(DECIDED, CARD, replace(LINE, currency=None))[0]["currency"] == "USD"


def test_new_revenue_asks_for_a_line() -> None:
    """Without a line to change, one add_line item says how many units and how much money."""
    (row,) = items(DECIDED, NEW)
    assert (row["action"], row["qty_from"], row["qty_to"]) == ("add_line", None, Decimal(12))
    assert (row["line_id"], row["amount"]) == (None, Decimal("39.9996"))
    assert items(DECIDED, replace(NEW, unit_price=None))[0]["amount"] is None
    assert items(replace(DECIDED, qty_target=Decimal(0)), NEW) == []


def test_what_no_line_may_absorb_goes_to_a_person() -> None:
    """Floors leave a remainder: the possible change, and an item with what still differs."""
    decided = replace(DECIDED, qty_target=Decimal(3))
    change, person = items(decided, CARD, replace(LINE, qty_included=Decimal(8)))
    assert (change["action"], change["qty_to"]) == ("change_line", Decimal(8))
    assert (person["action"], person["line_id"]) == ("needs_person", None)
    assert (person["qty_from"], person["qty_to"]) == (Decimal(8), Decimal(3))
    assert "stay at 8" in person["why"]


@pytest.mark.parametrize("decision", [each for each in Decision if each is not Decision.RECONCILE])
def test_other_decisions_change_nothing(decision: Decision) -> None:
    """Approve, no_change, dismiss and exclude leave the PSA alone."""
    assert items(replace(DECIDED, decision=decision, qty_target=None), CARD, LINE) == []


def test_a_target_equal_to_the_lines_changes_nothing() -> None:
    """No item asks to set a line to what it is."""
    assert items(replace(DECIDED, qty_target=Decimal("10.00")), CARD, LINE) == []


@pytest.mark.parametrize("decision", list(Decision))
def test_a_decision_on_older_numbers_changes_no_line(decision: Decision) -> None:
    """When the card moved on, whatever was decided becomes a request to decide again."""
    target = Decimal(12) if decision is Decision.RECONCILE else None
    old = replace(DECIDED, card_version="fff", decision=decision, qty_target=target)
    (row,) = items(old, replace(CARD, qty_vendor=Decimal(14)), LINE)
    assert (row["action"], row["line_id"], row["qty_to"]) == ("needs_person", None, None)
    assert row["qty_from"] == Decimal(10)
    assert "now invoiced 10, used 14: decide again" in row["why"]


def test_a_reconcile_without_quantity_changes_no_line() -> None:
    """A ledger entry that lacks its quantity never becomes a number."""
    (row,) = items(replace(DECIDED, qty_target=None), CARD, LINE)
    assert (row["action"], row["qty_to"]) == ("needs_person", None)


def test_decision_rows_have_the_tables_columns() -> None:
    """The copy for analysts has every column, exact decimals, and naive UTC instants."""
    there = AT.astimezone(timezone(timedelta(hours=5)))
    row = decision_row(replace(DECIDED, decided_at=there), is_current=True)
    table = next(each for each in REVIEW_TABLES if each.name == "decisions")
    assert tuple(row) == table.column_names
    assert row["decided_at"] == datetime(2026, 11, 20, 9, 30)  # noqa: DTZ001 - naive on purpose
    assert (row["decision"], row["qty_target"], row["is_current"]) == ("reconcile", 12, True)
    assert type(row["decision"]) is str


def test_one_decision_per_card_stands() -> None:
    """The decision on the current version stands, else the latest: no card asks twice."""
    first = replace(DECIDED, card_version="old1", decided_at=AT - timedelta(days=2))
    second = replace(DECIDED, card_version="old2", decided_at=AT - timedelta(days=1))
    later = replace(DECIDED, card_version="old3", decided_at=AT + timedelta(days=1))
    cards = {CARD.card_id: CARD}
    assert standing_decisions([second, first], cards) == [second]
    assert standing_decisions([later, DECIDED, second, first], cards) == [DECIDED]
    assert standing_decisions([first, later], {}) == [later]
