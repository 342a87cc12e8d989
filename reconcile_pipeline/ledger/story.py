"""What was ever said and done about one customer and service: decisions, confirmations, changes.

For the page that has to explain a number. Only questions; what is true of all cards at once is
read in `decisions` and `changes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.ledger.changes import Change, changes_from
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import decisions_of
from reconcile_pipeline.ledger.moves import Ids, Move, as_said_in, ids_in, read_moves
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import (
    chain,
    confirmations,
    decisions,
    intents,
    line_changes,
    outcomes,
    withdrawals,
)
from reconcile_pipeline.model import ChangeState


@dataclass(frozen=True)
class Noted:
    """One entry about a decision: who, when, and in which words."""

    by: str
    at: datetime
    text: str
    """The reason of a withdrawal, the kind of a confirmation."""


@dataclass(frozen=True)
class Step:
    """One step of a line change on its way into the PSA."""

    state: ChangeState
    by: str
    at: datetime
    qty_seen: Decimal | None = None
    says: str = ""
    pull_id: str = ""


@dataclass(frozen=True)
class Way:
    """A line change with every step it took; `change.state` is where the last one left it."""

    change: Change
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Told:
    """A decision with all that followed from it."""

    decided: Decided
    origin: str
    """The door it came through."""
    is_standing: bool
    """Neither taken back nor replaced by a later decision on the same numbers."""
    withdrawn: Noted | None
    confirmations: tuple[Noted, ...]
    ways: tuple[Way, ...]


def story_of(ledger: Ledger, psa: str, company_id: str, service_group_id: str) -> list[Told]:
    """Everything about one company and service, of any month, newest decision first.

    The ids are those of this PSA; what was said before a move to it is told in them.
    """
    moves, ids = _moves(ledger, psa)
    query = sa.select(decisions.c.decision_id).where(
        decisions.c.company_id.in_(_names_of("company", company_id, ids)),
        decisions.c.service_group_id.in_(_names_of("group", service_group_id, ids)),
    )
    found = [str(row["decision_id"]) for row in ledger.rows(query)]
    if not found:
        return []
    # Entries only ever get more: what a second look adds is about other decisions.
    said = decisions_of(ledger, found)
    if ids:
        said = as_said_in(said, psa, moves, ids)
    subject = (company_id, service_group_id)
    about = [
        item for item in said if (item.basis.company_id, item.basis.service_group_id) == subject
    ]
    with ledger.reading() as connection:
        return _told(connection, about)


def _names_of(kind: str, now: str, ids: Ids) -> list[str]:
    """Every id it ever had, those in PSAs that were left too."""
    return [now, *(key[2] for key, to in ids.items() if key[0] == kind and to == now)]


def _moves(ledger: Ledger, psa: str) -> tuple[list[Move], Ids]:
    """Moves between PSAs and what older ids are now; nothing where nobody ever moved."""
    moves = read_moves(ledger) if psa else []
    if all(move.from_system is None for move in moves):
        return [], {}
    return moves, ids_in(ledger, psa)


def _told(connection: sa.Connection, about: Sequence[Decided]) -> list[Told]:
    ids = [item.decision_id for item in about]
    if not ids:
        return []
    origins = _origins(connection, ids)
    taken_back = _noted(connection, withdrawals, withdrawals.c.reason, ids)
    confirmed = _noted(connection, confirmations, confirmations.c.kind, ids)
    ways = _ways(connection, ids, frozenset(taken_back))
    last_turn: dict[tuple[str, str], int] = {}
    for item in about:
        key = (item.card_id, item.card_version)
        last_turn[key] = max(item.turn, last_turn.get(key, 0))
    return [
        Told(
            decided=item,
            origin=origins[item.decision_id],
            is_standing=item.decision_id not in taken_back
            and item.turn == last_turn[item.card_id, item.card_version],
            withdrawn=next(iter(taken_back.get(item.decision_id, ())), None),
            confirmations=tuple(confirmed.get(item.decision_id, ())),
            ways=tuple(ways.get(item.decision_id, ())),
        )
        for item in reversed(about)
    ]


def _origins(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    query = (
        sa.select(decisions.c.decision_id, chain.c.recorded_from)
        .join(chain, chain.c.seq == decisions.c.seq)
        .where(decisions.c.decision_id.in_(ids))
    )
    return {str(row.decision_id): str(row.recorded_from) for row in connection.execute(query)}


def _noted(
    connection: sa.Connection, table: sa.Table, words: sa.Column[Any], ids: Sequence[str]
) -> dict[str, list[Noted]]:
    query = (
        sa.select(table.c.decision_id, words.label("words"), chain.c.recorded_by)
        .add_columns(chain.c.recorded_at)
        .join(chain, chain.c.seq == table.c.seq)
        .where(table.c.decision_id.in_(ids))
        .order_by(table.c.seq)
    )
    found: dict[str, list[Noted]] = {}
    for row in connection.execute(query):
        noted = Noted(row.recorded_by, datetime.fromisoformat(row.recorded_at), row.words)
        found.setdefault(str(row.decision_id), []).append(noted)
    return found


def _ways(
    connection: sa.Connection, ids: Sequence[str], withdrawn: frozenset[str]
) -> dict[str, list[Way]]:
    query = sa.select(line_changes).where(line_changes.c.decision_id.in_(ids))
    changes = changes_from(connection, query.order_by(line_changes.c.seq))
    steps = _steps(connection, [item.change_id for item in changes])
    found: dict[str, list[Way]] = {}
    for item in changes:
        own = tuple(steps.get(item.change_id, ()))
        state = own[-1].state if own else ChangeState.QUEUED
        is_withdrawn = item.decision_id in withdrawn and item.undoes is None
        change = replace(item, state=state, is_withdrawn=is_withdrawn)
        found.setdefault(item.decision_id, []).append(Way(change, own))
    return found


def _steps(connection: sa.Connection, change_ids: Sequence[str]) -> dict[str, list[Step]]:
    rows: list[dict[str, Any]] = []
    for table in (intents, outcomes):
        query = (
            sa.select(table, chain.c.recorded_at, chain.c.recorded_by)
            .join(chain, chain.c.seq == table.c.seq)
            .where(table.c.change_id.in_(change_ids))
        )
        rows += [dict(row) for row in connection.execute(query).mappings()]
    found: dict[str, list[Step]] = {}
    for row in sorted(rows, key=lambda row: int(row["seq"])):
        seen = row.get("qty_seen")
        step = Step(
            state=ChangeState(row.get("state", ChangeState.INTENT)),
            by=row["recorded_by"],
            at=datetime.fromisoformat(row["recorded_at"]),
            qty_seen=None if seen is None else Decimal(seen),
            says=row.get("says") or "",
            pull_id=row.get("pull_id") or "",
        )
        found.setdefault(str(row["change_id"]), []).append(step)
    return found
