"""Write-back, dry run and proof for one installation: what jobs and commands call.

Says whether writing is allowed at all, and to whom; how a change is carried out is the
write-back room's. Takes no quantity and no list of cards: only the ledger says what is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from reconcile_pipeline.building import Site
from reconcile_pipeline.ledger.changes import Change
from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.periods import first_day, next_period
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.review.reading import ask_rows, read_cards
from reconcile_pipeline.settings_systems import SystemSettings
from reconcile_pipeline.systems.base import System
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.connect import open_for_reading
from reconcile_pipeline.writeback.batch import (
    Batch,
    Preview,
    Report,
    apply_batch,
    plan_batch,
    preview_batch,
)
from reconcile_pipeline.writeback.engine import Tell
from reconcile_pipeline.writeback.plan import UNSETTLED, Gate, Plan
from reconcile_pipeline.writeback.proof import UNPROVED, Pulled, prove_changes

Now = Callable[[], datetime]


@dataclass(frozen=True)
class DryRun:
    """What a write-back would do now, and what the PSA shows of each line."""

    plan: Plan
    previews: tuple[Preview, ...]
    tenant: str
    effect: str
    is_enabled: bool
    """Whether writing to this tenant is switched on."""


def plan_of(site: Site, period: str, *, now: Now) -> Plan:
    """What would be written now, from the ledger and the published cards; calls nobody."""
    return plan_batch(_batch(site, period, now, "plan"))


async def dry_run(site: Site, period: str, *, now: Now) -> DryRun:
    """Read every line that would be changed; the client used here can't write."""
    system, account = _psa(site)
    plan = plan_of(site, period, now=now)
    previews: list[Preview] = []
    if system.write_back is not None and system.client is not None and plan.ready:
        client = system.client(account)
        previews = await preview_batch(client, system.write_back, plan.ready)
    tenant = tenant_of(site)
    return DryRun(
        plan=plan,
        previews=tuple(previews),
        tenant=tenant,
        effect=system.write_back.effect if system.write_back else _by_hand(system),
        is_enabled=site.settings.is_writing_enabled and site.settings.tenant == tenant,
    )


async def write_back(
    site: Site,
    period: str,
    *,
    now: Now,
    origin: str,
    tell: Tell = lambda _change, _state: None,
) -> Report:
    """Carry out what people decided, if writing to exactly this tenant is switched on.

    Raises:
        PipelineError: `settings`, when it is not; `conflict`, when the month is closed or another
            write-back runs; `input`, when the batch is too large. Nothing was written then.
    """
    system, account = _psa(site)
    check_enabled(site)
    with site.ledger.reading() as connection:
        refuse_if_closed(connection, period)
    if system.write_back is None or system.writer is None:
        return Report(plan_of(site, period, now=now))
    batch = _batch(site, period, now, origin)
    return await apply_batch(batch, system.writer(account), system.write_back, tell=tell)


def check_enabled(site: Site) -> None:
    """Refuse unless [write_back] is enabled for the very tenant that is configured."""
    settings, tenant = site.settings, tenant_of(site)
    if not settings.is_writing_enabled:
        raise PipelineError(
            f"Writing into {settings.psa.title} is switched off.",
            next_step="Look at `reconcile dry-run` first; then set in [write_back] of"
            f' {settings.path.name}: enabled = true and tenant = "{tenant}".',
            category=Category.SETTINGS,
        )
    if settings.tenant != tenant:
        raise PipelineError(
            f"[write_back] allows the tenant “{settings.tenant}”, but {settings.path.name} is set"
            f" up for “{tenant}”; nothing was written.",
            next_step=f'If that is the right one, write tenant = "{tenant}"; else correct'
            f" [systems.{settings.psa.name}].",
            category=Category.SETTINGS,
        )


def tenant_of(site: Site) -> str:
    """Name the tenant that changes would go to."""
    system, account = _psa(site)
    return system.tenant(account) if system.tenant else f"{account.name} ({system.title})"


def proof_step(
    connection: duckdb.DuckDBPyConnection, site: Site, period: str, *, now: datetime
) -> list[Change]:
    """Compare what was written with the PSA pull in use; returns what the pull contradicts."""
    query = (
        "select pull_id, system, started_at from core.pulls"
        " where period = $period and role = 'psa' and is_evidence"
    )
    pulls = ask_rows(connection, query, period)
    if not pulls:
        return []
    pull_id = str(pulls[0]["pull_id"])
    lines = connection.execute(
        "select line_id, qty, invoiced_on from core.agreement_lines where pull_id = $pull_id",
        {"pull_id": pull_id},
    ).fetchall()
    system, _account = _psa(site)
    at_once = system.write_back is None or system.write_back.takes_effect == "at_once"
    pulled = Pulled(
        pull_id=pull_id,
        system=str(pulls[0]["system"]),
        started_at=pulls[0]["started_at"].replace(tzinfo=UTC),
        counts_on=date.max if at_once else first_day(next_period(period)),
        quantities={line_id: qty for line_id, qty, _day in lines},
        invoiced_on={line_id: day for line_id, _qty, day in lines if day is not None},
    )
    return prove_changes(site.ledger, pulled, now=now)


def _batch(site: Site, period: str, now: Now, origin: str) -> Batch:
    system, _account = _psa(site)
    settings = site.settings

    def gate(at: datetime) -> Gate:
        return Gate(settings.limits, system.write_back, settings.evidence_hours, at, period)

    def cards() -> dict[str, Card]:
        with open_for_reading(site.state.published) as connection:
            return read_cards(connection, period)

    return Batch(site.ledger, period, cards, gate, now, origin)


def _psa(site: Site) -> tuple[System, SystemSettings]:
    account = site.settings.psa
    return SYSTEMS[account.kind], account


def _by_hand(system: System) -> str:
    return (
        f"{system.title} takes no changes from this software: somebody makes them and confirms"
        " each with `reconcile done-by-hand`."
    )


def unfinished(changes: Sequence[Change]) -> list[Change]:
    """What a month can't be closed over: changes not settled, or not shown by a later pull.

    A pull shows only the last change of a line; the ones before it need no proof of their own.
    """
    # A proved one counts as its line's last, too: what it took back is never shown again.
    last = {
        (change.system, change.line_id): change
        for change in changes
        if change.state in UNPROVED | {ChangeState.PROVED}
    }
    return [
        change
        for change in changes
        if change.state in UNSETTLED
        or (change.state in UNPROVED and change is last[change.system, change.line_id])
    ]
