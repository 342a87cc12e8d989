"""What `reconcile preview` shows of an import file: how it is read, what of it counts, what is new.

Nothing is stored; the ledger is only asked which customers and services are mapped.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reconcile_pipeline.cli.summary import plain
from reconcile_pipeline.ledger.mappings import Mapping
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings_systems import SystemSettings
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.vendors.csv_files import CSV_FILE, read_file
from reconcile_pipeline.systems.vendors.csv_header import Sheet
from reconcile_pipeline.systems.vendors.csv_rows import Report

MOST_SHOWN = 15


def preview(
    console: Console,
    account: SystemSettings,
    path: Path,
    on: date,
    mappings: Sequence[Mapping],
) -> Report:
    """Print the preview of one file; returns what became of its rows.

    Raises:
        PipelineError: `input`, for a file of which no row can be used; `settings`, for an account
            that is no file.
    """
    if account.kind != CSV_FILE.kind:
        raise PipelineError(
            f"{account.name} is {account.title}, not a file.",
            next_step="Name a system whose kind in reconcile.toml is csv.",
            category=Category.SETTINGS,
        )
    _, sheet, report = read_file(account, path, on, is_preview=True)
    _print_reading(console, sheet, report)
    _print_services(console, report.rows)
    _print_left_out(console, report)
    _print_unmapped(console, account.name, report.rows, mappings)
    if report.rejected and not account.flag("partial"):
        console.print(
            f"\nA pull would refuse this file: {len(report.rejected)} rows can't be used."
            " Correct them, or set partial = true to use the others."
        )
    else:
        console.print("\nA pull would take this file. Nothing was stored now.")
    return report


def write_report(path: Path, report: Report) -> None:
    """Write one line per row of the file: whether it counts, and why not."""
    told = [(row["row_no"], "counted", "") for row in report.rows]
    told += [(row["row_no"], "rejected", row["reason"]) for row in report.rejected]
    told += [(row["row_no"], "ignored", row["reason"]) for row in report.ignored]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "outcome", "reason"))
        writer.writerows(sorted(told))


def _print_reading(console: Console, sheet: Sheet, report: Report) -> None:
    console.print(
        f"[bold]{escape(sheet.name)}[/bold]: {sheet.encoding}, {escape(sheet.delimiter)}; the"
        f" header is in line {sheet.header_row}."
    )
    for ours, place in sheet.columns.items():
        console.print(f"  {ours:<14} is column {place + 1}")
    console.print(
        f"{report.rows_read} rows: {report.rows_accepted} counted, {len(report.rejected)} rejected,"
        f" {len(report.ignored)} ignored."
    )


def _print_services(console: Console, rows: Sequence[Record]) -> None:
    units: dict[str, Decimal] = {}
    customers: Counter[str] = Counter()
    for row in rows:
        name = row["service_name"]
        units[name] = units.get(name, Decimal(0)) + Decimal(row["quantity"])
        customers[name] += 1
    table = Table("service", "customers", "units", box=None, pad_edge=False)
    for name in sorted(units):
        table.add_row(escape(name), str(customers[name]), plain(units[name]))
    console.print(table)


def _print_left_out(console: Console, report: Report) -> None:
    for title, rows in (("Rejected", report.rejected), ("Ignored", report.ignored)):
        for row in rows[:MOST_SHOWN]:
            console.print(f"  {title}: line {row['row_no']}: {escape(str(row['reason']))}")
        if len(rows) > MOST_SHOWN:
            console.print(f"  … and {len(rows) - MOST_SHOWN} more; --report writes them all.")


def _print_unmapped(
    console: Console, system: str, rows: Sequence[Record], mappings: Sequence[Mapping]
) -> None:
    known = {(m.kind, m.item_id) for m in mappings if m.system == system}
    for kind, id_column, name_column, what in (
        ("account", "account_id", "account_name", "customers"),
        ("service", "service_key", "service_name", "services"),
    ):
        found = {row[id_column]: row[name_column] for row in rows}
        new = [found[item] for item in found if (kind, item) not in known]
        if new:
            shown = ", ".join(escape(name) for name in new[:MOST_SHOWN])
            more = f" and {len(new) - MOST_SHOWN} more" if len(new) > MOST_SHOWN else ""
            console.print(
                f"{len(new)} {what} nobody mapped yet: {shown}{more}. Identical names of live ones"
                " are mapped by the next run."
            )
