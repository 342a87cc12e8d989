"""Bytes of the warehouse that changed on the disk are noticed, or touch nothing that is told."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from random import Random

import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.nemesis.clockwork import Crash, JumpingLoop
from reconcile_pipeline.nemesis.house import House, simulated
from reconcile_pipeline.nemesis.month import Month
from reconcile_pipeline.rebuilding import rebuild_warehouse
from reconcile_pipeline.refreshing import refresh_period
from reconcile_pipeline.simulators.world.build import build_world

PERIOD = "2026-11"
PLACES, BY_DAY = 50, 2
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    """An installation that has published a month."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        simulation = simulated(build_world(5, "small", date(2026, 11, 22)), "connectwise")
        house = House(Path(folder), simulation, JumpingLoop(), Random(1))  # noqa: S311 - a game
        made = Month(house, PERIOD, lambda _text: None)
        with house.connected():
            made.pull(made.systems)
            made.publish_first()
            yield made
        house.close()
        house.loop.close()


@pytest.mark.parametrize("step", ["map_step", pytest.param("publish", marks=pytest.mark.slow)])
@pytest.mark.fault(57)
def test_a_rebuild_that_died_is_begun_again(month: Month, step: str) -> None:
    """Ended in its middle or before it published: the month stays, and the next one is whole."""
    before, rebuild = month.digest(), partial(rebuild_warehouse, month.house.site.settings)
    rebuild = partial(rebuild, now=month.house.now(), tell=lambda _text: None)
    point = {f"reconcile_pipeline.rebuilding:{step}": 1}
    with pytest.raises(Crash), month.house.dying(point, lambda _text: None):
        rebuild()
    assert month.digest() == before
    month.house.restart()
    rebuild()
    assert month.digest() == before


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=[] if place % (PLACES // BY_DAY) == 0 else pytest.mark.slow)
        for place in range(PLACES)
    ],
)
@pytest.mark.fault(64)
def test_flipped_bytes_are_told_or_harmless(month: Month, place: int) -> None:
    """A build on a damaged warehouse says so and what to do, or gives the right month anyway."""
    site = month.house.site
    good = site.state.warehouse.with_suffix(".good")
    if not good.exists():
        shutil.copyfile(site.state.warehouse, good)
    before = month.digest()
    content = bytearray(good.read_bytes())
    at = len(content) * place // PLACES
    content[at : at + 64] = bytes(byte ^ 0xFF for byte in content[at : at + 64])
    site.state.warehouse.write_bytes(content)
    said = ["reconcile rebuild"]
    try:
        refresh_period(site, PERIOD, now=month.house.now())
    except PipelineError as error:
        said.append(error.next_step)
        site.state.warehouse.unlink()
        rebuild_warehouse(site.settings, now=month.house.now(), tell=lambda _text: None)
    finally:
        site.state.warehouse.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    assert said[0] in said[-1]
    assert month.digest() == before
