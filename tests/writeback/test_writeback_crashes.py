"""Killed at any entry in the ledger, whatever became of the call under way: the next batch mends.

The sweeps die at the n-th entry for every n, until a batch gets through untouched.
"""

import itertools
import subprocess
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from writeback_bench.bench import AFTER, BEFORE, Bench

from reconcile_pipeline.ledger import store
from reconcile_pipeline.ledger.changes import Change, read_changes
from reconcile_pipeline.ledger.decisions import read_decisions, record_decisions
from reconcile_pipeline.writeback.undo import undo_decision

Fate = tuple[str, dict[str, Any]]
FATES: dict[str, Fate | None] = {
    "answered": None,
    "applied": ("ack_lost", {}),
    "not applied": ("drop_before", {}),
    "late": ("late_apply", {"value": 2}),
}
MORE_FATES: dict[str, Fate] = {
    **{f"later by {calls}": ("late_apply", {"value": calls}) for calls in (0, 1, 3, 4, 6, 9)},
    "applied and failed": ("status_after", {"value": 503}),
    "failed": ("status", {"value": 503}),
    "to be repeated": ("status", {"value": 429, "retry_after": 20}),
}
COMMON = [("answered", "before"), ("not applied", "before"), ("late", "before")]
"""Dying before an entry includes what was done since the one before; these are tried each time."""
LONGEST = 30
Start = Callable[..., "subprocess.Popen[str]"]


class Died(BaseException):
    """No handler for errors may hold this up, as none can hold up a killed process."""


class Mortal:
    """Keeps entries until its process dies, before or after the n-th; a dead one keeps nothing."""

    def __init__(self, number: int, when: str) -> None:
        self.right = store.commit
        self.number, self.when = number, when
        self.entries = itertools.count(1)
        self.is_dead = False

    def __call__(self, transaction: sa.RootTransaction) -> None:
        is_last = next(self.entries) == self.number
        self.is_dead = self.is_dead or (is_last and self.when == "before")
        if self.is_dead:
            raise Died
        self.right(transaction)
        if is_last:
            self.is_dead = True
            raise Died


def died(act: Callable[[], object], number: int, when: str) -> bool:
    """Whether the process died; it is as good as dead from the n-th entry on."""
    mortal = Mortal(number, when)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "commit", mortal)
        try:
            act()
        except BaseException as error:
            if not mortal.is_dead:
                raise
            leaves = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
            assert all(isinstance(leaf, Died) for leaf in leaves)
    return mortal.is_dead


def assert_mended(bench: Bench, *changes: Change) -> None:
    """Two undisturbed batches later all is as decided, and nothing was added twice."""
    bench.clock.later(seconds=bench.write_back.settle_seconds + 1)
    for _batch in range(2):
        bench.write()
        states = {change.change_id: change.state for change in read_changes(bench.ledger)}
        if all(states[change.change_id] == "verified" for change in changes):
            break
    bench.server.faults.clear()
    for change in changes:
        assert states[change.change_id] == "verified", bench.trail(change)
        if bench.server.app._late:
            bench.calm_down(change)
        assert bench.shows(change) == AFTER
        applied = [(write.qty_before, write.qty_after) for write in bench.writes(change)]
        # A PSA that sets absolute values may apply the same value twice; one that adds, once.
        again = [(AFTER, AFTER)] if bench.write_back.style == "absolute" else []
        assert applied[0] == (BEFORE, AFTER)
        assert applied[1:] in ([], again)


def sweep(bench: Bench, fate: Fate | None, when: str, *, lines: int = 1) -> int:
    """Die at every entry of a batch; returns how many entries a whole batch makes."""
    for number in range(1, LONGEST):
        changes = bench.decide(lines=lines)
        decisions = len(read_decisions(bench.ledger))
        if fate is not None:
            what, more = fate
            bench.fault(what, **more)
        is_dead = died(bench.write, number, when)
        assert_mended(bench, *changes)
        assert len(read_decisions(bench.ledger)) == decisions
        if not is_dead:
            return number - 1
    raise AssertionError(f"a batch makes more than {LONGEST} entries")


@pytest.mark.parametrize(
    ("fate", "when"),
    [
        pytest.param(fate, when, marks=[] if (fate, when) in COMMON else pytest.mark.slow)
        for fate in FATES
        for when in ("before", "after")
    ],
)
@pytest.mark.long
@pytest.mark.fault(57, 89)
def test_killed_at_every_entry(bench: Bench, fate: str, when: str) -> None:
    """Dying before or after any entry, the change ends as decided and is never doubled."""
    entries = sweep(bench, FATES[fate], when)
    # The epoch, the intent, the answer, what was read back; more after a lost answer.
    assert entries >= 4


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fate", MORE_FATES)
@pytest.mark.fault(57, 89)
def test_killed_at_every_entry_with_other_fates(bench: Bench, fate: str, when: str) -> None:
    """The same for calls that are applied much later, fail, or have to wait."""
    sweep(bench, MORE_FATES[fate], when)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.fault(57, 89)
