"""The review tables: the ledger as analysts see it, the same however often it is filled."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.ledger.closings import close_period, reopen_period
from reconcile_pipeline.ledger.decisions import read_decisions, withdraw_decision
from reconcile_pipeline.ledger.mappings import Mapping, record_mappings
from reconcile_pipeline.model import ChangeState, Decision
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.review_tables import REVIEW_TABLES
from reconcile_pipeline.warehouse.schemas import failure_cases
from reconcile_pipeline.writeback.undo import undo_decision

FILLED = [*(table.qualified for table in REVIEW_TABLES), "recon.history"]
NEXT_MONTH = date(2026, 12, 1)


def everything(desk: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that is filled from the ledger."""
    return {
        name: desk.connection.execute(f"select * from {name} order by all").fetchall()  # noqa: S608
        for name in FILLED
    }


def mapping(**changes: Any) -> Mapping:
    values: dict[str, Any] = {
        "kind": "service",
        "system": "pax8",
        "item_id": "s1",
        "item_name": "Service s1",
        "target_id": "p1",
        "target_name": "Product p1",
        "state": "mapped",
        "method": "manual",
        "decided_by": "dana",
        "decided_at": datetime(2026, 11, 22, 9, tzinfo=UTC),
        "multiplier": Decimal("2.5"),
    }
    return Mapping(**(values | changes))


def live_through_a_month(desk: Any) -> None:
    """Something of every kind: decisions of every sort, changes in many states, a closing."""
    desk.open()
    for number, used in (("1", 8), ("2", 3), ("3", 9), ("4", 5), ("5", 7)):
        desk.customer(number, 5, used)
    desk.customer("6", None, 2)
    cards = desk.cards()
    note = {"note": "asked"}
    desk.decide(*(desk.wanted(cards[number]) for number in ("1", "2", "3", "6")))
    desk.decide(
        desk.wanted(cards["4"], Decision.APPROVE),
        desk.wanted(cards["5"], Decision.NO_CHANGE, bound=Decimal(4), **note),
    )
    first, second, third = desk.changes()
    desk.write(first, qty_seen=Decimal(8), http_status=200)
    desk.write(second, ChangeState.REJECTED, says="It is posted.", http_status=400)
    withdraw_decision(desk.ledger, third.decision_id, reason="mistake", stamp=desk.stamp())
    record_mappings(desk.ledger, [mapping(), mapping(target_id=None, state="excluded")])
    close_period(
        desk.ledger, "2026-10", evidence=["a"], cards_digest="d", reason="", stamp=desk.stamp()
    )


def test_filling_twice_gives_identical_rows(desk: Any) -> None:
    """The tables are a function of ledger and cards, to the last column."""
    live_through_a_month(desk)
    desk.fill()
    first = everything(desk)
    assert min(len(rows) for rows in first.values()) > 0
    desk.fill()
    assert everything(desk) == first


def test_a_rebuild_gives_identical_rows(desk: Any) -> None:
    """A warehouse made anew from what was pulled and the ledger shows the same, row by row."""
    live_through_a_month(desk)
    desk.fill()
    first = everything(desk)
    for name in (*FILLED, "recon.cards", "recon.card_lines", "map.accounts", "map.services"):
        desk.connection.execute(f"delete from {name}")  # noqa: S608 - closed list
    desk.build()
    desk.fill()
    assert everything(desk) == first


def test_what_is_filled_passes_its_schemas(desk: Any) -> None:
    """No review table holds a value outside its list, or one key twice."""
    live_through_a_month(desk)
    desk.fill()
    failures = {name: failure_cases(desk.connection, TABLES[name], "2026-11") for name in FILLED}
    assert {name for name, cases in failures.items() if cases is not None} == set()


