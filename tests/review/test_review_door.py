"""The door: what is recorded with a decision, what is refused, and what a preview shows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.ledger.decisions import read_decisions, standing_decisions
from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.cards import Seen
from reconcile_pipeline.reconciling.line_changes import line_changes
from reconcile_pipeline.review.decide import preview
from reconcile_pipeline.review.reading import read_board

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)
FIRST_OF_NEXT = date(2026, 12, 1)
InShort = Callable[..., list[tuple[Any, ...]]]


def refusal(desk: Any, *wanted: Any) -> PipelineError:
    """Why the batch is refused; nothing of it may be in the ledger."""
    before = len(read_decisions(desk.ledger))
    with pytest.raises(PipelineError) as caught:
        desk.decide(*wanted)
    assert len(read_decisions(desk.ledger)) == before
    assert caught.value.next_step
    return caught.value


Story = tuple[list[dict[str, Any]], object, object, date | None, list[tuple[str, int, int]]]
STORIES: dict[str, Story] = {
    "one line takes all": ([{"qty": 5}], 8, None, None, [("l0", 5, 8)]),
    "the entered quantity": ([{"qty": 5}], 8, 6, None, [("l0", 5, 6)]),
    "the latest line takes all": (
        [{"qty": 5, "effective_on": JULY}, {"qty": 4, "effective_on": JUNE}],
        12,
        None,
        None,
        [("l0", 5, 8)],
    ),
    "the rest spills over": (
        [{"qty": 5, "effective_on": JULY}, {"qty": 4, "effective_on": JUNE}],
        2,
        None,
        None,
        [("l0", 5, 0), ("l1", 4, 2)],
    ),
    "not below included units": ([{"qty": 9, "included": 6}], 2, None, None, [("l0", 9, 6)]),
    "not below the commitment": ([{"qty": 9}], 2, 1, date(2027, 3, 1), [("l0", 9, 2)]),
    "a commitment that ends in time": ([{"qty": 9}], 2, 1, FIRST_OF_NEXT, [("l0", 9, 1)]),
    "never a line that counts itself": (
        [{"qty": 5, "effective_on": JULY, "auto": True}, {"qty": 4, "effective_on": JUNE}],
        12,
        None,
        None,
        [("l1", 4, 7)],
    ),
    "only such a line": ([{"qty": 5, "auto": True}], 8, None, None, []),
    "no line at all": ([], 8, None, None, []),
    "nothing to change": ([{"qty": 5}], 5, None, None, []),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_decision_carries_exactly_its_line_changes(
    desk: Any, in_short: InShort, name: str
) -> None:
    """What may be sent is recorded with the decision, line by line, as the split rule gives it."""
    lines, used, target, until, expected = STORIES[name]
    desk.open()
    desk.customer("1", None, None)
    for number, line in enumerate(lines):
        desk.books.line("1", "p1", line_id=f"l{number}", **line)
    desk.books.usage("a1", "s1", used, committed_until=until)
    card = desk.card()
    desk.decide(desk.wanted(card, target=target))
    changes = desk.changes()
    assert in_short(changes) == [(*change, FIRST_OF_NEXT) for change in expected]
    behind = read_board(desk.connection, "2026-11")[card["card_id"]]
    goal = Decimal(str(used if target is None else target))
    split = line_changes(behind.lines, goal, qty_committed=behind.committed_after(FIRST_OF_NEXT))
    assert [(each.line_id, each.qty_from, each.qty_to) for each in changes] == [
        (each.line.line_id, each.qty_from, each.qty_to) for each in split.changes
    ]


def test_a_change_says_where_it_belongs_and_what_it_is_worth(desk: Any) -> None:
    """Each change names system, agreement, line, price and currency of the very line."""
    desk.open()
    desk.customer("1", 5, 8, price="2.50", currency="CAD")
    card = desk.card()
    desk.decide(desk.wanted(card))
    (change,) = desk.changes()
    assert (change.system, change.agreement_id, change.line_id) == ("psa", "agreement of 1", "l1")
    assert (change.company_name, change.service_name) == ("Company 1", "Product p1")
    assert (change.unit_price, change.currency, change.amount) == (
        Decimal("2.5"),
        "CAD",
        Decimal("7.5"),
    )
    assert (change.decided_by, change.period) == ("ann", "2026-11")
    (decided,) = read_decisions(desk.ledger)
    assert change.decision_id == decided.decision_id


def test_a_decision_keeps_the_numbers_it_was_made_on(one: Any) -> None:
    """Card, counts, price, mapping and evidence go into the ledger beside the decision."""
    card = one.card()
    one.decide(one.wanted(card, note="counted twice"))
    (decided,) = read_decisions(one.ledger)
    basis = decided.basis
    assert (decided.card_id, decided.card_version) == (card["card_id"], card["card_version"])
    assert (decided.qty_target, decided.note) == (8, "counted twice")
    assert (decided.effective_on, decided.decided_at) == (None, one.now)
    told = {name: getattr(basis, name) for name in basis.__dataclass_fields__}
    assert told == {
        "company_id": "1",
        "company_name": "Company 1",
        "service_group_id": "product:p1",
        "service_name": "Product p1",
        "finding": "under_billed",
        "qty_psa": 5,
        "qty_vendor": 8,
        "unit_price": 10,
        "currency": "USD",
        "mapping_version": card["mapping_version"],
        "evidence_as_of": datetime(2026, 11, 22, 2, 0, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    "decision", [Decision.NO_CHANGE, Decision.DISMISS, Decision.EXCLUDE, Decision.APPROVE]
)
def test_other_decisions_change_no_line(desk: Any, decision: Decision) -> None:
    """What leaves the PSA alone is recorded without any line change."""
    desk.open()
    desk.customer("1", 5, 5 if decision is Decision.APPROVE else 8)
    desk.decide(desk.wanted(desk.card(), decision, note="asked"))
    (decided,) = read_decisions(desk.ledger)
    assert (decided.decision, decided.qty_target) == (decision, None)
    assert desk.changes() == []


def test_a_given_day_counts_where_the_psa_knows_days(on_date: Any) -> None:
    """Decision and change carry the day somebody asked for, instead of the next first."""
    day = date(2027, 2, 15)
    on_date.decide(on_date.wanted(on_date.card(), effective_on=day))
    (decided,) = read_decisions(on_date.ledger)
    assert decided.effective_on == day
    assert [change.effective_on for change in on_date.changes()] == [day]


def test_a_given_day_decides_which_commitments_still_hold(desk: Any, in_short: InShort) -> None:
    """A change that counts after the commitment's end may give its units up."""
    desk = desk.as_psa(None)
    desk.open()
    desk.customer("1", 9, None)
    desk.books.usage("a1", "s1", 4, committed_until=date(2026, 12, 31))
    day = date(2027, 1, 1)
    desk.decide(desk.wanted(desk.card(), target=1, effective_on=day))
    assert in_short(desk.changes()) == [("l1", 9, 1, day)]


