"""No room on the disk, at any size of any file: told in one sentence, and nothing is lost."""

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.nemesis.clockwork import JumpingLoop
from reconcile_pipeline.nemesis.house import House, simulated
from reconcile_pipeline.nemesis.month import Month
from reconcile_pipeline.refreshing import refresh_period
from reconcile_pipeline.simulators.world.build import build_world

PERIOD = "2026-11"
BY_DAY = {100, 30_000}
SIZES = [*(int(100 * 1.72**step) for step in range(20)), 3_000_000]
"""From a hundred bytes to three megabytes, twenty-one sizes; the warehouse has seven."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    """An installation that has published a month."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = build_world(20_261_122, "small", date(2026, 11, 22))
        simulation = simulated(world, "connectwise")
        house = House(Path(folder), simulation, JumpingLoop(), Random(1))  # noqa: S311 - a game
        made = Month(house, PERIOD, lambda _text: None)
        with house.connected():
            made.pull(made.systems)
            made.publish_first()
            yield made
        house.close()
        house.loop.close()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond this; Python ignores the signal, so that writing fails instead."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "size",
    [
        *sorted(BY_DAY),
        *(pytest.param(size, marks=pytest.mark.slow) for size in SIZES if size not in BY_DAY),
    ],
)
@pytest.mark.fault(60)
def test_without_room_the_old_month_stays(month: Month, size: int) -> None:
    """A run that finds no room names the file and what to do; with room again all is right."""
    world = month.house.simulation.world
    world.subscriptions[0].quantity += 1
    month.house.simulation.systems["pax8"].state.changed()
    before, said = month.digest(), []
    with largest_file(size):
        try:
            month.pull(month.systems)
            refresh_period(month.house.site, PERIOD, now=month.house.now())
        except PipelineError as error:
            said.append(error)
    assert said, "there was room enough"
    assert said[0].category is Category.STORAGE
    assert "can't be written" in said[0].message
    assert "Make room" in said[0].next_step
    assert month.digest() == before
    month.house.restart()
    month.pull(month.systems)
    month.publish()
    assert month.judgement.violations == []
