"""One writer at a time, whoever started it; and one change, however often it was asked for."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from writeback_bench.bench import Bench

from reconcile_pipeline.ledger.chain import links
from reconcile_pipeline.ledger.changes import (
    Change,
    Intent,
    LeaseLostError,
    read_changes,
    record_intent,
    take_lease,
)
from reconcile_pipeline.ledger.decisions import read_decisions, record_decisions
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.simulators.server import State
from reconcile_pipeline.writeback.lock import owner, writing_alone

Start = Callable[..., "subprocess.Popen[str]"]
PATIENCE = 30
ANY_KIND = pytest.mark.parametrize("kind", ["connectwise"])
"""For what is the same whichever PSA is written."""


class Holdup:
    """Holds the PSA's answer to a change until the test lets it go."""

    def __init__(self) -> None:
        self.has_come = threading.Event()
        self.may_go = threading.Event()

    def __call__(self, _state: State) -> None:
        self.has_come.set()
        self.may_go.wait(PATIENCE)


def process_id(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def rest_of(process: "subprocess.Popen[str]") -> str:
    """What it says until it, and every process it has started, has ended."""
    assert process.stdout is not None
    return process.stdout.read()


def assert_busy(bench: Bench, name: str) -> None:
    before = len(bench.server.log)
    with pytest.raises(PipelineError, match=f"Another write-back is running .{name} on ") as busy:
        bench.write()
    assert busy.value.category is Category.CONFLICT
    assert len(bench.server.log) == before


@ANY_KIND
@pytest.mark.fault(90)
def test_two_processes(bench: Bench, start: Start) -> None:
    """While one process writes, another one is refused by the first one's name, calling nobody."""
    [change] = bench.decide()
    holdup = Holdup()
    bench.fault("hook", value=holdup)
    process = start()
    number = process_id(process)
    assert holdup.has_come.wait(PATIENCE)
    assert_busy(bench, f"process {number}")
    holdup.may_go.set()
    assert (rest_of(process), process.wait(PATIENCE)) == ("", 0)
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == 1


@ANY_KIND
def test_refused_process(bench: Bench, start: Start) -> None:
    """A process that comes second ends with the name of the one that writes, and writes nothing."""
    [change] = bench.decide()
    with writing_alone(bench.ledger):
        process = start()
        process_id(process)
        assert f"({owner()})" in rest_of(process)
        assert process.wait(PATIENCE) == 3
    bench.assert_untouched(change)


@ANY_KIND
@pytest.mark.fault(59)
def test_orphan_keeps_the_lock(bench: Bench, start: Start) -> None:
    """A step that outlives the run that started it keeps the lock until its last change is done."""
    [change] = bench.decide()
    holdup = Holdup()
    bench.fault("hook", value=holdup)
    parent = start(is_parent=True)
    orphan = process_id(parent)
    assert holdup.has_come.wait(PATIENCE)
    assert parent.pid != orphan
    parent.kill()
    assert parent.wait(PATIENCE) == -signal.SIGKILL
    assert_busy(bench, f"process {orphan}")
    holdup.may_go.set()
    assert rest_of(parent) == ""
    bench.write()
    bench.assert_written_once(change)
    assert bench.sends() == 1


@ANY_KIND
def test_lock_dies_with_its_holder(bench: Bench, start: Start) -> None:
    """A writer that is killed in the middle of a call leaves no lock behind; nothing is doubled."""
    [change] = bench.decide()
    holdup = Holdup()
    bench.fault("hook", value=holdup)
    process = start()
    number = process_id(process)
    assert holdup.has_come.wait(PATIENCE)
    os.kill(number, signal.SIGKILL)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert bench.states() == ["intent"]
    holdup.may_go.set()
    bench.clock.later(minutes=5)
    bench.write()
    bench.assert_written_once(change)


@ANY_KIND
def test_lock_is_free_after_an_error(bench: Bench) -> None:
    """A batch that ends with an error frees the lock."""
    with pytest.raises(RuntimeError, match="inside"), writing_alone(bench.ledger):
        raise RuntimeError("inside")
    with writing_alone(bench.ledger):
        pass


@ANY_KIND
def test_each_batch_says_who_it_is(bench: Bench) -> None:
    """Whoever reads the chain sees each batch begin: as write-back, from which door, in turn."""
    for _time in range(2):
        bench.decide()
        bench.write()
    with bench.ledger.reading() as connection:
        begun = [link for link in links(connection) if link["kind"] == "leases"]
    assert [(link["recorded_by"], link["recorded_from"]) for link in begun] == [
        ("write-back", "tests")
    ] * 2
    [lease] = bench.ledger.view("current_lease")
    assert (lease["epoch"], lease["owner"]) == (2, owner())


@pytest.mark.fault(59)
def test_newer_writer_takes_over(bench: Bench) -> None:
    """When a newer epoch has begun in mid-batch, nothing more is sent and the rest stays queued."""
    changes = bench.decide(3)

    def tell(change: Change, state: ChangeState) -> None:
        if (change.change_id, state) == (changes[0].change_id, ChangeState.VERIFIED):
            take_lease(bench.ledger, "somebody else", bench.stamp())

    report = bench.write(tell=tell)
    assert isinstance(report.stopped, LeaseLostError)
    assert bench.states() == ["verified", "queued", "queued"]
    assert bench.sends() == 1
    bench.write()
    bench.assert_written_once(*changes)


@ANY_KIND
@pytest.mark.fault(59)
def test_old_epoch_records_no_intent(bench: Bench) -> None:
    """An intent of an older epoch is refused by the ledger itself, naming both epochs."""
    [change] = bench.decide()
    old = take_lease(bench.ledger, "one", bench.stamp())
    new = take_lease(bench.ledger, "two", bench.stamp())
    draft = Intent(
        "i",
        change.change_id,
        1,
        old,
        change.qty_from,
        change.qty_to,
        bench.effective,
        bench.clock(),
    )
    with pytest.raises(LeaseLostError, match=rf"epoch {new}.*\({old}\)"):
        record_intent(bench.ledger, change, draft, "PATCH", bench.stamp())
    assert bench.states() == ["queued"]
    record_intent(bench.ledger, change, replace(draft, epoch=new), "PATCH", bench.stamp())
    assert bench.states() == ["intent"]


@pytest.mark.fault(69)
def test_double_click(bench: Bench) -> None:
    """One decision sent in twenty times at once with one key: one decision, and one write."""
    decided = bench.decided(bench.planned(bench.lines()[0]), client_key="click")

    def decide(_number: int) -> tuple[str, ...]:
        recorded = record_decisions(bench.ledger, [decided], origin="tests")
        return recorded.new + recorded.repeated

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(decide, range(20)))
    [one] = read_decisions(bench.ledger)
    assert answers == {(one.decision_id,)}
    bench.write()
    bench.assert_written_once(*read_changes(bench.ledger))
    assert bench.sends() == 1


@ANY_KIND
@pytest.mark.fault(90)
def test_rivals(bench: Bench) -> None:
    """Twenty people deciding one card otherwise: the first wins, and only theirs is written."""
    [line] = bench.lines()
    first = bench.decided(bench.planned(line))
    rivals = [
        replace(
            first,
            reviewer=f"rival {number}",
            client_key=f"key {number}",
            qty_target=first.qty_target,
            changes=(bench.planned(line, first.changes[0].qty_to + number),),
        )
        for number in range(20)
    ]

    def decide(number: int) -> bool:
        try:
            record_decisions(bench.ledger, [rivals[number]], origin="tests")
        except PipelineError as error:
            assert error.category is Category.CONFLICT  # noqa: PT017 - in a thread
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(decide, range(20)))
    assert won.count(True) == 1
    bench.limits = replace(bench.limits, large_units=bench.limits.large_units * 10)
    bench.write()
    [write] = bench.server.app.writes
    assert write.qty_after == rivals[won.index(True)].changes[0].qty_to
