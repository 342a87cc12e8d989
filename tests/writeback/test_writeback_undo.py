"""Taking decisions back, and settling by hand what stands still."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import pytest
from writeback_bench.bench import AFTER, BEFORE, PERIOD, Bench

from reconcile_pipeline.ledger.changes import Change, Outcome, read_changes, record_outcome
from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.ledger.decisions import record_decisions, standing_decisions
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.writeback.undo import settle_change, undo_decision, withdrawn

ANY_KIND = pytest.mark.parametrize("kind", ["connectwise"])
"""For what is the same whichever PSA is written."""


def undo(bench: Bench, any_id: str) -> tuple[str, ...]:
    return undo_decision(
        bench.ledger, any_id, bench.write_back, reason="wrong", stamp=bench.stamp("eve")
    )


def by_ids(bench: Bench, ids: Iterable[str]) -> list[Change]:
    wanted = set(ids)
    return [change for change in read_changes(bench.ledger) if change.change_id in wanted]


def assert_refused(bench: Bench, change: Change, words: str) -> None:
    with pytest.raises(PipelineError, match=words) as refused:
        undo(bench, change.decision_id)
    assert refused.value.category is Category.CONFLICT
    assert not withdrawn(bench.ledger, change.decision_id)


@pytest.mark.fault(74)
def test_before_it_was_sent(bench: Bench) -> None:
    """Undone before anything was sent: taken back, nothing is ever written, twice is harmless."""
    [change] = bench.decide()
    assert undo(bench, change.change_id) == ()
    assert undo(bench, change.decision_id) == ()
    assert withdrawn(bench.ledger, change.decision_id)
    bench.write()
    assert bench.server.log == []


@pytest.mark.fault(74, 95)
def test_after_it_was_written(bench: Bench) -> None:
    """Undone after it was written: one reverse change, after which the PSA shows the old value."""
    [change] = bench.decide()
    bench.write()
    [reverse] = by_ids(bench, undo(bench, change.decision_id))
    days = timedelta(days=bench.write_back.undo_days_later)
    assert reverse.effective_on == change.effective_on + days
    assert (reverse.qty_from, reverse.qty_to, reverse.undoes) == (AFTER, BEFORE, change.change_id)
    bench.write()
    assert bench.states() == ["verified", "verified"]
    assert bench.shows(reverse) == BEFORE
    assert [write.qty_after for write in bench.writes(change)] == [AFTER, BEFORE]


def test_undone_twice(bench: Bench) -> None:
    """However often and by whichever id it is undone, there is one reverse change."""
    [change] = bench.decide()
    bench.write()
    ids = undo(bench, change.change_id)
    assert undo(bench, change.decision_id) == ids
    bench.write()
    assert undo(bench, change.decision_id) == ids
    bench.write()
    assert bench.sends() == 2


@ANY_KIND
def test_undone_by_many_at_once(bench: Bench) -> None:
    """Ten people undoing one decision in one moment make one reverse change, and no error."""
    [change] = bench.decide()
    bench.write()
    with ThreadPoolExecutor(10) as pool:
        found = set(pool.map(undo, [bench] * 10, [change.decision_id] * 10))
    assert len(found) == 1
    assert len(read_changes(bench.ledger)) == 2


@pytest.mark.fault(95)
def test_edited_before_it_was_undone(bench: Bench) -> None:
    """An undo writes only where the PSA still shows our value: else it is a conflict."""
    [change] = bench.decide()
    bench.write()
    undo(bench, change.decision_id)
    bench.edit(change, Decimal(40))
    bench.write()
    assert bench.states() == ["verified", "conflict"]
    assert (bench.sends(), bench.shows(change)) == (1, Decimal(40))


@ANY_KIND
def test_undo_waits_for_what_it_takes_back(bench: Bench) -> None:
    """A reverse change is held back when a pull has meanwhile contradicted the first one."""
    [change] = bench.decide()
    bench.write()
    undo(bench, change.decision_id)
    outcome = Outcome(change.change_id, ChangeState.DISPROVED)
    record_outcome(bench.ledger, outcome, bench.stamp())
    report = bench.write()
    [blocked] = report.plan.blocked
    assert "has not arrived" in blocked.why
    assert bench.sends() == 1


def test_changed_again_since(bench: Bench) -> None:
    """What a later change builds upon can't be undone first; the refusal names the later one."""
    [first] = bench.decide()
    bench.write()
    line = next(each for each in bench.server.state.world.lines if str(each.id) == first.line_id)
    day = first.effective_on + timedelta(days=1)
    planned = bench.planned(line, Decimal(25), qty_from=AFTER, effective_on=day)
    record_decisions(bench.ledger, [bench.decided(planned)], origin="tests")
    bench.write()
    later = read_changes(bench.ledger)[-1]
    assert_refused(bench, first, f"changed again by {later.change_id}")
    assert len(undo(bench, later.decision_id)) == 1


def test_decision_on_two_lines(bench: Bench) -> None:
    """Undoing a decision takes back every line it changed."""
    changes = bench.decide(lines=2)
    bench.write()
    reverse = by_ids(bench, undo(bench, changes[0].decision_id))
    assert [one.undoes for one in reverse] == [one.change_id for one in changes]
    bench.write()
    assert [bench.shows(one) for one in reverse] == [BEFORE, BEFORE]


def test_decision_that_arrived_by_half(bench: Bench) -> None:
    """Of two lines of which one was refused, only the one that arrived is written back."""
    changes = bench.decide(lines=2)
    bench.fault("status", after=1, value=422)
    bench.write()
    assert bench.states() == ["verified", "rejected"]
    [reverse] = by_ids(bench, undo(bench, changes[0].decision_id))
    assert reverse.undoes == changes[0].change_id
    bench.write()
    assert bench.shows(reverse) == BEFORE
    bench.assert_untouched(changes[1])


