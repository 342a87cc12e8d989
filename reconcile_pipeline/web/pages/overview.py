"""`/`: how far the month is, what it is worth, and what to do next."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from reconcile_pipeline.applying import unfinished
from reconcile_pipeline.ledger.changes import Change, read_changes
from reconcile_pipeline.ledger.closings import closing_of
from reconcile_pipeline.model import ChangeState, Finding
from reconcile_pipeline.reconciling.board import ARRIVED, STUCK
from reconcile_pipeline.web.connections import Connection, connections_of
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.filters import Filter
from reconcile_pipeline.web.pages.trend import trend_of
from reconcile_pipeline.web.render import page
from reconcile_pipeline.web.words import many
from reconcile_pipeline.writeback.plan import UNSETTLED, WAITING

Row = dict[str, Any]
TOP = 10


@dataclass(frozen=True)
class Step:
    """One step of the month end."""

    title: str
    told: str
    is_done: bool
    address: str
    button: str


def show(call: Call) -> Response:
    """Show the overview; on a fresh installation, how to begin."""
    if not call.desk.books.periods():
        return page(call, "overview_empty.html", connections=connections_of(call))
    month = call.books.ask_once("overview_month")[0]
    connections = connections_of(call)
    changes = read_changes(call.desk.site.ledger, call.period)
    steps = _steps(call, month, connections, changes)
    ids = call.books.ask("review_ids", **Filter(size=TOP).parameters)
    return page(
        call,
        "overview.html",
        month=month,
        steps=steps,
        next_step=next((step for step in steps if not step.is_done), None),
        money=_money(call.books.ask_once("overview_findings")),
        connections=connections,
        top=call.books.cards([row["card_id"] for row in ids]),
        trend=trend_of(call.books.ask_once("overview_trend")),
        closing=closing_of(call.desk.site.ledger, call.period),
    )


def _steps(
    call: Call, month: Row, connections: list[Connection], changes: list[Change]
) -> list[Step]:
    at = f"?period={call.period}"
    unwell = [item for item in connections if not item.is_well]
    unmapped = month["unmapped_accounts"] + month["unmapped_services"]
    decided = month["cards_asking"] - month["cards_open"]
    live = [item for item in changes if not item.is_withdrawn]
    waiting = [item for item in live if item.state in WAITING | UNSETTLED | STUCK]
    unproved = [item for item in unfinished(live) if item not in waiting]
    proved = [item for item in live if item.state in ARRIVED | {ChangeState.PROVED}]
    closed = closing_of(call.desk.site.ledger, call.period)
    return [
        Step(
            "Pull every system",
            f"{len(connections) - len(unwell)} of {len(connections)} are fresh"
            + (f"; look at {', '.join(item.name for item in unwell[:3])}" if unwell else ""),
            not unwell,
            f"/syncs{at}",
            "Syncs",
        ),
        Step(
            "Map accounts and services",
            f"{many(month['unmapped_accounts'], 'account')} and"
            f" {many(month['unmapped_services'], 'service')} with usage reach no card"
            if unmapped
            else "Everything used reaches a card",
            not unmapped,
            f"/mapping/accounts{at}&state=unmapped"
            if month["unmapped_accounts"] or not unmapped
            else f"/mapping/services{at}&state=unmapped",
            "Map",
        ),
        Step(
            "Review the cards",
            f"{decided:,} of {month['cards_asking']:,} decided",
            not month["cards_open"] and not month["cards_stuck"],
            f"/review{at}" + ("" if month["cards_open"] else "&status=stuck"),
            "Review",
        ),
        Step(
            "Write back",
            f"{many(len(waiting), 'change')} to be written or looked at"
            if waiting
            else f"{many(len(proved) + len(unproved), 'change')} written",
            not waiting and not month["cards_open"],
            f"/writeback{at}",
            "Write back",
        ),
        Step(
            "Prove it by another pull",
            f"{many(len(unproved), 'change')} not shown by a later pull yet"
            if unproved
            else f"{many(len(proved), 'change')} proved",
            not unproved and not waiting and not month["cards_open"],
            f"/syncs{at}",
            "Pull",
        ),
        Step(
            "Close the month and invoice",
            f"closed by {closed.closed_by}" if closed else "open",
            closed is not None,
            f"/writeback{at}#close",
            "Close",
        ),
    ]


def _money(rows: list[Row]) -> list[Row]:
    """Open money per currency: not invoiced, invoiced in excess, new, and cards without proof."""
    found: dict[str | None, Row] = {}
    for row in rows:
        sums = found.setdefault(
            row["currency"],
            {"currency": row["currency"], "under": 0, "over": 0, "new": 0, "at_risk": 0},
        )
        match row["finding"]:
            case Finding.UNDER_BILLED:
                sums["under"] += row["amount_open"]
            case Finding.OVER_BILLED:
                sums["over"] -= row["amount_open"]
            case Finding.NEW_REVENUE:
                sums["new"] += row["amount_open"]
            case _:
                sums["at_risk"] += abs(row["amount_open"])
    return [sums for sums in found.values() if sums["currency"] is not None]
