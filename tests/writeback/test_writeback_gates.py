"""What has to be true before a change is even looked at: every gate, asked at each batch anew."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from writeback_bench.bench import AFTER, BEFORE, PERIOD, Bench, cards_of

from reconcile_pipeline.ledger.changes import Change, read_changes
from reconcile_pipeline.ledger.closings import close_period, reopen_period
from reconcile_pipeline.ledger.decisions import (
    confirm_decision,
    record_decisions,
    withdraw_decision,
)
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.writeback.batch import plan_batch
from reconcile_pipeline.writeback.plan import Gate, Known, make_plan

EditCards = Callable[[dict[str, Card]], dict[str, Card]]
ANY_KIND = pytest.mark.parametrize("kind", ["connectwise"])
"""For what is the same whichever PSA is written."""


def each_card(**changes: Any) -> EditCards:
    return lambda cards: {key: replace(card, **changes) for key, card in cards.items()}


def why_blocked(bench: Bench) -> list[str]:
    return [blocked.why for blocked in plan_batch(bench.batch()).blocked]


def assert_blocked(bench: Bench, *words: str) -> None:
    """Nobody was called, nothing is written, and each reason holds its words."""
    calls = len(bench.server.log)
    report = bench.write()
    reasons = [blocked.why for blocked in report.plan.blocked]
    assert len(reasons) == len(words)
    assert all(word in reason for word, reason in zip(words, reasons, strict=True)), reasons
    assert all(blocked.next_step for blocked in report.plan.blocked)
    assert len(bench.server.log) == calls
    assert bench.server.app.writes == []


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("-1", "below zero"),
        ("-0.0001", "below zero"),
        ("1000001", "more than 1,000,000"),
        ("1E+30", "more than 1,000,000"),
        ("NaN", "no number"),
        ("Infinity", "no number"),
        ("20.00001", "four decimals|whole numbers"),
    ],
)
@pytest.mark.fault(91)
def test_impossible_targets(bench: Bench, target: str, words: str) -> None:
    """Whatever stands in the ledger: negative, huge, and no number at all are never sent."""
    bench.decide(target=Decimal(target), confirmed=frozenset({"zero", "large", "second_person"}))
    [why] = why_blocked(bench)
    assert any(word in why for word in words.split("|"))
    assert_blocked(bench, why)


@pytest.mark.fault(91)
def test_parts_of_units(bench: Bench) -> None:
    """Half a unit is written where the PSA takes it, and refused before any call elsewhere."""
    changes = bench.decide(target=Decimal("22.5"))
    if bench.write_back.is_whole_units:
        assert_blocked(bench, "whole numbers only")
    else:
        bench.write()
        bench.assert_written_once(*changes)


@ANY_KIND
@pytest.mark.parametrize(
    ("target", "limits", "kinds"),
    [
        ("0", Limits(large_units=Decimal(1000)), ["zero"]),
        ("0", Limits(), ["large", "zero"]),
        ("31", Limits(), ["large"]),
        ("9", Limits(), ["large"]),
        ("23", Limits(large_money=Decimal("37.49")), ["large"]),
        ("23", Limits(four_eyes_above=Decimal("37.49")), ["second_person"]),
    ],
)
@pytest.mark.fault(92)
def test_waits_for_its_confirmations(
    bench: Bench, target: str, limits: Limits, kinds: list[str]
) -> None:
    """Zero, large and expensive changes wait until each is confirmed; then they are written."""
    bench.limits = limits
    [change] = bench.decide(target=Decimal(target))
    assert_blocked(bench, "not confirmed")
    for kind in kinds[:-1]:
        confirm_decision(bench.ledger, change.decision_id, kind, bench.stamp("bob"))
    assert_blocked(bench, "not confirmed")
    confirm_decision(bench.ledger, change.decision_id, kinds[-1], bench.stamp("bob"))
    bench.write()
    bench.assert_written_once(change)


@ANY_KIND
@pytest.mark.parametrize(
    ("target", "limits"),
    [
        ("30", Limits()),
        ("10", Limits()),
        ("23", Limits(large_money=Decimal("37.50"), four_eyes_above=Decimal("37.50"))),
    ],
)
def test_at_the_limit_nobody_is_asked(bench: Bench, target: str, limits: Limits) -> None:
    """Exactly at a limit no confirmation is needed."""
    bench.limits = limits
    [change] = bench.decide(target=Decimal(target))
    bench.write()
    bench.assert_written_once(change)


@ANY_KIND
@pytest.mark.fault(77)
def test_nobody_is_their_own_second_person(bench: Bench) -> None:
    """Whoever decided can't be the second person, however they write their name."""
    bench.limits = Limits(four_eyes_above=Decimal(1))
    [change] = bench.decide(confirmed=frozenset({"zero", "large"}))
    for name in ("ann", " ANN "):
        with pytest.raises(PipelineError, match="second person"):
            confirm_decision(bench.ledger, change.decision_id, "second_person", bench.stamp(name))
    assert_blocked(bench, "a second person")


