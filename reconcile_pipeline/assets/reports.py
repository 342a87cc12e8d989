"""The last assets of a run: the published copy, and the verdict on the pulls.

Everything that could be built is built and published first; only then does a failed pull turn
the run red.
"""

import dagster as dg

from reconcile_pipeline.assets.common import (
    OWNERS,
    RAW,
    REPORTS,
    readable_failures,
    review_url,
)
from reconcile_pipeline.building import evidence_of
from reconcile_pipeline.landing.evidence import Evidence
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.resources.installation import Installation
from reconcile_pipeline.warehouse.publish import publish

PUBLISHED_DEPS = [
    "recon.discrepancies",
    "recon.conservation",
    "recon.card_lines",
    "review.decisions",
    "review.action_items",
    "review.card_status",
    "review.write_backs",
    "recon.history",
]


def build_reports(
    systems: list[str], partitions: dg.PartitionsDefinition[str]
) -> list[dg.AssetsDefinition]:
    """`published` and `pull_outcome`."""

    @dg.asset(
        key=["published"],
        deps=[name.split(".") for name in PUBLISHED_DEPS],
        group_name=REPORTS,
        kinds={"duckdb"},
        owners=OWNERS,
        partitions_def=partitions,
    )
    def published(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        """The finished copy analysts and the review app open, swapped in by one rename.

        It is only replaced when the PSA's evidence is there and every unit is accounted for;
        otherwise the last good copy stays. Open it read-only at any time, also during a run.
        """
        state, period = installation.site.state, context.partition_key
        with readable_failures():
            try:
                version = publish(state.warehouse, state.published, period=period)
            except PipelineError as error:
                # `pull_outcome` won't run after this: who failed has to be told here.
                behind = behind_in(installation, period)
                error.message = "\n".join([*map(describe, behind), error.message])
                raise
        return dg.MaterializeResult(
            metadata={
                "review": dg.MetadataValue.url(review_url(installation, period)),
                "file": dg.MetadataValue.path(str(state.published)),
                "version": version.name,
                "bytes": version.stat().st_size,
            }
        )

    @dg.asset(
        key=["pull_outcome"],
        deps=[["published"], *([RAW, name] for name in systems)],
        group_name=REPORTS,
        kinds={"python"},
        owners=OWNERS,
        partitions_def=partitions,
    )
    def pull_outcome(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult[None]:
        """Green when the latest pull of every system is complete.

        Red names each system that failed and what to do; what could be built without it is
        published all the same.
        """
        behind = behind_in(installation, context.partition_key)
        if behind:
            raise dg.Failure(description="\n".join(map(describe, behind)), allow_retries=False)
        return dg.MaterializeResult(metadata={"systems": len(systems)})

    return [published, pull_outcome]


def behind_in(installation: Installation, period: str) -> list[Evidence]:
    """The systems whose latest pull is not the one in use."""
    evidence = evidence_of(installation.site, period, now=installation.now())
    return [item for item in evidence if item.is_behind]


def describe(item: Evidence) -> str:
    """One system's trouble: what failed, what is used meanwhile, and below it what to do."""
    if item.pull is None:
        meanwhile = "It has no complete pull in this period, so its counts are unknown."
    else:
        meanwhile = f"Its pull of {item.pull.finished_at:%Y-%m-%d %H:%M} UTC stays in use."
    return f"{item.system}: {item.latest.reason} {meanwhile}\nNext: {item.latest.next_step}"
