"""Closing a month: frozen cards, decisions and evidence, a report, and the head of the chain.

A closed month takes no pull, no decision and no write-back; a rebuild must come out with the very
same cards. Reopening needs a reason and is an entry in the ledger like everything else.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from reconcile_pipeline.applying import unfinished
from reconcile_pipeline.building import Site
from reconcile_pipeline.ledger.chain import Stamp, head_hash
from reconcile_pipeline.ledger.changes import Change, read_changes
from reconcile_pipeline.ledger.closings import Closing, close_period, closing_of
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.reality import ask
from reconcile_pipeline.review.reading import ask_rows
from reconcile_pipeline.writeback.lock import writing_alone

Connection = duckdb.DuckDBPyConnection
MOST_SHOWN = 5
_ADVICE = (
    "Keep this file: `reconcile audit verify --head` with the last hash tells whether an entry was"
    " cut off the ledger since."
)


@dataclass(frozen=True)
class Closed:
    """What closing left behind."""

    closing: Closing
    head: str
    """The ledger's newest hash after the closing: who cuts the end off later is found out."""
    report: Path
    left_open: int
    """Cards nobody decided."""
    left_unwritten: int
    """Changes that were decided and never sent; their cards come back next month."""


def close_month(
    connection: Connection, site: Site, period: str, *, reason: str, stamp: Stamp
) -> Closed:
    """Freeze a month whose written changes were all shown by a pull.

    Raises:
        PipelineError: `conflict`, while a change is unsettled or unproved; `input`, when the
            month has no cards. Nothing is closed then.
    """
    # No write-back may be under way: what it sends now would belong to a closed month.
    with writing_alone(site.ledger):
        return _close(connection, site, period, reason=reason, stamp=stamp)


def _close(connection: Connection, site: Site, period: str, *, reason: str, stamp: Stamp) -> Closed:
    _refuse_while_unfinished(site, period)
    evidence = evidence_ids(connection, period)
    if not evidence:
        raise PipelineError(
            f"There is nothing to close: {period} has no cards.",
            next_step="Run `reconcile run` in that month, or name another --period.",
            category=Category.INPUT,
        )
    closing = close_period(
        site.ledger,
        period,
        evidence=evidence,
        cards_digest=cards_digest(connection, period),
        reason=reason,
        stamp=stamp,
    )
    with site.ledger.reading() as ledger:
        head = head_hash(ledger)
    report = write_report(connection, site, closing, head)
    left_open, left_unwritten = ask(connection, "review_numbers", period)[0][:2]
    return Closed(closing, head, report, int(left_open), int(left_unwritten))


def check_frozen(connection: Connection, site: Site, period: str) -> None:
    """Make sure that a closed month's cards are still the ones it was closed with."""
    closing = closing_of(site.ledger, period)
    if closing is not None and cards_digest(connection, period) != closing.cards_digest:
        raise PipelineError(
            f"{period} was closed with other cards than the landing folder and the ledger give"
            " now.",
            next_step="Restore the landing folder from its backup; `reconcile audit verify` tells"
            " whether the ledger is whole.",
            category=Category.INPUT,
        )


def evidence_ids(connection: Connection, period: str) -> list[str]:
    """The pulls the month's cards rest on."""
    query = "select pull_id from core.pulls where period = $period and is_evidence order by pull_id"
    return [str(row["pull_id"]) for row in ask_rows(connection, query, period)]


def cards_digest(connection: Connection, period: str) -> str:
    """A hash over every column of the month's cards."""
    rows = ask_rows(
        connection, "select * from recon.cards where period = $period order by card_id", period
    )
    text = "\n".join("|".join(f"{name}={row[name]}" for name in sorted(row)) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def report_of(site: Site, period: str) -> Path:
    """Where the report of a month lies once the month is closed."""
    return site.state.folder / "reports" / f"{period}.md"


def write_report(connection: Connection, site: Site, closing: Closing, head: str) -> Path:
    """Write the month's report: what was found, decided and recovered, and the chain's head."""
    path = report_of(site, closing.period)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_report(connection, closing, head), encoding="utf-8")
    return path


def _report(connection: Connection, closing: Closing, head: str) -> str:
    period = closing.period
    lines = [
        f"# {period}, closed",
        "",
        f"Closed by {closing.closed_by} on {_instant(closing.closed_at)}. {closing.reason}".strip(),
        "",
        "## Cards",
        "",
        "| finding | cards |",
        "| --- | ---: |",
        *(f"| {row[0]} | {row[1]:,} |" for row in ask(connection, "summary_findings", period)),
        "",
        "## Decisions and write-backs",
        "",
        "| what | count |",
        "| --- | ---: |",
        *(f"| {row[0]} | {row[1]:,} |" for row in ask(connection, "review_result", period)),
        "",
        *(_money(row) for row in ask(connection, "money_recovered", period)),
        "",
        "## Proof",
        "",
        f"- Evidence: {', '.join(closing.evidence)}",
        f"- Hash of the cards: `{closing.cards_digest}`",
        f"- Head of the ledger: `{head}`",
        "",
        _ADVICE,
        "",
    ]
    return "\n".join(lines)


def _money(row: tuple[Any, ...]) -> str:
    currency, recovered, relieved, changes = row
    return (
        f"{changes:,} lines changed: {_amount(recovered)} {currency or ''} per billing cycle is"
        f" invoiced now that was not, {_amount(relieved)} {currency or ''} no longer invoiced in"
        " excess."
    )


def _refuse_while_unfinished(site: Site, period: str) -> None:
    # Of all months: a line's last change may be a later one's.
    waiting = [item for item in unfinished(read_changes(site.ledger)) if item.period == period]
    if not waiting:
        return
    shown = "\n".join(f"- {_told(item)}" for item in waiting[:MOST_SHOWN])
    more = len(waiting) - MOST_SHOWN
    rest = f"\n- and {more} more" if more > 0 else ""
    raise PipelineError(
        f"{period} can't be closed: {len(waiting)} changes are not proved yet:\n{shown}{rest}\n",
        next_step="Run `reconcile write-back` for what is not settled, then `reconcile run`: its"
        " pull proves what was written.",
        category=Category.CONFLICT,
    )


def _told(change: Change) -> str:
    words = {
        ChangeState.VERIFIED: "written, and no later pull has shown it",
        ChangeState.DONE_BY_HAND: "done by hand, and no later pull has shown it",
        ChangeState.DISPROVED: "written, but a later pull shows another quantity",
    }
    return (
        f"{change.company_name}, {change.service_name}, line {change.line_id}:"
        f" {words.get(change.state, 'not settled')} ({change.change_id})"
    )


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _amount(value: Decimal) -> str:
    return f"{value:,.2f}"
