"""Asset checks: each says one thing that is true when it is green, and what to do when it isn't.

Checks report; gates protect. What must not be published is refused by the publishing step
itself, in SQL, because a blocking check only stops its own run.
"""

from collections.abc import Callable

import dagster as dg
import duckdb

from reconcile_pipeline.assets.common import markdown_table, readable_failures
from reconcile_pipeline.reality import (
    Verdict,
    agreements_arrive,
    board_is_explained,
    customers_appear,
    lines_have_quantities,
    most_are_mapped,
)
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.schemas import failure_cases

Question = Callable[[duckdb.DuckDBPyConnection, str], Verdict]

REALITY: dict[str, tuple[str, Question]] = {
    "customers_appear": ("core.companies", customers_appear),
    "most_accounts_are_mapped": ("map.accounts", most_are_mapped),
    "agreements_of_every_type_arrive": ("core.agreements", agreements_arrive),
    "lines_have_quantities": ("core.agreement_lines", lines_have_quantities),
    "empty_board_is_explained": ("recon.cards", board_is_explained),
}


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Schema checks of every table, the reality checks, and conservation, which blocks."""
    return [
        *(_schema_check(name) for name in TABLES),
        *(_reality_check(name, asset, ask) for name, (asset, ask) in REALITY.items()),
        _conservation_check(),
    ]


def _schema_check(name: str) -> dg.AssetChecksDefinition:
    table = TABLES[name]

    @dg.asset_check(
        asset=name.split("."),
        name="rows_match_the_schema",
        description="Columns, types, allowed values and keys are as documented.",
    )
    def rows_match_the_schema(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> dg.AssetCheckResult:
        with readable_failures(), warehouse.get_connection() as connection:
            cases = failure_cases(connection, table, context.run.tags["dagster/partition"])
        if cases is None:
            return dg.AssetCheckResult(passed=True)
        rows = cases.select("column", "check", "failure_case").rows()
        return dg.AssetCheckResult(
            passed=False,
            description=f"{len(rows)} values break the schema of {name}. Report this as a bug.",
            metadata={"failures": markdown_table(["column", "check", "value"], rows)},
        )

    return rows_match_the_schema


def _reality_check(name: str, asset: str, ask: Question) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset.split("."), name=name, description=ask.__doc__)
    def reality_check(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> dg.AssetCheckResult:
        with readable_failures(), warehouse.get_connection() as connection:
            verdict = ask(connection, context.run.tags["dagster/partition"])
        return dg.AssetCheckResult(
            passed=verdict.is_good,
            severity=dg.AssetCheckSeverity.WARN,
            description=verdict.message,
            metadata={**verdict.numbers},
        )

    return reality_check


def _conservation_check() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=["recon", "conservation"],
        name="every_unit_is_in_one_place",
        blocking=True,
        description="Every unit pulled is on a card, on an unmapped list, or excluded with a"
        " reason, to the last decimal. Red: nothing is published; report it as a bug.",
    )
    def every_unit_is_in_one_place(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> dg.AssetCheckResult:
        query = (
            "select system, measure, qty_in, qty_cards, qty_unmapped, qty_excluded, qty_missing,"
            " records_missing, is_conserved from recon.conservation where period = $period"
            " order by system, measure"
        )
        with readable_failures(), warehouse.get_connection() as connection:
            period = context.run.tags["dagster/partition"]
            rows = connection.execute(query, {"period": period}).fetchall()
        lost = [row for row in rows if not row[-1]]
        header = ["system", "measure", "in", "cards", "unmapped", "excluded", "missing", "records"]
        return dg.AssetCheckResult(
            passed=not lost,
            description=f"{len(rows)} sums, {len(lost)} of them don't add up.",
            metadata={"sums": markdown_table(header, [row[:-1] for row in lost or rows])},
        )

    return every_unit_is_in_one_place
