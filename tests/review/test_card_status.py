"""Where each card stands, told by the tables as the ledger and the numbers go on."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.decisions import confirm_decision, withdraw_decision
from reconcile_pipeline.model import ChangeState, Decision

OCTOBER = "2026-10"


def use_in_november(desk: Any, qty: object) -> None:
    desk.connection.execute("update core.usage set qty = ? where pull_id = 'pax8-2026-11'", [qty])
    desk.build()


def test_what_nobody_decided_is_open_or_nothing_to_do(desk: Any) -> None:
    """A difference waits for a person; equal counts, and what no vendor feeds, wait for nobody."""
    desk.open()
    desk.customer("1", 5, 8)
    desk.customer("2", 5, 5)
    desk.customer("3", 5, None, is_mapped=False)
    desk.build()
    board = desk.board()
    assert {number: row["status"] for number, row in board.items()} == {
        "1": "open",
        "2": "nothing_to_do",
        "3": "nothing_to_do",
    }
    row = board["1"]
    assert (row["why"], row["decision_id"], row["decided_by"]) == (None, None, None)
    assert (row["finding"], row["amount_delta"], row["currency"]) == ("under_billed", 30, "USD")
    assert (row["company_name"], row["service_name"]) == ("Company 1", "Product p1")


def test_a_decided_card_says_what_and_by_whom(one: Any) -> None:
    """After the decision the card waits for the write-back, not for a person."""
    one.decide(one.wanted(one.card()))
    (row,) = one.board().values()
    assert (row["status"], row["why"]) == ("decided", None)
    assert (row["decision"], row["decided_by"]) == ("reconcile", "ann")
    assert row["decided_at"] == one.now.replace(tzinfo=None)
    (decided,) = one.rows("review.decisions")
    assert row["decision_id"] == decided["decision_id"]


@pytest.mark.parametrize("decision", [Decision.NO_CHANGE, Decision.DISMISS, Decision.EXCLUDE])
def test_what_is_left_as_it_is_becomes_quiet(one: Any, decision: Decision) -> None:
    """A card nobody wants changed is quiet, with the reason."""
    one.decide(one.wanted(one.card(), decision, note="the owner's laptop"))
    assert one.standing() == ("quiet", "the owner's laptop")


def test_approved_equal_counts_are_decided(desk: Any) -> None:
    """An approval is a decision, though nothing follows from it."""
    desk.open()
    desk.customer("1", 5, 5)
    desk.decide(desk.wanted(desk.card(), Decision.APPROVE))
    assert desk.standing() == ("decided", None)


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("update core.agreement_lines set qty = 6", "invoiced 5 → 6"),
        ("update core.usage set qty = 9", "used 8 → 9"),
        ("update core.agreement_lines set unit_price = 11", "price 10 → 11"),
        (
            "update core.agreement_lines set qty = 6; update core.usage set qty = 9",
            "invoiced 5 → 6, used 8 → 9",
        ),
        ("update core.agreement_lines set line_id = 'l2'", "a line behind the counts"),
    ],
)
def test_a_card_whose_numbers_moved_is_open_again(one: Any, change: str, moved: str) -> None:
    """The decision is not forgotten: the card reopens and says what moved since."""
    one.decide(one.wanted(one.card()))
    one.connection.execute(change)
    one.build()
    (row,) = one.board().values()
    assert (row["status"], row["why"]) == ("reopened", f"changed since: {moved}")
    assert (row["decision"], row["decided_by"]) == ("reconcile", "ann")
    (decided,) = one.rows("review.decisions")
    assert (decided["stands"], decided["is_current"]) == ("standing", False)


def test_a_remapped_card_is_open_again_though_the_counts_are_the_same(one: Any) -> None:
    """Another account with the same count is another question."""
    one.decide(one.wanted(one.card(), Decision.RECONCILE))
    one.books.account("other")
    one.books.usage("other", "s1", 8)
    one.books.mappings.clear()
    one.books.map("account", "other", "1")
    one.books.map("service", "s1", "p1")
    one.build()
    assert one.standing() == ("reopened", "changed since: the mapping of an account or a service")


def test_numbers_that_became_equal_by_themselves_need_nobody(one: Any) -> None:
    """A decided card whose sides meet without us has nothing left to do, and says why."""
    one.decide(one.wanted(one.card()))
    one.use("a1", 5)
    one.build()
    assert one.standing() == ("nothing_to_do", "changed since: used 8 → 5")


def test_an_exception_is_carried_into_the_next_month(two_months: Any) -> None:
    """The same numbers next month stay quiet, with the reason and since when."""
    card = two_months.card(OCTOBER)
    two_months.decide(
        two_months.wanted(card, Decision.NO_CHANGE, note="the owner's laptop"), period=OCTOBER
    )
    assert two_months.standing() == ("quiet", f"since {OCTOBER}: the owner's laptop")
    (row,) = two_months.rows("review.card_status")
    assert (row["decision"], row["decided_by"]) == ("no_change", "ann")


def test_an_exception_wakes_when_numbers_move(two_months: Any) -> None:
    """Other numbers than the exception was made on ask a person again, saying what moved."""
    card = two_months.card(OCTOBER)
    two_months.decide(two_months.wanted(card, Decision.NO_CHANGE, note="ok"), period=OCTOBER)
    use_in_november(two_months, 9)
    assert two_months.standing() == ("reopened", f"changed since {OCTOBER}: used 8 → 9")


@pytest.mark.parametrize(("used", "status"), [(9, "quiet"), (10, "reopened"), (4, "reopened")])
def test_a_bounded_exception_wakes_beyond_its_bound(
    two_months: Any, used: int, status: str
) -> None:
    """Up to the bound it stays quiet; beyond it, or the other way round, it wakes."""
    card = two_months.card(OCTOBER)
    exception = two_months.wanted(card, Decision.NO_CHANGE, note="ok", bound=Decimal(4))
    two_months.decide(exception, period=OCTOBER)
    use_in_november(two_months, used)
    assert two_months.standing()[0] == status


def test_an_exception_ends_on_its_day(two_months: Any) -> None:
    """An expired exception asks again, with the day it ended; until then it holds."""
    card = two_months.card(OCTOBER)
    ends = date(2026, 10, 31)
    exception = two_months.wanted(card, Decision.NO_CHANGE, note="ok", expires_on=ends)
    two_months.decide(exception, period=OCTOBER)
    assert two_months.standing(OCTOBER) == ("quiet", "ok")
    assert two_months.standing() == ("reopened", "the exception ended on 2026-10-31")


@pytest.mark.parametrize(
    ("decision", "status"),
    [(Decision.EXCLUDE, "quiet"), (Decision.DISMISS, "open"), (Decision.RECONCILE, "open")],
)
def test_what_else_reaches_into_the_next_month(
    two_months: Any, decision: Decision, status: str
) -> None:
    """An exclusion holds until it is reversed; a dismissal and a quantity are for their month."""
    note = None if decision is Decision.RECONCILE else "leaves us"
    two_months.decide(
        two_months.wanted(two_months.card(OCTOBER), decision, note=note), period=OCTOBER
    )
    use_in_november(two_months, 11)
    assert two_months.standing()[0] == status


def test_a_later_month_never_speaks_for_an_earlier_one(two_months: Any) -> None:
    """An exception made in November leaves October's card as it was."""
    two_months.decide(two_months.wanted(two_months.card(), Decision.NO_CHANGE, note="ok"))
    assert two_months.standing(OCTOBER) == ("open", None)


