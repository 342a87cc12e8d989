"""What the ledger learned since the tables were filled, laid over them, gives today's tables."""

import random
from dataclasses import replace
from typing import Any

import pytest

from reconcile_pipeline.ledger.decisions import confirm_decision, withdraw_decision
from reconcile_pipeline.ledger.moves import MovedId, name_psa, record_move
from reconcile_pipeline.model import ChangeState, Decision, PipelineError
from reconcile_pipeline.review.overlay import changed_since, standings

CUSTOMERS = 8


def five_customers(desk: Any) -> None:
    desk.open()
    for number in range(CUSTOMERS):
        desk.customer(str(number), 5, (0, 5, 8, 900)[number % 4])
    desk.build()


def laid_over(desk: Any, before: dict[str, Any], entry: int) -> dict[str, Any]:
    """The status rows filled earlier, with the overlay of what came since."""
    subjects = changed_since(desk.door(), entry)
    rows = standings(desk.connection, desk.door(), desk.limits, subjects) if subjects else []
    return before | {row["company_id"]: row for row in rows}


def act(desk: Any, dice: random.Random) -> None:
    """One thing that a person or a write-back does, whatever is possible now."""
    changes = [change for change in desk.changes() if not change.is_withdrawn]
    cards = list(desk.cards().values())
    card = dice.choice(cards)
    choice = dice.choice(["decide", "decide", "quiet", "confirm", "write", "undo"])
    if choice == "decide":
        desk.decide(desk.wanted(card), is_all_or_nothing=False)
    elif choice == "quiet":
        wanted = desk.wanted(card, Decision.NO_CHANGE, note="so agreed")
        desk.decide(wanted, is_all_or_nothing=False)
    elif changes:
        change = dice.choice(changes)
        try:
            if choice == "confirm":
                kind = dice.choice(["zero", "large", "second_person"])
                confirm_decision(desk.ledger, change.decision_id, kind, desk.stamp("bob"))
            elif choice == "write":
                desk.write(change, dice.choice([ChangeState.VERIFIED, ChangeState.CONFLICT]))
            else:
                withdraw_decision(
                    desk.ledger, change.decision_id, reason="wrong", stamp=desk.stamp()
                )
        except PipelineError:
            # Not everything may be done at every time; what was refused changed nothing.
            return


@pytest.mark.parametrize("seed", range(5))
def test_tables_with_the_overlay_are_as_if_filled_anew(desk: Any, shelf: Any, seed: int) -> None:
    """However people and write-backs went on: published status + overlay = today's status."""
    shelf.set_up(desk, five_customers)
    dice = random.Random(seed)  # noqa: S311 - not a secret
    for _ in range(dice.randrange(6)):
        act(desk, dice)
    before = desk.board()
    ((entry,),) = desk.connection.execute("select entry from review.ledger_state").fetchall()
    assert (entry, desk.rows("review.ledger_state")[0]["head_hash"]) == desk.ledger.head()
    for _ in range(12):
        act(desk, dice)
        laid = laid_over(desk, before, entry)
        assert laid == desk.board()


def test_nothing_new_concerns_nothing(one: Any) -> None:
    """A reader who knows the newest entry has nothing to lay over."""
    one.decide(one.wanted(one.card()))
    assert changed_since(one.door(), one.ledger.head()[0]) == set()


def test_a_move_to_another_psa_concerns_everything_ever_decided(one: Any) -> None:
    """After it each decision may be about other ids: those of either PSA are looked at again."""
    name_psa(one.ledger, "old", one.stamp())
    card = one.card()
    one.decide(one.wanted(card))
    entry = one.ledger.head()[0]
    door = replace(one.door(), psa="new")
    assert changed_since(door, entry) == set()
    group = card["service_group_id"]
    moved = [
        MovedId("company", "1", "One", "71", "One", "name"),
        MovedId("group", group, "S", "g7", "S", "name"),
    ]
    record_move(
        *(one.ledger, "old", "new"), moved=moved, mappings=(), reason="r", stamp=one.stamp()
    )
    assert changed_since(door, entry) == {("1", group), ("71", "g7")}
    (said,) = door.standing({"71"})
    assert (said.basis.company_id, said.basis.service_group_id) == ("71", "g7")
    assert door.standing({"70"}) == []


def test_subjects_without_a_card_have_no_row(one: Any) -> None:
    """Neither a customer of another month nor another service of this one is made up."""
    card = one.card()
    others = {("2", card["service_group_id"]), (card["company_id"], "g-none")}
    assert standings(one.connection, one.door(), one.limits, others) == []
    own = (card["company_id"], card["service_group_id"])
    (row,) = standings(one.connection, one.door(), one.limits, {*others, own})
    one.fill()
    assert one.rows("review.card_status") == [row]
