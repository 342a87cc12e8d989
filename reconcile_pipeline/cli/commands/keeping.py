"""Commands that keep: backup and restore."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from reconcile_pipeline.cli.app import ConfigOption, app, console
from reconcile_pipeline.settings import load_settings

_MEGABYTE = 1_000_000


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="Folder on another disk; it holds many backups.")],
    config: ConfigOption = None,
) -> None:
    """Copy landed pages, the ledger and inboxes, while everything runs."""
    from reconcile_pipeline.backup.make import back_up  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.building import site_of  # noqa: PLC0415

    site = site_of(load_settings(config))
    made = back_up(site, to, now=datetime.now(UTC), tell=console.print)
    index = made.index
    console.print(
        f"Backup {index.name} in {to}: {len(index.landing):,} landed files,"
        f" {made.files_new:,} of them new; a ledger of {index.entries:,} entries;"
        f" {index.size / _MEGABYTE:,.1f} MB in all."
    )
    if index.ledger is None:
        console.print(
            "The ledger is in PostgreSQL and not in it: run pg_dump before each backup, so that"
            " its entries find their pages."
        )
    console.print("Secrets are not in it: keep reconcile.toml and .env elsewhere, too.")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="Folder that `reconcile backup` was given.")],
    config: ConfigOption = None,
    backup_name: Annotated[
        str, typer.Option("--backup", help="Its name; otherwise the newest.")
    ] = "",
) -> None:
    """Bring a backup back into an empty installation, every file checked; rebuild the tables."""
    from reconcile_pipeline.backup.restore import restore as bring_back  # noqa: PLC0415 - DuckDB

    settings = load_settings(config)
    done = bring_back(settings, source, backup_name, now=datetime.now(UTC), tell=console.print)
    console.print(
        f"Restored {done.index.name}: {len(done.index.landing):,} landed files,"
        f" {done.index.entries:,} entries, rebuilt {', '.join(done.periods) or 'no month'}."
    )
