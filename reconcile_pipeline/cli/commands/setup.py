"""Commands for the first hour: init, check, and the Dagster UI."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from reconcile_pipeline.cli.app import ConfigOption, app, console
from reconcile_pipeline.http import install_redaction
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.periods import local_day
from reconcile_pipeline.settings import FILE_NAME, load_settings
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.registry import SYSTEMS


@app.command()
def init(
    systems: Annotated[
        str, typer.Option("--systems", help="Kinds to connect, separated by commas.")
    ] = "connectwise,pax8,ninjaone",
    folder: Annotated[Path, typer.Option("--folder", help="Where to write.")] = Path(),
) -> None:
    """Write a commented reconcile.toml and a .env to fill in; overwrites nothing."""
    from reconcile_pipeline.settings_template import template  # noqa: PLC0415

    kinds = [kind.strip() for kind in systems.split(",") if kind.strip()]
    unknown = [kind for kind in kinds if kind not in SYSTEMS]
    if unknown or not kinds:
        raise PipelineError(
            f"There is no kind of system called {', '.join(unknown) or '(nothing)'}.",
            next_step=f"Kinds: {', '.join(SYSTEMS)}.",
            category=Category.INPUT,
        )
    toml_text, env_text = template(kinds)
    for path in (folder / FILE_NAME, folder / ".env"):
        if path.exists():
            raise PipelineError(
                f"{path} exists already.",
                next_step="Remove it or choose another --folder; nothing was overwritten.",
                category=Category.INPUT,
            )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_text(toml_text, encoding="utf-8")
    secrets = folder / ".env"
    secrets.touch(mode=0o600)
    secrets.write_text(env_text, encoding="utf-8")
    console.print(f"Wrote {folder / FILE_NAME} and {secrets}.")
    console.print("Fill in both, then: reconcile check")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Ask every system whether we may read it, and say what to fix and where to start."""
    from reconcile_pipeline.cli.checking import check_systems, print_business  # noqa: PLC0415

    settings = load_settings(config)
    install_redaction(settings.secret_values())
    now = datetime.now(UTC)
    today = local_day(now, settings.timezone)
    failed = asyncio.run(check_systems(console, settings, today, now))
    print_business(console, settings, today)
    if failed:
        raise typer.Exit(1)


@app.command()
def preview(
    system: Annotated[str, typer.Argument(help="Name of a file system in reconcile.toml.")],
    file: Annotated[
        Path | None, typer.Argument(help="The file; otherwise the one its settings mean.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the outcome of every row here, as CSV.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Read an import file as a pull would, show what becomes of it, and store nothing."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - only the ledger is asked
    from reconcile_pipeline.cli import previewing  # noqa: PLC0415
    from reconcile_pipeline.ledger.mappings import mappings_in_force  # noqa: PLC0415
    from reconcile_pipeline.systems.vendors.csv_paths import find_file  # noqa: PLC0415

    settings = load_settings(config)
    account = settings.system(system)
    today = local_day(datetime.now(UTC), settings.timezone)
    mappings = mappings_in_force(site_of(settings).ledger)
    if file is None and account.kind == "csv":
        file = find_file(account.folder, account.text("path"), f"{today:%Y-%m}")
    found = previewing.preview(console, account, file or Path(), today, mappings)
    if report is not None:
        previewing.write_report(report, found)
        console.print(f"Every row's outcome is in {report}.")


@app.command(name="new-system")
def new_system(
    name: Annotated[str, typer.Argument(help="Its kind: lower-case words and underscores.")],
    kind: Annotated[str, typer.Option("--kind", help="What it is; only vendor can be started.")],
    title: Annotated[str, typer.Option("--title", help="Its name as people write it.")] = "",
) -> None:
    """Start a new connector here: files that work, and tests that say what to fill in."""
    from reconcile_pipeline.scaffold.new_vendor import scaffold_vendor  # noqa: PLC0415

    if kind != "vendor":
        raise PipelineError(
            f"A new {kind} can't be started this way.",
            next_step="Use --kind vendor; for a PSA, copy the one that is most like it.",
            category=Category.INPUT,
        )
    root = Path.cwd()
    for path in scaffold_vendor(root, name, title):
        console.print(f"  {path.relative_to(root)}")
    console.print("Now read docs/adding_a_vendor.md; what is still made up is told by")
    console.print(f"  .venv/bin/pytest tests/systems/test_{name}_to_fill_in.py", soft_wrap=True)


@app.command()
def ui(
    config: ConfigOption = None,
    port: Annotated[int, typer.Option("--port", help="Port on loopback.")] = 3000,
) -> None:
    """Open the Dagster UI and the review app; without a reconcile.toml they show the demo."""
    from reconcile_pipeline.cli.dagster_ui import serve_ui  # noqa: PLC0415 - Dagster is slow
    from reconcile_pipeline.cli.running import prepare_home  # noqa: PLC0415

    demo = Path(".reconcile/demo") / FILE_NAME
    if config is None and "RECONCILE_CONFIG" not in os.environ and not Path(FILE_NAME).exists():
        config = demo if demo.exists() else None
        if config is None:
            raise PipelineError(
                "There is neither a reconcile.toml here nor a demo to show.",
                next_step="Run `make demo`, or `reconcile init`.",
                category=Category.SETTINGS,
            )
    settings = load_settings(config)
    home = prepare_home(State(settings.state_dir))
    console.print(f"Dagster UI: http://127.0.0.1:{port} (no login: keep it on this machine)")
    console.print(f"Review app: {settings.review.address}")
    console.print("Stop both with Ctrl-C.")
    raise typer.Exit(serve_ui(settings, home, port))
