"""Undoing, confirming, and a policy's word: what gives way to what, and what never does."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, links
from reconcile_pipeline.ledger.changes import Intent, PlannedChange, read_changes, record_intent
from reconcile_pipeline.ledger.changes import take_lease as new_lease
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import (
    confirm_decision,
    confirmed_kinds,
    read_decisions,
    record_decisions,
    standing_decisions,
    withdraw_decision,
    withdrawn_ids,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import confirmations, withdrawals
from reconcile_pipeline.model import Category, PipelineError

MakeDecided = Callable[..., Decided]
MakePlanned = Callable[..., PlannedChange]
MakeStamp = Callable[..., Stamp]
MakeDraft = Callable[..., Intent]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
POLICY = "policy:small-differences"


def record(ledger: Ledger, item: Decided) -> str:
    (decision_id,) = record_decisions(ledger, [item], origin="tests").new
    return decision_id


def begin_sending(ledger: Ledger, draft: MakeDraft, stamp: MakeStamp) -> None:
    """Record an intent for the newest change."""
    change = read_changes(ledger)[-1]
    intent = draft(change.change_id, new_lease(ledger, "host", stamp()))
    record_intent(ledger, change, intent, "PATCH …", stamp())


def test_an_undone_decision_stands_no_more(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp
) -> None:
    """It is still there to read, but not in force, and the card can be decided anew, as turn 2."""
    first = record(ledger, decided())
    withdraw_decision(ledger, first, reason="wrong card", stamp=stamp("eve", 1, "command line"))
    assert standing_decisions(ledger) == []
    assert withdrawn_ids(ledger) == {first}
    second = record(ledger, decided(reviewer="finn"))
    assert second != first
    assert [(item.turn, item.reviewer) for item in read_decisions(ledger)] == [
        (1, "dana"),
        (2, "finn"),
    ]
    (standing,) = standing_decisions(ledger)
    assert (standing.decision_id, standing.turn, standing.supersedes) == (second, 2, None)
    with ledger.reading() as connection:
        link = list(links(connection))[1]
    assert (link["kind"], link["recorded_by"]) == ("withdrawals", "eve")
    assert link["recorded_from"] == "command line"
    assert [row["reason"] for row in ledger.rows(sa.select(withdrawals))] == ["wrong card"]


def test_the_very_same_may_be_decided_again_after_an_undoing(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp
) -> None:
    """Somebody who undid by mistake says the same again, and it stands; so on for ever."""
    ids = []
    for _ in range(3):
        ids.append(record(ledger, decided()))
        withdraw_decision(ledger, ids[-1], reason="r", stamp=stamp())
    ids.append(record(ledger, decided()))
    assert len(set(ids)) == 4
    assert [item.decision_id for item in standing_decisions(ledger)] == [ids[-1]]


def test_undoing_twice_is_harmless(ledger: Ledger, decided: MakeDecided, stamp: MakeStamp) -> None:
    """The first undoing stays as it was, also when the card was decided again since."""
    first = record(ledger, decided())
    withdraw_decision(ledger, first, reason="one", stamp=stamp())
    withdraw_decision(ledger, first, reason="two", stamp=stamp("eve"))
    second = record(ledger, decided())
    withdraw_decision(ledger, first, reason="three", stamp=stamp("eve"))
    assert [row["reason"] for row in ledger.rows(sa.select(withdrawals))] == ["one"]
    assert [item.decision_id for item in standing_decisions(ledger)] == [second]


def test_what_was_begun_is_not_undone_by_words(
    ledger: Ledger,
    decided: MakeDecided,
    planned: MakePlanned,
    draft: MakeDraft,
    stamp: MakeStamp,
) -> None:
    """Once a change of it was about to be sent, undoing is refused with the way to take it back."""
    decision_id = record(ledger, decided(changes=(planned(),)))
    begin_sending(ledger, draft, stamp)
    with pytest.raises(PipelineError, match="on its way into the PSA") as caught:
        withdraw_decision(ledger, decision_id, reason="r", stamp=stamp())
    assert caught.value.category is Category.CONFLICT
    assert "reconcile undo" in caught.value.next_step
    assert len(standing_decisions(ledger)) == 1


def test_what_is_not_there_is_neither_undone_nor_confirmed(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp
) -> None:
    """An unknown decision is a mistake in the input; so is confirming one that was undone."""
    with pytest.raises(PipelineError, match="There is no decision nothing") as caught:
        withdraw_decision(ledger, "nothing", reason="r", stamp=stamp())
    assert caught.value.category is Category.INPUT
    first = record(ledger, decided())
    withdraw_decision(ledger, first, reason="r", stamp=stamp())
    for decision_id in ("nothing", first):
        with pytest.raises(PipelineError, match="no standing decision") as caught:
            confirm_decision(ledger, decision_id, "large", stamp("eve"))
        assert caught.value.category is Category.INPUT
    assert confirmed_kinds(ledger) == {}


@pytest.mark.parametrize("is_planned", [False, True])
def test_a_persons_word_replaces_a_policys(
    ledger: Ledger, decided: MakeDecided, planned: MakePlanned, *, is_planned: bool
) -> None:
    """A policy's decision gives way to a person's; the new one says which it replaced."""
    changes = (planned(),) if is_planned else ()
    by_policy = record(ledger, decided(reviewer=POLICY, changes=changes))
    by_person = record(ledger, decided(qty_target=Decimal(11)))
    (standing,) = standing_decisions(ledger)
    assert (standing.reviewer, standing.turn, standing.supersedes) == ("dana", 2, by_policy)
    assert standing.decision_id == by_person
    assert [change.is_withdrawn for change in read_changes(ledger)] == [True] * len(changes)


@pytest.mark.parametrize("reviewer", [POLICY, "policy:other"])
def test_a_policy_replaces_nobodys_word(
    ledger: Ledger, decided: MakeDecided, reviewer: str
) -> None:
    """Neither a person's decision nor another policy's gives way to a policy."""
    for first in ("dana", "policy:first"):
        card = decided(card_id=first, reviewer=first)
        record(ledger, card)
        with pytest.raises(PipelineError, match=f"decided already: .* by {first}"):
            record(ledger, decided(card_id=first, reviewer=reviewer))
    assert len(standing_decisions(ledger)) == 2


def test_a_policys_word_that_was_begun_stays(
    ledger: Ledger,
    decided: MakeDecided,
    planned: MakePlanned,
    draft: MakeDraft,
    stamp: MakeStamp,
) -> None:
    """When its change was about to be sent already, a person's other word is a conflict."""
    record(ledger, decided(reviewer=POLICY, changes=(planned(),)))
    begin_sending(ledger, draft, stamp)
    with pytest.raises(PipelineError, match=f"by {POLICY}"):
        record(ledger, decided(qty_target=Decimal(11)))


