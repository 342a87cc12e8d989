"""Bring one month's tables up to date with what people said since, without pulling anything.

Decisions, mappings, accepted pulls and closings are in the ledger at once; the tables follow. The
same building functions as in a run, in the same order; what did not change is not built again.
"""

from collections.abc import Callable
from datetime import datetime

import duckdb

from reconcile_pipeline.building import (
    Site,
    core_step,
    door_of,
    evidence_of,
    intake_step,
    map_step,
    review_step,
)
from reconcile_pipeline.engines import fill_of
from reconcile_pipeline.ledger.closings import closing_of
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.review.decide import decide_by_policy
from reconcile_pipeline.warehouse.build import build_recon, create_tables
from reconcile_pipeline.warehouse.connect import open_for_writing
from reconcile_pipeline.warehouse.publish import publish

Connection = duckdb.DuckDBPyConnection


def refresh_period(
    site: Site, period: str, *, now: datetime, tell: Callable[[str], None] = lambda _text: None
) -> None:
    """Rebuild what may have changed of a month, and publish.

    A closed month keeps its cards; only what was said about it is read again. A crash on the way
    leaves the published file as it was, and the next refresh or run starts over.

    Raises:
        PipelineError: `input`, when the month was never pulled; `incomplete`, when a unit is
            missing: the published file stays as it was then.
    """
    with open_for_writing(site.state.warehouse) as connection:
        if not _is_known(connection, period):
            raise PipelineError(
                f"There is nothing of {period} to bring up to date: it was never pulled.",
                next_step="Run `reconcile run` first.",
                category=Category.INPUT,
            )
        # An older release's warehouse has not all of today's tables.
        create_tables(connection)
        if closing_of(site.ledger, period) is None:
            _rebuild(connection, site, period, now=now, tell=tell)
        tell("Reading the ledger …")
        review_step(connection, site, period)
    tell("Publishing …")
    publish(site.state.warehouse, site.state.published, period=period)


def _rebuild(
    connection: Connection, site: Site, period: str, *, now: datetime, tell: Callable[[str], None]
) -> None:
    if _has_other_evidence(connection, site, period, now=now):
        tell("Taking other pulls into use …")
        core_step(connection, site, period, now=now)
    tell("Mapping and comparing …")
    intake_step(connection, site, period, now=now)
    settings = site.settings
    fill = fill_of(settings)
    map_step(connection, site, period, fill=fill)
    build_recon(connection, period=period, fill=fill)
    door = door_of(site, period)
    decide_by_policy(connection, door, settings.policy, settings.limits, now=now)


def _is_known(connection: Connection, period: str) -> bool:
    tables = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'core' and table_name = 'pulls'"
    ).fetchall()
    if not tables[0][0]:
        return False
    query = "select count(*) from core.pulls where period = $period"
    return bool(connection.execute(query, {"period": period}).fetchall()[0][0])


def _has_other_evidence(connection: Connection, site: Site, period: str, *, now: datetime) -> bool:
    """Whether a pull was accepted, or landed, since core was built."""
    query = "select pull_id from core.pulls where period = $period and is_evidence"
    built = {str(row[0]) for row in connection.execute(query, {"period": period}).fetchall()}
    used = evidence_of(site, period, now=now)
    return built != {item.pull.pull_id for item in used if item.pull is not None}
