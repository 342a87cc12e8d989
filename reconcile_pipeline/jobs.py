"""The jobs people and schedules start. All run in one process: 20 assets take a second so.

Another executor can be named where they are assembled; what writes to a PSA keeps this one.
"""

from typing import Any

import dagster as dg

PULL = "pull_job"
RECONCILE = "reconcile_job"
REVIEW = "review_job"
DRY_RUN = "dry_run_job"
WRITE_BACK = "write_back_job"
CLOSE = "close_period_job"
DIGEST = "digest_job"

_REVIEW_SELECTION = dg.AssetSelection.groups("review") | dg.AssetSelection.assets("published")


def build_jobs(executor: dg.ExecutorDefinition = dg.in_process_executor) -> list[Any]:
    """Pull, reconcile and review; Dagster has no public type for a job that is not resolved yet."""
    return [
        dg.define_asset_job(
            PULL,
            selection=dg.AssetSelection.groups("raw"),
            description="Reads every system for the open period and lands the pages. Compares"
            " nothing and publishes nothing: `reconcile_job` does.",
            tags={"reconcile/job": "pull"},
            executor_def=executor,
        ),
        dg.define_asset_job(
            RECONCILE,
            selection=dg.AssetSelection.all(),
            description="Reads every system, maps, compares, lists what is billed wrong, and"
            " publishes the tables. Takes no decisions and writes nothing to a PSA. Ends red when"
            " a system failed, after everything that could be built was published.",
            tags={"reconcile/job": "reconcile"},
            executor_def=executor,
        ),
        dg.define_asset_job(
            REVIEW,
            selection=_REVIEW_SELECTION,
            description="Takes decisions (from a filled-in export, and from the policies), turns"
            " them into action items, and publishes. Pulls nothing and writes nothing to a PSA.",
            tags={"reconcile/job": "review"},
            executor_def=executor,
        ),
    ]