@ANY_KIND
@pytest.mark.fault(92)
def test_batch_beyond_the_limit(bench: Bench) -> None:
    """A batch that is too large is refused with both numbers before anybody is called."""
    bench.limits = Limits(most_changes=2)
    changes = bench.decide(3)
    with pytest.raises(PipelineError, match=r"^3 changes wait .* one batch may hold 2") as refused:
        bench.write()
    assert refused.value.category is Category.INPUT
    assert bench.server.log == []
    assert bench.states() == ["queued"] * 3
    bench.limits = Limits(most_changes=3)
    bench.write()
    bench.assert_written_once(*changes)


def test_settling_makes_no_batch_too_large(bench: Bench) -> None:
    """What an earlier batch left open is settled first; only then is the limit asked again."""
    [first] = bench.decide()
    bench.fault("drop_before")
    bench.fault_reads("status", after_n_calls=bench.calls_per_look, times=None, value=503)
    bench.write()
    bench.server.faults.clear()
    bench.decide(2)
    bench.limits = Limits(most_changes=2)
    with pytest.raises(PipelineError, match="3 changes wait"):
        bench.write()
    assert bench.trail(first)[-1] == "not_applied"
    assert bench.sends() == 1


@ANY_KIND
@pytest.mark.fault(36)
def test_old_evidence(bench: Bench) -> None:
    """Counts older than the limit are not written on, and are again after a new pull."""
    [change] = bench.decide()
    bench.clock.later(hours=24, seconds=1)
    assert_blocked(bench, "its counts are too old (2026-11-22 12:00 UTC)")
    bench.edit_cards = each_card(evidence_as_of=bench.clock() - timedelta(hours=1))
    bench.write()
    bench.assert_written_once(change)


@ANY_KIND
def test_evidence_of_unknown_age(bench: Bench) -> None:
    """Counts whose age nobody knows count as too old."""
    bench.decide()
    bench.edit_cards = each_card(evidence_as_of=None)
    assert_blocked(bench, "its counts are of unknown age")


@ANY_KIND
@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ({"qty_psa": Decimal(21)}, "invoiced 20 → 21"),
        ({"qty_vendor": Decimal(24)}, "used 23 → 24"),
        ({"qty_vendor": None}, "used 23 → unknown"),
        ({"unit_price": Decimal("13.00")}, "price 12.5 → 13"),
        ({"mapping_version": "m2"}, "the mapping of an account or a service"),
        ({}, "a line behind the counts"),
    ],
)
@pytest.mark.fault(71, 75)
def test_card_has_moved(bench: Bench, moved: dict[str, Any], words: str) -> None:
    """A decision on numbers that changed since is not written; it is said what moved."""
    bench.decide()
    bench.edit_cards = each_card(card_version="v2", **moved)
    assert_blocked(bench, f"changed since it was decided: {words}")


@ANY_KIND
def test_card_is_gone(bench: Bench) -> None:
    """A decision whose card does not exist any more is not written."""
    bench.decide()
    bench.edit_cards = lambda _cards: {}
    assert_blocked(bench, "its card is gone")


@ANY_KIND
def test_taken_back_while_queued(bench: Bench) -> None:
    """A decision that was taken back before its batch leaves nothing to do."""
    [change] = bench.decide()
    withdraw_decision(bench.ledger, change.decision_id, reason="oops", stamp=bench.stamp())
    report = bench.write()
    assert (report.plan.blocked, report.ended, bench.server.log) == ((), {}, [])


@pytest.mark.parametrize("seconds_person", ["withdraws", "decides"])
def test_taken_back_while_the_batch_runs(bench: Bench, seconds_person: str) -> None:
    """A decision taken back or replaced after the plan was made is not sent; the others are."""
    policy = bench.decided(bench.planned(bench.lines()[0]), reviewer="policy:x@1")
    first = bench.decide()[0]
    record_decisions(bench.ledger, [policy], origin="tests")
    last = bench.decide()[0]
    taken = read_changes(bench.ledger)[1]

    def tell(change: Change, state: ChangeState) -> None:
        if (change.change_id, state) != (first.change_id, ChangeState.VERIFIED):
            return
        if seconds_person == "withdraws":
            withdraw_decision(bench.ledger, taken.decision_id, reason="no", stamp=bench.stamp())
        else:
            rival = replace(policy, reviewer="bob", note="no", changes=(), qty_target=BEFORE)
            record_decisions(bench.ledger, [rival], origin="tests")

    report = bench.write(tell=tell)
    bench.assert_written_once(first, last)
    bench.assert_untouched(taken)
    assert (report.stopped, bench.sends()) == (None, 2)
    assert read_changes(bench.ledger)[1].is_withdrawn


