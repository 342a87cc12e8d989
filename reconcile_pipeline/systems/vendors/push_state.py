"""What an inbox says for one month: each count with its age and its reason, and what is unknown.

A replay of the month's pushes in the order in which they were kept. A count is never made up:
zero is written only where a full snapshot, or a whole run, did not name a pair that was known.
"""

import sqlite3
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.push_inbox import (
    API,
    SNAPSHOT,
    STARTED,
    Row,
    accounts,
    rows,
    services,
)
from reconcile_pipeline.systems.vendors.push_runs import (
    Pair,
    Post,
    Run,
    Verdict,
    judge,
    split_runs,
)

Known = dict[Pair, tuple[int, "Cell"]]
"""Every pair ever counted: the number of its first batch, and its last count."""


class Basis(StrEnum):
    """Why a pair has the count it has."""

    PUSHED = "pushed"
    ABSENT_IN_SNAPSHOT = "absent_in_snapshot"
    """Zero: known before, and not named in a full snapshot."""
    ABSENT_IN_RUN = "absent_in_run"
    """Zero: known from an earlier run, and not named in a whole later one."""
    STALE = "not_in_last_run"
    """The count of earlier in the month, kept: the last run did not name it."""


@dataclass(frozen=True)
class Reading:
    """How an integration's pushes are to be understood."""

    period: str
    now: datetime
    gap: timedelta
    absent_is_zero: bool = True


@dataclass(frozen=True)
class Cell:
    """What is known of one pair."""

    quantity: Decimal
    as_of: str
    pushed_at: str
    basis: Basis
    batch_id: str
    row_no: int


@dataclass
class Standing:
    """An inbox as it stands for a month."""

    period: str
    cells: dict[Pair, Cell] = field(default_factory=dict)
    earlier: dict[Pair, Cell] = field(default_factory=dict)
    """Pairs that were pushed in an earlier month, and neither named nor zeroed in this one."""
    covered: dict[str, int] = field(default_factory=dict)
    """Services of which every account's absence means zero, and since which batch it does."""
    accounts: list[Row] = field(default_factory=list)
    services: list[Row] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    problem: PipelineError | None = None
    """Why these counts can't be used yet; None if they can."""

    def spoken_for(self) -> set[str]:
        """Accounts of which this month says something: a count, or a whole list without one."""
        counted = {account_id for account_id, _service in self.cells}
        latest = max(self.covered.values(), default=0)
        listed = {row["account_id"] for row in self.accounts if row["first_seq"] <= latest}
        return counted | listed


@dataclass(frozen=True)
class _Event:
    """Something that changes the standing: posts and snapshots when kept, runs when whole."""

    order: int
    cells: dict[Pair, Cell]
    zero: Cell | None = None
    """What every known pair that a full snapshot does not name becomes."""
    ended: Run | None = None


def standing(connection: sqlite3.Connection, reading: Reading) -> Standing:
    """Work out what an inbox says for a month; `problem` tells if it is not to be used."""
    runs = split_runs(_posts(connection), reading.gap, reading.now)
    accepted = [row["run_id"] for row in rows(connection, "select run_id from acceptances")]
    found = Standing(
        reading.period,
        accounts=accounts(connection),
        services=services(connection),
        runs=runs,
        verdicts=judge(runs, accepted),
    )
    known = _known(connection, reading.period)
    snapshots = _snapshots(connection, reading.period)
    events = [*snapshots, *_run_events(connection, runs, reading.period)]
    # A run's last post comes before its end.
    for event in sorted(events, key=lambda each: (each.order, each.ended is not None)):
        if event.zero:
            _apply_full(found, event, event.zero, known)
        found.cells.update(event.cells)
        if event.ended:
            _apply_end(found, event.ended, known, absent_is_zero=reading.absent_is_zero)
    found.earlier = {pair: cell for pair, (_, cell) in known.items() if pair not in found.cells}
    found.problem = _problem(found, has_snapshots=bool(snapshots))
    return found


def _apply_full(found: Standing, event: _Event, zero: Cell, known: Known) -> None:
    for pair, (first, _cell) in known.items():
        if first <= event.order and pair not in event.cells:
            found.cells[pair] = zero
    for service in found.services:
        if service["first_seq"] <= event.order:
            found.covered[service["service_id"]] = event.order


def _apply_end(found: Standing, run: Run, known: Known, *, absent_is_zero: bool) -> None:
    """A run is over: decide what it means that pairs of its services are not in it."""
    verdict = found.verdicts[run.run_id]
    is_zero = absent_is_zero and verdict.is_believed
    last = run.posts[-1]
    at = last.received_at.isoformat(timespec="microseconds")
    zero = Cell(Decimal(0), at, at, Basis.ABSENT_IN_RUN, last.batch_id, 1)
    for pair, (first, _cell) in known.items():
        if pair[1] not in verdict.services or first > run.order or pair in run.pairs:
            continue
        cell = found.cells.get(pair)
        if is_zero:
            found.cells[pair] = zero
        elif cell is not None and cell.basis is Basis.PUSHED:
            found.cells[pair] = replace(cell, basis=Basis.STALE)
    if is_zero:
        found.covered |= dict.fromkeys(verdict.services, run.order)


