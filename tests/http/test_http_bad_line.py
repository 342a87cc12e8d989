"""The real client over a bad line: whole data or an error in words, never something between."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Limits
from reconcile_pipeline.model import Category
from reconcile_pipeline.simulators.wire import Wire, wired

NAMES = ["Müller", "Žižek", "東京", "🙂"] * 50
IMPATIENT = httpx.Timeout(5, read=0.1)


@pytest.fixture
def line(wire: Any, rig: Any) -> Iterator[Wire]:
    """A line to the scripted server, which always answers the same list."""
    wire.queue(wire.json(NAMES))
    with wired("127.0.0.1", wire.port) as line:
        yield line


def failed(rig: Any, line: Wire, category: Category = Category.UNREACHABLE) -> ApiError:
    """Both tries fail, and the error says that it is the line."""
    with pytest.raises(ApiError) as info:
        rig.get(base_url=line.url, limits=Limits(attempts=2), timeout=IMPATIENT)
    assert info.value.category is category
    assert info.value.is_transient
    assert len(rig.waits) == 1
    return info.value


def test_a_good_line_changes_nothing(rig: Any, line: Wire) -> None:
    """Without toxics what the server says arrives, over one connection."""
    assert rig.get(base_url=line.url).data == NAMES
    assert line.connections == 1


@pytest.mark.parametrize("kind", ["limit_data", "reset_peer"])
@pytest.mark.parametrize("amount", [0, 60, 700])
@pytest.mark.fault(9, 10)
def test_a_line_that_ends_early_is_no_answer(rig: Any, line: Wire, kind: Any, amount: int) -> None:
    """Cut or reset before the answer, in its headers or in its body: tried again, then an error."""
    line.add(kind, amount=amount)
    # Once the headers are there, a part of an answer has come.
    failed(rig, line, Category.INCOMPLETE if amount == 700 else Category.UNREACHABLE)
    assert line.connections == 2


@pytest.mark.fault(8)
def test_a_line_that_hangs_is_given_up(rig: Any, line: Wire) -> None:
    """When nothing comes any more, the read timeout ends each try."""
    line.add("timeout")
    assert "took too long" in str(failed(rig, line))


@pytest.mark.fault(7)
def test_a_line_that_is_down(rig: Any, line: Wire) -> None:
    """Nobody there is an error in words, and a line that is back is simply used."""
    down = line.add("down")
    failed(rig, line)
    line.remove(down)
    assert rig.get(base_url=line.url).data == NAMES


@pytest.mark.parametrize("amount", [1, 7])
def test_pieces_that_split_letters_are_put_together(rig: Any, line: Wire, amount: int) -> None:
    """Bytes that come one by one, also inside a letter of UTF-8, are the same data."""
    line.add("slicer", amount=amount)
    assert rig.get(base_url=line.url).data == NAMES
    assert rig.waits == []


def test_a_slow_line_is_waited_for(rig: Any, line: Wire) -> None:
    """Slow but steady bytes are no timeout."""
    line.add("latency", seconds=0.01, jitter=0.01)
    line.add("bandwidth", amount=100_000)
    line.add("slow_close", seconds=0.01)
    assert rig.get(base_url=line.url, timeout=IMPATIENT).data == NAMES
    assert rig.waits == []


def test_a_line_mends_in_time(rig: Any, line: Wire) -> None:
    """A toxic that is gone by the second try costs a try and nothing else."""
    bad = line.add("reset_peer", amount=100)
    right = rig.sleep

    async def mend(seconds: float) -> None:
        line.remove(bad)
        await right(seconds)

    rig.sleep = mend
    assert rig.get(base_url=line.url).data == NAMES
    assert len(rig.waits) == 1


@pytest.mark.parametrize("kind", ["limit_data", "timeout"])
def test_a_question_can_be_lost_on_the_way(wire: Any, rig: Any, line: Wire, kind: Any) -> None:
    """Toxics of the other direction keep the question from the server, who never sees it."""
    line.add(kind, "upstream")
    failed(rig, line)
    assert wire.seen == []


@pytest.mark.parametrize("kind", ["slicer", "bandwidth"])
def test_a_toxic_without_its_amount_is_refused(line: Wire, kind: Any) -> None:
    """Pieces of nothing would never end."""
    with pytest.raises(ValueError, match="at least one byte"):
        line.add(kind)
    with pytest.raises(TypeError, match="sped"):
        line.add("latency", sped=1)
