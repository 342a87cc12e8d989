"""Build a period in the warehouse from the landing folder and the ledger, step by step.

The same three steps serve the Dagster assets, `reconcile rebuild` and the tests. Each opens the
warehouse for itself, briefly.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from reconcile_pipeline.landing.evidence import Evidence, current_evidence
from reconcile_pipeline.landing.manifest import Manifest, periods_landed, read_manifests
from reconcile_pipeline.ledger.accepted import accepted_pull_ids
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.closings import closing_of
from reconcile_pipeline.ledger.count_rules import record_rules, rules_in_force
from reconcile_pipeline.ledger.intake import Seen, from_exact_names, from_file, rules_from_file
from reconcile_pipeline.ledger.mappings import as_rows, mappings_in_force, record_mappings
from reconcile_pipeline.ledger.moves import ids_in, name_psa, psa_in_force, read_moves
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.matching.count_rules import CountRule
from reconcile_pipeline.matching.exact import Named
from reconcile_pipeline.matching.mapping_file import read_mapping_file
from reconcile_pipeline.model import Category, PipelineError, PullState, Role
from reconcile_pipeline.periods import last_day, open_period
from reconcile_pipeline.review.decide import Door
from reconcile_pipeline.review.tables import fill_review_tables
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.state import State
from reconcile_pipeline.storing import check_usable
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.build import (
    Fill,
    build_core,
    build_map,
    build_usage_by_pull,
    create_tables,
    describe_tables,
)
from reconcile_pipeline.warehouse.connect import open_for_writing
from reconcile_pipeline.warehouse.publish import publish
from reconcile_pipeline.warehouse.sql_files import sql_file

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Site:
    """One installation: its settings, its state folder, its ledger."""

    settings: Settings
    state: State
    ledger: Ledger


def site_of(settings: Settings) -> Site:
    """Open the installation a settings file describes.

    Raises:
        PipelineError: `storage`, when its folder is not there or not ours to write.
    """
    state = State(settings.state_dir)
    check_usable(state.folder, state.ledger, state.landing, state.warehouse, state.dagster)
    return Site(settings, state, Ledger(settings.ledger_url or state.ledger))


def door_of(site: Site, period: str) -> Door:
    """What decisions of a period are checked with, and where they go."""
    configured = site.settings.psa
    psa = psa_of(site, period)
    if psa != configured.name:
        # A month from before the move: nothing is written into that PSA any more.
        return Door(site.ledger, period, None, psa, psa)
    write_back = SYSTEMS[configured.kind].write_back
    return Door(site.ledger, period, write_back, configured.title, psa)


def psa_of(site: Site, period: str) -> str:
    """Name the PSA that a period is reconciled with: the one in force when its grace ends."""
    moves = read_moves(site.ledger)
    return psa_in_force(moves, evidence_ends(site, period)) or site.settings.psa.name


def review_step(connection: Connection, site: Site, period: str) -> None:
    """Ledger and recon -> review, and the history that rests on both."""
    fill_review_tables(connection, door_of(site, period), site.settings.limits)


def refresh_review(site: Site, period: str) -> None:
    """Bring the review tables up to date with the ledger, and publish them."""
    with open_for_writing(site.state.warehouse) as connection:
        review_step(connection, site, period)
    publish(site.state.warehouse, site.state.published, period=period)


def evidence_of(
    site: Site, period: str, *, now: datetime, accepting: frozenset[str] = frozenset()
) -> list[Evidence]:
    """The period's evidence; in the open period only systems that are still configured count.

    `accepting`: pulls that were held back, taken as if somebody had accepted them.
    """
    closing = closing_of(site.ledger, period)
    configured = None
    if closing is None and period == open_period(now, site.settings.timezone):
        configured = {system.name for system in site.settings.systems}
    psa = psa_of(site, period)
    attempts = [
        item
        for item in read_manifests(site.state.landing, period)
        # A month in which the PSA was changed holds pulls of both; only one invoices.
        if item.role != Role.PSA or item.system == psa
    ]
    accepted = accepted_pull_ids(site.ledger) | accepting
    if closing is not None:
        # A closed month rests on what was known then: neither later pulls nor later acceptances.
        attempts = [item for item in attempts if item.started_at <= closing.closed_at]
        accepted &= frozenset(closing.evidence)
    return current_evidence(
        attempts,
        accepted=accepted,
        systems=configured,
    )


def core_step(
    connection: Connection,
    site: Site,
    period: str,
    *,
    now: datetime,
    accepting: frozenset[str] = frozenset(),
) -> None:
    """Landing -> core; `accepting` as in `evidence_of`."""
    evidence = evidence_of(site, period, now=now, accepting=accepting)
    names = {item.system for item in evidence}
    attempts = read_manifests(site.state.landing, period)
    create_tables(connection)
    describe_tables(connection)
    build_core(
        connection,
        landing=site.state.landing,
        period=period,
        attempts=[attempt for attempt in attempts if attempt.system in names],
        evidence=evidence,
        stale_after=timedelta(hours=site.settings.stale_after_hours),
    )


def intake_step(connection: Connection, site: Site, period: str, *, now: datetime) -> int:
    """Append what the mapping file and exact names add to the ledger; returns how many.

    Raises:
        PipelineError: `settings`, when the ledger speaks of another PSA than the settings.
    """
    name_psa(site.ledger, site.settings.psa.name, Stamp("rule:first_psa", now, "rule"))
    seen = _seen(connection, period)
    recorded = 0
    path = site.settings.mappings_file
    if path is not None:
        rows = read_mapping_file(
            _read_text(path),
            name=path.name,
            systems={system.name for system in site.settings.systems},
        )
        in_force = mappings_in_force(site.ledger)
        entries = from_file(rows, seen, in_force, name=path.name, at=now)
        recorded += record_mappings(site.ledger, entries)
        rules = rules_from_file(rows, rules_in_force(site.ledger), name=path.name, at=now)
        recorded += record_rules(site.ledger, rules)
    entries = from_exact_names(seen, mappings_in_force(site.ledger), at=now)
    return recorded + record_mappings(site.ledger, entries)


def map_step(connection: Connection, site: Site, period: str, *, fill: Fill | None = None) -> None:
    """Ledger and core -> map, with the mappings as they stood when the period's grace ended.

    A closed month keeps the mappings it was closed with. `fill` is the engine: see `engines.py`.
    """
    until = evidence_ends(site, period)
    evidence = connection.execute(
        "select pull_id from core.pulls where period = $period and is_evidence",
        {"period": period},
    ).fetchall()
    pulls = pulls_of_month(site, period, {str(row[0]) for row in evidence})
    build_usage_by_pull(
        connection, landing=site.state.landing, period=period, pulls=pulls, fill=fill
    )
    build_map(
        connection,
        period=period,
        mappings=as_rows(mappings_in_force(site.ledger, until=until)),
        rules=_rules(site, until),
        moved=ids_in(site.ledger, psa_of(site, period)),
        fill=fill,
    )


def _rules(site: Site, until: datetime) -> list[dict[str, Any]]:
    """The count rules in force, as the warehouse takes them."""
    return [
        {"system": system, "service_id": service_id, **CountRule.parse(entry.rule).columns}
        for (system, service_id), entry in rules_in_force(site.ledger, until=until).items()
    ]


def _systems_with_maxima(site: Site, until: datetime) -> frozenset[str]:
    """Systems of which some service is invoiced by the month's highest count."""
    return frozenset(
        system
        for (system, _), entry in rules_in_force(site.ledger, until=until).items()
        if CountRule.parse(entry.rule).count == "monthly_maximum"
    )