def test_other_months_are_left_alone(two_months: Any) -> None:
    """Filling November neither changes October's rows nor puts any of them into November."""
    two_months.decide(two_months.wanted(two_months.card("2026-10")), period="2026-10")
    two_months.fill("2026-10")
    before = {name: rows for name, rows in everything(two_months).items() if rows}
    assert set(before) >= {"review.decisions", "review.write_backs", "review.action_items"}
    two_months.fill()
    after = everything(two_months)
    assert {name: [row for row in after[name] if row in before[name]] for name in before} == before
    assert two_months.rows("review.decisions") == []
    assert two_months.rows("review.write_backs") == []
    assert two_months.rows("review.action_items") == []


def test_instants_decimals_and_nulls_arrive_as_they_are(one: Any) -> None:
    """Whatever the session's time zone: instants are UTC, numbers exact, unknown stays unknown."""
    assert one.connection.execute("select current_setting('timezone')").fetchall() == [
        ("Asia/Tokyo",)
    ]
    at_night = one.now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    one.decide(one.wanted(one.card(), target="6.1234", note="ünï ✓"))
    one.fill()
    (row,) = one.rows("review.decisions")
    assert row["decided_at"] == one.now.replace(tzinfo=None) > at_night.replace(tzinfo=None)
    assert (row["qty_target"], row["note"]) == (Decimal("6.1234"), "ünï ✓")
    assert (row["effective_on"], row["expires_on"], row["bound"]) == (None, None, None)
    (item,) = one.rows("review.action_items")
    assert (item["qty_to"], item["amount"]) == (Decimal("6.1234"), Decimal("11.2340"))
    assert item["effective_on"] == NEXT_MONTH


def test_a_decision_shows_the_numbers_it_was_made_on(two_months: Any) -> None:
    """Counts, price, terms and finding are those of then, also after the card has moved on."""
    desk = two_months
    wanted = desk.wanted(
        desk.card(),
        Decision.NO_CHANGE,
        note="ok",
        expires_on=date(2027, 1, 31),
        bound=Decimal("3.5"),
    )
    desk.decide(wanted)
    desk.fill()
    (row,) = desk.rows("review.decisions")
    assert row["is_current"] is True
    desk.use("a1", 12)
    desk.build()
    desk.fill()
    (moved,) = desk.rows("review.decisions")
    assert moved == row | {"is_current": False}
    assert (row["qty_psa"], row["qty_vendor"], row["unit_price"]) == (5, 8, 10)
    assert (row["expires_on"], row["bound"]) == (date(2027, 1, 31), Decimal("3.5"))
    assert (row["finding"], row["stands"]) == ("under_billed", "standing")


def test_a_write_back_tells_its_whole_story(one: Any) -> None:
    """How often it was sent, what came back, what the PSA showed, and which pull proved it."""
    one.decide(one.wanted(one.card()))
    (change,) = one.changes()
    one.fill()
    (row,) = one.rows("review.write_backs")
    assert (row["state"], row["attempts"], row["sent_at"]) == ("queued", 0, None)
    assert (row["finished_at"], row["qty_seen"], row["says"]) == (None, None, None)
    assert (row["qty_from"], row["qty_to"], row["amount"]) == (5, 8, 30)
    assert (row["line_id"], row["effective_on"], row["decided_by"]) == ("l1", NEXT_MONTH, "ann")

    one.write(change, ChangeState.NOT_APPLIED, http_status=503, says="Come back later.")
    one.write(change, qty_seen=Decimal(8), http_status=200)
    one.fill()
    (row,) = one.rows("review.write_backs")
    assert (row["state"], row["attempts"], row["http_status"]) == ("verified", 2, 200)
    assert (row["qty_seen"], row["says"]) == (8, "Come back later.")
    assert row["finished_at"] == one.now.replace(tzinfo=None) > row["sent_at"]
    assert row["proved_by"] is None

    one.tell(change, ChangeState.PROVED, pull_id="psa-9", qty_seen=Decimal(8))
    one.fill()
    (row,) = one.rows("review.write_backs")
    assert (row["state"], row["proved_by"], row["attempts"]) == ("proved", "psa-9", 2)


