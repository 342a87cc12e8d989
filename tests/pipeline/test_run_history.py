"""Runs started from the command line are in the history that the Dagster UI shows."""

from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]

from reconcile_pipeline.cli.running import prepare_home
from reconcile_pipeline.jobs import RECONCILE
from reconcile_pipeline.resources.run_history import OpenEventLog, open_instance
from reconcile_pipeline.state import State


def test_run_is_in_the_history(good_run: Any, period: str) -> None:
    """A run is there with its job, its period as partition, its end, and what it materialised."""
    with dg.DagsterInstance.from_config(str(good_run.msp.state.dagster)) as instance:
        [run] = instance.get_runs()
        assert run.job_name == RECONCILE
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert run.tags["dagster/partition"] == period
        assert run.tags["reconcile/started_by"] == "command line"
        for key in (["raw", "pax8"], ["core", "usage"], ["recon", "cards"], ["published"]):
            event = instance.get_latest_materialization_event(dg.AssetKey(key))
            assert event is not None, key
            assert event.run_id == run.run_id
            assert event.asset_materialization is not None
            assert event.asset_materialization.partition == period


def test_no_telemetry(good_run: Any) -> None:
    """The instance reports to nobody and shows no newsletter dialog."""
    text = (good_run.msp.state.dagster / "dagster.yaml").read_text(encoding="utf-8")
    instance = yaml.safe_load(text)
    assert instance["telemetry"] == {"enabled": False}
    assert instance["nux"] == {"enabled": False}


def test_the_history_is_kept_open_during_a_run(tmp_path: Path) -> None:
    """Each file of the history is opened once, not for each of hundreds of events."""
    with open_instance(prepare_home(State(tmp_path))) as instance:
        history = instance.event_log_storage
        assert isinstance(history, OpenEventLog)
        with history.index_connection() as first:
            opened = first.connection.dbapi_connection
        with history.index_connection() as second:
            assert second.connection.dbapi_connection is opened


def test_a_storage_of_the_users_own_is_taken(tmp_path: Path) -> None:
    """Who keeps Dagster's history elsewhere, by dagster.yaml, finds command line runs there."""
    home = prepare_home(State(tmp_path))
    with (home / "dagster.yaml").open("a", encoding="utf-8") as file:
        file.write(f"storage:\n  sqlite:\n    base_dir: {tmp_path / 'elsewhere'}\n")
    with open_instance(home) as instance:
        assert not isinstance(instance.event_log_storage, OpenEventLog)
    assert (tmp_path / "elsewhere").is_dir()
