"""The rows that follow from decisions: line changes, lines to add, and work for a person."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.changes import Change
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.model import ChangeState, Decision, Finding
from reconcile_pipeline.reconciling.action_items import action_items, undo_items
from reconcile_pipeline.reconciling.board import ARRIVED
from reconcile_pipeline.reconciling.cards import Card, Line
from reconcile_pipeline.warehouse.review_tables import REVIEW_TABLES

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
    basis=Basis(
        company_id="17",
        company_name="Acme",
        service_group_id="product:5",
        service_name="Backup",
        finding="under_billed",
        qty_psa=Decimal(10),
        qty_vendor=Decimal(12),
        unit_price=Decimal("3.3333"),
        currency="USD",
        mapping_version="m1",
        evidence_as_of=None,
    ),
)
CHANGE = Change(
    system="connectwise",
    company_name="Acme",
    service_name="Backup",
    agreement_id="9",
    line_id="501",
    qty_from=Decimal(10),
    qty_to=Decimal(12),
    effective_on=NEXT_MONTH,
    unit_price=Decimal("3.3333"),
    currency="CAD",
    change_id="c501",
    decision_id=DECIDED.decision_id,
    period="2026-11",
    decided_by="Ann",
)
UNDOING = replace(CHANGE, change_id="u501", undoes="c501", qty_from=Decimal(12), qty_to=Decimal(10))


def checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, if the table takes them as they are."""
    table = next(each for each in REVIEW_TABLES if each.name == "action_items")
    for row in rows:
        assert set(row) == set(table.column_names)
        for column in table.columns:
            value = row[column.name]
            assert column.is_nullable or value is not None, column.name
            assert value is None or not column.allowed or value in column.allowed
            if isinstance(value, Decimal):
                assert value.as_tuple().exponent == -4
    assert len({row["action_item_id"] for row in rows}) == len(rows)
    return rows


def items(
    decided: Decided = DECIDED, card: Card = CARD, *changes: Change, **options: Any
) -> list[dict[str, Any]]:
    return checked(action_items(decided, card, changes, effective_on=NEXT_MONTH, **options))


