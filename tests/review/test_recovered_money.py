"""Money that write-backs brought in: counted once it was read back, per currency, undone or not."""

from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.model import ChangeState
from reconcile_pipeline.writeback.undo import undo_decision


def history(desk: Any) -> dict[str, tuple[Any, ...]]:
    """Units written, money recovered and money relieved, by company."""
    desk.fill()
    return {
        row["company_id"]: (row["qty_written"], row["amount_recovered"], row["amount_relieved"])
        for row in desk.rows("recon.history")
    }


def money(desk: Any) -> list[tuple[Any, ...]]:
    """(currency, recovered, relieved, changes)."""
    rows: list[tuple[Any, ...]] = desk.ask("money_recovered")
    return rows


@pytest.fixture
def three(desk: Any) -> Any:
    """Three units too few in dollars, two too many in dollars, four too few in euros; decided."""
    desk.open()
    desk.customer("up", 5, 8, price=10)
    desk.customer("down", 5, 3, price="2.50")
    desk.customer("euro", 5, 9, price=100, currency="EUR")
    desk.decide(*(desk.wanted(card) for card in desk.cards().values()))
    return desk


def by_line(desk: Any) -> dict[str, Any]:
    return {change.line_id: change for change in desk.changes()}


def test_nothing_counts_before_it_was_read_back(three: Any) -> None:
    """Decided, on its way or refused: no money yet."""
    changes = by_line(three)
    three.write(changes["lup"], ChangeState.UNKNOWN)
    three.write(changes["ldown"], ChangeState.REJECTED)
    assert history(three) == dict.fromkeys(("up", "down", "euro"), (0, 0, 0))
    assert money(three) == []


def test_money_counts_in_its_direction_and_currency(three: Any) -> None:
    """What is invoiced now that was not, and what no longer is, each in its own currency."""
    for change in three.changes():
        three.write(change)
    assert history(three) == {
        "up": (3, 30, 0),
        "down": (-2, 0, 5),
        "euro": (4, 400, 0),
    }
    assert money(three) == [("EUR", 400, 0, 1), ("USD", 30, 5, 2)]
    assert three.ask("review_numbers") == [(0, 0, 3, 0)]


def test_a_proved_change_counts_once(three: Any) -> None:
    """The pull that proves it doesn't count the money again."""
    change = by_line(three)["lup"]
    three.write(change)
    three.tell(change, ChangeState.PROVED, pull_id="psa-9")
    assert history(three)["up"] == (3, 30, 0)
    assert money(three) == [("USD", 30, 0, 1)]


def test_a_disproved_change_brought_nothing(three: Any) -> None:
    """What a later pull contradicts is no money."""
    change = by_line(three)["lup"]
    three.write(change)
    three.tell(change, ChangeState.DISPROVED, pull_id="psa-9", qty_seen=Decimal(5))
    assert history(three)["up"] == (0, 0, 0)
    assert money(three) == []


def test_what_was_done_by_hand_counts_when_a_pull_shows_it(three: Any) -> None:
    """A person's word is no proof; the pull is."""
    change = by_line(three)["lup"]
    three.tell(change, ChangeState.DONE_BY_HAND)
    three.fill()
    assert money(three) == []
    three.tell(change, ChangeState.PROVED, pull_id="psa-9")
    three.fill()
    assert money(three) == [("USD", 30, 0, 1)]


def test_an_undone_change_cancels_itself_out(three: Any) -> None:
    """Undoing takes the money back the moment it was read back, and is no money of its own."""
    change = by_line(three)["lup"]
    three.write(by_line(three)["ldown"])
    three.write(change)
    (reverse,) = undo_decision(
        three.ledger, change.decision_id, three.write_back, reason="oops", stamp=three.stamp()
    )
    assert history(three)["up"] == (3, 30, 0)
    assert money(three) == [("USD", 30, 5, 2)]
    three.write({each.change_id: each for each in three.changes()}[reverse])
    assert history(three) == {"up": (0, 0, 0), "down": (-2, 0, 5), "euro": (0, 0, 0)}
    assert money(three) == [("USD", 0, 5, 1)]


def test_the_money_of_a_card_that_is_gone_is_still_told(three: Any) -> None:
    """When the line of an ended service leaves the PSA, what it saved stays in the report."""
    three.write(by_line(three)["ldown"])
    three.connection.execute("delete from core.agreement_lines where line_id = 'ldown'")
    three.use("adown", 0)
    three.build()
    assert "down" not in history(three)
    assert money(three) == [("USD", 0, 5, 1)]


def test_two_currencies_on_one_card_are_not_added_up(desk: Any) -> None:
    """The card's amounts are in its own currency; the other line's are told beside them."""
    desk.open()
    desk.customer("1", 5, 0, price=10, line_id="l2")
    desk.books.line("1", "p1", 4, line_id="l1", price=100, currency="EUR")
    desk.decide(desk.wanted(desk.card(), confirmed=frozenset({"zero", "large"})))
    for change in desk.changes():
        desk.write(change)
    assert history(desk) == {"1": (-9, 0, 50)}
    assert money(desk) == [("EUR", 0, 400, 1), ("USD", 0, 50, 1)]


def test_a_line_without_price_counts_units_and_no_money(desk: Any) -> None:
    """Unknown money is not zero money made up: the change is counted, the amount is not."""
    desk.open()
    desk.customer("1", 5, 8, price=None)
    desk.decide(desk.wanted(desk.card()))
    desk.write(*desk.changes())
    assert history(desk) == {"1": (3, 0, 0)}
    assert money(desk) == [("USD", 0, 0, 1)]
    (row,) = desk.rows("review.write_backs")
    assert (row["amount"], row["unit_price"]) == (None, None)


def test_history_has_every_card_of_the_month(three: Any) -> None:
    """One row per card, with where it stands and who decided, whatever came of it."""
    three.fill()
    rows = {row["company_id"]: row for row in three.rows("recon.history")}
    assert set(rows) == {"up", "down", "euro"}
    assert {row["status"] for row in rows.values()} == {"decided"}
    assert {row["decided_by"] for row in rows.values()} == {"ann"}
    assert rows["up"]["amount_delta"] == 30
    assert rows["up"]["first_seen_period"] == "2026-11"
