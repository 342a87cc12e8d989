"""Runs with `[pulls] incremental = true`: the night asks for changes, and people may want all."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from reconcile_pipeline.cli import running
from reconcile_pipeline.cli.app import app
from reconcile_pipeline.jobs import PULL, RECONCILE
from reconcile_pipeline.landing.manifest import read_manifests
from reconcile_pipeline.settings import load_settings

PERIOD = "2026-11"
AS_OF = date(2026, 11, 22)


@pytest.mark.slow
def test_a_night_asks_for_changes_and_the_tables_say_so(open_msp: Any, tmp_path: Path) -> None:
    """By the settings alone; a forced one reads everything; vendors are read as ever."""
    msp = open_msp(tmp_path, 7, AS_OF)
    msp.edit_config("[mappings]", "[pulls]\nincremental = true\n[mappings]")
    settings = load_settings(msp.config)

    def run(job: str, hour: int, **options: Any) -> None:
        at = f"2026-11-22T{hour}:00:00+00:00"
        assert running.run_job(settings, job, PERIOD, fixed_now=at, **options).is_success

    run(RECONCILE, 13)
    msp.simulation.world.companies[3].name = "Renamed in between"
    msp.server("connectwise").state.changed()
    run(PULL, 14, is_full=True, raw_systems=["connectwise"])
    run(RECONCILE, 15)
    pulls = [m for m in read_manifests(msp.state.landing, PERIOD) if m.system == "connectwise"]
    assert [pull.mode for pull in pulls] == ["full", "full", "incremental"]
    assert pulls[1].why_full == "somebody asked for it"
    with duckdb.connect(str(msp.state.published), read_only=True) as connection:
        query = "select system, mode from core.pulls where is_evidence"
        modes = dict(connection.execute(query).fetchall())
        assert modes.pop("connectwise") == "incremental"
        assert set(modes.values()) == {"full"}
        named = "select count(*) from core.companies where name = 'Renamed in between'"
        assert connection.execute(named).fetchall() == [(1,)]


@pytest.mark.parametrize(("command", "job"), [("pull", PULL), ("run", RECONCILE)])
def test_the_command_line_can_ask_for_everything(
    open_msp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, job: str
) -> None:
    """`--full` reaches the job of both commands, and is off without it."""
    msp = open_msp(tmp_path, 7, AS_OF)
    asked: list[Any] = []

    def noted(_settings: Any, started: str, *_: Any, is_full: bool, **_more: Any) -> Any:
        asked.append((started, is_full))
        return running.Outcome("none", is_success=False, failures=("stopped here",), warnings=())

    monkeypatch.setattr(running, "run_job", noted)
    for options in ([], ["--full"]):
        CliRunner().invoke(app, [command, "--config", str(msp.config), *options])
    assert asked == [(job, False), (job, True)]
