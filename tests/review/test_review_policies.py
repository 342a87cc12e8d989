"""Policies through the door: what rules decide by themselves, and where they hold back."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.ledger.decisions import (
    read_decisions,
    standing_decisions,
    withdraw_decision,
)
from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.policies import Policy, Tolerance

POLICY = Policy(approves_equal=True, up=Tolerance(units=Decimal(2)))
WIDE = replace(POLICY, up=Tolerance(units=Decimal(3)))
EQUAL, TOLERANCE = f"policy:equal_counts@{POLICY.version}", f"policy:tolerance@{POLICY.version}"


@pytest.fixture
def mixed(desk: Any) -> Any:
    """Equal counts, one unit more used, one unit less, far more, and one without a figure."""
    desk.open()
    for number, used in (("equal", 5), ("above", 6), ("below", 4), ("far", 9)):
        desk.customer(number, 5, used)
    desk.customer("unknown", 5, None, is_mapped=False)
    desk.cards()
    return desk


def test_policies_decide_what_needs_no_person(mixed: Any) -> None:
    """Equal counts are approved and small differences kept, in the policy's own name."""
    cards = mixed.cards()
    recorded = mixed.by_policy(POLICY)
    found = {item.card_id: item for item in read_decisions(mixed.ledger)}
    assert {item.decision_id for item in found.values()} == set(recorded.new)
    assert set(found) == {cards["equal"]["card_id"], cards["above"]["card_id"]}
    equal, above = found[cards["equal"]["card_id"]], found[cards["above"]["card_id"]]
    assert (equal.decision, equal.reviewer) == (Decision.APPROVE, EQUAL)
    assert (above.decision, above.reviewer) == (Decision.NO_CHANGE, TOLERANCE)
    assert above.note == "The difference of 1 is within the tolerance."
    assert all(item.is_by_policy for item in found.values())


def test_policies_never_change_a_line(mixed: Any) -> None:
    """Whatever the rules allow, nothing of it is ever written."""
    everything = Tolerance(units=Decimal(1000))
    mixed.by_policy(Policy(approves_equal=True, up=everything, down=everything))
    assert len(read_decisions(mixed.ledger)) == 4
    assert {item.qty_target for item in read_decisions(mixed.ledger)} == {None}
    assert mixed.changes() == []


def test_no_policy_decides_nothing(mixed: Any) -> None:
    """Without rules every card waits for a person."""
    assert mixed.by_policy(Policy()).new == ()
    assert read_decisions(mixed.ledger) == []


def test_a_policy_decides_once(mixed: Any) -> None:
    """The next night's run adds nothing, nor does it repeat."""
    mixed.by_policy(POLICY)
    again = mixed.by_policy(POLICY)
    assert (again.new, again.repeated, again.refused) == ((), (), ())
    assert len(read_decisions(mixed.ledger)) == 2


def test_a_policy_decides_again_on_new_numbers(mixed: Any) -> None:
    """Other numbers are another question, which the rule may answer too."""
    mixed.by_policy(POLICY)
    mixed.use("aabove", 7)
    mixed.build()
    assert len(mixed.by_policy(POLICY).new) == 1
    notes = [item.note for item in read_decisions(mixed.ledger) if item.reviewer == TOLERANCE]
    assert notes[-1] == "The difference of 2 is within the tolerance."


@pytest.mark.parametrize("decision", [Decision.DISMISS, Decision.NO_CHANGE, Decision.RECONCILE])
def test_a_card_a_person_decided_is_left_alone(mixed: Any, decision: Decision) -> None:
    """A rule never decides over a person's decision on the same numbers."""
    card = mixed.cards()["above"]
    note = None if decision is Decision.RECONCILE else "asked"
    mixed.decide(mixed.wanted(card, decision, note=note))
    recorded = mixed.by_policy(POLICY)
    assert len(recorded.new) == 1
    about = [item for item in read_decisions(mixed.ledger) if item.card_id == card["card_id"]]
    assert [item.reviewer for item in about] == ["ann"]


def test_a_quiet_card_keeps_the_reason_a_person_gave(two_months: Any) -> None:
    """An exception from last month is not replaced by a rule that would say the same."""
    desk = two_months
    last = desk.card("2026-10")
    desk.decide(desk.wanted(last, Decision.NO_CHANGE, note="the owner's laptop"), period="2026-10")
    assert desk.by_policy(WIDE).new == ()
    assert desk.standing() == ("quiet", "since 2026-10: the owner's laptop")


def test_an_applied_card_keeps_its_decision(one: Any) -> None:
    """Counts that are equal because somebody reconciled them need no rule's approval."""
    one.decide(one.wanted(one.card()))
    (change,) = one.changes()
    one.write(change, qty_seen=Decimal(8))
    one.invoice("l1", 8)
    one.build()
    assert one.card()["finding"] == "match"
    assert one.by_policy(POLICY).new == ()
    assert one.standing()[0] == "applied"


def test_a_withdrawn_policy_decision_does_not_come_back(mixed: Any) -> None:
    """What a person took back stays with people, however often the rules run."""
    mixed.by_policy(POLICY)
    card = mixed.cards()["above"]
    (decided,) = [item for item in read_decisions(mixed.ledger) if item.card_id == card["card_id"]]
    withdraw_decision(mixed.ledger, decided.decision_id, reason="no", stamp=mixed.stamp())
    assert mixed.by_policy(POLICY).new == ()
    assert mixed.by_policy(WIDE).new == ()
    assert mixed.board()["above"]["status"] == "open"


def test_a_person_decides_over_a_policy(mixed: Any) -> None:
    """A person's decision stands from then on, with its line change; the rule's stays visible."""
    mixed.by_policy(POLICY)
    card = mixed.cards()["above"]
    taken = mixed.decide(mixed.wanted(card))
    stands = {item.card_id: item.reviewer for item in standing_decisions(mixed.ledger)}
    assert stands[card["card_id"]] == "ann"
    assert len(taken.new) == len(mixed.changes()) == 1
    board = mixed.board()
    assert (board["above"]["status"], board["above"]["decided_by"]) == ("decided", "ann")
    rows = [row for row in mixed.rows("review.decisions") if row["card_id"] == card["card_id"]]
    assert {row["reviewer"]: row["stands"] for row in rows} == {
        TOLERANCE: "superseded",
        "ann": "standing",
    }
    assert mixed.by_policy(POLICY).new == ()


def test_a_month_that_is_closed_keeps_the_rules_out(mixed: Any) -> None:
    """The rules' decisions on a closed month are refused one by one, and none is recorded."""
    close_period(
        mixed.ledger, "2026-11", evidence=[], cards_digest="d", reason="", stamp=mixed.stamp()
    )
    recorded = mixed.by_policy(POLICY)
    assert recorded.new == ()
    assert len(recorded.refused) == 2
    assert read_decisions(mixed.ledger) == []


def test_an_exception_that_is_over_is_a_rules_business_again(two_months: Any) -> None:
    """Only a card that is quiet now is spared; one whose exception ended may be decided."""
    desk = two_months
    wanted = desk.wanted(
        desk.card("2026-10"), Decision.NO_CHANGE, note="x", expires_on=date(2026, 10, 31)
    )
    desk.decide(wanted, period="2026-10")
    assert len(desk.by_policy(WIDE).new) == 1
