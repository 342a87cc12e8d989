"""Jobs that act: dry run, write-back, closing a month, a digest. Operations on purpose, not assets.

"Materialize all" must never write into a PSA. They take no configuration at all: what is written
is what the ledger says, and a dry run can't be turned into a real one. In process, so that
whoever ends the run ends the writer.
"""

import asyncio
from typing import Any

import dagster as dg

from reconcile_pipeline.applying import DryRun, dry_run, write_back
from reconcile_pipeline.assets.common import markdown_table, readable_failures
from reconcile_pipeline.assets.review import review_numbers
from reconcile_pipeline.building import review_step
from reconcile_pipeline.closing import close_month
from reconcile_pipeline.digest.send import send_digest
from reconcile_pipeline.jobs import CLOSE, DIGEST, DRY_RUN, WRITE_BACK
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import Change
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.resources.warehouse import Warehouse
from reconcile_pipeline.settings_notify import Event
from reconcile_pipeline.warehouse.publish import publish
from reconcile_pipeline.writeback.batch import Report

WRITE_BACKS = dg.AssetKey(["review", "write_backs"])
NO_CONFIG: dict[str, Any] = {}
"""Said outright: an operation that says nothing takes anything, and ignores it."""
HEADER = ["company", "service", "line", "from", "to", "from day", "the PSA shows"]


@dg.op(
    description="Reads every line that would be changed; its client has no way to write.",
    config_schema=NO_CONFIG,
)
def look_at_lines(context: dg.OpExecutionContext, installation: Installation) -> None:
    """Log what a write-back would do now, as metadata of the table of write-backs."""
    with readable_failures():
        _refuse_configuration(context)
        found = asyncio.run(dry_run(installation.site, context.partition_key, now=installation.now))
    context.log_event(
        dg.AssetObservation(
            asset_key=WRITE_BACKS,
            partition=context.partition_key,
            metadata=_dry_metadata(found),
        )
    )
    context.log.info(
        "%d changes are ready, %d wait; %s",
        *(len(found.plan.ready), len(found.plan.blocked), found.effect),
    )


@dg.op(
    description="Carries out the ledger's decisions, each exactly once, and reads them back.",
    config_schema=NO_CONFIG,
)
def apply_decisions(
    context: dg.OpExecutionContext, installation: Installation, warehouse: Warehouse
) -> None:
    """Write, refresh the review tables, publish; red when a person has to look."""
    period = context.partition_key

    def tell(change: Change, state: ChangeState) -> None:
        context.log.info("%s, line %s: %s", change.company_name, change.line_id, state)

    with readable_failures():
        _refuse_configuration(context)
        report = asyncio.run(
            write_back(
                installation.site,
                period,
                now=installation.now,
                origin=f"Dagster run {context.run_id}",
                tell=tell,
            )
        )
        numbers = _refresh(installation, warehouse, period)
        context.log_event(
            dg.AssetMaterialization(
                asset_key=WRITE_BACKS, partition=period, metadata=_metadata(report) | numbers
            )
        )
        if report.stopped is not None:
            raise report.stopped


@dg.op(
    description="Freezes a month whose changes are all proved; writes its report.",
    config_schema=NO_CONFIG,
)
def close_the_month(
    context: dg.OpExecutionContext, installation: Installation, warehouse: Warehouse
) -> None:
    """Close, refresh the review tables, publish."""
    period = context.partition_key
    with readable_failures():
        _refuse_configuration(context)
        stamp = Stamp("Dagster", installation.now(), f"Dagster run {context.run_id}")
        with warehouse.get_connection() as connection:
            closed = close_month(connection, installation.site, period, reason="", stamp=stamp)
        _refresh(installation, warehouse, period)
    context.log_event(
        dg.AssetMaterialization(
            asset_key=["review", "closings"],
            partition=period,
            metadata={
                "head_hash": closed.head,
                "report": dg.MetadataValue.path(str(closed.report)),
                "cards_digest": closed.closing.cards_digest,
            },
        )
    )


