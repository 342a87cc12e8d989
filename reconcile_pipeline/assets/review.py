"""The `review` assets: decisions taken in, and the action items that follow from them.

Decisions come from the launchpad or from a file exported by `reconcile export` and filled in;
both go through the one `decide` function. Without any, the tables are only brought up to date.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

import dagster as dg
from pydantic import Field

from reconcile_pipeline.assets.common import REVIEW, materialized, readable_failures, table_spec
from reconcile_pipeline.building import door_of, review_step
from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.decide import Wanted
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.review.decide import decide, decide_by_policy
from reconcile_pipeline.review.decision_files import read_decisions
from reconcile_pipeline.warehouse.review_tables import REVIEW_TABLES

DEPS = ["recon.cards", "recon.card_lines"]
TOLD = ["review.card_status", "review.write_backs"]


class DecisionEntry(dg.Config):
    """One decision on one version of a card."""

    card_id: str = Field(description="recon.cards.card_id")
    card_version: str = Field(description="The version that was looked at.")
    decision: Decision
    qty_target: str = Field(default="", description="Agreed quantity; empty: the vendor's count.")
    note: str = Field(default="", description="Why; needed for anything but approve, reconcile.")


class ReviewConfig(dg.Config):
    """Decisions to record. Nothing here is written to a PSA."""

    reviewer: str = Field(default="", description="Who decides; recorded with every decision.")
    decisions: list[DecisionEntry] = Field(default_factory=list)
    file: str = Field(default="", description="A CSV or XLSX made by `reconcile export`.")


def build_review_assets(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """`review.decisions` and `review.action_items`."""

    @dg.multi_asset(
        name="review_cards",
        specs=[
            *(table_spec(table.qualified, deps=DEPS, group=REVIEW) for table in REVIEW_TABLES),
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
            wanted, door = all_wanted(config), door_of(site, period)
            origin = f"Dagster run {context.run_id}"
            taken = decide(connection, door, wanted, now=now, origin=origin)
            by_rule = decide_by_policy(connection, door, site.settings.policy, now=now)
            context.log.info(
                "%d decisions handed in, %d of them new; %d by policy",
                *(len(wanted), len(taken.new), len(by_rule.new)),
            )
            review_step(connection, site, period)
            numbers = {"new_decisions": len(taken.new), "by_policy": len(by_rule.new)}
            for name in (*(table.qualified for table in REVIEW_TABLES), "recon.history"):
                yield materialized(connection, name, period, **numbers)

    return review_cards


def all_wanted(config: ReviewConfig) -> list[Wanted]:
    """The decisions of the launchpad and of the file, in that order."""
    entries = [
        Wanted(
            card_id=entry.card_id,
            card_version=entry.card_version,
            decision=entry.decision,
            qty_target=_quantity(entry.qty_target),
            reviewer=config.reviewer,
            note=entry.note or None,
            row="launchpad",
        )
        for entry in config.decisions
    ]
    if config.file:
        entries += read_decisions(Path(config.file), config.reviewer)
    return entries


def _quantity(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise PipelineError(
            f"qty_target “{text}” is not a number.",
            next_step="Write it like 12 or 12.5, or leave it empty.",
            category=Category.INPUT,
        ) from error
