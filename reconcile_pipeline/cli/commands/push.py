"""Commands of the push API: serve it, make and revoke keys, show what was pushed."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from reconcile_pipeline.cli.app import ConfigOption, PeriodOption, app, console
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import first_day, open_period
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.state import State

if TYPE_CHECKING:
    from reconcile_pipeline.push.call import Integration  # Starlette
    from reconcile_pipeline.systems.vendors.push_runs import Run
    from reconcile_pipeline.systems.vendors.push_state import Standing

push = typer.Typer(help="Take counts from scripts, and say what they sent.", no_args_is_help=True)
app.add_typer(push, name="push")
NameArgument = Annotated[str, typer.Argument(help="The integration: a system of kind push.")]
MOST_SHOWN = 200


@push.command()
def serve(config: ConfigOption = None) -> None:
    """Take counts from scripts until interrupted; nothing else is served here."""
    from reconcile_pipeline.push.serve import serve_push  # noqa: PLC0415 - Starlette, uvicorn

    serve_push(load_settings(config), tell=_tell_address)


def _tell_address(address: str) -> None:
    console.print(f"Push API: {address}/api/v1/docs\nStop it with Ctrl-C.")


@push.command()
def keys(
    name: NameArgument,
    config: ConfigOption = None,
    revoke: Annotated[
        str | None, typer.Option("--revoke", help="Id of keys that must not work any more, or all.")
    ] = None,
) -> None:
    """Make a vendor key and a partner key, shown once; or revoke keys."""
    from reconcile_pipeline.push.keys import make_keys, revoke_keys  # noqa: PLC0415

    integration = _integration(load_settings(config), name)
    now = datetime.now(UTC)
    if revoke is None:
        pair = make_keys(integration.inbox, now)
        typer.echo(f"Keys {pair.key_id} of {name}. They are shown this once and can't be again.")
        typer.echo(f"VENDOR_API_KEY={pair.vendor_key}")
        typer.echo(f"PARTNER_API_KEY={pair.partner_key}")
        typer.echo(f"Gradient-Token: {pair.token}")
        return
    revoked = revoke_keys(integration.inbox, revoke, now)
    if not revoked:
        raise PipelineError(
            f"{name} has no live keys {revoke!r}.",
            next_step=f"See their ids with: reconcile push show {name}",
            category=Category.INPUT,
        )
    typer.echo(f"Revoked: {', '.join(revoked)}. Scripts that use them get 401 from now on.")


@push.command()
def show(name: NameArgument, config: ConfigOption = None, period: PeriodOption = None) -> None:
    """Show what was pushed, when last, the runs of the scripts, and what is mapped."""
    from reconcile_pipeline.push.keys import known_keys  # noqa: PLC0415 - opens inboxes
    from reconcile_pipeline.push.published import Published  # noqa: PLC0415 - DuckDB

    settings = load_settings(config)
    integration = _integration(settings, name)
    if not integration.inbox.exists:
        console.print(f"Nothing was ever pushed for {name}: it has no keys yet.")
        console.print(f"Make them: reconcile push keys {name}")
        return
    month = period or open_period(datetime.now(UTC), settings.timezone)
    first_day(month)
    for key in known_keys(integration.inbox):
        state = f"revoked {key.revoked_at}" if key.revoked_at else "live"
        console.print(f"keys {key.key_id}: {state}, last used {key.last_used_at or 'never'}")
    found = _standing(integration, month)
    _show_runs(found)
    mapped = Published(State(settings.state_dir).published).mapped(name)
    _show_counts(found, mapped.accounts, mapped.services)
    if found.problem is not None:
        told = found.problem.next_step.replace("NAME", name)
        console.print(f"[yellow]{escape(found.problem.message)}[/yellow]\nNext: {escape(told)}")


@push.command("accept")
def accept_run(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why its few counts are right.")],
    config: ConfigOption = None,
) -> None:
    """Believe the last run of a script although it lost more than half of its counts."""
    from reconcile_pipeline.cli.commands.data import own_stamp  # noqa: PLC0415
    from reconcile_pipeline.systems.vendors.push_inbox import COMMAND  # noqa: PLC0415

    settings = load_settings(config)
    integration = _integration(settings, name)
    now = datetime.now(UTC)
    doubted: list[Run] = []
    if integration.inbox.exists:
        found = _standing(integration, open_period(now, settings.timezone))
        judged = [run for run in found.runs if run.run_id in found.verdicts]
        doubted = [run for run in judged if found.verdicts[run.run_id].doubted_against is not None]
    if not doubted:
        raise PipelineError(
            f"No run of {name} is held back.",
            next_step=f"See its runs with: reconcile push show {name}",
            category=Category.INPUT,
        )
    run = doubted[-1]
    with integration.inbox.writing(COMMAND, now) as batch:
        batch.add("acceptances", run_id=run.run_id, reason=reason, accepted_by=own_stamp().by)
    console.print(f"Accepted: the run of {run.posts[0].received_at:%Y-%m-%d %H:%M} UTC.")
    console.print("Pull again to use it: reconcile run")


def _integration(settings: Settings, name: str) -> "Integration":
    from reconcile_pipeline.push.app import integrations_of  # noqa: PLC0415 - Starlette

    integrations = integrations_of(settings)
    if name not in integrations:
        raise PipelineError(
            f"{settings.path.name} configures no system {name!r} of kind push.",
            next_step=f"There are: {', '.join(integrations)}.",
            category=Category.SETTINGS,
        )
    return integrations[name]


def _standing(integration: "Integration", month: str) -> "Standing":
    from reconcile_pipeline.systems.vendors.push import reading_of  # noqa: PLC0415
    from reconcile_pipeline.systems.vendors.push_state import standing  # noqa: PLC0415

    reading = reading_of(integration.account, month, datetime.now(UTC))
    with integration.inbox.reading() as connection:
        return standing(connection, reading)


def _show_runs(found: "Standing") -> None:
    for run in found.runs:
        if run.period != found.period:
            continue
        state = "still running" if run.ended_at is None else f"ended {run.ended_at:%d %H:%M} UTC"
        lost = f", {run.refused} times posts were refused or lost" if run.refused else ""
        console.print(
            f"run of {run.posts[0].received_at:%Y-%m-%d %H:%M} UTC: {len(run.pairs)} counts,"
            f" {run.in_use} above zero, {state}{lost}"
        )


def _show_counts(found: "Standing", accounts: frozenset[str], services: frozenset[str]) -> None:
    names = {row["account_id"]: row["name"] for row in found.accounts}
    titles = {row["service_id"]: row["name"] for row in found.services}
    title = f"\nCounts of {found.period}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column, side in (("account", "left"), ("service", "left"), ("count", "right")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for column in ("why", "pushed", "mapped"):
        table.add_column(column)
    for (account_id, service_id), cell in sorted(found.cells.items())[:MOST_SHOWN]:
        missing = [
            word
            for word, is_there in (
                ("account", account_id in accounts),
                ("service", service_id in services),
            )
            if not is_there
        ]
        table.add_row(
            escape(names[account_id]),
            escape(titles[service_id]),
            f"{cell.quantity:f}",
            str(cell.basis),
            cell.pushed_at[:16],
            f"no: {' and '.join(missing)}" if missing else "yes",
        )
    console.print(table)
    more = len(found.cells) - MOST_SHOWN
    if more > 0:
        console.print(f"… and {more:,} more.")
    if found.earlier:
        console.print(f"{len(found.earlier):,} pairs were pushed in earlier months only: unknown.")
