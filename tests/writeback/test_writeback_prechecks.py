"""What is looked at before a change is sent: is it still the line and the quantity decided on?"""

from decimal import Decimal

import pytest
from writeback_bench.bench import Bench

from reconcile_pipeline.model import Category, ChangeState


@pytest.mark.fault(86)
def test_edited_since_it_was_decided(bench: Bench) -> None:
    """The PSA shows a third quantity: conflict naming all three, no write, the others go on."""
    edited, other = bench.decide(2)
    bench.edit(edited, Decimal(21))
    report = bench.write()
    assert bench.states() == ["conflict", "verified"]
    assert "decided on 20 → 23, but the PSA shows 21 now" in bench.says(edited)
    bench.assert_untouched(edited)
    bench.assert_written_once(other)
    assert report.stopped is None
    bench.write()
    assert (bench.shows(edited), bench.sends()) == (Decimal(21), 1)


@pytest.mark.fault(86)
def test_changed_already(bench: Bench) -> None:
    """Somebody has set the decided quantity: verified without a call that changes anything."""
    [change] = bench.decide()
    bench.edit(change, Decimal(23))
    bench.write()
    assert bench.trail(change) == ["verified"]
    assert bench.sends() == 0


@pytest.mark.fault(87)
def test_edited_between_look_and_write(bench: Bench) -> None:
    """An edit in the very moment before our write is found by a PSA that adds differences.

    A PSA that sets absolute values and shows no version can't tell us: there our value stands in
    the end, which is the one decided on, and the edit is lost.
    """
    edited, other = bench.decide(2)
    bench.fault("hook", value=lambda _state: bench.edit(edited, Decimal(30)))
    bench.write()
    if bench.write_back.style == "delta":
        assert bench.states() == ["needs_person", "queued"]
        assert bench.shows(edited) == Decimal(33)
        bench.assert_untouched(other)
    else:
        assert bench.states() == ["verified", "verified"]
        assert bench.shows(edited) == Decimal(23)
    assert len(bench.writes(edited)) == 1


@pytest.mark.fault(88)
def test_must_not_be_changed_any_more(bench: Bench, broken: str) -> None:
    """Gone, cancelled, expired or invoiced: rejected with the reason, no write; others go on."""
    broken_change, other = bench.decide(2)
    bench.break_line(broken_change, broken)
    bench.write()
    assert bench.states() == ["rejected", "verified"]
    assert broken in bench.says(broken_change)
    bench.assert_untouched(broken_change)
    bench.assert_written_once(other)


@pytest.mark.fault(88)
def test_gone_after_it_was_sent(bench: Bench) -> None:
    """A line that is deleted while nobody answered can't be judged by us: a person has to."""
    [change] = bench.decide()
    bench.fault("drop_before")
    wait = bench.clock.sleep

    async def deleted_meanwhile(seconds: float) -> None:
        bench.break_line(change, next(iter(bench.play.breaks)))
        await wait(seconds)

    bench.write(sleep=deleted_meanwhile)
    assert bench.states() == ["needs_person"]
    assert (bench.sends(), "no quantity" in bench.says(change)) == (1, True)


def test_whole_api_moved(bench: Bench) -> None:
    """When every address is gone no change may be rejected: the batch stops, all stays queued."""
    bench.decide(3)
    bench.fault_reads("status", value=404, times=None)
    report = bench.write()
    assert bench.states() == ["queued"] * 3
    assert (report.stopped.category, report.stopped.status) == (Category.SHAPE, 404)
    assert bench.sends() == 0
    assert report.ended == {}
    assert len(report.unread) == 1


@pytest.mark.parametrize("status", [301, 308])
def test_whole_api_redirects(bench: Bench, status: int) -> None:
    """An API that has moved to another address stops the batch at its first line."""
    bench.decide(2)
    bench.fault_reads("status", value=status, times=None)
    assert bench.write().stopped is not None
    assert bench.states() == ["queued"] * 2


def test_one_line_that_cannot_be_read(bench: Bench) -> None:
    """An odd answer about one line leaves that line for later, says so, and goes on."""
    odd, other = bench.decide(2)
    bench.fault_reads("replace_body", value=lambda _body: b'{"quantity": NaN}')
    report = bench.write()
    assert bench.states() == ["queued", "verified"]
    bench.assert_untouched(odd)
    bench.assert_written_once(other)
    assert report.stopped is None
    assert set(report.unread) == {odd.change_id}
    bench.write()
    bench.assert_written_once(odd)


def test_shows_no_sensible_quantity(bench: Bench) -> None:
    """A line without a readable quantity is never written."""
    odd, other = bench.decide(2)
    bench.fault_reads("replace_body", value=lambda body: body.replace(b"20", b'"x"'))
    report = bench.write()
    bench.assert_untouched(odd)
    bench.assert_written_once(other)
    assert report.ended.get(odd.change_id) in (None, ChangeState.REJECTED)
