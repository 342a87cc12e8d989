"""The month's rhythm: every night, twice a day in the last week, a digest in the last days.

Schedules name the open period themselves; the ones Dagster derives from partitions would run on
the 1st only, for the month that is already over.
"""

import dagster as dg

from reconcile_pipeline.jobs import RECONCILE, REVIEW
from reconcile_pipeline.periods import open_period

_NIGHTLY = "0 2 * * *"
_LAST_WEEK_NOON = "0 12 25-31 * *"
_LAST_DAYS_MORNING = "0 7 28-31 * *"


def build_schedules(timezone: str) -> list[dg.ScheduleDefinition]:
    """Three schedules, switched off until somebody switches them on."""
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
    ]


def _for_open_period(
    name: str, job: str, cron: str, timezone: str, description: str
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
        period = open_period(at, timezone)
        return dg.RunRequest(
            run_key=f"{name}-{at:%Y-%m-%dT%H:%M}",
            partition_key=period,
            tags={"reconcile/period": period},
        )

    return tick
