"""The month's rhythm: every night, twice a day in the last week, a digest in the last days.

Schedules name the open period themselves; the ones Dagster derives from partitions would run on
the 1st only, for the month that is already over.
"""

from collections.abc import Callable

import dagster as dg

from reconcile_pipeline.jobs import CLOSE, DIGEST, RECONCILE, REVIEW, WRITE_BACK
from reconcile_pipeline.periods import open_period, previous_period

_NIGHTLY = "0 2 * * *"
_LAST_WEEK_NOON = "0 12 25-31 * *"
_LAST_DAYS_MORNING = "0 7 28-31 * *"
_BEFORE_LAST_DAYS = "0 8 26-31 * *"
_LAST_EVENING = "0 20 L * *"
_FIRST_MORNING = "0 6 1 * *"
_FIRST_NOON = "0 12 1 * *"


def build_schedules(timezone: str) -> list[dg.ScheduleDefinition]:
    """The month's schedules, switched off until somebody switches them on."""
    return [
        _for_open_period(
            "reconcile_job_nightly",
            RECONCILE,
            _NIGHTLY,
            timezone,
            "Every night: pull everything, compare, publish.",
        ),
        _for_open_period(
            "reconcile_job_last_week",
            RECONCILE,
            _LAST_WEEK_NOON,
            timezone,
            "At noon in the month's last week: fresh numbers while people review.",
        ),
        _for_open_period(
            "review_job_last_days",
            REVIEW,
            _LAST_DAYS_MORNING,
            timezone,
            "On the month's last mornings: action items brought up to date before the 1st.",
        ),
        _for_open_period(
            "digest_job_two_days_left",
            DIGEST,
            _BEFORE_LAST_DAYS,
            timezone,
            "Two days before the month's last day: tells people which cards still wait.",
        ),
        _for_open_period(
            "write_back_job_last_evening",
            WRITE_BACK,
            _LAST_EVENING,
            timezone,
            "On the month's last evening: writes what people decided, before invoices go out.",
        ),
        _for_ended_period(
            "reconcile_job_proof",
            RECONCILE,
            _FIRST_MORNING,
            timezone,
            "On the 1st, for the month before: a pull that proves what was written.",
        ),
        _for_ended_period(
            "close_period_job_first",
            CLOSE,
            _FIRST_NOON,
            timezone,
            "On the 1st, for the month before: closes it, if everything written is proved.",
        ),
    ]


def _for_open_period(
    name: str, job: str, cron: str, timezone: str, description: str
) -> dg.ScheduleDefinition:
    return _schedule(name, job, cron, timezone, description, lambda period: period)


def _for_ended_period(
    name: str, job: str, cron: str, timezone: str, description: str
) -> dg.ScheduleDefinition:
    return _schedule(name, job, cron, timezone, description, previous_period)


def _schedule(  # noqa: PLR0917 - a row of a table, read from left to right
    name: str,
    job: str,
    cron: str,
    timezone: str,
    description: str,
    period_at: Callable[[str], str],
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        description=description,
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at = context.scheduled_execution_time
        period = period_at(open_period(at, timezone))
        return dg.RunRequest(
            run_key=f"{name}-{at:%Y-%m-%dT%H:%M}",
            partition_key=period,
            tags={"reconcile/period": period},
        )

    return tick