def test_a_day_is_refused_where_a_change_counts_at_once(one: Any) -> None:
    """A PSA without effective dates never pretends to have one."""
    error = refusal(one, one.wanted(one.card(), effective_on=date(2027, 1, 1), row="june, row 2"))
    assert error.category is Category.INPUT
    assert error.message == (
        "june, row 2: Company 1, Product p1: Halo PSA knows no effective date for a changed"
        " quantity; it counts at once."
    )


def test_part_of_a_unit_is_refused_where_whole_ones_are_needed(on_date: Any) -> None:
    """A quantity that could never be written is not agreed to; elsewhere it is."""
    error = refusal(on_date, on_date.wanted(on_date.card(), target="7.5"))
    assert error.category is Category.INPUT
    assert "Company 1, Product p1 can't be set to 7.5" in error.message
    assert "takes whole numbers only" in error.message
    assert "such as 8," in error.next_step
    for write_back in (None, replace(on_date.write_back, is_whole_units=False)):
        desk = on_date.as_psa(write_back)
        _decided, split = preview(
            desk.connection, desk.door(), desk.wanted(desk.card(), target="7.5")
        )
        assert [change.qty_to for change in split.changes] == [Decimal("7.5")]


def test_a_stale_version_names_old_and_new_numbers(one: Any) -> None:
    """What was seen and what is there now stand side by side in the refusal."""
    before = one.card()
    seen = Seen(before["qty_psa"], before["qty_vendor"])
    one.use("a1", 9)
    one.build()
    error = refusal(one, one.wanted(before, seen=seen))
    assert "has changed since it was decided: invoiced 5 as before, used 8 → 9" in error.message
    assert "decide again" in error.next_step


def test_a_closed_month_takes_no_decision(one: Any) -> None:
    """Who closed it and when stands in the refusal, also where others would still be recorded."""
    card = one.card()
    close_period(
        one.ledger, "2026-11", evidence=[], cards_digest="d", reason="done", stamp=one.stamp("eve")
    )
    error = refusal(one, one.wanted(card))
    assert error.category is Category.CONFLICT
    assert "2026-11 was closed by eve on 2026-11-22 12:01 UTC" in error.message
    taken = one.decide(one.wanted(card), is_all_or_nothing=False)
    assert taken.new == ()
    assert [card_id for card_id, _error in taken.refused] == [card["card_id"]]


def test_the_same_decision_again_is_harmless(one: Any) -> None:
    """A double click, or a retry with the same key, changes nothing and gives the same id."""
    wanted = one.wanted(one.card(), client_key="click-1")
    first = one.decide(wanted)
    again = one.decide(wanted)
    without_key = one.decide(replace(wanted, client_key=""))
    assert first.new == again.repeated == without_key.repeated
    assert again.new == without_key.new == ()
    assert len(read_decisions(one.ledger)) == len(one.changes()) == 1
    error = refusal(one, replace(wanted, qty_target=Decimal(6)))
    assert error.category is Category.CONFLICT
    assert "decided already: reconcile to 8 by ann on 2026-11-22" in error.message