def test_killed_with_several_under_way(bench: Bench, fate: str, when: str) -> None:
    """The same with three changes under way at once."""
    bench.at_once = 3
    assert sweep(bench, FATES[fate], when, lines=3) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.fault(57)
def test_killed_while_settling(bench: Bench, when: str) -> None:
    """Dying a second time, at any entry of the batch that settles, changes nothing either."""
    for number in range(1, LONGEST):
        [change] = bench.decide()
        bench.fault("drop_before")
        assert died(bench.write, 2, "after")
        bench.clock.later(seconds=bench.write_back.settle_seconds + 1)
        is_dead = died(bench.write, number, when)
        assert_mended(bench, change)
        if not is_dead:
            return
    raise AssertionError("it never got through")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.fault(57)
def test_killed_while_deciding_and_undoing(bench: Bench, when: str) -> None:
    """A decision or undoing whose process died is there whole or not at all; repeating mends."""
    decided = bench.decided(bench.planned(bench.lines()[0]))
    assert died(lambda: record_decisions(bench.ledger, [decided], origin="tests"), 1, when)
    there = 0 if when == "before" else 1
    assert (len(read_decisions(bench.ledger)), len(read_changes(bench.ledger))) == (there, there)
    record_decisions(bench.ledger, [decided], origin="tests")
    bench.write()

    def undo() -> tuple[str, ...]:
        return undo_decision(
            bench.ledger,
            decided.decision_id,
            bench.write_back,
            reason="wrong",
            stamp=bench.stamp(),
        )

    assert died(undo, 1, when)
    assert len(read_changes(bench.ledger)) == 1 + there
    undo()
    bench.write()
    bench.write()
    reverse = read_changes(bench.ledger)[-1]
    assert (bench.states(), bench.shows(reverse)) == (["verified"] * 2, BEFORE)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.fault(89)
def test_killed_between_intent_and_call(bench: Bench, fate: str) -> None:
    """An intent whose call was never made is looked up, waited for, and then carried out."""
    [change] = bench.decide()
    assert died(bench.write, 2, "after")
    assert (bench.states(), bench.sends()) == (["intent"], 0)
    if (found := FATES[fate]) is not None:
        bench.fault(found[0], **found[1])
    assert_mended(bench, change)


def test_waits_only_what_is_left(bench: Bench) -> None:
    """A batch that comes too early waits for the rest of the settle time before it judges."""
    [change] = bench.decide()
    bench.fault("late_apply", value=bench.play.calls_to_start + bench.calls_per_look)
    assert died(bench.write, 3, "before")
    assert bench.states() == ["intent"]
    bench.clock.later(seconds=40)
    bench.write()
    [waited] = bench.clock.slept
    assert waited == pytest.approx(bench.write_back.settle_seconds - 40, abs=1)
    bench.assert_written_once(change)
    assert bench.sends() == 1


def test_answered_and_then_lost(bench: Bench) -> None:
    """What was answered with success but can't be seen after a crash is never sent again."""
    [change] = bench.decide()
    bench.fault("not_applied")
    assert died(bench.write, 4, "before")
    assert bench.states() == ["sent"]
    bench.write()
    assert bench.states() == ["needs_person"]
    assert (bench.sends(), bench.shows(change)) == (1, BEFORE)


def test_edited_after_the_crash(bench: Bench) -> None:
    """A line that shows neither the old nor the new quantity after a crash needs a person."""
    [change] = bench.decide()
    bench.fault("drop_before")
    assert died(bench.write, 3, "before")
    bench.edit(change, Decimal(40))
    bench.write()
    assert bench.states() == ["needs_person"]
    assert (bench.sends(), bench.shows(change)) == (1, Decimal(40))


KILLS = ["2:before", "2:after", "3:before", "4:after"]
"""Before and after the intent, after the call, after what was read back."""


@pytest.mark.parametrize(
    ("fate", "crash"),
    [
        ("applied", "3:before"),
        *(
            pytest.param(fate, crash, marks=pytest.mark.slow)
            for fate in FATES
            for crash in KILLS
            if (fate, crash) != ("applied", "3:before")
        ),
    ],
)
@pytest.mark.fault(89)
def test_real_process_killed(bench: Bench, start: Start, fate: str, crash: str) -> None:
    """A real process that is killed around an entry leaves nothing the next one can't mend."""
    [change] = bench.decide()
    if (found := FATES[fate]) is not None:
        bench.fault(found[0], **found[1])
    process = start(crash=crash)
    assert process.wait(LONGEST) == -9
    assert_mended(bench, change)
