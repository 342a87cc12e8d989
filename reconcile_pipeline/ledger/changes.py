"""Line changes and their trail: what shall be written, what was attempted, what came of it.

A change is planned together with its decision, so what a person agreed to is exactly what may be
sent. Intents are committed before anything is sent; outcomes tell what is known since.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Entry, Stamp, append, append_all
from reconcile_pipeline.ledger.lookups import rows_where
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import (
    chain,
    decisions,
    intents,
    leases,
    line_changes,
    outcomes,
    withdrawals,
)
from reconcile_pipeline.model import Category, ChangeState, PipelineError

_STATES = sa.table("change_states", sa.column("change_id", sa.Text), sa.column("state", sa.Text))


@dataclass(frozen=True)
class PlannedChange:
    """One line of one PSA, the quantity a person saw, and the one they agreed to."""

    system: str
    company_name: str
    service_name: str
    agreement_id: str
    line_id: str
    qty_from: Decimal
    qty_to: Decimal
    effective_on: date
    unit_price: Decimal | None
    currency: str | None
    undoes: str | None = None
    """The change this one takes back."""


@dataclass(frozen=True)
class Change(PlannedChange):
    """A planned change in the ledger, with where it stands."""

    change_id: str = ""
    decision_id: str = ""
    period: str = ""
    decided_by: str = ""
    state: ChangeState = ChangeState.QUEUED
    is_withdrawn: bool = False

    @property
    def amount(self) -> Decimal | None:
        """Money per billing cycle: above zero means more is invoiced."""
        return None if self.unit_price is None else (self.qty_to - self.qty_from) * self.unit_price


@dataclass(frozen=True)
class Intent:
    """What was about to be sent, committed before it was."""

    intent_id: str
    change_id: str
    attempt: int
    epoch: int
    qty_before: Decimal
    qty_to: Decimal
    effective_on: date
    sent_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What is known about a change since its last step."""

    change_id: str
    state: ChangeState
    intent_id: str | None = None
    qty_seen: Decimal | None = None
    stamp: str = ""
    http_status: int | None = None
    says: str = ""
    pull_id: str | None = None


class LeaseLostError(PipelineError):
    """Another writer has taken over; whoever gets this must not send anything any more."""


def add_changes(
    connection: sa.Connection,
    decision_id: str,
    period: str,
    planned: Iterable[PlannedChange],
    stamp: Stamp,
) -> list[str]:
    """Append planned changes inside the caller's transaction; returns their ids."""
    entries = change_entries(decision_id, period, planned, stamp)
    append_all(connection, entries)
    return [str(entry.values["change_id"]) for entry in entries]


def change_entries(
    decision_id: str, period: str, planned: Iterable[PlannedChange], stamp: Stamp
) -> list[Entry]:
    """The entries that planned changes become."""
    entries = []
    for change in planned:
        key = f"{decision_id}|{change.system}|{change.line_id}|{change.undoes or ''}"
        values = {
            "change_id": hashlib.sha256(key.encode()).hexdigest()[:16],
            "decision_id": decision_id,
            "undoes": change.undoes,
            "period": period,
            "system": change.system,
            "company_name": change.company_name,
            "service_name": change.service_name,
            "agreement_id": change.agreement_id,
            "line_id": change.line_id,
            "qty_from": _number(change.qty_from),
            "qty_to": _number(change.qty_to),
            "effective_on": change.effective_on.isoformat(),
            "unit_price": None if change.unit_price is None else _number(change.unit_price),
            "currency": change.currency,
            "decided_by": stamp.by,
        }
        entries.append(Entry(line_changes, values, stamp))
    return entries


def add_undoing(ledger: Ledger, change: Change, effective_on: date, stamp: Stamp) -> str:
    """Append the change that takes a verified one back; a repeat returns the same id."""
    with ledger.writing() as connection:
        known = connection.execute(
            sa.select(line_changes.c.change_id).where(line_changes.c.undoes == change.change_id)
        ).scalar()
        if known is not None:
            return str(known)
        reverse = PlannedChange(
            system=change.system,
            company_name=change.company_name,
            service_name=change.service_name,
            agreement_id=change.agreement_id,
            line_id=change.line_id,
            qty_from=change.qty_to,
            qty_to=change.qty_from,
            effective_on=effective_on,
            unit_price=change.unit_price,
            currency=change.currency,
            undoes=change.change_id,
        )
        return add_changes(connection, change.decision_id, change.period, [reverse], stamp)[0]


