"""Mappings in the ledger: appended one by one, read as the state in force at an instant.

An account maps to one company: its newest entry counts. A service links to many products: the
newest entry of each link counts. An exclusion of the service ends all its links, and a link made
later ends the exclusion. An entry with the state `unmapped` takes back what stood: nobody has
decided, and no rule decides again by itself.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Entry, Stamp, append_all
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import mappings as table
from reconcile_pipeline.ledger.tables import psa_moves

Item = tuple[str, str, str]
"""(kind, system, id)"""


COLUMNS = tuple(column.name for column in table.columns if column.name != "seq")


@dataclass(frozen=True)
class Mapping:
    """One link or exclusion, as somebody or some rule decided it."""

    kind: str
    system: str
    item_id: str
    item_name: str
    target_id: str | None
    target_name: str | None
    state: str
    method: str
    decided_by: str
    decided_at: datetime
    reason: str | None = None
    leg: str = "usage"
    multiplier: Decimal = Decimal(1)

    @property
    def place(self) -> tuple[str, str, str, str | None]:
        """What a newer entry replaces: an account, or one link of a service."""
        target = self.target_id if self.kind == "service" else None
        return (self.kind, self.system, self.item_id, target)

    @property
    def item(self) -> Item:
        """What is mapped: kind, system, id."""
        return (self.kind, self.system, self.item_id)

    def says_the_same_as(self, other: "Mapping | None") -> bool:
        """Both lead to the same numbers, whoever decided them."""
        if other is None:
            return False
        mine = (self.place, self.target_id, self.state, self.leg, self.multiplier)
        return mine == (other.place, other.target_id, other.state, other.leg, other.multiplier)


Items = dict[Item, dict[str | None, Mapping]]
"""What is in force for each item, by the target of a service's links, else by None."""


def record_mappings(ledger: Ledger, entries: Iterable[Mapping], *, origin: str = "rule") -> int:
    """Append the entries in one transaction; returns how many. `origin`: through which door."""
    found = list(entries)
    if found:
        with ledger.writing() as connection:
            append_mappings(connection, found, origin)
    return len(found)


def append_mappings(connection: sa.Connection, entries: Iterable[Mapping], origin: str) -> None:
    """Append entries inside the caller's transaction."""
    append_all(
        connection,
        (
            Entry(
                table,
                {
                    **asdict(entry),
                    "multiplier": str(entry.multiplier),
                    "decided_at": entry.decided_at.astimezone(UTC).isoformat(),
                },
                Stamp(entry.decided_by, entry.decided_at, origin),
            )
            for entry in entries
        ),
    )


def mappings_in_force(ledger: Ledger, *, until: datetime | None = None) -> list[Mapping]:
    """The mappings as they stood at `until` (None: now), ordered by what they map."""
    items: Items = {}
    moves = _moves_before(ledger, until)
    for row in ledger.rows(sa.select(table).order_by(table.c.seq)):
        if moves and moves[0] < row["seq"]:
            moves = [seq for seq in moves if seq > row["seq"]]
            _forget_targets(items)
        entry = mapping_of(row)
        if until is None or entry.decided_at < until:
            _take(items, entry)
    if moves:
        _forget_targets(items)
    return _sorted(items)


def with_entries(in_force: Iterable[Mapping], entries: Iterable[Mapping]) -> list[Mapping]:
    """What would be in force if these entries were appended, one after the other."""
    items: Items = {}
    for entry in (*in_force, *entries):
        _take(items, entry)
    return _sorted(items)


def _take(items: Items, entry: Mapping) -> None:
    target = entry.place[3]
    links = items.setdefault((entry.kind, entry.system, entry.item_id), {})
    if target is None:
        links.clear()
    links.pop(None, None)
    links[target] = entry


def _sorted(items: Items) -> list[Mapping]:
    newest = [entry for links in items.values() for entry in links.values()]
    return sorted(newest, key=lambda entry: (*entry.place[:3], entry.target_id or ""))


def _moves_before(ledger: Ledger, until: datetime | None) -> list[int]:
    """Numbers of the moves to another PSA that had happened by then."""
    query = sa.select(psa_moves).where(psa_moves.c.from_system.is_not(None))
    return [
        int(row["seq"])
        for row in ledger.rows(query.order_by(psa_moves.c.seq))
        if until is None or datetime.fromisoformat(row["decided_at"]) < until
    ]


def _forget_targets(items: Items) -> None:
    """Ids of the PSA that was left mean nothing, or something else, in the new one.

    What was carried over follows as entries of its own; exclusions name no target. That a
    mapping was taken back says nothing about the new PSA either.
    """
    for links in items.values():
        for place in [place for place, entry in links.items() if entry.state != "excluded"]:
            del links[place]


def mapping_history(ledger: Ledger) -> list[dict[str, Any]]:
    """Every mapping and exclusion ever recorded, as stored, oldest first."""
    return ledger.rows(sa.select(table).order_by(table.c.seq))


def as_rows(entries: Iterable[Mapping]) -> list[dict[str, Any]]:
    """Rows for the warehouse; instants become naive UTC there."""
    return [
        {**asdict(entry), "decided_at": entry.decided_at.astimezone(UTC).replace(tzinfo=None)}
        for entry in entries
    ]


def mapping_of(row: dict[str, Any]) -> Mapping:
    """Read one stored entry."""
    values = {name: row[name] for name in COLUMNS}
    values["multiplier"] = Decimal(values["multiplier"])
    values["decided_at"] = datetime.fromisoformat(values["decided_at"])
    return Mapping(**values)