@dg.op(
    description="Sends the digest `two_days_left` where it is due and was not sent.",
    config_schema=NO_CONFIG,
)
def tell_days_left(context: dg.OpExecutionContext, installation: Installation) -> None:
    """Tell people through the channels of [notify]; red when one of them failed."""
    with readable_failures():
        _refuse_configuration(context)
        now = installation.now()
        told = send_digest(installation.site, Event.TWO_DAYS_LEFT, context.partition_key, now=now)
        context.log.info("%s", told.silent_because or told.outcomes or "Nobody is left to tell.")
        told.check()


def build_operations(partitions: dg.PartitionsDefinition[str]) -> list[dg.JobDefinition]:
    """The four jobs, one month each."""

    def job(name: str, op: dg.OpDefinition, description: str) -> dg.JobDefinition:
        return dg.GraphDefinition(name=name, node_defs=[op]).to_job(
            name=name,
            description=description,
            partitions_def=partitions,
            executor_def=dg.in_process_executor,
            tags={"reconcile/job": name.removesuffix("_job"), "dagster/max_retries": "0"},
        )

    return [
        job(
            DRY_RUN,
            look_at_lines,
            "Shows what a write-back would change now, beside what the PSA shows of each line."
            " Its client can't write; nothing turns this job into a real one.",
        ),
        job(
            WRITE_BACK,
            apply_decisions,
            "Writes decided quantities into the PSA, each exactly once, and reads them back. Takes"
            " no configuration: the ledger's decisions are carried out, nothing else. Refuses"
            " unless [write_back] is enabled for this very tenant.",
        ),
        job(
            CLOSE,
            close_the_month,
            "Closes a month: cards, decisions and evidence are frozen, and the report with the"
            " ledger's head hash is written. Refuses while a change is not proved by a pull.",
        ),
        job(
            DIGEST,
            tell_days_left,
            "Two days before the month's last day, tells people by Slack, Teams and mail that"
            " cards still wait. On other days, and when they were told, it does nothing.",
        ),
    ]


def _refuse_configuration(context: dg.OpExecutionContext) -> None:
    """Refuse a run that brings its own settings file or its own clock.

    Dagster lets whoever starts a run replace the configuration of its resources.
    """
    if context.run.run_config.get("resources"):
        raise PipelineError(
            f"{context.job_name} takes no configuration, and this run brings some for its"
            " resources; nothing was done.",
            next_step="Start it again with an empty configuration.",
            category=Category.SETTINGS,
        )


def _refresh(installation: Installation, warehouse: Warehouse, period: str) -> dict[str, float]:
    site = installation.site
    with warehouse.get_connection() as connection:
        review_step(connection, site, period)
        numbers = review_numbers(connection, period)
    publish(site.state.warehouse, site.state.published, period=period)
    return numbers


def _dry_metadata(found: DryRun) -> dict[str, Any]:
    rows: list[tuple[object, ...]] = [
        (
            item.change.company_name,
            item.change.service_name,
            item.change.line_id,
            item.change.qty_from,
            item.change.qty_to,
            item.change.effective_on,
            item.shows,
        )
        for item in found.previews
    ]
    return {
        "tenant": found.tenant,
        "is_enabled": found.is_enabled,
        "effect": found.effect,
        "ready": len(found.plan.ready),
        "blocked": len(found.plan.blocked),
        "not_as_decided": sum(not item.is_as_decided for item in found.previews),
        "first_lines": markdown_table(HEADER, rows),
    }


def _metadata(report: Report) -> dict[str, Any]:
    states = [str(state) for state in report.ended.values()]
    return {
        "touched": len(states),
        "blocked": len(report.plan.blocked),
        "could_not_be_read": len(report.unread),
        **{f"ended_{state}": states.count(state) for state in sorted(set(states))},
    }