def test_a_replaced_word_never_comes_back(
    ledger: Ledger, decided: MakeDecided, planned: MakePlanned, stamp: MakeStamp
) -> None:
    """A person who undoes their word does not put the policy's, or its changes, in force again."""
    record(ledger, decided(reviewer=POLICY, changes=(planned(),)))
    by_person = record(ledger, decided(changes=(planned(line_id="l2"),)))
    withdraw_decision(ledger, by_person, reason="r", stamp=stamp())
    assert standing_decisions(ledger) == []
    assert [change.is_withdrawn for change in read_changes(ledger)] == [True, True]
    third = record(ledger, decided(reviewer=POLICY))
    assert [item.decision_id for item in standing_decisions(ledger)] == [third]


def test_a_confirmation_is_kept_once(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp
) -> None:
    """Given with the decision or later, by whoever and however often: one of a kind, the first."""
    first = record(ledger, decided(confirmed=frozenset({"zero", "large"})))
    other = record(ledger, decided(card_id="cafe"))
    confirm_decision(ledger, first, "zero", stamp("eve"))
    for by in ("eve", "eve", "finn"):
        confirm_decision(ledger, other, "second_person", stamp(by))
    assert confirmed_kinds(ledger) == {
        first: frozenset({"zero", "large"}),
        other: frozenset({"second_person"}),
    }
    with ledger.reading() as connection:
        found = [each for each in links(connection) if each["kind"] == "confirmations"]
    assert [link["recorded_by"] for link in found] == ["dana", "dana", "eve"]
    assert len(ledger.rows(sa.select(confirmations))) == 3


@pytest.mark.parametrize(
    ("reviewer", "second"),
    [
        ("Jörg Weiß", "Jörg Weiß"),
        ("Jörg Weiß", "  jÖRG   WEISS "),
        ("Jo\u0308rg Weiß", "J\u00f6rg\u00a0Weiß"),
    ],
)
def test_nobody_is_their_own_second_person(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp, reviewer: str, second: str
) -> None:
    """However the reviewer's name is spelled, their confirmation as second person is refused."""
    decision_id = record(ledger, decided(reviewer=reviewer))
    with pytest.raises(PipelineError, match="can't be the second person") as caught:
        confirm_decision(ledger, decision_id, "second_person", stamp(second))
    assert caught.value.category is Category.INPUT
    confirm_decision(ledger, decision_id, "large", stamp(second))
    assert confirmed_kinds(ledger) == {decision_id: frozenset({"large"})}
    confirm_decision(ledger, decision_id, "second_person", stamp("Jörn Weiß"))
    assert confirmed_kinds(ledger) == {decision_id: frozenset({"large", "second_person"})}