def test_a_key_belongs_to_one_decision(one: Any) -> None:
    """One key for two decisions is a caller's mistake, told as a conflict."""
    one.customer("2", 5, 9)
    one.build()
    cards = one.cards()
    one.decide(one.wanted(cards["1"], client_key="k"))
    error = refusal(one, one.wanted(cards["2"], client_key="k"))
    assert "the same key was used for another decision" in error.message


@pytest.fixture
def many(desk: Any) -> Any:
    """A desk with 500 cards, the last five of which were not left alone since."""
    desk.open()
    for number in range(500):
        desk.customer(str(number), 5, 8)
    return desk


def test_a_bulk_of_500_loses_nothing_silently(many: Any) -> None:
    """3 stale and 2 decided by others: all or none is refused whole, else 495 go in, 5 are told."""
    cards = many.cards()
    stale, others = [f"{number}" for number in (495, 496, 497)], ["498", "499"]
    wanted = [many.wanted(card) for card in cards.values()]
    for number in stale:
        many.use(f"a{number}", 9)
    many.build()
    many.decide(
        *(
            many.wanted(cards[number], Decision.DISMISS, note="x", reviewer="bo")
            for number in others
        )
    )
    error = refusal(many, *wanted)
    assert "3 of 500 decisions can't be taken, so none was recorded" in error.message
    assert error.message.count("has changed since") == 3
    by_card = {item.card_id: item for item in wanted}
    some = [by_card[cards[number]["card_id"]] for number in ("0", "1", *others)]
    assert "by bo on 2026-11-22" in refusal(many, *some).message

    taken = many.decide(*wanted, is_all_or_nothing=False)
    assert len(taken.new) == 495
    assert taken.repeated == ()
    why = {card_id: error.message for card_id, error in taken.refused}
    assert set(why) == {cards[number]["card_id"] for number in (*stale, *others)}
    assert all("has changed since" in why[cards[number]["card_id"]] for number in stale)
    assert all(
        "decided already: dismiss by bo" in why[cards[number]["card_id"]] for number in others
    )
    recorded = [item for item in standing_decisions(many.ledger) if item.reviewer == "ann"]
    assert {item.decision_id for item in recorded} == set(taken.new)
    assert len({item.batch_id for item in recorded}) == 1
    assert recorded[0].batch_id
    assert len(many.changes()) == 495


def test_a_refused_batch_names_each_wrong_one(desk: Any) -> None:
    """Up to ten sentences, then how many more; a single one is told as it is."""
    desk.open()
    for number in range(12):
        desk.customer(str(number), 5, 8)
    cards = desk.cards().values()
    unfit = [desk.wanted(card, Decision.APPROVE) for card in cards]
    error = refusal(desk, *unfit)
    assert error.message.startswith("12 of 12 decisions can't be taken")
    assert error.message.count("\n- Approve confirms equal counts") == 10
    assert error.message.endswith("\n- and 2 more")
    assert refusal(desk, unfit[0]).message.startswith("Approve confirms equal counts, but Company")


@pytest.mark.parametrize("target", [None, "2", "0", "7.25"])
def test_a_preview_shows_what_would_be_recorded(desk: Any, in_short: InShort, target: Any) -> None:
    """The ledger stays as it is, and recording gives the very changes that were shown."""
    desk.open()
    desk.customer("1", 9, None, included=3)
    desk.books.line("1", "p1", 4, line_id="l2", effective_on=JULY)
    desk.books.usage("a1", "s1", 5, committed_until=date(2027, 3, 1))
    wanted = desk.wanted(desk.card(), target=target)
    decided, split = preview(desk.connection, desk.door(), wanted)
    assert read_decisions(desk.ledger) == []
    assert desk.changes() == []
    desk.decide(wanted)
    changes = desk.changes()
    assert changes
    assert in_short(decided.changes) == in_short(changes)
    assert [(each.line.line_id, each.qty_to) for each in split.changes] == [
        (each.line_id, each.qty_to) for each in changes
    ]
    reached = sum((each.qty_to - each.qty_from for each in changes), Decimal(13))
    assert split.remainder == decided.qty_target - reached
    (recorded,) = read_decisions(desk.ledger)
    assert recorded.basis == decided.basis
    assert recorded.qty_target == decided.qty_target


def test_a_preview_refuses_what_would_be_refused(one: Any) -> None:
    """What can't be decided can't be previewed either."""
    with pytest.raises(PipelineError, match="Approve confirms equal counts"):
        preview(one.connection, one.door(), one.wanted(one.card(), Decision.APPROVE))


def test_a_preview_without_a_line_leaves_all_units_over(desk: Any) -> None:
    """New revenue shows its units as left over; a decision without a quantity shows nothing."""
    desk.open()
    desk.customer("1", None, 8)
    desk.customer("2", 5, 8)
    cards = desk.cards()
    dismissed = desk.wanted(cards["2"], Decision.DISMISS, note="asked")
    for wanted, left in ((desk.wanted(cards["1"]), 8), (dismissed, 0)):
        decided, split = preview(desk.connection, desk.door(), wanted)
        assert (decided.changes, split.changes, split.remainder) == ((), (), left)
