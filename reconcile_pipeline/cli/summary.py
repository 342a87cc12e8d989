"""What a run found, for a person: systems, cards by finding, money, the ten dearest, what next."""

from decimal import Decimal
from typing import Any

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reconcile_pipeline.model import Finding
from reconcile_pipeline.reality import ask

MEANING = {
    Finding.MATCH: "both sides agree",
    Finding.UNDER_BILLED: "more is used than invoiced",
    Finding.OVER_BILLED: "more is invoiced than used",
    Finding.NEW_REVENUE: "used, and no line invoices it",
    Finding.NO_VENDOR_FIGURE: "invoiced, and the vendor shows no account",
    Finding.NOT_CONNECTED: "invoiced, and no vendor feeds it",
    Finding.STALE_EVIDENCE: "the latest pull failed",
    Finding.INCOMPLETE_EVIDENCE: "no complete pull this period",
}


def print_summary(
    console: Console, connection: duckdb.DuckDBPyConnection, period: str, *, options: str = ""
) -> None:
    """Print the period's result from the published tables.

    `options` is what the suggested commands need on this installation, such as its --config.
    """
    console.print(f"\n[bold]Reconciliation of {period}[/bold]")
    _print_systems(console, ask(connection, "summary_systems", period))
    _print_findings(console, ask(connection, "summary_findings", period))
    _print_money(console, ask(connection, "summary_money", period))
    _print_top(console, ask(connection, "summary_top", period))
    _print_rest(console, ask(connection, "summary_rest", period)[0], options)


def plain(value: Decimal | None) -> str:
    """A quantity without useless zeros; a dash when unknown."""
    if value is None:
        return "–"
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return text or "0"


def money(value: Decimal | None, currency: str | None) -> str:
    """An amount with its currency; a dash when unknown."""
    return "–" if value is None else f"{value:,.2f} {currency or ''}".rstrip()


def _print_systems(console: Console, rows: list[tuple[Any, ...]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name, side in (("system", "left"), ("records", "right"), ("calls", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    table.add_column("evidence")
    for system, state, is_stale, records, calls, reason, next_step in rows:
        known = "complete" if state != "none" else "none"
        told = f"{known}, but old: {escape(reason)}" if is_stale else known
        if state == "none":
            told = f"[red]none this period: {escape(f'{reason} {next_step}')}[/red]"
        table.add_row(system, f"{records:,}", f"{calls:,}", told)
    console.print(table)


def _print_findings(console: Console, rows: list[tuple[Any, ...]]) -> None:
    counts = {finding: (cards, amount) for finding, cards, amount in rows}
    table = Table(title="\nCards by finding", title_justify="left", box=None, pad_edge=False)
    table.add_column("finding")
    table.add_column("cards", justify="right")
    table.add_column("what it means")
    for finding in Finding:
        cards, _amount = counts.get(str(finding), (0, None))
        if cards:
            table.add_row(str(finding), f"{cards:,}", MEANING[finding])
    console.print(table)


def _print_money(console: Console, rows: list[tuple[Any, ...]]) -> None:
    for currency, not_invoiced, too_much, unpriced in rows:
        console.print(
            f"\nPer billing cycle: [bold]{money(not_invoiced, currency)}[/bold] used and not"
            f" invoiced, [bold]{money(too_much, currency)}[/bold] invoiced and not used"
            + (f"; for {unpriced} cards it is unknown." if unpriced else ".")
        )


def _print_top(console: Console, rows: list[tuple[Any, ...]]) -> None:
    table = Table(title="\nThe ten dearest", title_justify="left", box=None, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    for name, width in (("company", 28), ("service", 42), ("finding", None)):
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=width)
    for name in ("invoiced", "used", "money"):
        table.add_column(name, justify="right", no_wrap=True)
    for rank, company, service, finding, psa, vendor, amount, currency in rows:
        # Names come from outside: "[/b] Ltd" must not be taken for markup.
        names = (escape(company), escape(service))
        table.add_row(
            str(rank), *names, finding, plain(psa), plain(vendor), money(amount, currency)
        )
    console.print(table)


def _print_rest(console: Console, row: tuple[Any, ...], options: str) -> None:
    cards, waiting, stuck, accounts, services, excluded, sums, conserved = row
    console.print(
        f"\n{excluded:,} records are left out, each with its reason (recon.exclusions)."
        f" Conservation: {conserved} of {sums} sums add up to the last decimal."
    )
    steps = []
    if accounts or services:
        steps.append(
            f"Map {accounts} vendor accounts and {services} vendor services that reach no card:"
            " recon.unmapped_accounts, recon.unmapped_services."
        )
    if cards:
        steps.append(
            f"Decide {cards} cards: export them, fill in the decision column, hand it in:\n"
            f"   reconcile export cards.xlsx{options}\n"
            f"   reconcile review cards.xlsx --reviewer NAME{options}"
        )
    if stuck:
        steps.append(f"Look at {stuck} changes that stand still: reconcile changes{options}")
    if waiting:
        steps.append(
            f"Write {waiting} decided changes: reconcile dry-run{options}, then reconcile"
            f" write-back{options}"
        )
    steps = steps or [f"Nothing is open: reconcile close{options}"]
    console.print("\n[bold]What to do next[/bold]")
    for number, step in enumerate(steps, start=1):
        console.print(f"{number}. {step}")
