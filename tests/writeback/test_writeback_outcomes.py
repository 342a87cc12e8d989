"""What became of a change that was sent: applied or not, late, differently, or refused.

For every PSA that can be written; the PSA's own log and what it shows in the end are the judges.
"""

from collections.abc import Callable
from decimal import Decimal

import pytest
from writeback_bench.bench import AFTER, BEFORE, Bench

from reconcile_pipeline.model import Category, ChangeState

pytestmark = pytest.mark.long

FAILED = "An unexpected error occurred."
CLOSED = "The billing period is closed."


def test_written_once_and_read_back(bench: Bench) -> None:
    """An undisturbed batch writes each line once and believes only what it reads back."""
    changes = bench.decide(5)
    report = bench.write()
    bench.assert_written_once(*changes)
    assert bench.sends() == 5
    assert bench.clock.slept == []
    assert set(report.ended.values()) == {ChangeState.VERIFIED}
    assert all(bench.trail(change) == ["intent", "sent", "verified"] for change in changes)


def test_a_second_batch_writes_nothing(bench: Bench) -> None:
    """What was written once is not even looked at by the next batch."""
    bench.decide(2)
    bench.write()
    calls = len(bench.server.log)
    report = bench.write()
    assert (report.ended, len(bench.server.log)) == ({}, calls)


@pytest.mark.fault(80)
def test_timeout_before_it_was_applied(bench: Bench) -> None:
    """No answer and nothing applied: looked up, waited for, sent once more, verified."""
    [change] = bench.decide()
    bench.fault("drop_before")
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == 2
    assert bench.clock.slept == [bench.write_back.settle_seconds]
    steps = ["intent", "unknown", "not_applied", "intent", "sent", "verified"]
    assert bench.trail(change) == steps


@pytest.mark.fault(81)
def test_lost_acknowledgement(bench: Bench) -> None:
    """No answer but applied: looked up and verified, and never sent a second time."""
    [change] = bench.decide()
    bench.fault("ack_lost")
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == 1
    assert bench.trail(change) == ["intent", "unknown", "verified"]


def test_never_answered(bench: Bench) -> None:
    """Two sends without an answer are enough: a person has to look, and nothing was doubled."""
    [change] = bench.decide()
    bench.fault("drop_before", times=None)
    bench.write()
    assert bench.sends() == 2
    assert bench.states() == ["needs_person"]
    bench.assert_untouched(change)


@pytest.mark.parametrize("calls_later", [0, 1, 2, 3, 4, 6, 9])
@pytest.mark.fault(82)
def test_applied_late(bench: Bench, calls_later: int) -> None:
    """Applied before, while or long after we waited, the line ends as decided and is not doubled.

    A PSA that sets absolute values may apply the same value a second time: that changes nothing.
    One that adds differences must not apply a second one.
    """
    [change] = bench.decide()
    bench.fault("late_apply", value=calls_later)
    bench.write()
    bench.calm_down(change)
    assert bench.states() == ["verified"]
    assert bench.shows(change) == AFTER
    applied = [(write.qty_before, write.qty_after) for write in bench.writes(change)]
    assert applied[0] == (BEFORE, AFTER)
    again = [(AFTER, AFTER)] if bench.write_back.style == "absolute" else []
    assert applied[1:] in ([], again)
    assert bench.sends() <= 2


@pytest.mark.parametrize("looks", [1, 2])
@pytest.mark.fault(82)
def test_late_but_within_the_wait(bench: Bench, looks: int) -> None:
    """What is applied before the wait is over is found by the look after it, and not sent again."""
    [change] = bench.decide()
    bench.fault("late_apply", value=(looks - 1) * bench.calls_per_look)
    bench.write()
    assert bench.sends() == 1
    bench.assert_written_once(change)
    assert bench.clock.slept == [bench.write_back.settle_seconds] * (looks - 1)


