"""The command that moves an installation from one PSA to another."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from reconcile_pipeline.cli.app import ConfigOption, app, console
from reconcile_pipeline.cli.commands.data import own_stamp
from reconcile_pipeline.settings import load_settings

if TYPE_CHECKING:
    from reconcile_pipeline.migrating.plan import MovePlan  # DuckDB

MOST_SHOWN = 12


@app.command(name="migrate-psa")
def migrate_psa(
    source: Annotated[str, typer.Option("--from", help="The PSA that is left.")],
    target: Annotated[str, typer.Option("--to", help="The PSA in reconcile.toml now.")],
    *,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the ids as CSV, to be corrected.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Use the corrected ids of such a file.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make the move; else it is shown.")
    ] = False,
    by: Annotated[str, typer.Option("--by", help="Who moves; default: the user.")] = "",
    config: ConfigOption = None,
) -> None:
    """Carry mappings, decisions and history from one PSA over to another."""
    from reconcile_pipeline.building import site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.migrating.files import read_ids, write_ids  # noqa: PLC0415
    from reconcile_pipeline.migrating.move import apply_move, plan_move  # noqa: PLC0415

    site = site_of(load_settings(config))
    given = read_ids(file) if file else {}
    plan = plan_move(site, source, target, given, now=datetime.now(UTC))
    _print(plan)
    if export is not None:
        write_ids(plan, export)
        console.print(f"Ids written to {escape(str(export))}: correct to_id, then use --file.")
    if not apply:
        console.print("Nothing has changed. To make the move, add --apply.")
        return
    kept = apply_move(site, plan, reason=f"moved to {target}", stamp=own_stamp(by))
    if kept is not None:
        console.print(f"The mapping file has the new ids; the old one is {escape(str(kept))}.")
    console.print(f"Moved: the ledger speaks of {target} from now on. Next: reconcile run")


def _print(plan: "MovePlan") -> None:
    table = Table("carried over", "of", "what", box=None, header_style="bold")
    for proposals, what in ((plan.companies, "companies"), (plan.products, "products")):
        found = sum(each.target is not None for each in proposals)
        table.add_row(f"{found:,}", f"{len(proposals):,}", what)
    kept, gone = len(plan.mappings), len(plan.lost_mappings)
    table.add_row(f"{kept:,}", f"{kept + gone:,}", "mappings of accounts and services")
    kept, gone = len(plan.decisions), len(plan.lost_decisions)
    table.add_row(f"{kept:,}", f"{kept + gone:,}", "standing decisions, with their history")
    console.print(table)
    lost = [
        f"{entry.kind} {entry.item_name} ({entry.system}): {plan.target} shows no"
        f" {'company' if entry.kind == 'account' else 'product'} “{entry.target_name}”"
        for entry in plan.lost_mappings
    ]
    lost += [
        f"decision about {item.basis.company_name}, {item.basis.service_name} ({item.period})"
        for item in plan.lost_decisions
    ]
    if lost:
        console.print(f"\n[bold]{len(lost):,} can't be carried over[/bold]")
    for line in lost[:MOST_SHOWN]:
        console.print(escape(line))
    if len(lost) > MOST_SHOWN:
        console.print(f"… and {len(lost) - MOST_SHOWN:,} more.")
