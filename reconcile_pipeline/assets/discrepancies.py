"""The `recon` assets: the comparison itself, one asset per table and SQL file."""

import dagster as dg
import duckdb

from reconcile_pipeline.assets.common import (
    RECON,
    Facts,
    markdown_table,
    materialized,
    readable_failures,
    review_url,
    table_spec,
)
from reconcile_pipeline.engines import fill_of
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.warehouse.build import build_recon_table

MAPS = ["map.accounts", "map.services", "map.service_groups"]
DEPS = {
    "recon.counts": [
        "core.pulls",
        "core.agreement_lines",
        "core.usage",
        "core.entities",
        "map.usage_by_pull",
        *MAPS,
    ],
    "recon.cards": [
        "recon.counts",
        "core.pulls",
        "core.companies",
        "core.agreement_lines",
        "core.products",
        "core.usage",
        *MAPS,
        "map.moved_ids",
    ],
    "recon.card_lines": ["recon.cards", "core.agreement_lines", "core.usage", *MAPS],
    "recon.discrepancies": ["recon.cards"],
    "recon.unmapped_accounts": ["core.usage", "map.accounts"],
    "recon.unmapped_services": ["core.usage", "map.accounts", "map.services"],
    "recon.exclusions": ["core.left_out", "core.usage", "map.accounts", "map.services"],
    "recon.conservation": [
        "core.control_totals",
        "core.entities",
        "core.left_out",
        "recon.card_lines",
        "recon.unmapped_accounts",
        "recon.unmapped_services",
        "recon.exclusions",
    ],
}
ADVICE = {
    "recon.cards": "Unknown is never zero: a vendor count is empty unless a complete pull lists a"
    " mapped account at a vendor that feeds the service.",
    "recon.discrepancies": "Work from the top: each row says what is wrong, how much money it is"
    " per billing cycle, and what to do.",
    "recon.conservation": "Red means that a unit is in no list: nothing is published then.",
}


def build_recon_assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """One asset per recon table."""
    return [_recon_asset(name, deps, partitions) for name, deps in DEPS.items()]


def _recon_asset(
    name: str, deps: list[str], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    spec = table_spec(name, deps=deps, group=RECON, more=ADVICE.get(name, ""))

    @dg.multi_asset(name=name.replace(".", "_"), specs=[spec], partitions_def=partitions)
    def recon_table(
        context: dg.AssetExecutionContext, warehouse: Warehouse, installation: Installation
    ) -> dg.MaterializeResult[None]:
        period = context.partition_key
        with readable_failures(), warehouse.get_connection() as connection:
            fill = fill_of(installation.site.settings)
            build_recon_table(connection, name, period=period, fill=fill)
            more: Facts = {}
            if name == "recon.discrepancies":
                link = dg.MetadataValue.url(review_url(installation, period))
                more = {"review": link, **facts(connection, period)}
            return materialized(connection, name, period, **more)

    return recon_table


def facts(connection: duckdb.DuckDBPyConnection, period: str) -> Facts:
    """The numbers worth watching month by month, and the ten dearest discrepancies."""
    sums = connection.execute(
        "select count(*),"
        " coalesce(sum(case when amount_delta > 0 then amount_delta end), 0),"
        " coalesce(sum(case when amount_delta < 0 then -amount_delta end), 0)"
        " from recon.discrepancies where period = $period",
        {"period": period},
    ).fetchall()[0]
    top = connection.execute(
        "select company_name, service_name, finding, qty_psa, qty_vendor, amount_delta, currency,"
        " next_step from recon.discrepancies where period = $period order by rank limit 10",
        {"period": period},
    ).fetchall()
    header = ["company", "service", "finding", "invoiced", "used", "money", "currency", "next"]
    return {
        "cards_open": int(sums[0]),
        "amount_not_invoiced": float(sums[1]),
        "amount_invoiced_too_much": float(sums[2]),
        "top_ten": markdown_table(header, top),
    }