def test_a_large_change_waits_for_its_confirmation(desk: Any) -> None:
    """Waiting says for what; once it is confirmed the card is decided."""
    desk.open()
    desk.customer("1", 5, 40)
    (decision_id,) = desk.decide(desk.wanted(desk.card())).new
    assert desk.standing() == ("waiting", "to be confirmed: a large change")
    confirm_decision(desk.ledger, decision_id, "large", desk.stamp())
    assert desk.standing() == ("decided", None)


def test_a_line_that_goes_to_zero_waits_for_its_confirmation(desk: Any) -> None:
    """What was confirmed along with the decision needs no second asking."""
    desk.open()
    desk.customer("1", 5, 0)
    desk.customer("2", 5, 0)
    cards = desk.cards()
    desk.decide(desk.wanted(cards["1"]), desk.wanted(cards["2"], confirmed=frozenset({"zero"})))
    board = desk.board()
    assert (board["1"]["status"], board["1"]["why"]) == (
        "waiting",
        "to be confirmed: the line goes to 0",
    )
    assert board["2"]["status"] == "decided"


@pytest.mark.parametrize(
    "state",
    [
        ChangeState.CONFLICT,
        ChangeState.REJECTED,
        ChangeState.NEEDS_PERSON,
    ],
)
def test_a_change_that_did_not_go_through_needs_a_person(one: Any, state: ChangeState) -> None:
    """A conflict, a refusal or an unclear line is somebody's turn."""
    one.decide(one.wanted(one.card()))
    one.write(*one.changes(), state)
    assert one.standing() == (
        "needs_person",
        "a change could not be written as decided, or was given up",
    )


