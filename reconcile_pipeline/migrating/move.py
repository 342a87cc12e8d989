"""The move itself: whether it may be made now, its plan, and the entry that makes it."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from reconcile_pipeline.building import Site, grace_ends
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.closings import closing_of
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import standing_decisions
from reconcile_pipeline.ledger.mappings import mappings_in_force
from reconcile_pipeline.ledger.moves import psa_in_force, read_moves, record_move
from reconcile_pipeline.migrating.files import move_mapping_file
from reconcile_pipeline.migrating.plan import Given, MovePlan, make_plan
from reconcile_pipeline.migrating.sides import latest_pull, read_side
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import open_period, previous_period
from reconcile_pipeline.writeback.lock import writing_alone
from reconcile_pipeline.writeback.plan import UNSETTLED, WAITING


def plan_move(site: Site, source: str, target: str, given: Given, *, now: datetime) -> MovePlan:
    """Work out a move; changes nothing.

    Raises:
        PipelineError: `settings`, when ledger or settings speak of other PSAs; `incomplete`,
            without a complete pull of both; `conflict`, while changes wait for the old PSA or
            the month before can still change; `input`, for an id that the new PSA does not have.
    """
    _check(site, source, target, now)
    return make_plan(
        read_side(site, source),
        read_side(site, target),
        mappings_in_force(site.ledger),
        _said_in(site, source),
        given,
        now=now,
    )


def apply_move(site: Site, plan: MovePlan, *, reason: str, stamp: Stamp) -> Path | None:
    """Record a move; nothing may be written into a PSA meanwhile.

    Returns:
        The mapping file as it was, when there is one: its ids are replaced by the new ones.
    """
    with writing_alone(site.ledger):
        # The file first: without the entry every run is refused, and the move is made again.
        kept = move_mapping_file(site.settings, plan)
        record_move(
            site.ledger,
            plan.source,
            plan.target,
            moved=plan.moved,
            mappings=[
                replace(entry, decided_at=stamp.at, decided_by=stamp.by) for entry in plan.mappings
            ],
            reason=reason,
            stamp=stamp,
        )
    return kept


def _check(site: Site, source: str, target: str, now: datetime) -> None:
    configured = site.settings.psa.name
    known = psa_in_force(read_moves(site.ledger))
    if target != configured or source == target:
        raise PipelineError(
            f"reconcile.toml is set up for {configured}, not for {target}.",
            next_step=f"Replace [systems.{source}] by [systems.{target}] first, then pull it:"
            f" `reconcile pull --system {target}`.",
            category=Category.SETTINGS,
        )
    if known not in (None, source):
        raise PipelineError(
            f"The ledger speaks of {known}, not of {source}.",
            next_step=f"Use --from {known}; if that is where you are already, nothing is to do.",
            category=Category.SETTINGS,
        )
    waiting = [
        change
        for change in read_changes(site.ledger)
        if change.state in WAITING | UNSETTLED and not change.is_withdrawn
    ]
    if waiting:
        raise PipelineError(
            f"{len(waiting)} line changes still wait to be written into {source}.",
            next_step=f"Set reconcile.toml back to {source} and write them, or undo their"
            " decisions: `reconcile changes` lists them.",
            category=Category.CONFLICT,
        )
    before = previous_period(open_period(now, site.settings.timezone))
    if (
        now < grace_ends(site, before)
        and closing_of(site.ledger, before) is None
        and latest_pull(site, source, [before]) is not None
    ):
        raise PipelineError(
            f"{before} is not closed and still takes counts of {source} until"
            f" {grace_ends(site, before):%Y-%m-%d}.",
            next_step=f"Close it first: `reconcile close --period {before}`.",
            category=Category.CONFLICT,
        )


def _said_in(site: Site, source: str) -> list[Decided]:
    """Standing decisions in the ids of the PSA that is left; older ones are moved already."""
    moves = read_moves(site.ledger)
    return [
        item
        for item in standing_decisions(site.ledger)
        if (psa_in_force(moves, item.decided_at) or source) == source
        # A decision from the first schema names neither company nor service.
        and item.basis.company_id
    ]
