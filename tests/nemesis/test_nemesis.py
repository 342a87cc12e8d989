"""Random schedules of decisions, write-backs, faults and crashes against an independent oracle.

`reconcile-nemesis` plays more of the same; its `--replay` plays a failure again.
"""

import secrets
from contextlib import suppress
from pathlib import Path

import pytest
from nemesis.broken_writing import BROKEN, ON_AUTOTASK

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.nemesis.psas import PSAS
from reconcile_pipeline.nemesis.schedule import Game, draw
from reconcile_pipeline.nemesis.seeds import run_schedule
from reconcile_pipeline.nemesis.telling import Figures, NemesisError
from reconcile_pipeline.systems.registry import SYSTEMS

KINDS = [kind for kind, system in SYSTEMS.items() if system.write_back is not None]
EVERY_DAY = {"connectwise", "autotask"}
"""PSAs with the two kinds of writing: a new quantity, and a difference from a day on."""
PLAYED = [
    kind if kind in EVERY_DAY else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS
]
SHORT, LONG = 600, 10_000
FIXED = 20_261_122
LONG_SEEDS = [11, 22, 33, 44, 55]
MOST_STEPS_TO_FIND = 3_000


def check_was_worth_it(figures: Figures) -> None:
    """A schedule in which nothing happens proves nothing."""
    count = figures.count
    assert count["decisions"] > figures.steps / 20
    assert count["writes applied"] > figures.steps / 60
    assert count["crashes"] > figures.steps / 200
    assert sum(count[name] for name in count if name.startswith("fault ")) > figures.steps / 100


def test_every_kind_that_can_be_written_is_in_the_game() -> None:
    """A PSA that learns to take changes gets a simulator in this game before it is released."""
    assert set(KINDS) == set(PSAS)


@pytest.mark.parametrize("kind", PLAYED)
@pytest.mark.fault(80, 81, 82, 84, 86, 87, 89)
def test_the_fixed_schedule_keeps_every_promise(kind: str) -> None:
    """No decision is lost, and none is written wrongly, twice, or without right."""
    check_was_worth_it(run_schedule(FIXED, SHORT, kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLAYED)
@pytest.mark.fault(80, 81, 82, 84, 86, 87, 89)
def test_a_schedule_nobody_chose_keeps_every_promise(kind: str) -> None:
    """So it is in a schedule that nobody ever saw."""
    run_schedule(secrets.randbelow(10**9), SHORT, kind)


def test_a_schedule_can_be_played_again() -> None:
    """The same seed gives the same schedule, to the last write."""
    first, second = (run_schedule(5, 150, "connectwise").count for _time in range(2))
    assert first == second


@pytest.mark.parametrize("kind", KINDS)
def test_a_month_is_not_closed_under_a_write_back(kind: str, tmp_path: Path) -> None:
    """While a write-back of a month is under way, nobody can close that month."""
    game = Game(tmp_path, draw(kind, 1, 0, 1))
    office = game.office

    async def close() -> None:
        with suppress(PipelineError):
            office.close_month()

    with game.patched():
        for service in office.services:
            service.count = 5
        office.pull(office.period)
        office.decide_many()
        game.wire.meanwhile[1] = close
        game.batch()
    game.close()
    assert game.oracle.count["writes applied"]
    assert game.oracle.violations == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", LONG_SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_long_schedules_keep_every_promise(kind: str, seed: int) -> None:
    """Ten thousand steps change nothing about it."""
    check_was_worth_it(run_schedule(seed, LONG, kind))


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_engine_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that breaks one promise does not get through the schedule."""
    BROKEN[name](monkeypatch)
    with pytest.raises(NemesisError):
        run_schedule(
            FIXED, MOST_STEPS_TO_FIND, "autotask" if name in ON_AUTOTASK else "connectwise"
        )
