"""Commands of the reviewer: decide one card, take a filled-in export, confirm, undo, settle."""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from reconcile_pipeline.cli.app import ConfigOption, PeriodOption, app, console
from reconcile_pipeline.cli.commands.data import named_period, own_stamp, stop_on_failures
from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.state import State

if TYPE_CHECKING:
    from reconcile_pipeline.reconciling.cards import Wanted

ByOption = Annotated[str, typer.Option("--by", help="Who you are; otherwise your user name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.")]
MOST, MOST_DECIMALS = 10**12, 9
"""Far beyond what may be decided, and within what a column of the tables can hold."""


class Choice(StrEnum):
    """What a person found out about a change that stands still."""

    APPLIED = "applied"
    RETRY = "retry"
    DROP = "drop"


@app.command()
def review(
    file: Annotated[
        Path | None,
        typer.Argument(help="A CSV or XLSX made by `reconcile export`; without it, the app."),
    ] = None,
    *,
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who decides in the file.")] = "",
    push: Annotated[
        bool, typer.Option("--push", help="Serve the push API too, below /push.")
    ] = False,
    dagster: Annotated[
        str, typer.Option("--dagster", help="Address of the Dagster UI, for links to it.")
    ] = "",
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Serve the review app; or record the decisions of a filled-in export."""
    settings = load_settings(config)
    if file is None:
        from reconcile_pipeline.web.serve import serve_review  # noqa: PLC0415 - Starlette, DuckDB

        serve_review(settings, tell=_tell_address, with_push=push, dagster_url=dagster)
        return
    if not reviewer.strip():
        raise PipelineError(
            "Nobody is named who decides in this file.",
            next_step="Add --reviewer NAME.",
            category=Category.INPUT,
        )
    _take_file(settings, file, reviewer, period)


def _tell_address(address: str) -> None:
    console.print(f"The review app: {address}\nCtrl-C ends it.")


def _take_file(settings: Settings, file: Path, reviewer: str, period: str | None) -> None:
    from reconcile_pipeline.cli.running import run_job  # noqa: PLC0415 - Dagster is slow
    from reconcile_pipeline.jobs import REVIEW  # noqa: PLC0415

    month = named_period(settings, period)
    wanted = {"reviewer": reviewer, "file": str(file.absolute())}
    outcome = run_job(
        settings, REVIEW, month, run_config={"ops": {"review_cards": {"config": wanted}}}
    )
    stop_on_failures(outcome, "Refused")
    print_result(State(settings.state_dir).published, month)


@app.command()
def decide(
    card: Annotated[str, typer.Argument(help="card_id, from an export or recon.discrepancies.")],
    decision: Annotated[Decision, typer.Argument(help="What you decide.")],
    *,
    to: Annotated[
        str, typer.Option("--to", help="reconcile: the quantity; otherwise the vendor's count.")
    ] = "",
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    version: Annotated[
        str, typer.Option("--version", help="card_version you looked at; then nothing is asked.")
    ] = "",
    effective: Annotated[
        str, typer.Option("--effective", help="reconcile: from when, YYYY-MM-DD.")
    ] = "",
    expires: Annotated[
        str, typer.Option("--expires", help="no_change: the last day it holds, YYYY-MM-DD.")
    ] = "",
    bound: Annotated[
        str, typer.Option("--bound", help="no_change: units the difference may grow to.")
    ] = "",
    zero: Annotated[bool, typer.Option("--zero", help="Yes, a line may go to 0.")] = False,
    large: Annotated[bool, typer.Option("--large", help="Yes, a large change is meant.")] = False,
    by: ByOption = "",
    key: Annotated[
        str, typer.Option("--key", help="Your own key: a repeat with it changes nothing.")
    ] = "",
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Decide one card; shows the exact line changes before it is recorded."""
    from reconcile_pipeline.reconciling.cards import Wanted  # noqa: PLC0415

    stamp = own_stamp(by)
    wanted = Wanted(
        card_id=card,
        card_version=version,
        decision=decision,
        qty_target=_quantity(to, "--to"),
        reviewer=stamp.by,
        note=note or None,
        effective_on=_day(effective, "--effective"),
        expires_on=_day(expires, "--expires"),
        bound=_quantity(bound, "--bound"),
        confirmed=frozenset(
            kind for kind, is_said in (("zero", zero), ("large", large)) if is_said
        ),
        client_key=key or uuid.uuid4().hex,
    )
    _decide(wanted, config, period)


@app.command()
def confirm(
    decision_id: Annotated[str, typer.Argument(help="The decision, from `reconcile changes`.")],
    *,
    zero: Annotated[bool, typer.Option("--zero", help="Yes, a line may go to 0.")] = False,
    large: Annotated[bool, typer.Option("--large", help="Yes, a large change is meant.")] = False,
    second_person: Annotated[
        bool, typer.Option("--second-person", help="I am another person, and I agree.")
    ] = False,
    by: ByOption = "",
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Confirm a decision that is large, takes a line to 0, or needs four eyes."""
    from reconcile_pipeline.building import refresh_review, site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.ledger.decisions import confirm_decision  # noqa: PLC0415

    settings = load_settings(config)
    site, stamp = site_of(settings), own_stamp(by)
    said = {"zero": zero, "large": large, "second_person": second_person}
    kinds = [kind for kind, is_said in said.items() if is_said]
    if not kinds:
        raise PipelineError(
            "Nothing is said about what is confirmed.",
            next_step="Add --zero, --large or --second-person.",
            category=Category.INPUT,
        )
    for kind in kinds:
        confirm_decision(site.ledger, decision_id, kind, stamp)
    refresh_review(site, named_period(settings, period))
    console.print(f"Confirmed by {escape(stamp.by)}: {', '.join(kinds)}.")


@app.command()
def undo(
    any_id: Annotated[str, typer.Argument(help="A decision or one of its changes.")],
    reason: ReasonOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Take a decision back; what is in the PSA already is reversed by the next write-back."""
    from reconcile_pipeline.building import door_of, refresh_review, site_of  # noqa: PLC0415
    from reconcile_pipeline.writeback.undo import undo_decision  # noqa: PLC0415

    settings = load_settings(config)
    site, month = site_of(settings), named_period(settings, period)
    door = door_of(site, month)
    ids = undo_decision(
        site.ledger, any_id, door.write_back, reason=reason or "undone", stamp=own_stamp(by)
    )
    refresh_review(site, month)
    if ids:
        console.print(
            f"Taken back. {len(ids)} reverse changes wait for the next `reconcile write-back`:"
            f" {', '.join(ids)}. They are written only if the PSA still shows our value."
        )
    else:
        console.print("Taken back; nothing of it had been written.")


@app.command()
def settle(
    change_id: Annotated[str, typer.Argument(help="The change, from `reconcile changes`.")],
    choice: Annotated[
        Choice,
        typer.Argument(help="applied: it is in the PSA. retry: it is not. drop: give it up."),
    ],
    by: ByOption = "",
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Say what you found out about a change that needs a person."""
    from reconcile_pipeline.building import refresh_review, site_of  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.writeback.undo import settle_change  # noqa: PLC0415

    settings = load_settings(config)
    site = site_of(settings)
    settle_change(site.ledger, change_id, choice.value, stamp=own_stamp(by))
    refresh_review(site, named_period(settings, period))
    console.print(f"Change {change_id}: {choice.value}.")


@app.command(name="done-by-hand")
def done_by_hand(
    change_id: Annotated[str, typer.Argument(help="The change, from `reconcile changes`.")],
    by: ByOption = "",
    config: ConfigOption = None,
    period: PeriodOption = None,
) -> None:
    """Say that you made a change in the PSA yourself; the next pull has to prove it."""
    settle(change_id, Choice.APPLIED, by=by, config=config, period=period)


def print_result(published: Path, month: str) -> None:
    """How many cards, decisions and changes there are, by kind."""
    from reconcile_pipeline.reality import ask  # noqa: PLC0415 - DuckDB
    from reconcile_pipeline.warehouse.connect import open_for_reading  # noqa: PLC0415

    with open_for_reading(published) as connection:
        rows = ask(connection, "review_result", month)
    for what, count in rows:
        console.print(f"{count:>6} {what}")
    console.print("\nThe list: review.action_items in published.duckdb, or `reconcile changes`.")


def _decide(wanted: "Wanted", config: Path | None, period: str | None) -> None:
    from dataclasses import replace  # noqa: PLC0415 - beside its only use

    from reconcile_pipeline.building import door_of, refresh_review, site_of  # noqa: PLC0415
    from reconcile_pipeline.cli.changes import print_preview  # noqa: PLC0415
    from reconcile_pipeline.review.decide import decide as record  # noqa: PLC0415
    from reconcile_pipeline.review.decide import preview  # noqa: PLC0415
    from reconcile_pipeline.review.reading import read_cards  # noqa: PLC0415
    from reconcile_pipeline.warehouse.connect import open_for_reading  # noqa: PLC0415

    settings = load_settings(config)
    site, month = site_of(settings), named_period(settings, period)
    door, is_asked = door_of(site, month), not wanted.card_version
    with open_for_reading(site.state.published) as connection:
        if is_asked:
            card = read_cards(connection, month).get(wanted.card_id)
            wanted = replace(wanted, card_version=card.card_version if card else "")
        decided, split = preview(connection, door, wanted)
        print_preview(console, decided, split, door, settings.limits)
        if is_asked:
            typer.confirm("Record this decision?", abort=True)
        taken = record(connection, door, [wanted], now=datetime.now(UTC), origin=own_stamp().origin)
    refresh_review(site, month)
    ids = taken.new or taken.repeated
    console.print(f"{'Recorded' if taken.new else 'Recorded before'}: decision {ids[0]}.")


def _quantity(text: str, option: str) -> Decimal | None:
    if not text:
        return None
    advice = "Write it like 12 or 12.5."
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _unfit(option, text, advice) from None
    # The ledger never forgets: what no table can hold must not get into it.
    if value.is_finite() and (abs(value) > MOST or round(value, MOST_DECIMALS) != value):
        raise _unfit(option, text, advice)
    return value


def _day(text: str, option: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _unfit(option, text, "Write it like 2026-12-01.") from None


def _unfit(option: str, text: str, next_step: str) -> PipelineError:
    return PipelineError(
        f"{option} “{text[:40]}” can't be used.", next_step=next_step, category=Category.INPUT
    )
