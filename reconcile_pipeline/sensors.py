"""Sensors: failed runs, decision files in the inbox, and ended runs that people are told about."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from reconcile_pipeline.digest.send import send_digest
from reconcile_pipeline.jobs import PULL, RECONCILE, REVIEW, WRITE_BACK
from reconcile_pipeline.periods import open_period
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.notifier import Notifier
from reconcile_pipeline.settings_notify import Event

SUFFIXES = {".csv", ".xlsx"}
EVENTS_AFTER = {
    PULL: (Event.PULL_FAILED,),
    RECONCILE: (Event.PULL_FAILED, Event.REVIEW_READY),
    WRITE_BACK: (Event.WRITE_BACK_DONE,),
}
"""What may be worth telling when a run of a job has ended."""
ENDS = {
    "digest_after_success": dg.DagsterRunStatus.SUCCESS,
    # A red run has published what could be built, and written what could be written.
    "digest_after_failure": dg.DagsterRunStatus.FAILURE,
}


def build_sensors(inbox: Path, timezone: str) -> list[dg.SensorDefinition]:
    """`run_failure_alert` runs from the start; the others wait to be switched on."""

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

    digests = [_digest_sensor(name, status) for name, status in ENDS.items()]
    return [run_failure_alert, decision_file_inbox, *digests]


def _digest_sensor(name: str, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name=name,
        run_status=status,
        description="Tells people by Slack, Teams and mail what an ended run means for them:"
        " review_ready, pull_failed, write_back_done; each once.",
    )
    def digest_after_run(context: dg.RunStatusSensorContext, installation: Installation) -> None:
        run = context.dagster_run
        tell_after(run.job_name, run.tags.get("dagster/partition", ""), installation)

    return digest_after_run


def tell_after(job: str, period: str, installation: Installation) -> None:
    """Send the digests of a job's end; raises the first failure after all were tried."""
    if not period:
        # A run without a month, started by hand on something else, is no news.
        return
    events = EVENTS_AFTER.get(job, ())
    now = installation.now()
    told = [send_digest(installation.site, event, period, now=now) for event in events]
    for digest in told:
        digest.check()


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
