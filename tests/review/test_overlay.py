"""What the ledger learned since the tables were filled, laid over them, gives today's tables."""

import random
from typing import Any

import pytest

from reconcile_pipeline.ledger.decisions import confirm_decision, withdraw_decision
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


@pytest.mark.parametrize("seed", range(12))
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
