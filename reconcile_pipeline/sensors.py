"""Sensors: one tells people about failed runs, one picks up decision files dropped in the inbox."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from reconcile_pipeline.jobs import REVIEW
from reconcile_pipeline.periods import open_period
from reconcile_pipeline.resources.notifier import Notifier

SUFFIXES = {".csv", ".xlsx"}


def build_sensors(inbox: Path, timezone: str) -> list[dg.SensorDefinition]:
    """`run_failure_alert` runs from the start; `decision_file_inbox` waits to be switched on."""

    @dg.run_failure_sensor(
        name="run_failure_alert",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Appends one line to alerts.jsonl for every failed run, with its reason.",
    )
    def run_failure_alert(context: dg.RunFailureSensorContext, notifier: Notifier) -> None:
        notifier.alert(
            run_id=context.dagster_run.run_id,
            job=context.dagster_run.job_name,
            message=context.failure_event.message or "no message",
        )

    @dg.sensor(
        name="decision_file_inbox",
        job_name=REVIEW,
        minimum_interval_seconds=60,
        description="Starts a review run for every new CSV or XLSX in the inbox folder; the"
        " reviewer is the name of the sub-folder it lies in.",
    )
    def decision_file_inbox() -> Iterator[dg.RunRequest]:
        for file in sorted(inbox.glob("*/*")):
            if file.suffix.lower() in SUFFIXES and file.is_file():
                yield request_for(file, open_period(datetime.now(UTC), timezone))

    return [run_failure_alert, decision_file_inbox]


def request_for(file: Path, period: str) -> dg.RunRequest:
    """A review run for one file; the same file, unchanged, is asked for only once."""
    return dg.RunRequest(
        run_key=f"{file}-{file.stat().st_mtime_ns}",
        partition_key=period,
        run_config={
            "ops": {"review_cards": {"config": {"reviewer": file.parent.name, "file": str(file)}}}
        },
        tags={"reconcile/period": period, "reconcile/decided_by": file.parent.name},
    )
