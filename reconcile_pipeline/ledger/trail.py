"""The chain as a list that people read: newest first, filtered, one page at a time.

Each entry comes with its own row and with the decision it belongs to, so that a screen can say on
which customer it was. Only questions; whether the chain holds is `chain.verify`'s answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import (
    KINDS,
    chain,
    confirmations,
    decisions,
    intents,
    line_changes,
    mappings,
    moved_ids,
    outcomes,
    withdrawals,
)

Row = dict[str, Any]
ACTIONS = {
    "decision": ("decisions",),
    "confirmation": ("confirmations",),
    "withdrawal": ("withdrawals",),
    "change": ("line_changes",),
    "write": ("intents", "outcomes", "leases"),
    "mapping": ("mappings",),
    "count_rule": ("count_rules",),
    "pull": ("accepted_pulls",),
    "closing": ("closings",),
    "move": ("psa_moves", "moved_ids"),
}
"""What people choose -> the kinds of entries it means."""
CHUNK = 500
_OF_DECISIONS = ("withdrawals", "confirmations", "line_changes")
_OF_CHANGES = ("intents", "outcomes")


@dataclass(frozen=True)
class Asked:
    """Which entries; empty means any."""

    who: str = ""
    """A part of the name of whoever made the entry."""
    since: date | None = None
    until: date | None = None
    """The last day, in UTC."""
    customer: str = ""
    """A company's id, or a part of a customer's or an account's name."""
    action: str = ""
    """One of ACTIONS."""


@dataclass(frozen=True)
class Entry:
    """One entry with what it is about."""

    seq: int
    at: datetime
    by: str
    origin: str
    """The door it came through."""
    kind: str
    """Its table."""
    row: Row
    """As it is stored; empty when it is gone, which `chain.verify` reports."""
    decision: Row | None = None
    """The decision it belongs to; None for entries about no decision."""
    change: Row | None = None
    """The line change it belongs to."""


def count_entries(ledger: Ledger, asked: Asked) -> int:
    """How many entries there are."""
    query = sa.select(sa.func.count().label("entries")).select_from(chain).where(*_where(asked))
    return int(ledger.rows(query)[0]["entries"])


def read_entries(
    ledger: Ledger, asked: Asked, *, limit: int, offset: int = 0, below: int | None = None
) -> list[Entry]:
    """Some entries, newest first; `below`: only those with a smaller number."""
    query = sa.select(chain).where(*_where(asked))
    if below is not None:
        query = query.where(chain.c.seq < below)
    query = query.order_by(chain.c.seq.desc()).limit(limit).offset(offset)
    with ledger.reading() as connection:
        return _with_rows(connection, [dict(row) for row in connection.execute(query).mappings()])


def every_entry(ledger: Ledger, asked: Asked) -> Iterator[Entry]:
    """All of them, newest first, read in pieces: entries made meanwhile don't come in between."""
    below: int | None = None
    while found := read_entries(ledger, asked, limit=CHUNK, below=below):
        yield from found
        below = found[-1].seq


def card_known_to(ledger: Ledger, card_id: str) -> tuple[str, str, str] | None:
    """(period, company, service group) of a card that was ever decided on; None if none was."""
    query = sa.select(decisions).where(decisions.c.card_id == card_id).limit(1)
    for row in ledger.rows(query):
        return str(row["period"]), str(row["company_id"]), str(row["service_group_id"])
    return None


def _where(asked: Asked) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if asked.who:
        found.append(_contains(chain.c.recorded_by, asked.who))
    # Instants are ISO texts in UTC: they sort as days do.
    if asked.since is not None:
        found.append(chain.c.recorded_at >= asked.since.isoformat())
    if asked.until is not None and asked.until < date.max:
        found.append(chain.c.recorded_at < (asked.until + timedelta(days=1)).isoformat())
    if asked.action:
        found.append(chain.c.kind.in_(ACTIONS[asked.action]))
    if asked.customer:
        found.append(chain.c.seq.in_(_about(asked.customer)))
    return found


def _about(customer: str) -> sa.CompoundSelect[Any]:
    """Numbers of the entries on one customer: of its decisions, its changes, its mappings."""
    is_it = sa.or_(
        decisions.c.company_id == customer, _contains(decisions.c.company_name, customer)
    )
    said = sa.select(decisions.c.decision_id).where(is_it)
    changed = sa.select(line_changes.c.change_id).where(line_changes.c.decision_id.in_(said))
    mapped = sa.or_(
        mappings.c.target_id == customer,
        _contains(mappings.c.target_name, customer),
        _contains(mappings.c.item_name, customer),
    )
    moved = sa.or_(moved_ids.c.from_id == customer, moved_ids.c.to_id == customer)
    return sa.union_all(
        sa.select(decisions.c.seq).where(is_it),
        *(
            sa.select(table.c.seq).where(table.c.decision_id.in_(said))
            for table in (withdrawals, confirmations, line_changes)
        ),
        *(
            sa.select(table.c.seq).where(table.c.change_id.in_(changed))
            for table in (intents, outcomes)
        ),
        sa.select(mappings.c.seq).where(mappings.c.kind == "account", mapped),
        sa.select(moved_ids.c.seq).where(moved_ids.c.kind == "company", moved),
    )


def _contains(column: sa.Column[Any], text: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(column).contains(text.lower(), autoescape=True)


def _with_rows(connection: sa.Connection, links: Sequence[Row]) -> list[Entry]:
    """Add to each link its own row, its change and its decision, one question per table."""
    numbers: dict[str, list[int]] = {}
    for link in links:
        numbers.setdefault(link["kind"], []).append(link["seq"])
    rows = {
        (kind, row["seq"]): row
        for kind, seqs in numbers.items()
        # Somebody may have tampered with a link, or with the row it seals.
        if kind in KINDS
        for row in _rows(connection, KINDS[kind], "seq", seqs)
    }
    of_changes = [row for (kind, _seq), row in rows.items() if kind in _OF_CHANGES]
    changes = _by_name(
        connection, line_changes, "change_id", {row["change_id"] for row in of_changes}
    )
    of_decisions = [row for (kind, _seq), row in rows.items() if kind in _OF_DECISIONS]
    ids = {row["decision_id"] for row in (*of_decisions, *changes.values())}
    said = _by_name(connection, decisions, "decision_id", ids)
    return [
        _entry(link, rows.get((link["kind"], link["seq"]), {}), changes, said) for link in links
    ]


def _by_name(
    connection: sa.Connection, table: sa.Table, name: str, values: set[str]
) -> dict[str, Row]:
    return {row[name]: row for row in _rows(connection, table, name, sorted(values))}


def _rows(
    connection: sa.Connection, table: sa.Table, name: str, values: Sequence[Any]
) -> list[Row]:
    if not values:
        return []
    query = sa.select(table).where(table.c[name].in_(values))
    return [dict(row) for row in connection.execute(query).mappings()]


def _entry(link: Row, row: Row, changes: dict[str, Row], said: dict[str, Row]) -> Entry:
    kind = link["kind"]
    change = row if kind == "line_changes" and row else changes.get(row.get("change_id", ""))
    of = change or row
    decision = row if kind == "decisions" and row else said.get(of.get("decision_id", ""))
    return Entry(
        seq=link["seq"],
        at=datetime.fromisoformat(link["recorded_at"]),
        by=link["recorded_by"],
        origin=link["recorded_from"],
        kind=kind,
        row=row,
        decision=decision,
        change=change,
    )
