"""Commands of the reviewer: take decisions from a filled-in export."""

from pathlib import Path
from typing import Annotated

import typer

from reconcile_pipeline.cli.app import ConfigOption, PeriodOption, app, console
from reconcile_pipeline.cli.commands.data import named_period, stop_on_failures
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.state import State


@app.command()
def review(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX made by `reconcile export`.")],
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who decides.")],
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Record the decisions of a filled-in export and list what has to be done."""
    from reconcile_pipeline.cli.running import run_job  # noqa: PLC0415 - Dagster is slow
    from reconcile_pipeline.jobs import REVIEW  # noqa: PLC0415
    from reconcile_pipeline.reality import ask  # noqa: PLC0415
    from reconcile_pipeline.warehouse.connect import open_for_reading  # noqa: PLC0415

    settings = load_settings(config)
    month = named_period(settings, period)
    wanted = {"reviewer": reviewer, "file": str(file.absolute())}
    outcome = run_job(
        settings, REVIEW, month, run_config={"ops": {"review_cards": {"config": wanted}}}
    )
    stop_on_failures(outcome, "Refused")
    with open_for_reading(State(settings.state_dir).published) as connection:
        rows = ask(connection, "review_result", month)
    for what, count in rows:
        console.print(f"{count:>6} {what}")
    console.print("\nThe list: review.action_items in published.duckdb.")
