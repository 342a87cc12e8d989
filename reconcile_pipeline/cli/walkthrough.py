"""The demo's month end: decide, dry run, write back, prove, close, and the money it brought.

Walks through the doors that people use; only the decisions are made up, by one Demo Reviewer.
"""

import asyncio
import shutil
from datetime import UTC, datetime
from decimal import ROUND_CEILING
from pathlib import Path

from rich.console import Console

from reconcile_pipeline.applying import dry_run, tenant_of
from reconcile_pipeline.building import Site, door_of, refresh_review, site_of
from reconcile_pipeline.cli.changes import print_dry_run
from reconcile_pipeline.cli.running import Outcome, run_job
from reconcile_pipeline.cli.summary import money
from reconcile_pipeline.closing import close_month
from reconcile_pipeline.jobs import RECONCILE, WRITE_BACK
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.reality import ask
from reconcile_pipeline.reconciling.cards import Card, Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.review.reading import read_cards, read_open_cards
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.warehouse.connect import open_for_reading

REVIEWER = "Demo Reviewer"
_MADE_UP = "# Settings of a made-up MSP"
_STATE = ("landing", "published", "reports", "dagster", "inbox", "imports", "tasks", "open-month")
_WRITING = """
[policy]
auto_approve_equal = true

[write_back]
enabled = true
tenant = "{tenant}"
"""


def forget_earlier_demo(folder: Path) -> None:
    """Clear what an earlier demo left: its month is closed, and its made-up PSA is gone."""
    config = folder / "reconcile.toml"
    if not config.is_file() or not config.read_text(encoding="utf-8").startswith(_MADE_UP):
        return
    for name in _STATE:
        shutil.rmtree(folder / name, ignore_errors=True)
    for pattern in ("ledger.db*", "warehouse.duckdb*", "published.duckdb"):
        for path in folder.glob(pattern):
            path.unlink()


def allow_writing(config: Path) -> None:
    """Switch writing on for the made-up tenant, as a person would after a dry run."""
    tenant = tenant_of(site_of(load_settings(config)))
    with config.open("a", encoding="utf-8") as file:
        file.write(_WRITING.format(tenant=tenant))


def walk_through(console: Console, site: Site, period: str) -> Outcome:
    """Take one month from its cards to its report; returns how the last job ended."""
    console.print("\n[bold]1. Decide[/bold]")
    _decide_everything(console, site, period)
    console.print("\n[bold]2. Dry run[/bold]")
    print_dry_run(console, asyncio.run(dry_run(site, period, now=_now)))
    console.print("\n[bold]3. Write back[/bold]")
    outcome = run_job(site.settings, WRITE_BACK, period)
    if not outcome.is_success:
        return outcome
    _print_states(console, site, period)
    console.print("\n[bold]4. Prove: pull again[/bold]")
    outcome = run_job(site.settings, RECONCILE, period)
    if not outcome.is_success:
        return outcome
    _print_states(console, site, period)
    console.print("\n[bold]5. Close the month[/bold]")
    _close(console, site, period)
    return outcome


def _decide_everything(console: Console, site: Site, period: str) -> None:
    with open_for_reading(site.state.published) as connection:
        cards = read_cards(connection, period)
        waiting = [cards[str(row["card_id"])] for row in read_open_cards(connection, period)]
        door = door_of(site, period)
        is_whole = door.write_back is not None and door.write_back.is_whole_units
        taken = decide(
            connection,
            door,
            [_wanted(card, is_whole=is_whole) for card in waiting],
            now=_now(),
            origin="demo",
        )
    refresh_review(site, period)
    console.print(f"{len(taken.new)} cards decided by {REVIEWER}; equal counts by policy.")


def _wanted(card: Card, *, is_whole: bool) -> Wanted:
    """Trust the vendor where it counts, leave the line where it does not; round up if need be."""
    is_known = card.finding in (Finding.UNDER_BILLED, Finding.OVER_BILLED, Finding.NEW_REVENUE)
    target = card.qty_vendor if is_known else None
    if target is not None and is_whole:
        target = target.to_integral_value(ROUND_CEILING)
    note = "The customer keeps it; asked on the phone." if not is_known else None
    if target is not None and target == card.qty_psa:
        target, note = None, "Whole units only: what is used is invoiced already, rounded up."
    return Wanted(
        card_id=card.card_id,
        card_version=card.card_version,
        decision=Decision.RECONCILE if target is not None else Decision.NO_CHANGE,
        qty_target=target,
        reviewer=REVIEWER,
        note=note,
        confirmed=frozenset({"zero", "large"}),
    )


def _print_states(console: Console, site: Site, period: str) -> None:
    with open_for_reading(site.state.published) as connection:
        rows = ask(connection, "review_result", period)
    for what, count in rows:
        if what.startswith("line changes"):
            console.print(f"{count:>6} {what}")


def _close(console: Console, site: Site, period: str) -> None:
    stamp = Stamp(REVIEWER, _now(), "demo")
    with open_for_reading(site.state.published) as connection:
        closed = close_month(connection, site, period, reason="The demo's month end.", stamp=stamp)
        rows = ask(connection, "money_recovered", period)
    refresh_review(site, period)
    for currency, recovered, relieved, changes in rows:
        console.print(
            f"[bold]Recovered {money(recovered, currency)} per billing cycle[/bold], and"
            f" {money(relieved, currency)} is no longer invoiced in excess: {changes} lines"
            " changed, each proved by a later pull."
        )
    console.print(f"{period} is closed. Report: {closed.report}")


def _now() -> datetime:
    return datetime.now(UTC)