def test_a_withdrawn_change_is_marked(one: Any) -> None:
    """A change that nobody wants any more is not among those that wait."""
    (decision_id,) = one.decide(one.wanted(one.card())).new
    one.fill()
    assert one.ask("review_numbers")[0][:2] == (0, 1)
    withdraw_decision(one.ledger, decision_id, reason="mistake", stamp=one.stamp())
    one.fill()
    (row,) = one.rows("review.write_backs")
    assert (row["state"], row["is_withdrawn"]) == ("queued", True)
    assert one.ask("review_numbers")[0][:2] == (1, 0)
    assert one.ask("review_result") == [("cards: open", 1)]


def test_an_undoing_is_something_to_do(one: Any) -> None:
    """The reverse change is an item of its own, though its decision was withdrawn."""
    one.decide(one.wanted(one.card()))
    (change,) = one.changes()
    one.write(change)
    (reverse,) = undo_decision(
        one.ledger, change.change_id, one.write_back, reason="oops", stamp=one.stamp()
    )
    one.fill()
    (item,) = one.rows("review.action_items")
    assert (item["action_item_id"], item["action"], item["state"]) == (
        reverse,
        "change_line",
        "queued",
    )
    assert (item["qty_from"], item["qty_to"], item["amount"]) == (8, 5, -30)
    rows = {row["change_id"]: row["undoes"] for row in one.rows("review.write_backs")}
    assert rows == {change.change_id: None, reverse: change.change_id}


def test_by_hand_items_wait_for_a_person_until_they_are_done(by_hand: Any) -> None:
    """A PSA that can't be written: the exact instruction, counted until somebody did it."""
    by_hand.decide(by_hand.wanted(by_hand.card(), note="two laptops"))
    (change,) = by_hand.changes()
    by_hand.fill()
    (item,) = by_hand.rows("review.action_items")
    assert (item["action"], item["state"]) == ("by_hand", "queued")
    assert item["why"] == (
        "In Halo PSA, agreement agreement of 1 of Company 1, line l1 (Line l1): change the"
        " quantity from 5 to 8, effective 2026-12-01; then confirm with `reconcile done-by-hand"
        f" {change.change_id}`. ann reconciled 5 → 8 on 2026-11-22 (“two laptops”)."
    )
    assert ("for a person: by_hand", 1) in by_hand.ask("review_result")
    by_hand.tell(change, ChangeState.DONE_BY_HAND)
    by_hand.fill()
    assert by_hand.rows("review.action_items")[0]["state"] == "done_by_hand"
    assert by_hand.ask("review_result") == [
        ("cards: applied", 1),
        ("decisions: reconcile", 1),
        ("line changes: done_by_hand", 1),
    ]


def test_units_without_a_line_ask_for_one(desk: Any) -> None:
    """Reconciled new revenue is an `add_line` item, from the day it should be invoiced."""
    desk.open()
    desk.customer("1", None, 8)
    desk.decide(desk.wanted(desk.card()))
    desk.fill()
    (item,) = desk.rows("review.action_items")
    assert (item["action"], item["qty_from"], item["qty_to"]) == ("add_line", None, 8)
    assert (item["amount"], item["effective_on"]) == (56, NEXT_MONTH)
    assert ("for a person: add_line", 1) in desk.ask("review_result")


def test_what_lines_cant_take_goes_to_a_person(desk: Any) -> None:
    """Units below a floor stay visible as an item, beside the change that is possible."""
    desk.open()
    desk.customer("1", 9, 2, included=6)
    desk.decide(desk.wanted(desk.card()))
    desk.fill()
    items = {row["action"]: row for row in desk.rows("review.action_items")}
    assert set(items) == {"change_line", "needs_person"}
    assert (items["needs_person"]["qty_from"], items["needs_person"]["qty_to"]) == (6, 2)


