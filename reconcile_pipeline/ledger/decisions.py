"""Decisions: who said what about which numbers, and the exact line changes that follow from it.

The first decision on a card's version wins; the same one again is harmless; another one is a
conflict that names the first. Only a policy's decision gives way to a person's. Nothing is taken
back silently: an undone decision gets a withdrawal beside it.
"""

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Entry, Stamp, append, append_all
from reconcile_pipeline.ledger.changes import change_entries, intents_of
from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.ledger.decided import Decided, as_row, from_row
from reconcile_pipeline.ledger.known import Known, known_about
from reconcile_pipeline.ledger.lookups import rows_where
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import confirmations, withdrawals
from reconcile_pipeline.ledger.tables import decisions as table
from reconcile_pipeline.ledger.turns import Turn
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
    items = list(decided)
    new: list[str] = []
    repeated: list[str] = []
    refused: list[tuple[Decided, PipelineError]] = []
    entries: list[Entry] = []
    with ledger.writing() as connection:
        known = known_about(connection, items)
        for item in items:
            try:
                told, is_new = _judge(known, item)
            except PipelineError as error:
                if is_all_or_nothing:
                    raise
                refused.append((item, error))
                continue
            (new if is_new else repeated).append(told.decision_id)
            if is_new:
                known.add(told)
                entries += _entries(told, origin)
        append_all(connection, entries)
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
    with ledger.reading() as connection:
        rows = list(rows_where(connection, sa.select(table), table.c.decision_id, ids))
    return [from_row(row) for row in sorted(rows, key=lambda row: int(row["seq"]))]


def withdrawn_ids(ledger: Ledger) -> frozenset[str]:
    """Decisions that were taken back."""
    return frozenset(
        str(row["decision_id"]) for row in ledger.rows(sa.select(withdrawals.c.decision_id))
    )


def standing_decisions(
    ledger: Ledger, period: str | None = None, *, companies: Iterable[str] | None = None
) -> list[Decided]:
    """Decisions in force, one per card version at most; oldest first.

    `period` limits to one month's, `companies` to those about some, which are looked up by index.
    """
    query = sa.select(_STANDING).order_by(_STANDING.c.seq)
    if period is not None:
        query = query.where(_STANDING.c.period == period)
    if companies is None:
        return [from_row(row) for row in ledger.rows(query)]
    with ledger.reading() as connection:
        rows = list(rows_where(connection, query, _STANDING.c.company_id, companies))
    return [from_row(row) for row in sorted(rows, key=lambda row: int(row["seq"]))]


def confirmed_kinds(
    ledger: Ledger, *, of: Collection[str] | None = None
) -> dict[str, frozenset[str]]:
    """What was confirmed, by decision; `of` limits to some decisions."""
    query = sa.select(confirmations.c.decision_id, confirmations.c.kind)
    found: dict[str, set[str]] = {}
    with ledger.reading() as connection:
        rows = (
            connection.execute(query).mappings()
            if of is None
            else rows_where(connection, query, confirmations.c.decision_id, of)
        )
        for row in rows:
            found.setdefault(str(row["decision_id"]), set()).add(str(row["kind"]))
    return {decision_id: frozenset(kinds) for decision_id, kinds in found.items()}


def _judge(known: Known, decided: Decided) -> tuple[Decided, bool]:
    """The decision as it stands in the ledger then, and whether it is a new one.

    Raises:
        PipelineError: `conflict`, when the month is closed or somebody decided otherwise.
    """
    known.refuse_if_closed(decided.period)
    same_key = known.by_key.get(decided.client_key) if decided.client_key else None
    if same_key is not None:
        if same_key.content != decided.content:
            raise conflict_with(same_key, "the same key was used for another decision")
        return same_key, False
    earlier = known.on_same_numbers(decided)
    place = known.turn_of(decided)
    number = len(earlier) + 1
    if not earlier or place is Turn.NEW:
        return replace(decided, turn=number, supersedes=None), True
    last = earlier[-1]
    if place is Turn.CONFLICT:
        raise conflict_with(last)
    if place is Turn.SAME:
        return last, False
    return replace(decided, turn=number, supersedes=last.decision_id), True


def _entries(decided: Decided, origin: str) -> list[Entry]:
    stamp = Stamp(decided.reviewer, decided.decided_at, origin)
    decision_id = decided.decision_id
    return [
        Entry(table, as_row(decided), stamp),
        *(
            Entry(confirmations, {"decision_id": decision_id, "kind": kind}, stamp)
            for kind in sorted(decided.confirmed)
        ),
        *change_entries(decision_id, decided.period, decided.changes, stamp),
    ]


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