def _problem(found: Standing, *, has_snapshots: bool) -> PipelineError | None:
    runs = [run for run in found.runs if run.period == found.period]
    if not runs and not has_snapshots:
        return _incomplete(
            f"No counts have been pushed for {found.period} yet.",
            "Run the script that pushes them, then pull again; until then the last complete pull"
            " of this month stays in use.",
        )
    ended = [run for run in runs if run.ended_at is not None]
    if runs and not ended and not has_snapshots:
        return _incomplete(
            f"A script is still pushing counts for {found.period}: {len(found.cells)} so far.",
            "Pull again when it has ended; without a last post it counts as ended when nothing"
            " has come for run_gap_minutes.",
        )
    for run in ended:
        before = found.verdicts[run.run_id].doubted_against
        if before is not None and not _is_followed(found, run):
            return _incomplete(
                f"The last run of the script pushed {run.in_use} counts above zero, and {before}"
                " were known before it: less than half, so nothing of it is used.",
                "Find out why the script lost so many, and run it again; if they are really gone:"
                ' reconcile push accept NAME --reason "…".',
            )
    return None


def _is_followed(found: Standing, run: Run) -> bool:
    """Whether a later run of the same services is believed."""
    return any(
        later.order > run.order
        and later.services & run.services
        and later.run_id in found.verdicts
        and found.verdicts[later.run_id].is_believed
        for later in found.runs
    )


def _incomplete(message: str, next_step: str) -> PipelineError:
    return PipelineError(message, next_step=next_step, category=Category.INCOMPLETE)


def _posts(connection: sqlite3.Connection) -> list[Post]:
    """Every count post there ever was, kept or refused, in its order."""
    kept = rows(
        connection,
        "select batches.seq, batch_id, counts.received_at, account_id, service_id, quantity,"
        " period, is_built from counts join batches using (batch_id) where counts.source = ?",
        API,
    )
    lost = rows(
        connection,
        "select batches.seq, batch_id, refusals.received_at, reason"
        " from refusals join batches using (batch_id)",
    )
    posts = [
        Post(
            row["seq"],
            row["batch_id"],
            datetime.fromisoformat(row["received_at"]),
            (row["account_id"], row["service_id"]),
            Decimal(row["quantity"]),
            row["period"],
            bool(row["is_built"]),
        )
        for row in kept
    ]
    posts += [
        Post(
            row["seq"],
            row["batch_id"],
            datetime.fromisoformat(row["received_at"]),
            None,
            is_start=row["reason"] == STARTED,
        )
        for row in lost
    ]
    return sorted(posts, key=lambda post: post.order)


def _known(connection: sqlite3.Connection, period: str) -> Known:
    """Every pair that was counted by the end of the month."""
    last = rows(
        connection,
        "select counts.*, first_seq from counts join (select account_id, service_id,"
        " max(counts.seq) last_seq, min(batches.seq) first_seq from counts"
        " join batches using (batch_id) where period <= ? group by account_id, service_id) latest"
        " on counts.seq = latest.last_seq",
        period,
    )
    return {_pair(row): (row["first_seq"], _cell(row)) for row in last}


def _snapshots(connection: sqlite3.Connection, period: str) -> list[_Event]:
    counts: dict[str, dict[Pair, Cell]] = {}
    query = "select * from counts where source = ? and period = ? order by seq"
    for row in rows(connection, query, SNAPSHOT, period):
        counts.setdefault(row["batch_id"], {})[_pair(row)] = _cell(row)
    found = rows(
        connection,
        "select snapshots.*, batches.seq as batch_seq from snapshots join batches using (batch_id)"
        " where period = ? order by batches.seq",
        period,
    )
    basis = Basis.ABSENT_IN_SNAPSHOT
    return [
        _Event(
            row["batch_seq"],
            counts.get(row["batch_id"], {}),
            zero=_cell({**row, "quantity": "0"}, basis) if row["mode"] == "full" else None,
        )
        for row in found
    ]


def _run_events(connection: sqlite3.Connection, runs: list[Run], period: str) -> list[_Event]:
    ours = [run for run in runs if run.period == period]
    if not ours:
        return []
    # Not by the posts' own month: a run over midnight belongs to the one it began in.
    first, last = ours[0].posts[0].order, ours[-1].order
    query = (
        "select counts.*, batches.seq as batch_seq from counts join batches using (batch_id)"
        " where counts.source = ? and batches.seq between ? and ?"
    )
    cells = {row["batch_seq"]: _cell(row) for row in rows(connection, query, API, first, last)}
    events = []
    for run in ours:
        events += [
            _Event(post.order, {post.pair: cells[post.order]}) for post in run.posts if post.pair
        ]
        if run.ended_at is not None:
            events.append(_Event(run.order, {}, ended=run))
    return events


def _pair(row: Row) -> Pair:
    return row["account_id"], row["service_id"]


def _cell(row: Row, basis: Basis = Basis.PUSHED) -> Cell:
    return Cell(
        Decimal(row["quantity"]),
        row["as_of"],
        row["received_at"],
        basis,
        row["batch_id"],
        row["row_no"],
    )