@ANY_KIND
def test_person_over_policy(bench: Bench) -> None:
    """Where a person has decided over a policy, only the person's quantity is written."""
    [line] = bench.lines()
    policy = bench.decided(bench.planned(line), reviewer="policy:x@1")
    own = replace(
        policy,
        reviewer="bob",
        qty_target=Decimal(22),
        changes=(bench.planned(line, Decimal(22)),),
    )
    record_decisions(bench.ledger, [policy], origin="tests")
    record_decisions(bench.ledger, [own], origin="tests")
    bench.write()
    [write] = bench.server.app.writes
    assert write.qty_after == Decimal(22)


@pytest.mark.fault(55)
def test_closed_month(bench: Bench) -> None:
    """A closed month is not written into, whoever starts the batch, until it is reopened."""
    [change] = bench.decide()
    close_period(
        bench.ledger,
        PERIOD,
        evidence=["p"],
        cards_digest="d",
        reason="done",
        stamp=bench.stamp("eve"),
    )
    with pytest.raises(PipelineError, match="was closed by eve"):
        bench.write()
    assert bench.server.log == []
    reopen_period(bench.ledger, PERIOD, reason="forgot one", stamp=bench.stamp("eve"))
    bench.write()
    bench.assert_written_once(change)


def test_two_changes_of_one_line(bench: Bench) -> None:
    """Two decided changes of one line never go in one batch: the second waits for the first."""
    [line] = bench.lines()
    steps = [(BEFORE, AFTER), (AFTER, Decimal(25))]
    for at, (before, after) in enumerate(steps):
        # A PSA that adds differences takes one change of a line a day.
        day = bench.effective + timedelta(days=at)
        planned = bench.planned(line, after, qty_from=before, effective_on=day)
        record_decisions(bench.ledger, [bench.decided(planned)], origin="tests")
    report = bench.write()
    assert [blocked.why for blocked in report.plan.blocked] == [
        "another change of the same line is not settled yet"
    ]
    assert bench.states() == ["verified", "queued"]
    bench.write()
    assert [write.qty_after for write in bench.server.app.writes] == [AFTER, Decimal(25)]


def test_line_that_is_not_settled(bench: Bench) -> None:
    """While nobody knows what became of a change, no other change of its line is sent."""
    [first] = bench.decide()
    bench.fault("drop_before")
    bench.fault_reads("status", after_n_calls=bench.calls_per_look, times=None, value=503)
    bench.write()
    bench.server.faults.clear()
    line = next(each for each in bench.server.state.world.lines if str(each.id) == first.line_id)
    planned = bench.planned(line, Decimal(25))
    record_decisions(bench.ledger, [bench.decided(planned)], origin="tests")
    bench.fault_reads("replace_body", value=lambda _body: b'{"quantity": NaN}')
    report = bench.write()
    assert [blocked.why for blocked in report.plan.blocked] == [
        "another change of the same line is not settled yet"
    ]
    assert (bench.states(), bench.sends()) == (["unknown", "queued"], 1)


@ANY_KIND
def test_decision_that_does_not_stand(bench: Bench) -> None:
    """A change is held back when its decision is not among those that stand."""
    [change] = bench.decide()
    known = Known(changes=[change], decisions={}, confirmed={}, cards=cards_of(bench.ledger))
    plan = make_plan(known, bench.batch().gate(bench.clock()))
    assert plan.ready == ()
    assert [blocked.why for blocked in plan.blocked] == ["its decision does not stand any more"]


@ANY_KIND
def test_psa_that_people_write(bench: Bench) -> None:
    """Where this software can't write, what is ready is listed for a person to do by hand."""
    changes = bench.decide(2)
    bench.decide(target=Decimal(40))
    batch = replace(bench.batch(), gate=lambda at: Gate(bench.limits, None, 24.0, at))
    plan = plan_batch(batch)
    assert [change.change_id for change in plan.by_hand] == [one.change_id for one in changes]
    assert (plan.ready, plan.unsettled, len(plan.blocked)) == ((), (), 1)
