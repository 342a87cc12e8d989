"""Run a Dagster job from the command line, in this process, with its history in the Dagster UI.

Imports Dagster; only commands that run jobs import this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from reconcile_pipeline.assembly import build_definitions
from reconcile_pipeline.resources.run_history import open_instance
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.state import State
from reconcile_pipeline.storing import storing

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
INSTANCE = """\
# Written by reconcile: the Dagster instance of this installation.
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60
concurrency:
  runs:
    max_concurrent_runs: 1
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days: 30
"""


_INTERRUPTED = dg.DagsterExecutionInterruptedError.__name__
CANCELLED = (
    "The run was cancelled before it was through.\n"
    "Next: Start it again; what was published before is unchanged."
)
"""What Dagster says of a step that was ended between two lines of ours is a stack trace."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `failures` are sentences for people."""

    run_id: str
    is_success: bool
    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    categories: frozenset[str] = frozenset()
    """Why its steps failed, as far as the pipeline knows; "" for a failure it did not foresee."""


def prepare_home(state: State) -> Path:
    """Make DAGSTER_HOME with telemetry and the newsletter dialog off; returns its path."""
    with storing(state.dagster):
        state.dagster.mkdir(parents=True, exist_ok=True)
        file = state.dagster / "dagster.yaml"
        if not file.exists():
            # Beside it first: half of it would be taken for all there is, telemetry and all.
            draft = file.with_suffix(".draft")
            draft.write_text(INSTANCE, encoding="utf-8")
            draft.replace(file)
    return state.dagster


def run_job(
    settings: Settings,
    job: str,
    period: str,
    *,
    run_config: Mapping[str, Any] | None = None,
    raw_systems: list[str] | None = None,
    fixed_now: str = "",
    is_full: bool = False,
) -> Outcome:
    """Execute a job for a period; `raw_systems` limits a pull to some systems.

    `is_full`: its pulls read everything, whatever the settings say.
    """
    home = prepare_home(State(settings.state_dir))
    definitions = build_definitions(settings, fixed_now=fixed_now, is_full=is_full)
    selection = [dg.AssetKey(["raw", name]) for name in raw_systems] if raw_systems else None
    with open_instance(home) as instance:
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=period,
            run_config={**QUIET, **(run_config or {})},
            tags={"reconcile/period": period, "reconcile/started_by": "command line"},
            asset_selection=selection,
            raise_on_error=False,
        )
        return Outcome(
            run_id=result.run_id,
            is_success=result.success,
            failures=tuple(_failures(result)),
            warnings=tuple(_warnings(result)),
            categories=frozenset(_categories(result)),
        )


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    failures = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data
            metadata = error.user_failure_data
            if metadata is not None and metadata.description:
                failures.append(metadata.description)
            elif error.error is not None and error.error.cls_name == _INTERRUPTED:
                failures.append(CANCELLED)
            elif error.error is not None:
                failures.append(
                    error.error.cause.message if error.error.cause else str(error.error)
                )
    return [failure.strip() for failure in failures]


def _categories(result: dg.ExecuteInProcessResult) -> list[str]:
    failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    details = [failure.user_failure_data for failure in failed]
    known = [detail.metadata.get("category") if detail else None for detail in details]
    return [str(category.value) if category else "" for category in known]


def _warnings(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        f"{'.'.join(check.asset_key.path)}: {check.description}"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.asset_key.path[0] != "raw"
    ]
