"""Commands that carry decisions out: changes, dry-run, write-back, close, reopen, audit."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from reconcile_pipeline.cli.app import ConfigOption, PeriodOption, app, console
from reconcile_pipeline.cli.commands.data import named_period, own_stamp, stop_on_failures
from reconcile_pipeline.cli.commands.decisions import print_result
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.state import State

audit = typer.Typer(help="The sealed trail of everything that was said and done.")
app.add_typer(audit, name="audit")


@app.command()
def changes(config: ConfigOption = None, period: PeriodOption = None) -> None:
    """List the line changes of a month: what was decided, and how far each got."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.cli.changes import print_states  # noqa: PLC0415
    from reconcile_pipeline.ledger.changes import read_changes  # noqa: PLC0415

    settings = load_settings(config)
    site = site_of(settings)
    print_states(console, read_changes(site.ledger, named_period(settings, period)))


@app.command(name="dry-run")
def dry_run(config: ConfigOption = None, period: PeriodOption = None) -> None:
    """Show what a write-back would change, beside what the PSA shows now; can't write."""
    from reconcile_pipeline.applying import dry_run as look  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.building import site_of  # noqa: PLC0415
    from reconcile_pipeline.cli.changes import print_dry_run  # noqa: PLC0415

    settings = load_settings(config)
    month = named_period(settings, period)
    found = asyncio.run(look(site_of(settings), month, now=_now))
    print_dry_run(console, found)


@app.command(name="write-back")
def write_back(
    *,
    count: Annotated[
        int | None,
        typer.Option("--yes", help="Write exactly this many changes without asking.", min=0),
    ] = None,
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Write what was decided into the PSA, each change exactly once, and read it back."""
    from reconcile_pipeline.applying import check_enabled, plan_of, tenant_of  # noqa: PLC0415
    from reconcile_pipeline.building import refresh_review, site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.cli.changes import print_plan  # noqa: PLC0415
    from reconcile_pipeline.cli.running import run_job  # noqa: PLC0415 - Dagster is slow
    from reconcile_pipeline.jobs import WRITE_BACK  # noqa: PLC0415

    settings = load_settings(config)
    site, month = site_of(settings), named_period(settings, period)
    check_enabled(site)
    plan = plan_of(site, month, now=_now)
    print_plan(console, plan)
    if not plan.ready and not plan.unsettled:
        # A write-back that was killed after its last change left the tables behind.
        refresh_review(site, month)
        return
    console.print(f"Tenant: [bold]{escape(tenant_of(site))}[/bold]")
    if count is None:
        count = typer.prompt("Type the number of changes to write them", type=int)
    if count != len(plan.ready):
        raise PipelineError(
            f"{len(plan.ready)} changes are ready, not {count}; nothing was written.",
            next_step="Look at the list again; `reconcile dry-run` compares it with the PSA.",
            category=Category.INPUT,
        )
    outcome = run_job(settings, WRITE_BACK, month)
    print_result(State(settings.state_dir).published, month)
    stop_on_failures(outcome, "Stopped")


@app.command()
def close(
    reason: Annotated[str, typer.Option("--reason", help="A remark for the report.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who closes.")] = "",
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Close a month whose changes are all proved: freeze it and write its report."""
    from reconcile_pipeline.building import refresh_review, site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.closing import close_month  # noqa: PLC0415
    from reconcile_pipeline.warehouse.connect import open_for_reading  # noqa: PLC0415

    settings = load_settings(config)
    site, month = site_of(settings), named_period(settings, period)
    with open_for_reading(site.state.published) as connection:
        closed = close_month(connection, site, month, reason=reason, stamp=own_stamp(by))
    refresh_review(site, month)
    if closed.left_open:
        console.print(f"{closed.left_open} cards were left without a decision.")
    if closed.left_unwritten:
        console.print(
            f"[yellow]{closed.left_unwritten} decided changes were never written[/yellow]; their"
            " cards come back next month."
        )
    console.print(f"{month} is closed. Report: {closed.report}")
    console.print(f"Head of the ledger: {closed.head}")


@app.command()
def reopen(
    period: Annotated[str, typer.Option("--period", help="The closed month, YYYY-MM.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is opened again.")],
    by: Annotated[str, typer.Option("--by", help="Who opens it.")] = "",
    config: ConfigOption = None,
) -> None:
    """Open a closed month again; recorded with its reason."""
    from reconcile_pipeline.building import refresh_review, site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.ledger.closings import reopen_period  # noqa: PLC0415

    site = site_of(load_settings(config))
    reopen_period(site.ledger, period, reason=reason, stamp=own_stamp(by))
    refresh_review(site, period)
    console.print(f"{period} is open again.")


@audit.command()
def verify(
    head: Annotated[str, typer.Option("--head", help="A head hash from a month's report.")] = "",
    config: ConfigOption = None,
) -> None:
    """Walk the chain of the ledger; names the first entry that was tampered with."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.ledger.chain import verify as walk  # noqa: PLC0415

    site = site_of(load_settings(config))
    with site.ledger.reading() as connection:
        verdict = walk(connection, expected_head=head)
    if verdict.trouble:
        raise PipelineError(
            f"The ledger does not hold: {verdict.trouble}."
            f" The {verdict.entries:,} entries before it do.",
            next_step="Restore the ledger from a backup that verifies; keep this one as evidence.",
            category=Category.SHAPE,
        )
    console.print(f"{verdict.entries:,} entries, every link holds. Head: {verdict.head}")


@audit.command()
def log(
    last: Annotated[int, typer.Option("--last", help="How many entries.", min=1)] = 20,
    config: ConfigOption = None,
) -> None:
    """Show the newest entries: when, who, what kind, and through which door."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.ledger.chain import links  # noqa: PLC0415

    site = site_of(load_settings(config))
    with site.ledger.reading() as connection:
        entries = list(links(connection))[-last:]
    for entry in entries:
        console.print(
            f"{entry['seq']:>6}  {entry['recorded_at'][:19]}  {entry['kind']:<14}"
            f" {entry['recorded_by']}  ({entry['recorded_from']})",
            markup=False,
        )


def _now() -> datetime:
    return datetime.now(UTC)