@pytest.mark.parametrize("state", [ChangeState.UNKNOWN, ChangeState.SENT, ChangeState.NOT_APPLIED])
def test_a_change_on_its_way_is_still_decided(one: Any, state: ChangeState) -> None:
    """While the outcome is open the card is nobody's turn."""
    one.decide(one.wanted(one.card()))
    one.write(*one.changes(), state)
    assert one.standing()[0] == "decided"


def test_a_verified_card_is_applied_and_stays_so_after_the_pull(one: Any) -> None:
    """Read back it is applied; the pull that shows the new quantity leaves it applied."""
    one.decide(one.wanted(one.card()))
    one.write(*one.changes(), qty_seen=Decimal(8))
    assert one.standing() == ("applied", None)
    one.invoice("l1", 8)
    one.build()
    (row,) = one.board().values()
    assert (row["status"], row["finding"]) == ("applied", "match")
    assert row["decided_by"] == "ann"


def test_one_line_of_two_is_not_applied(desk: Any) -> None:
    """Only when every line has arrived the card is applied."""
    desk.open()
    desk.customer("1", 5, 0)
    desk.books.line("1", "p1", 4, line_id="l2")
    desk.decide(desk.wanted(desk.card(), confirmed=frozenset({"zero"})))
    first, second = desk.changes()
    desk.write(first)
    assert desk.standing()[0] == "decided"
    desk.write(second)
    assert desk.standing()[0] == "applied"


def test_an_applied_card_whose_use_moved_is_open_again(one: Any) -> None:
    """What arrived settles those numbers only."""
    one.decide(one.wanted(one.card()))
    one.write(*one.changes())
    one.invoice("l1", 8)
    one.use("a1", 10)
    one.build()
    assert one.standing() == ("reopened", "changed since: invoiced 5 → 8, used 8 → 10")


def test_a_pull_that_contradicts_opens_the_card_again(one: Any) -> None:
    """Another quantity than the one that was written is not hidden behind `applied`."""
    one.decide(one.wanted(one.card()))
    (change,) = one.changes()
    one.write(change)
    one.tell(change, ChangeState.DISPROVED, pull_id="psa-9", qty_seen=Decimal(6))
    assert one.standing()[0] == "needs_person"
    one.invoice("l1", 6)
    one.build()
    assert one.standing() == ("reopened", "changed since: invoiced 5 → 6")


def test_a_withdrawn_decision_leaves_the_card_open(one: Any) -> None:
    """Taken back, it is as if nobody had decided, and somebody else may."""
    (decision_id,) = one.decide(one.wanted(one.card())).new
    withdraw_decision(one.ledger, decision_id, reason="mistake", stamp=one.stamp())
    assert one.standing() == ("open", None)
    one.decide(one.wanted(one.card(), Decision.DISMISS, note="asked", reviewer="bo"))
    assert one.standing() == ("quiet", "asked")
    rows = {row["reviewer"]: row["stands"] for row in one.rows("review.decisions")}
    assert rows == {"ann": "withdrawn", "bo": "standing"}
