"""Asset checks: each says one thing that is true when it is green, and what to do when it isn't.

Checks report; gates protect. What must not be published is refused by the publishing step
itself, in SQL, because a blocking check only stops its own run.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from reconcile_pipeline.assets.common import markdown_table, readable_failures
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.reality import (
    Verdict,
    agreements_arrive,
    ask,
    board_is_explained,
    customers_appear,
    lines_have_quantities,
    most_are_mapped,
)
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.warehouse.catalogue import TABLES
from reconcile_pipeline.warehouse.schemas import failure_cases

if TYPE_CHECKING:
    import polars as pl

SCHEMA_CHECK = "rows_match_the_schema"
PARTITION_TAG = "dagster/partition"
MOVES = "changes_reach_the_psa"
HOLDS = "ledger_is_untouched"
STUCK_HEADER = ["state", "company", "service", "line", "from", "to", "what is known", "change"]
Question = Callable[[duckdb.DuckDBPyConnection, str], Verdict]

REALITY: dict[str, tuple[str, Question]] = {
    "customers_appear": ("core.companies", customers_appear),
    "most_accounts_are_mapped": ("map.accounts", most_are_mapped),
    "agreements_of_every_type_arrive": ("core.agreements", agreements_arrive),
    "lines_have_quantities": ("core.agreement_lines", lines_have_quantities),
    "empty_board_is_explained": ("recon.cards", board_is_explained),
}


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Schema checks of every table, reality, review, and conservation, which blocks."""
    return [_schema_checks(), _reality_checks(), _review_checks(), _conservation_check()]


def _schema_checks() -> dg.AssetChecksDefinition:
    """One step for all tables: a step of its own for each would cost more than the checks."""

    @dg.multi_asset_check(
        name="schema_checks",
        can_subset=True,
        specs=[
            dg.AssetCheckSpec(
                SCHEMA_CHECK,
                asset=name.split("."),
                description="Columns, types, allowed values and keys are as documented.",
            )
            for name in TABLES
        ],
    )
    def schema_checks(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.AssetCheckResult]:
        period = context.run.tags[PARTITION_TAG]
        wanted = _selected_assets(context)
        with readable_failures(), warehouse.get_connection() as connection:
            for name, table in TABLES.items():
                if name in wanted:
                    yield _schema_result(name, failure_cases(connection, table, period))

    return schema_checks


def _schema_result(name: str, cases: "pl.DataFrame | None") -> dg.AssetCheckResult:
    key = name.split(".")
    if cases is None:
        return dg.AssetCheckResult(check_name=SCHEMA_CHECK, asset_key=key, passed=True)
    rows = cases.select("column", "check", "failure_case").rows()
    return dg.AssetCheckResult(
        check_name=SCHEMA_CHECK,
        asset_key=key,
        passed=False,
        description=f"{len(rows)} values break the schema of {name}. Report this as a bug.",
        metadata={"failures": markdown_table(["column", "check", "value"], rows)},
    )


def _reality_checks() -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="reality_checks",
        can_subset=True,
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=asset.split("."),
                description=question.__doc__,
                additional_deps=[["recon", "exclusions"], ["recon", "unmapped_accounts"]],
            )
            for name, (asset, question) in REALITY.items()
        ],
    )
    def reality_checks(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.AssetCheckResult]:
        period = context.run.tags[PARTITION_TAG]
        wanted = _selected_assets(context)
        with readable_failures(), warehouse.get_connection() as connection:
            for name, (asset, question) in REALITY.items():
                if asset not in wanted:
                    continue
                verdict = question(connection, period)
                yield dg.AssetCheckResult(
                    check_name=name,
                    asset_key=asset.split("."),
                    passed=verdict.is_good,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=verdict.message,
                    metadata={**verdict.numbers},
                )

    return reality_checks


def _review_checks() -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="review_checks",
        can_subset=True,
        specs=[
            dg.AssetCheckSpec(
                MOVES,
                asset=["review", "write_backs"],
                description="No line change was refused, contradicted, or stands still.",
            ),
            dg.AssetCheckSpec(
                HOLDS,
                asset=["review", "decisions"],
                description="Every entry of the ledger seals the one before; nobody changed any.",
            ),
        ],
    )
    def review_checks(
        context: dg.AssetCheckExecutionContext, installation: Installation, warehouse: Warehouse
    ) -> Iterator[dg.AssetCheckResult]:
        period, wanted = context.run.tags[PARTITION_TAG], _selected_assets(context)
        if "review.write_backs" in wanted:
            with readable_failures(), warehouse.get_connection() as connection:
                rows = ask(connection, "changes_stuck", period)
            yield dg.AssetCheckResult(
                check_name=MOVES,
                asset_key=["review", "write_backs"],
                passed=not rows,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"{len(rows)} changes need a person: `reconcile changes`.",
                metadata={"changes": markdown_table(STUCK_HEADER, rows)},
            )
        if "review.decisions" in wanted:
            with readable_failures(), installation.site.ledger.reading() as ledger:
                verdict = verify(ledger)
            yield dg.AssetCheckResult(
                check_name=HOLDS,
                asset_key=["review", "decisions"],
                passed=not verdict.trouble,
                description=verdict.trouble or f"{verdict.entries:,} entries, every link holds.",
                metadata={"entries": verdict.entries, "head_hash": verdict.head},
            )

    return review_checks


def _selected_assets(context: dg.AssetCheckExecutionContext) -> set[str]:
    """Names of the tables whose checks this run asks for."""
    keys = context.op_execution_context.selected_asset_check_keys
    return {".".join(key.asset_key.path) for key in keys}


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
            period = context.run.tags[PARTITION_TAG]
            rows = connection.execute(query, {"period": period}).fetchall()
        lost = [row for row in rows if not row[-1]]
        header = ["system", "measure", "in", "cards", "unmapped", "excluded", "missing", "records"]
        return dg.AssetCheckResult(
            passed=not lost,
            description=f"{len(rows)} sums, {len(lost)} of them don't add up.",
            metadata={"sums": markdown_table(header, [row[:-1] for row in lost or rows])},
        )

    return every_unit_is_in_one_place
