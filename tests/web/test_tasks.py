"""Commands started from pages: one at a time, with what they say, and the tables that follow."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.web.following import Follower
from reconcile_pipeline.web.tasks import Tasks

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SAYS = "import sys; print('said', *sys.argv[1:]); sys.exit(3 if 'fail' in sys.argv else 0)"


def tasks_of(folder: Path, script: str) -> Tasks:
    return Tasks(folder / "x.toml", folder / "tasks", lambda: NOON, [sys.executable, "-c", script])


def test_a_task_tells_how_it_went(tmp_path: Path) -> None:
    """What it said and its exit code stay after its end."""
    tasks = tasks_of(tmp_path, SAYS)
    task = tasks.start("Pull", ["run"], by="ann")
    tasks.wait()
    assert (task.code, task.is_running, task.ended_at) == (0, False, NOON)
    assert task.lines == [f"said run --config {tmp_path / 'x.toml'}"]
    tasks.start("Pull", ["fail"], by="ann")
    tasks.wait()
    assert tasks.latest is not None
    assert (tasks.latest.code, tasks.latest.started_by) == (3, "ann")


def test_a_second_task_is_refused_while_one_runs(tmp_path: Path) -> None:
    """The refusal names what runs and who started it; the quiet one may run beside it."""
    hold = tmp_path / "hold"
    script = (
        f"import pathlib, time\nwhile not pathlib.Path({str(hold)!r}).exists(): time.sleep(.01)"
    )
    tasks = tasks_of(tmp_path, script)
    tasks.start("Write back", ["write-back"], by="ann")
    with pytest.raises(PipelineError, match="“Write back” is still running, started by ann"):
        tasks.start("Pull", ["run"], by="bob")
    assert tasks.start_quietly("Refresh", ["refresh"])
    assert not tasks.start_quietly("Refresh", ["refresh"])
    hold.touch()
    tasks.wait()
    assert tasks.latest is not None
    assert tasks.latest.name == "Write back"


class Alarms:
    """Alarms that ring when a test says so."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []

    def __call__(self, seconds: float, ring: Callable[[], None]) -> Any:
        alarms = self

        class One:
            def start(self) -> None:
                alarms.waiting.append(ring)

            def cancel(self) -> None:
                alarms.waiting.clear()

        return One()

    def ring(self) -> None:
        (ring,) = self.waiting
        self.waiting.clear()
        ring()


def test_the_tables_follow_once_after_many_decisions(tmp_path: Path) -> None:
    """Twenty decisions in a row are followed by one refresh, when nobody decides any more."""
    tasks, alarms = tasks_of(tmp_path, SAYS), Alarms()
    follower = Follower(tasks, alarms)
    for _ in range(20):
        follower.soon()
    assert tasks.quiet is None
    alarms.ring()
    tasks.wait()
    assert tasks.quiet is not None
    assert (tasks.quiet.code, tasks.latest) == (0, None)


def test_a_refresh_that_runs_is_followed_by_another(tmp_path: Path) -> None:
    """What was said while it read the ledger must not wait for the next decision."""
    hold = tmp_path / "hold"
    script = (
        f"import pathlib, time\nwhile not pathlib.Path({str(hold)!r}).exists(): time.sleep(.01)"
    )
    tasks, alarms = tasks_of(tmp_path, script), Alarms()
    follower = Follower(tasks, alarms)
    follower.now()
    follower.now()
    assert len(alarms.waiting) == 1
    hold.touch()
    tasks.wait()
    alarms.ring()
    tasks.wait()