def pulls_of_month(site: Site, period: str, evidence: Collection[str]) -> list[Manifest]:
    """The usable pulls taken inside the month, up to its evidence, where the highest counts.

    `evidence` names the pulls that the month rests on.
    """
    systems = _systems_with_maxima(site, evidence_ends(site, period))
    if not systems:
        return []
    attempts = read_manifests(site.state.landing, period)
    latest = {item.system: item.started_at for item in attempts if item.pull_id in evidence}
    accepted = accepted_pull_ids(site.ledger)
    return [
        item
        for item in attempts
        if item.system in systems & latest.keys()
        and not item.is_grace
        and (item.state is PullState.COMPLETE or item.pull_id in accepted)
        and item.started_at <= latest[item.system]
    ]


def grace_ends(site: Site, period: str) -> datetime:
    """The instant from which nothing counts for a period any more."""
    return datetime.combine(
        last_day(period) + timedelta(days=1 + site.settings.grace_days),
        time.min,
        ZoneInfo(site.settings.timezone),
    ).astimezone(UTC)


def evidence_ends(site: Site, period: str) -> datetime:
    """When the grace of a period ends, or when it was closed before that."""
    closing = closing_of(site.ledger, period)
    ends = grace_ends(site, period)
    return ends if closing is None else min(ends, closing.closed_at)


def periods_to_rebuild(site: Site) -> list[str]:
    """Every period with a finished pull, oldest first: later ones look back at earlier ones."""
    return periods_landed(site.state.landing)


def _seen(connection: Connection, period: str) -> Seen:
    query = sql_file("asks", "names_seen").read_text(encoding="utf-8")
    found: dict[str, list[Named]] = {}
    for kind, system, item_id, name in connection.execute(query, {"period": period}).fetchall():
        found.setdefault(kind, []).append(Named(id=item_id, name=name, system=system))
    return Seen(
        accounts=found.get("account", []),
        services=found.get("service", []),
        companies=found.get("company", []),
        products=found.get("product", []),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"The mapping file {path} can't be read ({type(error).__name__}).",
            next_step="Correct [mappings] file in reconcile.toml, or save the file as UTF-8.",
            category=Category.INPUT,
        ) from error
