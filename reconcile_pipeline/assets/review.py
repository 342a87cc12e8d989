"""The `review` assets: decisions taken in, proofs recorded, and what follows from both.

Decisions come from a file exported by `reconcile export` and filled in, and from the policies in
reconcile.toml; all go through the one door. Without any, the tables are brought up to date.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
from pydantic import Field

from reconcile_pipeline.applying import proof_step
from reconcile_pipeline.assets.common import REVIEW, materialized, readable_failures, table_spec
from reconcile_pipeline.building import door_of, review_step
from reconcile_pipeline.reality import ask
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.review.decide import decide, decide_by_policy
from reconcile_pipeline.review.decision_files import read_decisions
from reconcile_pipeline.warehouse.review_tables import REVIEW_TABLES

DEPS = ["recon.cards", "recon.card_lines"]
ADVICE = (
    "Materializing this brings the table up to date with the ledger; it writes nothing to a PSA."
    " Only `write_back_job` does."
)
TOLD = ["review.card_status", "review.write_backs"]


class ReviewConfig(dg.Config):
    """A file of decisions to record, and whose they are.

    No quantity comes in by configuration: whoever reaches the launchpad may start a job, but
    can't put a file on this machine.
    """

    reviewer: str = Field(default="", description="Who decided; recorded with every decision.")
    file: str = Field(default="", description="A CSV or XLSX made by `reconcile export`.")


def build_review_assets(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """`review.decisions` and `review.action_items`."""

    @dg.multi_asset(
        name="review_cards",
        specs=[
            *(
                table_spec(table.qualified, deps=DEPS, group=REVIEW, more=ADVICE)
                for table in REVIEW_TABLES
            ),
            table_spec("recon.history", deps=[*DEPS, *TOLD], group=REVIEW),
        ],
        partitions_def=partitions,
    )
    def review_cards(
        context: dg.AssetExecutionContext,
        config: ReviewConfig,
        installation: Installation,
        warehouse: Warehouse,
    ) -> Iterator[dg.MaterializeResult[None]]:
        period, site, now = context.partition_key, installation.site, installation.now()
        with readable_failures(), warehouse.get_connection() as connection:
            wanted = read_decisions(Path(config.file), config.reviewer) if config.file else []
            door = door_of(site, period)
            origin = f"Dagster run {context.run.run_id}"
            disproved = proof_step(connection, site, period, now=now)
            taken = decide(connection, door, wanted, now=now, origin=origin)
            rules = (site.settings.policy, site.settings.limits)
            by_rule = decide_by_policy(connection, door, *rules, now=now)
            context.log.info(
                "%d decisions handed in, %d of them new; %d by policy",
                *(len(wanted), len(taken.new), len(by_rule.new)),
            )
            review_step(connection, site, period)
            numbers = {
                "new_decisions": len(taken.new),
                "by_policy": len(by_rule.new),
                "disproved": len(disproved),
                **review_numbers(connection, period),
            }
            for name in (*(table.qualified for table in REVIEW_TABLES), "recon.history"):
                yield materialized(connection, name, period, **numbers)

    return review_cards


def review_numbers(connection: duckdb.DuckDBPyConnection, period: str) -> dict[str, float]:
    """How much waits, how much was applied or refused, and the money it brought: plots in time.

    Money stands apart for each currency: it is never summed across them.
    """
    row = ask(connection, "review_numbers", period)[0]
    names = ("decisions_waiting", "changes_waiting", "changes_applied", "changes_refused")
    numbers: dict[str, float] = {name: int(value) for name, value in zip(names, row, strict=True)}
    for currency, recovered, relieved, _changes in ask(connection, "money_recovered", period):
        unit = currency or "unknown currency"
        numbers[f"amount_recovered ({unit})"] = float(recovered)
        numbers[f"amount_relieved ({unit})"] = float(relieved)
    return numbers
