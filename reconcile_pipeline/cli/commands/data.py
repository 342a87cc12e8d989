"""Commands that move data: pull, run, rebuild, export, accept."""

import getpass
import shlex
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from reconcile_pipeline.cli.app import WRONG_USE, ConfigOption, PeriodOption, app, console
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import check_pullable, first_day, open_period
from reconcile_pipeline.settings import FILE_NAME, Settings, load_settings
from reconcile_pipeline.state import State

if TYPE_CHECKING:
    from reconcile_pipeline.cli.running import Outcome  # Dagster is slow


FullOption = Annotated[
    bool,
    typer.Option("--full", help="Read everything, also where asking for changes would do."),
]


@app.command()
def run(
    config: ConfigOption = None,
    period: PeriodOption = None,
    full: FullOption = False,  # noqa: FBT002 - an option of the command line
) -> None:
    """Pull every system, map, compare, and say what is billed wrong."""
    settings = load_settings(config)
    run_and_report(settings, pullable(settings, period), is_full=full)


@app.command()
def pull(
    config: ConfigOption = None,
    period: PeriodOption = None,
    system: Annotated[
        list[str] | None, typer.Option("--system", help="Only this system; may be repeated.")
    ] = None,
    full: FullOption = False,  # noqa: FBT002 - an option of the command line
) -> None:
    """Read the systems and land their pages; compare nothing."""
    from reconcile_pipeline.cli.progress import pull_progress  # noqa: PLC0415 - Dagster is slow
    from reconcile_pipeline.cli.running import run_job  # noqa: PLC0415
    from reconcile_pipeline.jobs import PULL  # noqa: PLC0415
    from reconcile_pipeline.landing.manifest import read_manifests  # noqa: PLC0415

    settings = load_settings(config)
    names = [settings.system(name).name for name in system or []]
    month = pullable(settings, period)
    with pull_progress(console):
        outcome = run_job(settings, PULL, month, raw_systems=names or None, is_full=full)
    stop_on_failures(outcome)
    latest = {}
    for manifest in read_manifests(State(settings.state_dir).landing, month):
        latest[manifest.system] = manifest
    failed = False
    for name, manifest in sorted(latest.items()):
        if names and name not in names:
            continue
        failed |= manifest.state != "complete"
        told = f"{manifest.reason}\nNext: {manifest.next_step}" if manifest.reason else ""
        console.print(
            f"{name:<20} {manifest.state}, {manifest.mode}, {manifest.records:,} records,"
            f" {manifest.calls:,} calls {escape(told)}".rstrip()
        )
    if failed:
        raise typer.Exit(1)


@app.command()
def refresh(config: ConfigOption = None, period: PeriodOption = None) -> None:
    """Bring the tables up to date with decisions and mappings; pulls nothing."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.refreshing import refresh_period  # noqa: PLC0415

    settings = load_settings(config)
    month = named_period(settings, period)
    refresh_period(site_of(settings), month, now=datetime.now(UTC), tell=console.print)
    console.print(f"{month} is up to date: {State(settings.state_dir).published}")


@app.command()
def rebuild(config: ConfigOption = None) -> None:
    """Make the warehouse anew from landed pages and the ledger; pulls nothing."""
    from reconcile_pipeline.rebuilding import rebuild_warehouse  # noqa: PLC0415 - DuckDB

    settings = load_settings(config)
    periods = rebuild_warehouse(settings, now=datetime.now(UTC), tell=console.print)
    if not periods:
        raise PipelineError(
            "There is nothing to rebuild: the landing folder holds no pull.",
            next_step="Run `reconcile run` first.",
            category=Category.INPUT,
        )
    console.print(f"Rebuilt and published: {', '.join(periods)}.")


@app.command()
def export(
    to: Annotated[Path, typer.Argument(help="File to write; .xlsx or .csv.")],
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Write the discrepancies that wait for a decision to a spreadsheet to fill in."""
    from reconcile_pipeline.review.decision_files import export_cards  # noqa: PLC0415
    from reconcile_pipeline.review.reading import read_open_cards  # noqa: PLC0415
    from reconcile_pipeline.warehouse.connect import open_for_reading  # noqa: PLC0415

    settings = load_settings(config)
    month = named_period(settings, period)
    with open_for_reading(State(settings.state_dir).published) as connection:
        rows = read_open_cards(connection, month)
    export_cards(rows, to)
    console.print(f"{len(rows)} open discrepancies of {month} written to {to}.")


