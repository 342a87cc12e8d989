"""Many at one moment: double clicks are one decision, rivals have one winner, all get an answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import TypeVar

import pytest

from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.changes import PlannedChange, read_changes, take_lease
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import read_decisions, record_decisions, standing_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, PipelineError

COUNT = 20
T = TypeVar("T")


def at_once(act: Callable[[int], T]) -> list[T]:
    barrier = Barrier(COUNT)

    def wait_and_act(number: int) -> T:
        barrier.wait(10)
        return act(number)

    with ThreadPoolExecutor(COUNT) as pool:
        return list(pool.map(wait_and_act, range(COUNT)))


def test_twenty_clicks_are_one_decision(ledger: Ledger, decided: Callable[..., Decided]) -> None:
    """The same key twenty times at once: one row, and everybody hears the same decision."""
    item = decided(client_key="click")
    answers = at_once(lambda _number: record_decisions(ledger, [item], origin="tests"))
    (row,) = read_decisions(ledger)
    assert sorted(len(answer.new) for answer in answers) == [0] * (COUNT - 1) + [1]
    assert {answer.new + answer.repeated for answer in answers} == {(row.decision_id,)}
    assert row == item


@pytest.mark.fault(70)
def test_twenty_rivals_have_one_winner(
    ledger: Ledger, decided: Callable[..., Decided], planned: Callable[..., PlannedChange]
) -> None:
    """Twenty keys, twenty wishes: one is recorded, nineteen hear whose it was, what, and when."""

    def say(number: int) -> PipelineError | None:
        item = decided(
            reviewer=f"person {number}",
            client_key=f"key {number}",
            qty_target=Decimal(number),
            changes=(planned(qty_to=Decimal(number)),),
        )
        try:
            record_decisions(ledger, [item], origin="tests")
        except PipelineError as error:
            return error
        return None

    answers = at_once(say)
    (winner,) = (number for number, answer in enumerate(answers) if answer is None)
    (standing,) = standing_decisions(ledger)
    assert (standing.reviewer, standing.turn) == (f"person {winner}", 1)
    assert [change.qty_to for change in read_changes(ledger)] == [Decimal(winner)]
    told = f"reconcile to {winner} by person {winner} on 2026-11-22 12:00 UTC"
    for answer in answers:
        if answer is not None:
            assert answer.category is Category.CONFLICT
            assert told in answer.message


def test_a_crowd_makes_one_chain(ledger: Ledger, stamp: Callable[..., Stamp]) -> None:
    """Writers take turns: twenty at once leave an unbroken chain, and no epoch is given twice."""

    def act(number: int) -> int:
        accept_pull(ledger, f"p{number}", reason="r", stamp=stamp(f"person {number}"))
        return take_lease(ledger, f"host {number}", stamp())

    assert sorted(at_once(act)) == list(range(1, COUNT + 1))
    with ledger.reading() as connection:
        verdict = verify(connection)
    assert (verdict.entries, verdict.trouble) == (2 * COUNT, "")
