"""Line changes as people see them: before a decision, before a write-back, and after it."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reconcile_pipeline.applying import DryRun
from reconcile_pipeline.cli.summary import money, plain
from reconcile_pipeline.ledger.changes import Change, PlannedChange
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.limits import Limits, confirmations_needed
from reconcile_pipeline.reconciling.line_changes import Split
from reconcile_pipeline.review.decide import Door
from reconcile_pipeline.writeback.plan import WAITING, Plan

MOST_SHOWN = 200


def print_preview(
    console: Console, decided: Decided, split: Split, door: Door, limits: Limits
) -> None:
    """What a decision would change, line by line, and what it would still wait for."""
    basis = decided.basis
    console.print(
        f"{escape(basis.company_name)}, {escape(basis.service_name)}: invoiced"
        f" {plain(basis.qty_psa)}, used {plain(basis.qty_vendor)} ({basis.finding})"
    )
    if decided.decision is not Decision.RECONCILE:
        console.print(f"{decided.decision}: nothing is written to {door.psa_title}.")
        return
    if not decided.changes and basis.qty_psa is None:
        console.print("No line invoices it: somebody adds one to an agreement; nothing is written.")
        return
    table = _table("line changes")
    for change in decided.changes:
        _add(table, change)
    console.print(table)
    if door.write_back is not None:
        console.print(door.write_back.effect)
    if split.remainder:
        console.print(
            f"[yellow]{plain(split.remainder)} units can't be placed on a line[/yellow]: it would"
            " go below zero, its included units, or what is committed at the vendor."
        )
    needed = {
        kind
        for change in decided.changes
        for kind in confirmations_needed(change.qty_from, change.qty_to, change.unit_price, limits)
    }
    missing = sorted(needed - decided.confirmed)
    if missing:
        console.print(f"Waits for confirmation: {', '.join(missing)} (`reconcile confirm`).")


def print_plan(console: Console, plan: Plan) -> None:
    """What waits, what is ready, and why the rest is not."""
    if plan.unsettled:
        console.print(f"{len(plan.unsettled)} changes of an earlier batch are looked up first.")
    for title, changes in (("ready to be written", plan.ready), ("for a person", plan.by_hand)):
        if changes:
            table = _table(f"{len(changes)} {title}")
            for change in changes[:MOST_SHOWN]:
                _add(table, change)
            console.print(table)
    for blocked in plan.blocked:
        console.print(
            f"[yellow]waits[/yellow] {escape(_name(blocked.change))}: {escape(blocked.why)}."
            f" Next: {escape(blocked.next_step)}"
        )
    if not (plan.ready or plan.by_hand or plan.blocked or plan.unsettled):
        console.print("Nothing waits to be written.")


def print_dry_run(console: Console, found: DryRun) -> None:
    """The plan, the tenant it would go to, and what the PSA shows of each line."""
    console.print(f"Tenant: [bold]{escape(found.tenant)}[/bold]. {escape(found.effect)}")
    print_plan(console, found.plan)
    for item in found.previews:
        if not item.is_as_decided:
            console.print(
                f"[yellow]not as decided[/yellow] {escape(_name(item.change))}: the PSA shows"
                f" {escape(item.shows)}, the decision was made on {plain(item.change.qty_from)}."
            )
    if found.plan.by_hand:
        console.print("Each with its exact instruction: review.action_items.")
        return
    good = sum(item.is_as_decided for item in found.previews)
    console.print(f"{good} of {len(found.previews)} lines show what was decided on.")
    if not found.is_enabled:
        console.print(
            "Writing is switched off. To switch it on, set in [write_back]: enabled = true and"
            f' tenant = "{escape(found.tenant)}"',
            markup=False,
        )


def print_states(console: Console, changes: Iterable[Change]) -> None:
    """Every change of a month with where it stands."""
    table = _table("line changes")
    table.add_column("state", min_width=12)
    table.add_column("decision", no_wrap=True)
    for change in changes:
        _add(table, change, _state(change), change.decision_id)
    console.print(table)


def _state(change: Change) -> str:
    if not change.is_withdrawn:
        return str(change.state)
    return "taken back" if change.state in WAITING else f"{change.state}, taken back"


def _table(title: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, pad_edge=False)
    table.add_column("change", no_wrap=True)
    table.add_column("company", overflow="ellipsis", no_wrap=True, max_width=24)
    table.add_column("service", overflow="ellipsis", no_wrap=True, max_width=28)
    table.add_column("line", no_wrap=True)
    for name in ("from", "to", "money"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("from day", no_wrap=True)
    return table


def _add(table: Table, change: PlannedChange, *more: str) -> None:
    amount = None
    if change.unit_price is not None:
        amount = (change.qty_to - change.qty_from) * change.unit_price
    table.add_row(
        change.change_id if isinstance(change, Change) else "",
        escape(change.company_name),
        escape(change.service_name),
        change.line_id,
        plain(change.qty_from),
        plain(change.qty_to),
        money(amount, change.currency),
        str(change.effective_on),
        *more,
    )


def _name(change: Change) -> str:
    return f"{change.change_id} {change.company_name}, {change.service_name}, line {change.line_id}"
