"""The `raw` assets: one per external system, pulled together in one event loop.

What a raw asset materialises is the system's current evidence: the new complete pull, or, after
a failure, the older one with its age and the reason, so that everything downstream is built.
"""

from datetime import datetime

import dagster as dg

from reconcile_pipeline.assets.common import OWNERS, RAW, readable_failures
from reconcile_pipeline.building import evidence_of
from reconcile_pipeline.landing.evidence import Evidence
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import pull_all, pulling_alone
from reconcile_pipeline.model import PullState, Role
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.systems.base import System

CHECK = "pull_complete"


def raw_spec(name: str, system: System) -> dg.AssetSpec:
    """The asset of one configured system."""
    side = "what customers are invoiced for" if system.role is Role.PSA else "what is really used"
    return dg.AssetSpec(
        key=[RAW, name],
        description=(
            f"{system.title}: {side}, every page as received, for the open period only"
            " (systems answer with today's counts). Red means that the latest pull is not"
            " complete: the last complete one stays in use, and the message says what to do."
        ),
        group_name=RAW,
        kinds={"python", "parquet"},
        owners=OWNERS,
        tags={"reconcile/role": str(system.role)},
        metadata={
            topic: dg.MetadataValue.text(sentence)
            for topic, sentence in system.capabilities.items()
        },
    )


def build_pulls(
    systems: dict[str, System], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """The one step that pulls; any of its systems can be selected alone."""

    @dg.multi_asset(
        name="pull_systems",
        specs=[raw_spec(name, system) for name, system in systems.items()],
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=[RAW, name],
                description="The latest pull met every proof that it is whole.",
            )
            for name in systems
        ],
        can_subset=True,
        partitions_def=partitions,
    )
    # No return annotation: Dagster would take an async iterator for the type of an output.
    async def pull_systems(  # type: ignore[no-untyped-def] # noqa: ANN202
        context: dg.AssetExecutionContext, installation: Installation
    ):
        period = context.partition_key
        names = {key.path[-1] for key in context.op_execution_context.selected_asset_keys}
        with readable_failures(), pulling_alone(installation.site.state.landing):
            async for manifest in pull_all(installation.pulls(period, names)):
                context.log.info(summary_line(manifest))
                evidence = evidence_of(installation.site, period, now=installation.now())
                # A PSA that the ledger was not moved to is landed, and no evidence yet.
                alone = Evidence(manifest.system, None, manifest)
                found = (item for item in evidence if item.system == manifest.system)
                yield pull_result(next(found, alone), now=installation.now())

    return pull_systems


def summary_line(manifest: Manifest) -> str:
    """One line per pull for the log."""
    seconds = (manifest.finished_at - manifest.started_at).total_seconds()
    return (
        f"{manifest.system}: {manifest.state}, {manifest.mode}, {manifest.records} records on"
        f" {manifest.pages} pages, {manifest.calls} calls ({manifest.retries} retries),"
        f" {seconds:.1f} s, throttled {manifest.throttled_seconds:.1f} s."
        f" {manifest.reason or ''}".strip()
    )


def pull_result(evidence: Evidence, *, now: datetime) -> dg.MaterializeResult[None]:
    """What the UI shows of a system after a pull: its evidence, its cost, its check."""
    latest, pull = evidence.latest, evidence.pull
    passed = latest.state is PullState.COMPLETE or not evidence.is_behind
    message = "Complete." if passed else f"{latest.reason} {latest.next_step}"
    age_hours = (now - pull.finished_at).total_seconds() / 3600 if pull else None
    return dg.MaterializeResult(
        asset_key=[RAW, latest.system],
        metadata={
            "evidence": pull.pull_id if pull else "none in this period",
            "evidence_age_hours": round(age_hours, 2) if age_hours is not None else -1.0,
            "message": message,
            "mode": str(latest.mode),
            "records": latest.records,
            "pages": latest.pages,
            "api_calls": latest.calls,
            "retries": latest.retries,
            "throttled_seconds": latest.throttled_seconds,
            "seconds": (latest.finished_at - latest.started_at).total_seconds(),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=CHECK,
                asset_key=[RAW, latest.system],
                passed=passed,
                severity=dg.AssetCheckSeverity.ERROR,
                description=message,
            )
        ],
    )