def test_one_line_is_set_to_the_target() -> None:
    """Reconcile on one line yields that line's before, after, date and money."""
    (row,) = items(DECIDED, CARD, CHANGE)
    assert row == {
        "action_item_id": "c501",
        "period": "2026-11",
        "decision_id": DECIDED.decision_id,
        "card_id": CARD.card_id,
        "action": "change_line",
        "state": "queued",
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


@pytest.mark.parametrize("state", list(ChangeState))
def test_an_item_tells_how_far_its_change_got(state: ChangeState) -> None:
    """The one row of a change goes along with it, from queued to proved."""
    (row,) = items(DECIDED, CARD, replace(CHANGE, state=state))
    assert (row["action"], row["state"]) == ("change_line", str(state))


def test_each_line_is_an_item_of_its_own() -> None:
    """Several lines that share the difference are several items, and nothing is left over."""
    second = replace(CHANGE, change_id="c502", line_id="502", effective_on=date(2027, 1, 1))
    card = replace(CARD, qty_psa=Decimal(20))
    rows = items(replace(DECIDED, qty_target=Decimal(24)), card, CHANGE, second)
    assert [(row["line_id"], row["effective_on"]) for row in rows] == [
        ("501", NEXT_MONTH),
        ("502", date(2027, 1, 1)),
    ]


def test_money_is_the_lines_own_price_or_unknown() -> None:
    """Amounts use each line's price, round to four decimals, and stay unknown without one."""
    half = replace(DECIDED, qty_target=Decimal("10.5"))
    assert items(half, CARD, replace(CHANGE, qty_to=Decimal("10.5")))[0]["amount"] == Decimal(
        "1.6667"
    )
    down = replace(DECIDED, qty_target=Decimal(9))
    assert items(down, CARD, replace(CHANGE, qty_to=Decimal(9)))[0]["amount"] == Decimal("-3.3333")
    assert items(DECIDED, CARD, replace(CHANGE, unit_price=None))[0]["amount"] is None
    assert items(DECIDED, CARD, replace(CHANGE, currency=None))[0]["currency"] == "USD"


def test_new_revenue_asks_for_a_line() -> None:
    """Without a line to change, one add_line item says how many units and how much money."""
    (row,) = items(DECIDED, NEW)
    assert (row["action"], row["qty_from"], row["qty_to"]) == ("add_line", None, Decimal(12))
    assert (row["line_id"], row["amount"]) == (None, Decimal("39.9996"))
    assert row["effective_on"] == NEXT_MONTH
    assert "no line invoices it: add one to an agreement." in row["why"]
    assert (
        row["action_item_id"]
        == (hashlib.sha256(f"{DECIDED.decision_id}|add_line".encode()).hexdigest()[:16])
    )
    assert items(DECIDED, replace(NEW, unit_price=None))[0]["amount"] is None
    assert items(replace(DECIDED, qty_target=Decimal(0)), NEW) == []


def test_what_no_line_may_absorb_goes_to_a_person() -> None:
    """Floors leave a remainder: the possible change, and an item with what still differs."""
    decided = replace(DECIDED, qty_target=Decimal(3))
    change, person = items(decided, CARD, replace(CHANGE, qty_to=Decimal(8)))
    assert (change["action"], change["qty_to"]) == ("change_line", Decimal(8))
    assert (person["action"], person["line_id"]) == ("needs_person", None)
    assert (person["qty_from"], person["qty_to"]) == (Decimal(8), Decimal(3))
    assert "stay at 8" in person["why"]


def test_nothing_can_be_changed_at_all() -> None:
    """A line that the PSA counts itself leaves the whole difference to a person."""
    (person,) = items(DECIDED, CARD)
    assert (person["action"], person["state"]) == ("needs_person", None)
    assert (person["qty_from"], person["qty_to"]) == (Decimal(10), Decimal(12))
    assert "a line that the PSA counts itself is never written" in person["why"]


def test_a_psa_that_cant_be_written_gets_an_exact_instruction() -> None:
    """Who changes the line by hand reads where, from what, to what, from when, and what then."""
    (row,) = items(DECIDED, CARD, CHANGE, can_write=False, psa_title="Halo PSA")
    assert (row["action"], row["state"]) == ("by_hand", "queued")
    assert row["action_item_id"] == "c501"
    assert row["why"] == (
        "In Halo PSA, agreement 9 of Acme, line 501 (Backup): change the quantity from 10 to 12,"
        " effective 2026-12-01; then confirm with `reconcile done-by-hand c501`."
        " Ann reconciled 10 → 12 on 2026-11-20 (“Two laptops. See ticket 7”)."
    )


def test_the_instruction_names_the_line_as_the_psa_does() -> None:
    """A person looks for names: the agreement's and the line's own stand beside their ids."""
    line = Line("501", "9", "Backup per seat", Decimal(10), None, None, None)
    named = replace(line, agreement_name="Managed (C-9)")
    (row,) = items(DECIDED, CARD, CHANGE, can_write=False, psa_title="Halo PSA", lines=[named])
    assert row["why"].startswith(
        "In Halo PSA, agreement 9 “Managed (C-9)” of Acme, line 501 (Backup per seat): change the"
        " quantity from 10 to 12, effective 2026-12-01;"
    )


@pytest.mark.parametrize("decision", [each for each in Decision if each is not Decision.RECONCILE])
def test_other_decisions_change_nothing(decision: Decision) -> None:
    """Approve, no_change, dismiss and exclude leave the PSA alone."""
    assert items(replace(DECIDED, decision=decision, qty_target=None), CARD) == []


def test_a_target_equal_to_the_lines_changes_nothing() -> None:
    """No item asks to set a line to what it is."""
    assert items(replace(DECIDED, qty_target=Decimal("10.00")), CARD) == []


@pytest.mark.parametrize("decision", list(Decision))
def test_a_decision_on_older_numbers_changes_no_line(decision: Decision) -> None:
    """When the card moved on, whatever was decided becomes a request to decide again."""
    target = Decimal(12) if decision is Decision.RECONCILE else None
    changes = (CHANGE,) if decision is Decision.RECONCILE else ()
    old = replace(DECIDED, card_version="fff", decision=decision, qty_target=target)
    (row,) = items(old, replace(CARD, qty_vendor=Decimal(14)), *changes)
    assert (row["action"], row["line_id"], row["qty_to"]) == ("needs_person", None, None)
    assert row["qty_from"] == Decimal(10)
    assert "now invoiced 10, used 14: decide again" in row["why"]


@pytest.mark.parametrize(
    ("decision", "target", "said"),
    [
        (Decision.RECONCILE, Decimal("12.50"), "reconcile to 12.5"),
        (Decision.DISMISS, None, "dismiss"),
    ],
)
def test_who_is_asked_again_reads_what_was_said(
    decision: Decision, target: Decimal | None, said: str
) -> None:
    """A request to decide again names the decision, its quantity if it had one, and its day."""
    old = replace(DECIDED, card_version="fff", decision=decision, qty_target=target)
    (row,) = items(old, CARD)
    assert row["why"] == (
        f"The numbers changed since Ann decided {said} on 2026-11-20; now invoiced 10, used 12:"
        " decide again."
    )


@pytest.mark.parametrize(
    ("note", "shown"),
    [(None, ""), ("", ""), (" . ", ""), ("Gone.", " (“Gone”)"), ("Really?", " (“Really?”)")],
)
def test_a_note_is_quoted_as_it_was_written(note: str | None, shown: str) -> None:
    """The reason stands behind the numbers without its full stop; without a note nothing does."""
    (row,) = items(replace(DECIDED, note=note), CARD, CHANGE)
    assert row["why"] == f"Ann reconciled 10 → 12 on 2026-11-20{shown}."


def test_a_line_that_stands_at_zero_is_still_a_line() -> None:
    """Nothing invoiced on a line is 0 units, and the whole target is what is left to do."""
    (person,) = items(DECIDED, replace(CARD, qty_psa=Decimal(0)))
    assert (person["qty_from"], person["qty_to"]) == (Decimal(0), Decimal(12))
    assert "stay at 0" in person["why"]


@pytest.mark.parametrize("state", [each for each in ChangeState if each is not ChangeState.QUEUED])
def test_what_was_sent_stays_in_sight_when_numbers_move(state: ChangeState) -> None:
    """A change beyond queued keeps its row; only one that has arrived needs no new decision."""
    old = replace(DECIDED, card_version="fff")
    rows = items(old, CARD, replace(CHANGE, state=state))
    assert [row["action"] for row in rows] == (
        ["change_line"] if state in ARRIVED else ["change_line", "needs_person"]
    )
    assert rows[0]["state"] == str(state)


def test_one_of_two_changes_arrived_is_not_all_of_them() -> None:
    """A decision whose second line was not written still asks to decide again."""
    old = replace(DECIDED, card_version="fff")
    arrived = replace(CHANGE, state=ChangeState.PROVED)
    refused = replace(CHANGE, change_id="c502", line_id="502", state=ChangeState.REJECTED)
    assert [row["action"] for row in items(old, CARD, arrived, refused)] == [
        "change_line",
        "change_line",
        "needs_person",
    ]


def test_a_reconcile_without_quantity_changes_no_line() -> None:
    """A ledger entry that lacks its quantity never becomes a number."""
    (row,) = items(replace(DECIDED, qty_target=None), CARD)
    assert (row["action"], row["qty_to"]) == ("needs_person", None)


def test_a_withdrawn_decision_leaves_only_what_takes_it_back() -> None:
    """After an undoing the reverse change has still to be made, by us or by hand."""
    changes = [replace(CHANGE, state=ChangeState.VERIFIED), UNDOING]
    (row,) = checked(undo_items(DECIDED, CARD, changes))
    assert (row["action"], row["action_item_id"]) == ("change_line", "u501")
    assert (row["qty_from"], row["qty_to"]) == (Decimal(12), Decimal(10))
    assert (row["amount"], row["why"]) == (Decimal("-6.6666"), "Takes change c501 back.")
    (row,) = checked(undo_items(DECIDED, CARD, changes, can_write=False, psa_title="Halo PSA"))
    assert row["action"] == "by_hand"
    assert "change the quantity from 12 to 10" in row["why"]
    assert "`reconcile done-by-hand u501`" in row["why"]
    assert undo_items(DECIDED, CARD, [CHANGE]) == []