@pytest.mark.parametrize(
    "spoil",
    [None, lambda _wanted: Decimal(22), lambda _wanted: Decimal(100), lambda _wanted: Decimal(0)],
    ids=["not applied", "rounded", "multiplied", "cleared"],
)
@pytest.mark.fault(83)
def test_success_that_is_none(bench: Bench, spoil: Callable[[Decimal], Decimal] | None) -> None:
    """Answered with success, but not to be read back: a person, and the batch goes no further."""
    first, second, third = bench.decide(3)
    bench.fault("not_applied" if spoil is None else "apply_differently", after=1, value=spoil)
    report = bench.write()
    assert bench.states() == ["verified", "needs_person", "queued"]
    bench.assert_written_once(first)
    bench.assert_untouched(third)
    assert bench.sends() == 2
    assert report.stopped.category is Category.CONFLICT
    assert second.change_id in report.stopped.next_step
    shown = BEFORE if spoil is None else spoil(AFTER)
    assert f"the line shows {shown}, not 23" in bench.says(second)
    bench.write()
    assert bench.states() == ["verified", "needs_person", "verified"]
    assert (bench.sends(), bench.shows(second)) == (3, shown)


@pytest.mark.fault(83)
def test_success_that_shows_late(bench: Bench) -> None:
    """Confirmed, but shown only after a while: waited for, and verified without a second send."""
    [change] = bench.decide()
    bench.fault("not_applied")
    wait = bench.clock.sleep

    async def applied_meanwhile(seconds: float) -> None:
        bench.edit(change, AFTER)
        await wait(seconds)

    bench.write(sleep=applied_meanwhile)
    assert bench.trail(change) == ["intent", "sent", "verified"]
    assert bench.sends() == 1
    assert bench.clock.slept == [bench.write_back.settle_seconds]


@pytest.mark.parametrize(
    "status",
    [408, 500, 503, *(pytest.param(status, marks=pytest.mark.slow) for status in (502, 504))],
)
@pytest.mark.parametrize("kind_of_failure", ["status_after", "status"])
@pytest.mark.fault(84)
def test_server_failures(bench: Bench, kind_of_failure: str, status: int) -> None:
    """A failing server may have applied it or not: looked up, and in the end applied once."""
    [change] = bench.decide()
    bench.fault(kind_of_failure, value=status, text=FAILED)
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == (1 if kind_of_failure == "status_after" else 2)
    assert bench.trail(change)[:2] == ["intent", "unknown"]


@pytest.mark.fault(83)
def test_refused_in_words_but_applied(bench: Bench) -> None:
    """A server error in the words of a refusal is not believed when the line shows the change."""
    [change] = bench.decide()
    bench.fault("status_after", value=500, text=CLOSED)
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == 1


def test_refused_in_words_and_edited(bench: Bench) -> None:
    """A server error after which the line shows a third quantity is a person's business."""
    [change] = bench.decide()
    bench.fault("hook", value=lambda _state: bench.edit(change, Decimal(30)))
    bench.fault("status", value=500, text=CLOSED)
    bench.write()
    assert bench.states() == ["needs_person"]
    assert (bench.sends(), bench.shows(change)) == (1, Decimal(30))


@pytest.mark.fault(85)
def test_refused(bench: Bench, refusal: int) -> None:
    """A refusal ends that change with the PSA's own words; the others go on."""
    changes = bench.decide(3)
    bench.fault("status", after=1, value=refusal, text=CLOSED)
    report = bench.write()
    assert bench.states() == ["verified", "rejected", "verified"]
    assert bench.sends() == 3
    assert CLOSED in bench.says(changes[1])
    bench.assert_written_once(changes[0], changes[2])
    bench.assert_untouched(changes[1])
    assert report.stopped is None
    bench.write()
    assert bench.sends() == 3


def test_nobody_answers_in_json(bench: Bench) -> None:
    """Success with a body that is no JSON proves nothing: looked up, never sent blindly again."""
    [change] = bench.decide()
    bench.fault("replace_body", value=lambda _body: b"<html>ok</html>")
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == 1
    assert bench.trail(change) == ["intent", "unknown", "verified"]


def test_siblings_at_once(bench: Bench) -> None:
    """Lines of one agreement that are changed at the same time never undo each other."""
    bench.at_once = 4
    changes = bench.decide(1, lines=4)
    bench.fault("ack_lost", after=1)
    bench.write()
    bench.assert_written_once(*changes)


@pytest.mark.fault(80, 81, 82, 84)
def test_everything_at_once(bench: Bench) -> None:
    """As many changes at once as the PSA takes, with mishaps among them: each line once."""
    bench.at_once = 4
    changes = bench.decide(8)
    for after, what in ((1, "ack_lost"), (3, "drop_before"), (5, "ack_lost")):
        bench.fault(what, after=after)
    bench.fault("status_after", after=7, value=503, text=FAILED)
    bench.write()
    bench.assert_written_once(*changes)
