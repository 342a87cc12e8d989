"""Mapping entries with their numbers: what an item was told, and new ones on what a person saw.

A page shows the number of an item's newest entry. Whoever saves hands it back, and nothing is
recorded when somebody has said otherwise in between. What follows from entries is in mappings.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from reconcile_pipeline.ledger.mappings import (
    Item,
    Mapping,
    append_mappings,
    mapping_of,
    with_entries,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import chain, psa_moves
from reconcile_pipeline.ledger.tables import mappings as table
from reconcile_pipeline.model import Category, PipelineError

NOTHING_YET = 0
"""The basis of an item that no entry speaks of."""


@dataclass(frozen=True)
class Entry:
    """One entry of the ledger about an item."""

    number: int
    mapping: Mapping
    origin: str
    """The door it came through."""
    is_after_move: bool = False
    """The PSA was changed since the entry before: targets before it are another PSA's."""


@dataclass(frozen=True)
class Change:
    """Entries to append about one item, and the newest entry the person knew of."""

    item: Item
    entries: tuple[Mapping, ...]
    basis: int | None
    """None: whatever stands there may be replaced."""


def newest_mark(ledger: Ledger) -> tuple[int, int]:
    """Numbers of the newest mapping and the newest move: as long as both stay, nothing changed."""
    with ledger.reading() as connection:
        found = [
            connection.execute(sa.select(sa.func.max(column))).scalar()
            for column in (table.c.seq, psa_moves.c.seq)
        ]
    return (int(found[0] or 0), int(found[1] or 0))


def newest_numbers(ledger: Ledger) -> dict[Item, int]:
    """By item: the number of its newest entry."""
    with ledger.reading() as connection:
        return _newest_numbers(connection)


def entries_of(ledger: Ledger, item: Item) -> list[Entry]:
    """Every entry about one item, oldest first."""
    with ledger.reading() as connection:
        return _entries_of(connection, item)


def state_before(entries: Sequence[Entry]) -> list[Mapping]:
    """What stood for the item before its last saving; nothing where that was the first.

    Entries of one person and one instant were saved together.
    """
    last = entries[-1].mapping
    kept = list(entries)
    is_other_psa = False
    while kept and (kept[-1].mapping.decided_by, kept[-1].mapping.decided_at) == (
        last.decided_by,
        last.decided_at,
    ):
        is_other_psa |= kept.pop().is_after_move
    state: list[Mapping] = []
    for entry in kept:
        state = with_entries(
            _without_targets(state) if entry.is_after_move else state, [entry.mapping]
        )
    return _without_targets(state) if is_other_psa else state


def record_on_basis(ledger: Ledger, changes: Sequence[Change], *, origin: str) -> int:
    """Append all changes in one transaction, or none; returns how many entries.

    Raises:
        PipelineError: `conflict`, when an item got an entry after the one its change rests on,
            naming who said what.
    """
    with ledger.writing() as connection:
        newest = _newest_numbers(connection)
        late = [
            change.item
            for change in changes
            if change.basis is not None and newest.get(change.item, NOTHING_YET) > change.basis
        ]
        if late:
            raise conflict(_entries_of(connection, late[0])[-1].mapping, others=len(late) - 1)
        found = [entry for change in changes for entry in change.entries]
        append_mappings(connection, found, origin)
    return len(found)


def conflict(mapping: Mapping, *, others: int = 0) -> PipelineError:
    """Say who was faster, about this item and how many others."""
    more = f" So were {others} others." if others else ""
    return PipelineError(
        f"{mapping.item_name} was {in_words(mapping)} by {mapping.decided_by} at"
        f" {instant(mapping.decided_at)}, after this page was opened."
        f"{more}",
        next_step="Look at what stands there now, then save again if it is still wrong.",
        category=Category.CONFLICT,
    )


def in_words(mapping: Mapping) -> str:
    """`mapped to Contoso`, `excluded`, `taken back to unmapped`."""
    if mapping.state == "mapped":
        return f"mapped to {mapping.target_name or mapping.target_id}"
    return "excluded" if mapping.state == "excluded" else "taken back to unmapped"


def _entries_of(connection: sa.Connection, item: Item) -> list[Entry]:
    kind, system, item_id = item
    query = (
        sa.select(table, chain.c.recorded_from)
        .join(chain, chain.c.seq == table.c.seq)
        .where(table.c.kind == kind, table.c.system == system, table.c.item_id == item_id)
        .order_by(table.c.seq)
    )
    moves = _moves(connection)
    found: list[Entry] = []
    for row in connection.execute(query).mappings():
        seq = int(row["seq"])
        before = found[-1].number if found else 0
        found.append(
            Entry(
                number=seq,
                mapping=mapping_of(dict(row)),
                origin=str(row["recorded_from"]),
                is_after_move=any(before < move < seq for move in moves),
            )
        )
    return found


def _newest_numbers(connection: sa.Connection) -> dict[Item, int]:
    place = (table.c.kind, table.c.system, table.c.item_id)
    query = sa.select(*place, sa.func.max(table.c.seq)).group_by(*place)
    return {(row[0], row[1], row[2]): int(row[3]) for row in connection.execute(query)}


def _moves(connection: sa.Connection) -> list[int]:
    query = sa.select(psa_moves.c.seq).where(psa_moves.c.from_system.is_not(None))
    return [int(seq) for seq in connection.execute(query).scalars()]


def _without_targets(state: Iterable[Mapping]) -> list[Mapping]:
    return [mapping for mapping in state if mapping.state == "excluded"]


def instant(moment: datetime) -> str:
    """An instant as people read it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