@ANY_KIND
def test_decision_of_which_half_waits(bench: Bench) -> None:
    """What had not been sent yet when its decision was undone is never sent."""
    changes = bench.decide(lines=2)
    bench.fault("status", after=1, value=401)
    bench.write()
    assert bench.states() == ["verified", "not_applied"]
    undo(bench, changes[0].decision_id)
    bench.write()
    bench.assert_untouched(changes[1])
    assert read_changes(bench.ledger)[1].is_withdrawn


def test_on_its_way(bench: Bench) -> None:
    """What was sent and not settled yet can't be undone."""
    [change] = bench.decide()
    bench.fault("drop_before")
    bench.fault_reads("status", after_n_calls=bench.calls_per_look, times=None, value=503)
    bench.write()
    assert bench.states() == ["unknown"]
    assert_refused(bench, change, "not settled yet")


def test_nobody_knows(bench: Bench) -> None:
    """What needs a person has to be settled before it can be undone; then it can."""
    [change] = bench.decide()
    bench.fault("not_applied")
    bench.write()
    assert_refused(bench, change, "needs_person")
    settle_change(bench.ledger, change.change_id, "drop", stamp=bench.stamp())
    assert undo(bench, change.decision_id) == ()


def test_refused_and_decided_anew(bench: Bench) -> None:
    """After a refusal the decision can be taken back, and the same card decided otherwise."""
    [change] = bench.decide()
    bench.fault("status", value=422)
    bench.write()
    assert undo(bench, change.decision_id) == ()
    assert undo(bench, change.decision_id) == ()
    [line] = [each for each in bench.server.state.world.lines if str(each.id) == change.line_id]
    again = replace(
        bench.decided(bench.planned(line, Decimal(22))), card_id="card0", reviewer="bob"
    )
    record_decisions(bench.ledger, [again], origin="tests")
    assert [decided.turn for decided in standing_decisions(bench.ledger)] == [2]
    bench.write()
    assert bench.shows(change) == Decimal(22)


@ANY_KIND
def test_undo_in_a_closed_month(bench: Bench) -> None:
    """Nothing is undone in a closed month, written or not."""
    written, waiting = bench.decide(2)
    bench.fault("status", after=1, value=401)
    bench.write()
    close_period(
        bench.ledger,
        PERIOD,
        evidence=["p"],
        cards_digest="d",
        reason="done",
        stamp=bench.stamp("eve"),
    )
    assert_refused(bench, written, "was closed by eve")
    assert_refused(bench, waiting, "was closed by eve")
    assert len(read_changes(bench.ledger)) == 2


@ANY_KIND
def test_unknown_decision(bench: Bench) -> None:
    """Undoing what nobody decided is a plain mistake."""
    with pytest.raises(PipelineError, match="There is no decision"):
        undo(bench, "nonsense")


@ANY_KIND
@pytest.mark.parametrize(
    ("choice", "then"),
    [
        ("applied", ["done_by_hand"]),
        ("retry", ["not_applied", "intent", "sent", "verified"]),
        ("drop", ["dropped"]),
    ],
)
def test_settled_by_a_person(
    bench: Bench, choice: Literal["applied", "retry", "drop"], then: list[str]
) -> None:
    """A person says what became of it: only retry sends it again; twice is harmless."""
    [change] = bench.decide()
    bench.fault("status", value=422)
    bench.write()
    for _time in range(2):
        settle_change(bench.ledger, change.change_id, choice, stamp=bench.stamp("eve"))
    bench.write()
    assert bench.trail(change) == ["intent", "rejected", *then]
    assert bench.sends() == 1 + then.count("sent")


def test_settled_wrongly(bench: Bench) -> None:
    """A person who says retry although it was applied doubles nothing: the line is looked at."""
    [change] = bench.decide()
    bench.fault("apply_differently", value=lambda _wanted: Decimal(22))
    bench.write()
    settle_change(bench.ledger, change.change_id, "retry", stamp=bench.stamp("eve"))
    bench.write()
    assert bench.states() == ["conflict"]
    assert (bench.sends(), bench.shows(change)) == (1, Decimal(22))


@ANY_KIND
def test_nothing_to_settle(bench: Bench) -> None:
    """What has arrived, is on its way, or does not exist can't be settled by hand."""
    arrived, unknown = bench.decide(2)
    bench.fault("drop_before", after=1)
    bench.fault_reads("status", after_n_calls=3 * bench.calls_per_look, times=None, value=503)
    bench.write()
    assert bench.states() == ["verified", "unknown"]
    for change in (arrived, unknown):
        with pytest.raises(PipelineError, match="nothing to settle by hand") as refused:
            settle_change(bench.ledger, change.change_id, "drop", stamp=bench.stamp())
        assert refused.value.category is Category.CONFLICT
    with pytest.raises(PipelineError, match="There is no change nonsense"):
        settle_change(bench.ledger, "nonsense", "drop", stamp=bench.stamp())
    assert bench.states() == ["verified", "unknown"]


@ANY_KIND
def test_settled_while_a_batch_runs(bench: Bench) -> None:
    """A change can't be dropped while a batch may be about to send it."""
    _first, second = bench.decide(2)
    refused: list[str] = []

    def tell(_change: Change, _state: ChangeState) -> None:
        if not refused:
            with pytest.raises(PipelineError, match="Another write-back is running") as error:
                settle_change(bench.ledger, second.change_id, "drop", stamp=bench.stamp())
            refused.append(error.value.message)

    bench.write(tell=tell)
    assert len(refused) == 1
    bench.assert_written_once(second)
