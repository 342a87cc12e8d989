"""Runs started from the command line are in the history that the Dagster UI shows."""

from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]

from reconcile_pipeline.jobs import RECONCILE


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
