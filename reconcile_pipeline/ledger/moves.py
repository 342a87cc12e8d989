"""Which PSA the ledger speaks of, and what its ids became when it was moved to another one.

Ids of companies and products mean nothing in another PSA, or worse, something else. So each move
is an entry: mappings before it count no more, and decisions are read through its table of ids.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Entry, Stamp, append, append_all
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.mappings import Mapping, append_mappings
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import moved_ids, psa_moves
from reconcile_pipeline.model import Category, PipelineError

IdKind = Literal["company", "product", "group"]
Ids = dict[tuple[str, str, str], str]
"""(kind, system, id) -> the id in another PSA."""


@dataclass(frozen=True)
class MovedId:
    """One company, product or service group, and what it is in the new PSA."""

    kind: IdKind
    from_id: str
    from_name: str
    to_id: str
    to_name: str
    method: str
    """How it was found: by name, or by a person."""


@dataclass(frozen=True)
class Move:
    """The ledger speaks of this PSA from here on; `from_system` is None in the first entry."""

    from_system: str | None
    to_system: str
    at: datetime


def read_moves(ledger: Ledger) -> list[Move]:
    """Every move, oldest first; none in a ledger that was never told its PSA."""
    rows = ledger.rows(sa.select(psa_moves).order_by(psa_moves.c.seq))
    return [_move(row) for row in rows]


def psa_in_force(moves: Sequence[Move], until: datetime | None = None) -> str | None:
    """Name the PSA the ledger spoke of at `until` (None: now); None when it was never told."""
    if not moves:
        return None
    before = [move for move in moves if until is None or move.at < until]
    return before[-1].to_system if before else moves[0].from_system or moves[0].to_system


def name_psa(ledger: Ledger, system: str, stamp: Stamp) -> None:
    """Say which PSA the ledger speaks of, if that was never said.

    Raises:
        PipelineError: `settings`, when it speaks of another one: its ids would be mistaken.
    """
    known = psa_in_force(read_moves(ledger))
    if known is not None and known != system:
        raise PipelineError(
            f"The mappings and decisions in this ledger speak of {known}, but reconcile.toml is set"
            f" up for {system}.",
            next_step=f"Move them: `reconcile migrate-psa --from {known} --to {system}`; or correct"
            " [systems] in reconcile.toml.",
            category=Category.SETTINGS,
        )
    if known is None:
        with ledger.writing() as connection:
            _append(connection, None, system, "the first PSA", stamp)


def record_move(
    ledger: Ledger,
    from_system: str,
    to_system: str,
    *,
    moved: Iterable[MovedId],
    mappings: Iterable[Mapping],
    reason: str,
    stamp: Stamp,
) -> None:
    """Move the ledger to another PSA: all of it in one transaction, or nothing."""
    at = stamp.at.astimezone(UTC).isoformat()
    with ledger.writing() as connection:
        _append(connection, from_system, to_system, reason, stamp)
        both = {"from_system": from_system, "to_system": to_system}
        said = {**both, "decided_by": stamp.by, "decided_at": at}
        append_all(connection, (Entry(moved_ids, said | asdict(item), stamp) for item in moved))
        append_mappings(connection, mappings, stamp.origin)


def ids_in(ledger: Ledger, psa: str) -> Ids:
    """What ids of PSAs that were left are in `psa`, through as many moves as lie between."""
    steps: dict[tuple[str, str], Ids] = {}
    for row in ledger.rows(sa.select(moved_ids).order_by(moved_ids.c.seq)):
        step = steps.setdefault((row["from_system"], row["to_system"]), {})
        step[row["kind"], row["from_system"], row["from_id"]] = row["to_id"]
    found: Ids = {}
    for move in reversed(read_moves(ledger)):
        source, target = move.from_system, move.to_system
        if source is None or source == psa:
            continue
        for key, to_id in steps.get((source, target), {}).items():
            onward = to_id if target == psa else found.get((key[0], target, to_id))
            if onward is not None:
                found.setdefault(key, onward)
    return found


def as_said_in(said: Iterable[Decided], psa: str, moves: Sequence[Move], ids: Ids) -> list[Decided]:
    """Decisions in the ids of one PSA; those about what it does not know are left out."""
    found = []
    for item in said:
        own = psa_in_force(moves, item.decided_at) or psa
        if own == psa:
            found.append(item)
            continue
        company = ids.get(("company", own, item.basis.company_id))
        group = ids.get(("group", own, item.basis.service_group_id))
        if company is not None and group is not None:
            basis = replace(item.basis, company_id=company, service_group_id=group)
            found.append(replace(item, basis=basis))
    return found


def _append(
    connection: sa.Connection, from_system: str | None, to_system: str, reason: str, stamp: Stamp
) -> None:
    row = {
        "from_system": from_system,
        "to_system": to_system,
        "reason": reason,
        "decided_by": stamp.by,
        "decided_at": stamp.at.astimezone(UTC).isoformat(),
    }
    append(connection, psa_moves, row, stamp)


def _move(row: dict[str, Any]) -> Move:
    at = datetime.fromisoformat(row["decided_at"])
    return Move(row["from_system"], row["to_system"], at)
