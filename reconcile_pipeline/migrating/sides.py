"""The two PSAs of a move, each as its latest complete pull shows it; nothing is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import duckdb

from reconcile_pipeline.building import Site
from reconcile_pipeline.landing.evidence import Evidence
from reconcile_pipeline.landing.manifest import Manifest, periods_landed, read_manifests
from reconcile_pipeline.ledger.accepted import accepted_pull_ids
from reconcile_pipeline.matching.exact import Named
from reconcile_pipeline.model import Category, PipelineError, PullState, Role
from reconcile_pipeline.warehouse.build import build_core, create_tables


@dataclass(frozen=True)
class Side:
    """One of the two PSAs: its live companies, and all of its products."""

    system: str
    companies: tuple[Named, ...]
    products: tuple[Named, ...]


def read_side(site: Site, system: str) -> Side:
    """Read a PSA's latest complete pull; raises `incomplete` when there is none."""
    pull = latest_pull(site, system, periods_landed(site.state.landing))
    if pull is None:
        raise PipelineError(
            f"There is no complete pull of {system}.",
            next_step=f"Pull it: `reconcile pull --system {system}`.",
            category=Category.INCOMPLETE,
            system=system,
        )
    with duckdb.connect() as connection:
        create_tables(connection)
        build_core(
            connection,
            landing=site.state.landing,
            period=pull.period,
            attempts=[pull],
            evidence=[Evidence(system, pull, pull)],
            stale_after=timedelta.max,
        )
        companies = connection.execute(
            "select company_id, name from core.companies where is_active order by company_id"
        ).fetchall()
        products = connection.execute(
            "select product_id, name from core.products order by product_id"
        ).fetchall()
    return Side(
        system,
        tuple(Named(item_id, name, system) for item_id, name in companies),
        tuple(Named(item_id, name, system) for item_id, name in products),
    )


def latest_pull(site: Site, system: str, periods: Sequence[str]) -> Manifest | None:
    """The last usable pull of a PSA in these periods, the latest period first."""
    accepted = accepted_pull_ids(site.ledger)
    for period in reversed(periods):
        for pull in reversed(read_manifests(site.state.landing, period)):
            usable = pull.state is PullState.COMPLETE or pull.pull_id in accepted
            if pull.system == system and pull.role == Role.PSA and usable:
                return pull
    return None