def read_changes(
    ledger: Ledger, period: str | None = None, *, of: Collection[str] | None = None
) -> list[Change]:
    """Every line change ever planned, with its state; oldest first.

    `period` limits to one month's, `of` to those of some decisions, which are looked up by index.
    """
    query = sa.select(line_changes).order_by(line_changes.c.seq)
    if period is not None:
        query = query.where(line_changes.c.period == period)
    # One look for all of it: somebody may be deciding meanwhile.
    with ledger.reading() as connection:
        if of is not None:
            return _changes_of(connection, query, of)
        states = {
            str(row.change_id): ChangeState(row.state)
            for row in connection.execute(sa.select(_STATES))
        }
        taken_back = set(connection.execute(_taken_back()).scalars())
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [
        _from_row(row, states[row["change_id"]], row["decision_id"] in taken_back) for row in rows
    ]


def _changes_of(
    connection: sa.Connection, query: sa.Select[Any], decision_ids: Collection[str]
) -> list[Change]:
    """The same for a few decisions: by index, where the views would rank every change."""
    rows = list(rows_where(connection, query, line_changes.c.decision_id, decision_ids))
    change_ids = {str(row["change_id"]) for row in rows}
    steps = [
        (int(row["seq"]), str(row["change_id"]), str(row["state"]))
        for step in (
            sa.select(intents.c.seq, intents.c.change_id, sa.literal("intent").label("state")),
            sa.select(outcomes.c.seq, outcomes.c.change_id, outcomes.c.state),
        )
        for row in rows_where(connection, step, step.selected_columns.change_id, change_ids)
    ]
    states = {change_id: ChangeState(state) for _seq, change_id, state in sorted(steps)}
    taken_back = {
        str(row["decision_id"])
        for column in (withdrawals.c.decision_id, decisions.c.supersedes)
        for row in rows_where(
            connection, sa.select(column.label("decision_id")), column, decision_ids
        )
    }
    return [
        _from_row(
            dict(row),
            states.get(row["change_id"], ChangeState.QUEUED),
            row["decision_id"] in taken_back,
        )
        for row in sorted(rows, key=lambda row: int(row["seq"]))
    ]


def changes_from(connection: sa.Connection, query: sa.Select[Any]) -> list[Change]:
    """The changes a query over the table finds, inside the caller's look; states are not read."""
    rows = connection.execute(query).mappings()
    return [_from_row(dict(row), ChangeState.QUEUED, is_withdrawn=False) for row in rows]


def intents_of(connection: sa.Connection, decision_id: str) -> Sequence[Any]:
    """Whether anything of a decision was ever about to be sent."""
    query = (
        sa.select(intents.c.intent_id)
        .join(line_changes, line_changes.c.change_id == intents.c.change_id)
        .where(line_changes.c.decision_id == decision_id)
    )
    return connection.execute(query).fetchall()


def last_intent(ledger: Ledger, change_id: str) -> Intent | None:
    """The newest intent of a change."""
    query = (
        sa.select(intents)
        .where(intents.c.change_id == change_id)
        .order_by(intents.c.attempt.desc())
        .limit(1)
    )
    rows = ledger.rows(query)
    return _intent(rows[0]) if rows else None


def take_lease(ledger: Ledger, owner: str, stamp: Stamp) -> int:
    """Begin a new epoch: from now on no intent of an older one can be recorded."""
    with ledger.writing() as connection:
        epoch = 1 + int(connection.execute(sa.select(sa.func.max(leases.c.epoch))).scalar() or 0)
        append(connection, leases, {"epoch": epoch, "owner": owner}, stamp)
    return epoch


