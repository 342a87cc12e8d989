"""The command `digest`: tell people now what a schedule or the end of a run would tell them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from reconcile_pipeline.cli.app import ConfigOption, PeriodOption, app, console
from reconcile_pipeline.cli.commands.data import named_period
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.settings_notify import Event


@app.command()
def digest(
    event: Annotated[Event, typer.Argument(help="What to tell.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print it and send nothing.")] = False,
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Tell people by Slack, Teams and mail where the month stands, if it is due; each once."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.digest.send import prepare_digest, send_digest  # noqa: PLC0415
    from reconcile_pipeline.digest.words import plain_text  # noqa: PLC0415

    settings = load_settings(config)
    site, month, now = site_of(settings), named_period(settings, period), datetime.now(UTC)
    if dry_run:
        found = prepare_digest(site, event, month, now=now)
        console.print(plain_text(found.letter), markup=False)
        _say("\nNothing would be sent:", found.silent_because)
        _say("\nWould go to:", ", ".join(found.waiting) or "nobody")
        _say("Was told before:", ", ".join(found.told))
        return
    told = send_digest(site, event, month, now=now)
    if not (told.waiting or told.told):
        raise PipelineError(
            f"{settings.path.name} sets up nobody to tell.",
            next_step="Fill in slack_webhook, teams_webhook or email_to in [notify].",
            category=Category.SETTINGS,
        )
    _say("Nothing is sent:", told.silent_because)
    _say("Was told before:", ", ".join(told.told))
    for outcome in told.outcomes:
        _say(f"{outcome.channel}: {outcome.state}.", outcome.message, always=True)
    told.check()


def _say(what: str, rest: str | None, *, always: bool = False) -> None:
    if rest or always:
        console.print(f"{what} {rest or ''}".rstrip(), markup=False)
