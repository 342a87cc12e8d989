"""Proof by a later pull; and the dry run, whose client can't write at all."""

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from writeback_bench.bench import AFTER, BEFORE, Bench
from writeback_bench.psas import EFFECTIVE

from reconcile_pipeline.http import WritingClient
from reconcile_pipeline.ledger.changes import Change, read_trail
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.writeback.batch import Preview, preview_batch
from reconcile_pipeline.writeback.proof import Pulled, prove_changes
from reconcile_pipeline.writeback.undo import settle_change, undo_decision

ANY_KIND = pytest.mark.parametrize("kind", ["connectwise"])
"""For what is the same whichever PSA is written."""


def pull(
    bench: Bench,
    quantities: dict[str, Decimal],
    *,
    began: datetime | None = None,
    counts_on: date = EFFECTIVE,
    invoiced_on: date | None = None,
) -> list[Change]:
    """Prove by a pull that began just now; returns what it contradicts."""
    began = began or bench.clock()
    days = {} if invoiced_on is None else dict.fromkeys(quantities, invoiced_on)
    pulled = Pulled(f"pull-{began.isoformat()}", bench.kind, began, counts_on, quantities, days)
    bench.clock.later(seconds=30)
    return prove_changes(bench.ledger, pulled, now=bench.clock())


@ANY_KIND
def test_proved_by_a_later_pull(bench: Bench) -> None:
    """A pull taken after the write that shows the quantity proves it, by name and once."""
    [change] = bench.decide()
    bench.write()
    for _time in range(2):
        assert pull(bench, {change.line_id: Decimal("23.0000")}) == []
    assert bench.trail(change) == ["intent", "sent", "verified", "proved"]
    last = read_trail(bench.ledger)[change.change_id][-1]
    assert last["pull_id"].startswith("pull-")
    assert last["recorded_by"] == "rule:proof"


@ANY_KIND
def test_not_by_an_earlier_pull(bench: Bench) -> None:
    """A pull that began before the write says nothing about it, whatever it shows."""
    [change] = bench.decide()
    began = bench.clock()
    bench.write()
    assert pull(bench, {change.line_id: AFTER}, began=began) == []
    assert pull(bench, {change.line_id: BEFORE}, began=began) == []
    assert bench.states() == ["verified"]


@ANY_KIND
def test_not_by_a_pull_of_an_earlier_day(bench: Bench) -> None:
    """A pull that counts a day before the change takes effect can't show it yet."""
    [change] = bench.decide()
    bench.write()
    eve = change.effective_on - timedelta(days=1)
    assert pull(bench, {change.line_id: BEFORE}, counts_on=eve) == []
    assert bench.states() == ["verified"]


@ANY_KIND
def test_not_by_an_invoice_from_before(bench: Bench) -> None:
    """Where only invoices show units, one of the same day or before says nothing."""
    [change] = bench.decide()
    bench.write()
    today = bench.clock().date()
    for shown in (BEFORE, AFTER):
        assert pull(bench, {change.line_id: shown}, invoiced_on=today) == []
    assert bench.states() == ["verified"]
    tomorrow = today + timedelta(days=1)
    assert [c.line_id for c in pull(bench, {change.line_id: BEFORE}, invoiced_on=tomorrow)] == [
        change.line_id
    ]
    assert pull(bench, {change.line_id: AFTER}, invoiced_on=tomorrow) == []
    assert bench.states() == ["proved"]


@ANY_KIND
@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (BEFORE, "written 23, but a later pull shows 20"),
        (None, "written 23, but a later pull does not show the line"),
    ],
)
def test_disproved(bench: Bench, shown: Decimal | None, words: str) -> None:
    """A later pull that shows something else says so loudly; a right one after it proves it."""
    [change] = bench.decide()
    bench.write()
    quantities = {} if shown is None else {change.line_id: shown}
    for _time in range(2):
        [found] = pull(bench, quantities)
        assert found.change_id == change.change_id
    assert bench.trail(change)[3:] == ["disproved"]
    assert bench.says(change) == words
    assert pull(bench, {change.line_id: AFTER}) == []
    assert bench.states() == ["proved"]


@ANY_KIND
def test_done_by_hand_needs_proof(bench: Bench) -> None:
    """What a person says they did by hand counts only when a pull shows it."""
    [change] = bench.decide()
    settle_change(bench.ledger, change.change_id, "applied", stamp=bench.stamp("eve"))
    assert bench.states() == ["done_by_hand"]
    assert len(pull(bench, {change.line_id: BEFORE})) == 1
    assert pull(bench, {change.line_id: AFTER}) == []
    assert bench.states() == ["proved"]


def test_only_the_last_change_of_a_line(bench: Bench) -> None:
    """After an undo a pull is compared with the undo, not with what it took back."""
    [change] = bench.decide()
    bench.write()
    undo_decision(
        bench.ledger, change.change_id, bench.write_back, reason="no", stamp=bench.stamp()
    )
    bench.write()
    later = EFFECTIVE + timedelta(days=1)
    assert pull(bench, {change.line_id: BEFORE}, counts_on=later) == []
    assert bench.states() == ["verified", "proved"]


@ANY_KIND
def test_what_never_arrived_is_not_judged(bench: Bench) -> None:
    """Queued and refused changes are neither proved nor disproved."""
    refused, queued = bench.decide(2)
    bench.fault("status", value=422)
    bench.fault("status", after=1, value=401)
    bench.write()
    states = bench.states()
    assert pull(bench, {refused.line_id: BEFORE, queued.line_id: AFTER}) == []
    assert bench.states() == states


def preview(bench: Bench, changes: list[Change]) -> list[Preview]:
    make = SYSTEMS[bench.kind].client
    assert make is not None
    client = make(bench.served.account)
    assert not isinstance(client, WritingClient)
    assert not hasattr(client, "send")
    return asyncio.run(preview_batch(client, bench.write_back, changes))


def test_dry_run_cannot_write(bench: Bench) -> None:
    """The dry run's client has no method that writes; it reads each line and leaves no trace."""
    as_decided, edited, gone, ended = changes = bench.decide(4)
    bench.edit(edited, Decimal(21))
    # The first way leaves nothing to be seen, the third one a quantity that must not be changed.
    ways = list(bench.play.breaks)
    bench.break_line(gone, ways[0])
    bench.break_line(ended, ways[2])
    found = preview(bench, changes)
    assert [one.is_as_decided for one in found] == [True, False, False, False]
    assert [one.shows for one in found] == ["20", "21", ways[0], ways[2]]
    log = [call for call in bench.server.log if call.path != bench.play.token_path]
    assert {call.method for call in log} == {"GET"}
    assert (bench.server.app.writes, bench.states()) == ([], ["queued"] * 4)
    assert found[0].change.change_id == as_decided.change_id


def test_dry_run_says_what_cannot_be_read(bench: Bench) -> None:
    """A line that can't be read is shown with the reason; the others are shown all the same."""
    changes = bench.decide(2)
    bench.fault_reads("replace_body", value=lambda _body: b'{"quantity": NaN}')
    odd, fine = preview(bench, changes)
    assert not odd.is_as_decided
    assert "answered with" in odd.shows
    assert fine.is_as_decided