def record_intent(
    ledger: Ledger, change: Change, draft: Intent, request: str, stamp: Stamp
) -> None:
    """Commit what is about to be sent; `request` is hashed, so that the trail can prove it.

    Raises:
        LeaseLostError: when a newer writer has begun; nothing may be sent then.
        PipelineError: `conflict`, when its decision was taken back since the change was read.
    """
    with ledger.writing() as connection:
        newest = connection.execute(sa.select(sa.func.max(leases.c.epoch))).scalar()
        if newest != draft.epoch:
            raise LeaseLostError(
                f"Another write-back (epoch {newest}) has taken over from this one"
                f" ({draft.epoch}); nothing more is sent.",
                next_step="Wait until it has finished; it settles what this one left open.",
                category=Category.CONFLICT,
            )
        mine = _taken_back(change.decision_id)
        if change.undoes is None and connection.execute(mine).first() is not None:
            raise PipelineError(
                f"The decision behind change {change.change_id} was taken back or replaced;"
                " it is not sent.",
                next_step="Nothing has to be done: what stands now is sent by itself.",
                category=Category.CONFLICT,
            )
        entry = {
            "intent_id": draft.intent_id,
            "change_id": change.change_id,
            "attempt": draft.attempt,
            "epoch": draft.epoch,
            "qty_before": _number(draft.qty_before),
            "qty_to": _number(draft.qty_to),
            "effective_on": draft.effective_on.isoformat(),
            "request_hash": hashlib.sha256(request.encode()).hexdigest(),
            "sent_at": draft.sent_at.astimezone(UTC).isoformat(),
        }
        append(connection, intents, entry, stamp)


def record_outcome(ledger: Ledger, outcome: Outcome, stamp: Stamp) -> None:
    """Append what is now known about a change."""
    entry = {
        "change_id": outcome.change_id,
        "intent_id": outcome.intent_id,
        "state": str(outcome.state),
        "qty_seen": None if outcome.qty_seen is None else _number(outcome.qty_seen),
        "stamp": outcome.stamp or None,
        "http_status": outcome.http_status,
        "says": outcome.says or None,
        "pull_id": outcome.pull_id,
    }
    ledger.append(outcomes, entry, stamp)


def read_trail(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    """Every intent and outcome by change, oldest first, as plain rows."""
    found: dict[str, list[dict[str, Any]]] = {}
    with ledger.reading() as connection:
        for table in (intents, outcomes):
            query = sa.select(table, chain.c.recorded_at, chain.c.recorded_by).join(
                chain, chain.c.seq == table.c.seq
            )
            for row in connection.execute(query).mappings():
                step = dict(row) | {"step": table.name}
                found.setdefault(str(row["change_id"]), []).append(step)
    return {key: sorted(rows, key=lambda row: int(row["seq"])) for key, rows in found.items()}


def _taken_back(decision_id: str | None = None) -> sa.CompoundSelect[str]:
    """Ids of the decisions that were withdrawn, or ever replaced by a person's."""
    withdrawn = sa.select(withdrawals.c.decision_id)
    # Also by one that was withdrawn later: that doesn't bring the replaced one back.
    replaced = sa.select(decisions.c.supersedes).where(decisions.c.supersedes.is_not(None))
    if decision_id is not None:
        withdrawn = withdrawn.where(withdrawals.c.decision_id == decision_id)
        replaced = replaced.where(decisions.c.supersedes == decision_id)
    return sa.union(withdrawn, replaced)


def _from_row(row: dict[str, Any], state: ChangeState, is_withdrawn: bool) -> Change:  # noqa: FBT001
    price = row["unit_price"]
    return Change(
        system=row["system"],
        company_name=row["company_name"],
        service_name=row["service_name"],
        agreement_id=row["agreement_id"],
        line_id=row["line_id"],
        qty_from=Decimal(row["qty_from"]),
        qty_to=Decimal(row["qty_to"]),
        effective_on=date.fromisoformat(row["effective_on"]),
        unit_price=None if price is None else Decimal(price),
        currency=row["currency"],
        undoes=row["undoes"],
        change_id=row["change_id"],
        decision_id=row["decision_id"],
        period=row["period"],
        decided_by=row["decided_by"],
        state=state,
        is_withdrawn=is_withdrawn and row["undoes"] is None,
    )


def _intent(row: dict[str, Any]) -> Intent:
    return Intent(
        intent_id=row["intent_id"],
        change_id=row["change_id"],
        attempt=row["attempt"],
        epoch=row["epoch"],
        qty_before=Decimal(row["qty_before"]),
        qty_to=Decimal(row["qty_to"]),
        effective_on=date.fromisoformat(row["effective_on"]),
        sent_at=datetime.fromisoformat(row["sent_at"]),
    )


def _number(value: Decimal) -> str:
    return f"{value.normalize() + 0:f}"
