"""The only place where Dagster definitions are assembled, for one installation's settings.

Opens no socket and no database and needs no secret. Tests and the command line assemble their
own; `definitions` assembles the one that Dagster's tools load.
"""

from pathlib import Path

import dagster as dg

from reconcile_pipeline.assets.common import monthly
from reconcile_pipeline.assets.core import build_core_assets
from reconcile_pipeline.assets.discrepancies import build_recon_assets
from reconcile_pipeline.assets.mapping import build_map_assets
from reconcile_pipeline.assets.pulls import build_pulls
from reconcile_pipeline.assets.reports import build_reports
from reconcile_pipeline.assets.review import build_review_assets
from reconcile_pipeline.checks import build_checks
from reconcile_pipeline.jobs import build_jobs
from reconcile_pipeline.operations import build_operations
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.notifier import Notifier
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.schedules import build_schedules
from reconcile_pipeline.sensors import build_sensors
from reconcile_pipeline.settings import FILE_NAME, Settings
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.registry import SYSTEMS

FIRST_PERIOD = "2026-01"


def build_definitions(
    settings: Settings | None,
    *,
    fixed_now: str = "",
    is_full: bool = False,
    executor: dg.ExecutorDefinition = dg.in_process_executor,
) -> dg.Definitions:
    """Assemble everything for one installation; None shows the graph of all known systems.

    `is_full` has every pull read everything, whatever the settings say.
    `executor`: another one than in-process is for platforms that want it: see docs/scale.md.
    """
    if settings is None:
        systems = dict(SYSTEMS)
        config, state = Path(FILE_NAME).absolute(), State(Path(".reconcile").absolute())
        first_period, timezone = FIRST_PERIOD, "UTC"
    else:
        systems = {account.name: SYSTEMS[account.kind] for account in settings.systems}
        config, state = settings.path, State(settings.state_dir)
        first_period, timezone = settings.first_period, settings.timezone
    partitions = monthly(first_period, timezone)
    names = list(systems)
    return dg.Definitions(
        assets=[
            build_pulls(systems, partitions),
            build_core_assets(names, partitions),
            build_map_assets(partitions),
            *build_recon_assets(partitions),
            build_review_assets(partitions),
            *build_reports(names, partitions),
        ],
        asset_checks=build_checks(),
        jobs=[*build_jobs(executor), *build_operations(partitions)],
        schedules=build_schedules(timezone),
        sensors=build_sensors(state.inbox, timezone),
        resources={
            "installation": Installation(
                config_path=str(config), fixed_now=fixed_now, is_full=is_full
            ),
            "warehouse": Warehouse(database=str(state.warehouse)),
            "notifier": Notifier(path=str(state.alerts)),
        },
        executor=executor,
    )