@app.command()
def accept(
    pull_id: Annotated[str, typer.Argument(help="The quarantined pull, as named in its message.")],
    reason: Annotated[str, typer.Option("--reason", help="Why its small numbers are right.")],
    config: ConfigOption = None,
) -> None:
    """Believe a quarantined pull: its system really shows that much less."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.landing.manifest import periods_landed, read_manifests  # noqa: PLC0415
    from reconcile_pipeline.ledger.accepted import accept_pull  # noqa: PLC0415

    site = site_of(load_settings(config))
    landing = site.state.landing
    known = {
        manifest.pull_id: manifest.state
        for month in periods_landed(landing)
        for manifest in read_manifests(landing, month)
    }
    if known.get(pull_id) != "quarantined":
        raise PipelineError(
            f"There is no quarantined pull {pull_id}.",
            next_step="Copy its name from the message of the run; core.pulls lists all pulls.",
            category=Category.INPUT,
        )
    accept_pull(site.ledger, pull_id, reason=reason, stamp=own_stamp())
    console.print(f"Accepted {pull_id}. The next run uses it.")


def own_stamp(name: str = "") -> Stamp:
    """Who stands at this terminal, now; a name that was given goes before the user's own."""
    user = getpass.getuser()
    return Stamp(name.strip() or user, datetime.now(UTC), f"command line of {user}@{gethostname()}")


def run_and_report(settings: Settings, period: str, *, is_full: bool = False) -> None:
    """Run the reconcile job, print the summary, and exit with 1 when something failed.

    `is_full`: it reads everything, whatever the settings say.
    """
    from reconcile_pipeline.cli.progress import pull_progress  # noqa: PLC0415 - Dagster is slow
    from reconcile_pipeline.cli.running import run_job  # noqa: PLC0415
    from reconcile_pipeline.cli.summary import print_summary  # noqa: PLC0415
    from reconcile_pipeline.jobs import RECONCILE  # noqa: PLC0415
    from reconcile_pipeline.warehouse.connect import open_for_reading  # noqa: PLC0415

    console.print(f"Pulling and comparing {period} …")
    with pull_progress(console):
        outcome = run_job(settings, RECONCILE, period, is_full=is_full)
    published = State(settings.state_dir).published
    if published.exists():
        with open_for_reading(published) as connection:
            print_summary(console, connection, period, options=_options(settings))
        console.print(f"\nTables: {published}")
    for warning in outcome.warnings:
        console.print(f"[yellow]Look at[/yellow] {escape(warning)}")
    stop_on_failures(outcome)


def pullable(settings: Settings, period: str | None) -> str:
    """The period to pull for; a closed or future one is refused."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.ledger.closings import refuse_if_closed  # noqa: PLC0415

    now = datetime.now(UTC)
    month = period or open_period(now, settings.timezone)
    check_pullable(month, now, settings.timezone, settings.grace_days)
    with site_of(settings).ledger.reading() as connection:
        refuse_if_closed(connection, month)
    return month


def named_period(settings: Settings, period: str | None) -> str:
    """The period asked for, or the open one; any month may be looked at."""
    month = period or open_period(datetime.now(UTC), settings.timezone)
    first_day(month)
    return month


def _options(settings: Settings) -> str:
    """What a command needs to find these settings from here; nothing in their own folder."""
    if settings.path == Path(FILE_NAME).absolute():
        return ""
    return f" --config {shlex.quote(str(settings.path))}"


def stop_on_failures(outcome: "Outcome", word: str = "Failed") -> None:
    """Print each failure with its next step; exits with 2 if all is a matter of wrong use."""
    if outcome.is_success:
        return
    for failure in outcome.failures:
        console.print(f"\n[red]{word}:[/red] {escape(failure)}")
    raise typer.Exit(2 if outcome.categories and outcome.categories <= WRONG_USE else 1)
