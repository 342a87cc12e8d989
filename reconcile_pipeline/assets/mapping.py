"""The `map` assets: which account is which company, which service is which product."""

from collections.abc import Iterator

import dagster as dg

from reconcile_pipeline.assets.common import MAP, materialized, readable_failures, table_spec
from reconcile_pipeline.building import intake_step, map_step
from reconcile_pipeline.engines import fill_of
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.warehouse.recon_tables import MAP_TABLES

DEPS = [
    "core.accounts",
    "core.companies",
    "core.products",
    "core.pulls",
    "core.services",
    "core.usage",
]
ADVICE = (
    "Only identical names of live companies and products are mapped by themselves, and only the"
    " first time they are seen. Everything else waits for a person, or for mappings.csv."
)


def build_map_assets(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """All mapping tables of a period, from the ledger; new exact names go to the ledger first."""

    @dg.multi_asset(
        name="map_both_sides",
        specs=[
            table_spec(table.qualified, deps=DEPS, group=MAP, more=ADVICE) for table in MAP_TABLES
        ],
        partitions_def=partitions,
    )
    def map_both_sides(
        context: dg.AssetExecutionContext, installation: Installation, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        period = context.partition_key
        with readable_failures(), warehouse.get_connection() as connection:
            recorded = intake_step(connection, installation.site, period, now=installation.now())
            context.log.info("%d new mappings recorded in the ledger", recorded)
            site = installation.site
            map_step(connection, site, period, fill=fill_of(site.settings))
            for table in MAP_TABLES:
                yield materialized(connection, table.qualified, period, new_mappings=recorded)

    return map_both_sides
