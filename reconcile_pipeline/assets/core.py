"""The `core` assets: landed pages in one vocabulary. One step, because one transaction."""

from collections.abc import Iterator

import dagster as dg

from reconcile_pipeline.assets.common import CORE, RAW, materialized, readable_failures, table_spec
from reconcile_pipeline.building import core_step
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.warehouse.core_tables import CORE_TABLES


def build_core_assets(
    systems: list[str], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """All core tables of a period, from the current evidence of every system."""
    raw = [f"{RAW}.{name}" for name in systems]

    @dg.multi_asset(
        name="load_core",
        specs=[table_spec(table.qualified, deps=raw, group=CORE) for table in CORE_TABLES],
        partitions_def=partitions,
    )
    def load_core(
        context: dg.AssetExecutionContext, installation: Installation, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        period = context.partition_key
        with readable_failures(), warehouse.get_connection() as connection:
            core_step(connection, installation.site, period, now=installation.now())
            for table in CORE_TABLES:
                yield materialized(connection, table.qualified, period)

    return load_core
