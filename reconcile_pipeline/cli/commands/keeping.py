"""Commands that keep, and throw away: backup, restore, prune."""

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


@app.command()
def prune(
    config: ConfigOption = None,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them; otherwise only say what would go.")
    ] = False,
) -> None:
    """Remove landed pages that no closed month rests on, by the policy in the settings."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.pruning import prune as throw_away  # noqa: PLC0415
    from reconcile_pipeline.pruning import unused_pulls  # noqa: PLC0415

    site = site_of(load_settings(config))
    act = throw_away if yes else unused_pulls
    found = act(site, now=datetime.now(UTC))
    for item in found:
        console.print(f"{item.pull.period} {item.pull.pull_id} ({item.pull.state})")
    size = sum(item.size for item in found) / _MEGABYTE
    told = "removed" if yes else "may go: add --yes"
    console.print(f"Pages of {len(found):,} pulls, {size:,.1f} MB, {told}. Their manifests stay.")
