"""Decisions and accepted pulls: the first word on a card's version stands."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from reconcile_pipeline.ledger.decisions import (
    Decided,
    accept_pull,
    accepted_pull_ids,
    read_decisions,
    record_decision,
    record_decisions,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, Decision, PipelineError

MakeDecided = Callable[..., Decided]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_decision_comes_back_as_it_was(ledger: Ledger, decided: MakeDecided) -> None:
    """Quantity, words and instant survive the ledger exactly, in UTC."""
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert record_decision(ledger, decided(decided_at=tokyo, note="für „alle“"))
    other = decided(card_id="cafe", decision=Decision.APPROVE, qty_target=None, note=None)
    assert record_decision(ledger, other)
    found = {each.card_id: each for each in read_decisions(Ledger(ledger.path), "2026-11")}
    assert found["cafe"] == other
    assert found["c0ffee"] == decided(note="für „alle“")
    assert read_decisions(ledger, "2026-12") == []


@pytest.mark.parametrize("changes", [{}, {"decided_at": NOON + timedelta(days=1)}])
def test_a_repeat_is_harmless(
    ledger: Ledger, decided: MakeDecided, changes: dict[str, Any]
) -> None:
    """The same decision again, at whatever hour, adds no row and keeps the first instant."""
    assert record_decision(ledger, decided())
    assert not record_decision(ledger, decided(qty_target=Decimal("12.5000"), **changes))
    assert [each.decided_at for each in read_decisions(ledger, "2026-11")] == [NOON]


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": Decision.NO_CHANGE, "qty_target": None},
        {"qty_target": Decimal(13)},
        {"reviewer": "eve"},
        {"note": "guessed"},
        {"note": None},
    ],
)
def test_a_different_word_on_the_same_numbers_is_a_conflict(
    ledger: Ledger, decided: MakeDecided, changes: dict[str, Any]
) -> None:
    """The second opinion is refused, naming whose the first is and when it was given."""
    record_decision(ledger, decided())
    with pytest.raises(PipelineError) as caught:
        record_decision(ledger, decided(**changes))
    assert "reconcile by dana on 2026-11-22 12:00 UTC" in caught.value.message
    assert caught.value.category is Category.INPUT
    assert read_decisions(ledger, "2026-11") == [decided()]


def test_new_numbers_may_be_decided_anew(ledger: Ledger, decided: MakeDecided) -> None:
    """Another version of the card is another question; answers come oldest first."""
    second = decided(card_version="v2", reviewer="eve", decided_at=NOON - timedelta(hours=1))
    assert record_decision(ledger, decided())
    assert record_decision(ledger, second)
    assert read_decisions(ledger, "2026-11") == [second, decided()]


def test_a_batch_is_kept_whole_or_not_at_all(ledger: Ledger, decided: MakeDecided) -> None:
    """One conflict among many keeps all of them out of the ledger."""
    record_decision(ledger, decided())
    batch = [decided(card_id="new"), decided(reviewer="eve")]
    with pytest.raises(PipelineError):
        record_decisions(ledger, batch)
    assert [each.card_id for each in read_decisions(ledger, "2026-11")] == ["c0ffee"]
    assert record_decisions(ledger, [decided(), decided(card_id="new")]) == 1


def test_twenty_at_once_are_one_decision(ledger: Ledger, decided: MakeDecided) -> None:
    """However many clicks arrive together, one is new, the others are repeats, one row stays."""
    count = 20
    barrier = Barrier(count)

    def click(_number: int) -> bool:
        barrier.wait(5)
        return record_decision(ledger, decided())

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(click, range(count)))
    assert sorted(answers) == [False] * (count - 1) + [True]
    assert read_decisions(ledger, "2026-11") == [decided()]


def test_rivals_at_once_have_one_winner(ledger: Ledger, decided: MakeDecided) -> None:
    """Of several people deciding differently at one moment exactly one is recorded."""
    names = ["dana", "eve", "finn", "gil"]
    barrier = Barrier(len(names))

    def say(name: str) -> str | None:
        barrier.wait(5)
        try:
            record_decision(ledger, decided(reviewer=name))
        except PipelineError:
            return None
        return name

    with ThreadPoolExecutor(len(names)) as pool:
        winners = [name for name in pool.map(say, names) if name]
    assert [each.reviewer for each in read_decisions(ledger, "2026-11")] == winners
    assert len(winners) == 1


def test_accepting_a_pull_once_is_enough(ledger: Ledger) -> None:
    """Accepted pulls are a set: a second acceptance keeps the first reason."""
    assert accepted_pull_ids(ledger) == frozenset()
    accept_pull(ledger, "acme-1", reason="They left.", by="dana", at=NOON)
    accept_pull(ledger, "acme-1", reason="Other.", by="eve", at=NOON)
    accept_pull(ledger, "acme-2", reason="They left.", by="dana", at=NOON)
    assert accepted_pull_ids(Ledger(ledger.path)) == {"acme-1", "acme-2"}