def test_only_the_latest_decision_on_a_card_asks_for_something(one: Any) -> None:
    """After numbers moved and somebody decided anew, the older decision asks for nothing more."""
    one.decide(one.wanted(one.card()))
    one.use("a1", 9)
    one.build()
    one.fill()
    (again,) = one.rows("review.action_items")
    assert again["action"] == "needs_person"
    assert "now invoiced 5, used 9: decide again." in again["why"]
    one.decide(one.wanted(one.card()))
    one.fill()
    (item,) = one.rows("review.action_items")
    assert (item["action"], item["qty_to"]) == ("change_line", 9)
    assert item["decision_id"] == read_decisions(one.ledger)[-1].decision_id


def test_every_mapping_ever_made_is_history(one: Any) -> None:
    """Mapped, excluded, mapped again: three entries in their order, of whatever month."""
    entries = [mapping(), mapping(target_id=None, target_name=None, state="excluded", reason="x")]
    record_mappings(one.ledger, [*entries, mapping(kind="account", item_id="a1", multiplier=1)])
    one.fill()
    rows = one.connection.execute(
        "select kind, item_id, target_id, state, multiplier, decided_at, reason"
        " from review.mapping_history order by entry"
    ).fetchall()
    nine = datetime(2026, 11, 22, 9)  # noqa: DTZ001 - the warehouse holds naive UTC
    assert rows == [
        ("service", "s1", "p1", "mapped", Decimal("2.5"), nine, None),
        ("service", "s1", None, "excluded", Decimal("2.5"), nine, "x"),
        ("account", "a1", "p1", "mapped", 1, nine, None),
    ]


def test_every_closing_and_reopening_is_told(one: Any) -> None:
    """Who closed which month, who opened it again and why; the digest only where there is one."""
    stamps = [one.stamp("eve"), one.stamp("bo")]
    closing = close_period(
        one.ledger, "2026-10", evidence=["a"], cards_digest="d1", reason="done", stamp=stamps[0]
    )
    reopen_period(one.ledger, "2026-10", reason="a late credit", stamp=stamps[1])
    one.fill()
    rows = one.connection.execute(
        "select period, action, reason, decided_by, decided_at, cards_digest"
        " from review.closings order by entry"
    ).fetchall()
    at = [stamp.at.replace(tzinfo=None) for stamp in stamps]
    assert rows == [
        ("2026-10", "close", "done", "eve", at[0], "d1"),
        ("2026-10", "reopen", "a late credit", "bo", at[1], ""),
    ]
    heads = one.connection.execute("select head_hash from review.closings order by entry")
    first, second = heads.fetchall()
    assert first == (closing.head_hash,)
    assert first != second


@pytest.mark.parametrize(
    ("state", "counted"),
    [
        (ChangeState.QUEUED, (0, 1, 0, 0)),
        (ChangeState.UNKNOWN, (0, 1, 0, 0)),
        (ChangeState.NOT_APPLIED, (0, 1, 0, 0)),
        (ChangeState.VERIFIED, (0, 0, 1, 0)),
        (ChangeState.PROVED, (0, 0, 1, 0)),
        (ChangeState.CONFLICT, (0, 0, 0, 1)),
        (ChangeState.REJECTED, (0, 0, 0, 1)),
        (ChangeState.DISPROVED, (0, 0, 0, 1)),
    ],
)
def test_the_numbers_over_time_sort_every_change(
    one: Any, state: ChangeState, counted: tuple[int, ...]
) -> None:
    """Decisions that wait, changes that wait, were applied, or were refused: each in one place."""
    one.decide(one.wanted(one.card()))
    if state is not ChangeState.QUEUED:
        one.write(*one.changes(), state)
    one.fill()
    assert one.ask("review_numbers") == [counted]
    assert (f"line changes: {state}", 1) in one.ask("review_result")
