"""Decisions: who said what about which numbers, and the exact line changes that follow from it.

The first decision on a card's version wins; the same one again is harmless; another one is a
conflict that names the first. Only a policy's decision gives way to a person's. Nothing is taken
back silently: an undone decision gets a withdrawal beside it.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, append
from reconcile_pipeline.ledger.changes import add_changes, intents_of
from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.ledger.decided import (
    Decided,
    as_text,
    basis_row,
    from_row,
    short_hash,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import confirmations, withdrawals
from reconcile_pipeline.ledger.tables import decisions as table
from reconcile_pipeline.ledger.turns import Turn, turn_after
from reconcile_pipeline.model import Category, PipelineError

_STANDING = sa.table("standing_decisions", *(sa.column(column.name) for column in table.columns))


@dataclass(frozen=True)
class Recorded:
    """What became of the decisions handed in."""

    new: tuple[str, ...] = ()
    """Ids of the decisions that were appended."""
    repeated: tuple[str, ...] = ()
    refused: tuple[tuple[Decided, PipelineError], ...] = field(default=())


def record_decisions(
    ledger: Ledger,
    decided: Iterable[Decided],
    *,
    origin: str,
    is_all_or_nothing: bool = True,
) -> Recorded:
    """Append decisions with their line changes in one transaction.

    Args:
        ledger: where they go.
        decided: checked decisions.
        origin: the door they came through.
        is_all_or_nothing: one conflict keeps all of them out; else the others are recorded and
            the conflicts returned.

    Raises:
        PipelineError: `conflict`, when a card's version was decided differently before.
    """
    new: list[str] = []
    repeated: list[str] = []
    refused: list[tuple[Decided, PipelineError]] = []
    with ledger.writing() as connection:
        for item in decided:
            try:
                decision_id, is_new = _record(connection, item, origin)
            except PipelineError as error:
                if is_all_or_nothing:
                    raise
                refused.append((item, error))
                continue
            (new if is_new else repeated).append(decision_id)
    return Recorded(tuple(new), tuple(repeated), tuple(refused))


def withdraw_decision(ledger: Ledger, decision_id: str, *, reason: str, stamp: Stamp) -> None:
    """Take a decision back before anything of it was sent; repeating it changes nothing.

    Raises:
        PipelineError: `input`, when there is none; `conflict`, when a change of it was sent.
    """
    with ledger.writing() as connection:
        decided = _one(connection, table.c.decision_id == decision_id)
        if decided is None:
            raise PipelineError(
                f"There is no decision {decision_id[:40]}.",
                next_step="review.decisions lists them with their ids.",
                category=Category.INPUT,
            )
        if _is_withdrawn(connection, decision_id):
            return
        refuse_if_closed(connection, decided.period)
        if intents_of(connection, decision_id):
            raise PipelineError(
                f"Decision {decision_id} is on its way into the PSA or there already.",
                next_step="Undo its changes instead: `reconcile undo CHANGE`, with the ids that"
                " `reconcile changes` shows.",
                category=Category.CONFLICT,
            )
        append(connection, withdrawals, {"decision_id": decision_id, "reason": reason}, stamp)


def confirm_decision(ledger: Ledger, decision_id: str, kind: str, stamp: Stamp) -> None:
    """Record a confirmation; `second_person` must be another one than the reviewer.

    Raises:
        PipelineError: `input`, for an unknown decision or the reviewer's own confirmation.
    """
    with ledger.writing() as connection:
        decided = _one(connection, table.c.decision_id == decision_id)
        if decided is None or _is_withdrawn(connection, decision_id):
            raise PipelineError(
                f"There is no standing decision {decision_id[:40]}.",
                next_step="review.decisions lists them with their ids.",
                category=Category.INPUT,
            )
        refuse_if_closed(connection, decided.period)
        if kind == "second_person" and _same_person(decided.reviewer, stamp.by):
            raise PipelineError(
                f"{stamp.by} made this decision and can't be the second person for it.",
                next_step="Ask somebody else to confirm it.",
                category=Category.INPUT,
            )
        _confirm(connection, decision_id, kind, stamp)


def read_decisions(ledger: Ledger, period: str | None = None) -> list[Decided]:
    """Decisions that were ever recorded, withdrawn ones included; oldest first."""
    query = sa.select(table).order_by(table.c.seq)
    if period is not None:
        query = query.where(table.c.period == period)
    return [from_row(row) for row in ledger.rows(query)]


def decisions_of(ledger: Ledger, ids: Iterable[str]) -> list[Decided]:
    """The decisions of these ids, withdrawn ones included; oldest first."""
    wanted = list(ids)
    if not wanted:
        return []
    query = sa.select(table).where(table.c.decision_id.in_(wanted)).order_by(table.c.seq)
    return [from_row(row) for row in ledger.rows(query)]


def withdrawn_ids(ledger: Ledger) -> frozenset[str]:
    """Decisions that were taken back."""
    return frozenset(
        str(row["decision_id"]) for row in ledger.rows(sa.select(withdrawals.c.decision_id))
    )


def standing_decisions(
    ledger: Ledger, period: str | None = None, *, companies: Iterable[str] | None = None
) -> list[Decided]:
    """Decisions in force, one per card version at most; oldest first.

    `period` limits to one month's, `companies` to those about some companies.
    """
    query = sa.select(_STANDING).order_by(_STANDING.c.seq)
    if period is not None:
        query = query.where(_STANDING.c.period == period)
    if companies is not None:
        query = query.where(_STANDING.c.company_id.in_(list(companies)))
    return [from_row(row) for row in ledger.rows(query)]


def confirmed_kinds(ledger: Ledger) -> dict[str, frozenset[str]]:
    """What was confirmed, by decision."""
    found: dict[str, set[str]] = {}
    for row in ledger.rows(sa.select(confirmations)):
        found.setdefault(str(row["decision_id"]), set()).add(str(row["kind"]))
    return {decision_id: frozenset(kinds) for decision_id, kinds in found.items()}


def _record(connection: sa.Connection, decided: Decided, origin: str) -> tuple[str, bool]:
    refuse_if_closed(connection, decided.period)
    if decided.client_key:
        known = _one(connection, table.c.client_key == decided.client_key)
        if known is not None:
            if known.content != decided.content:
                raise conflict_with(known, "the same key was used for another decision")
            return known.decision_id, False
    same_card = table.c.card_id == decided.card_id
    same_numbers = table.c.card_version == decided.card_version
    earlier = [
        from_row(row)
        for row in connection.execute(
            sa.select(table).where(same_card, same_numbers).order_by(table.c.turn)
        ).mappings()
    ]
    last = earlier[-1] if earlier else None
    turn = turn_after(
        last,
        decided,
        is_withdrawn=lambda decision_id: _is_withdrawn(connection, decision_id),
        was_sent=lambda decision_id: bool(intents_of(connection, decision_id)),
    )
    if last is None or turn is Turn.NEW:
        return _append(connection, decided, len(earlier) + 1, None, origin), True
    if turn is Turn.CONFLICT:
        raise conflict_with(last)
    if turn is Turn.SAME:
        return last.decision_id, False
    return _append(connection, decided, len(earlier) + 1, last.decision_id, origin), True


def _append(
    connection: sa.Connection, decided: Decided, turn: int, supersedes: str | None, origin: str
) -> str:
    decision_id = short_hash(decided.card_id, decided.card_version, turn)
    stamp = Stamp(decided.reviewer, decided.decided_at, origin)
    append(
        connection,
        table,
        {
            "decision_id": decision_id,
            "client_key": decided.client_key or decision_id,
            "batch_id": decided.batch_id,
            "period": decided.period,
            "card_id": decided.card_id,
            "card_version": decided.card_version,
            "turn": turn,
            "supersedes": supersedes,
            "decision": str(decided.decision),
            "qty_target": as_text(decided.qty_target),
            "effective_on": as_text(decided.effective_on),
            "note": decided.note,
            "expires_on": as_text(decided.expires_on),
            "bound": as_text(decided.bound),
            "reviewer": decided.reviewer,
            "decided_at": decided.decided_at.astimezone(UTC).isoformat(),
            **basis_row(decided.basis),
        },
        stamp,
    )
    for kind in sorted(decided.confirmed):
        _confirm(connection, decision_id, kind, stamp)
    add_changes(connection, decision_id, decided.period, decided.changes, stamp)
    return decision_id


def _confirm(connection: sa.Connection, decision_id: str, kind: str, stamp: Stamp) -> None:
    known = connection.execute(
        sa.select(confirmations.c.seq).where(
            confirmations.c.decision_id == decision_id, confirmations.c.kind == kind
        )
    ).first()
    if known is None:
        append(connection, confirmations, {"decision_id": decision_id, "kind": kind}, stamp)


def conflict_with(first: Decided, why: str = "") -> PipelineError:
    """Name the decision that was first."""
    return PipelineError(
        f"Card {first.card_id} was decided already: {first.decision}"
        f"{'' if first.qty_target is None else f' to {first.qty_target.normalize():f}'}"
        f" by {first.reviewer} on {first.decided_at:%Y-%m-%d %H:%M} UTC"
        f"{f'; {why}' if why else ''}.",
        next_step="Talk to them; the first decision on these numbers stands until it is undone.",
        category=Category.CONFLICT,
    )


def _is_withdrawn(connection: sa.Connection, decision_id: str) -> bool:
    query = sa.select(withdrawals.c.seq).where(withdrawals.c.decision_id == decision_id)
    return connection.execute(query).first() is not None


def _same_person(one: str, other: str) -> bool:
    return _name_key(one) == _name_key(other)


def _name_key(name: str) -> str:
    # One name can be written with different characters that look alike: ü, or u and two dots.
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


def _one(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Decided | None:
    row = connection.execute(sa.select(table).where(condition)).mappings().first()
    return None if row is None else from_row(dict(row))
