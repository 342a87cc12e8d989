"""The chain: every entry carries a hash over itself and over the hash of the entry before.

Who changes, removes, inserts or reorders an entry behind this software's back breaks the chain
from there on; who cuts off the end is found out by the head hash that stands in a month's report.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from reconcile_pipeline.ledger.tables import KINDS, chain

GENESIS = "0" * 64
"""What the first entry seals."""


@dataclass(frozen=True)
class Stamp:
    """Who makes an entry, when, and from where."""

    by: str
    at: datetime
    origin: str
    """The door it came through: command line, Dagster run, review file."""


@dataclass(frozen=True)
class Entry:
    """One entry to be appended: its table, what it says, and who makes it."""

    table: sa.Table
    values: Mapping[str, Any]
    stamp: Stamp


@dataclass(frozen=True)
class Verdict:
    """What a walk along the chain found; `trouble` is "" when every link holds."""

    entries: int
    head: str
    trouble: str = ""


def append(
    connection: sa.Connection, table: sa.Table, values: Mapping[str, Any], stamp: Stamp
) -> int:
    """Append one entry and its link, inside the caller's transaction; returns its number."""
    return append_all(connection, [Entry(table, values, stamp)])


def append_all(connection: sa.Connection, entries: Iterable[Entry]) -> int:
    """Append entries and their links in this order; returns the last one's number.

    Inside the caller's transaction, and with one statement for each table: thousands of
    decisions would otherwise wait a minute for theirs.
    """
    seq, before = head(connection)
    rows: dict[str, list[dict[str, Any]]] = {}
    sealed = []
    for entry in entries:
        seq += 1
        empty = dict.fromkeys(entry.table.columns.keys())
        row = empty | dict(entry.values) | {"seq": seq}
        link = {
            "seq": seq,
            "kind": entry.table.name,
            "recorded_at": entry.stamp.at.astimezone(UTC).isoformat(),
            "recorded_by": entry.stamp.by,
            "recorded_from": entry.stamp.origin,
            "content_hash": _hash_of(row),
        }
        before = _seal(before, link)
        rows.setdefault(entry.table.name, []).append(row)
        sealed.append({**link, "hash": before})
    for name, found in rows.items():
        connection.execute(KINDS[name].insert(), found)
    if sealed:
        connection.execute(chain.insert(), sealed)
    return seq


def head(connection: sa.Connection) -> tuple[int, str]:
    """The newest entry's number and hash; 0 and GENESIS while there is none."""
    query = sa.select(chain.c.seq, chain.c.hash).order_by(chain.c.seq.desc()).limit(1)
    last = connection.execute(query).first()
    return (int(last.seq), str(last.hash)) if last else (0, GENESIS)


def head_hash(connection: sa.Connection) -> str:
    """The newest entry's hash, which stands for everything said so far."""
    return head(connection)[1]


def verify(connection: sa.Connection, *, expected_head: str = "") -> Verdict:
    """Walk the whole chain; `trouble` names the first entry that does not hold.

    Args:
        connection: a reading connection.
        expected_head: a head hash from a report: it must still be one of the entries' hashes.
    """
    rows = _rows_by_seq(connection)
    before, number, was_seen = GENESIS, 0, expected_head in ("", GENESIS)
    for link in connection.execute(sa.select(chain).order_by(chain.c.seq)).mappings():
        number += 1
        trouble = _trouble(dict(link), number, before, rows)
        if trouble:
            return Verdict(number - 1, before, trouble)
        before = str(link["hash"])
        was_seen = was_seen or before == expected_head
    if rows:
        seq, kinds = min(rows.items())
        return Verdict(number, before, _unsealed(seq, kinds))
    if not was_seen:
        return Verdict(
            number, before, f"the end was cut off: no entry has the hash {expected_head}"
        )
    return Verdict(number, before)


def links(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Every link, oldest first: who, when, from where, and what kind of entry."""
    for link in connection.execute(sa.select(chain).order_by(chain.c.seq)).mappings():
        yield dict(link)


def _trouble(
    link: dict[str, Any], number: int, before: str, rows: dict[int, dict[str, dict[str, Any]]]
) -> str:
    seq, kind = _seq(link), str(link["kind"])
    name = f"entry {seq} ({kind}, {link['recorded_by']}, {link['recorded_at']})"
    if seq != number:
        return f"entry {number} is missing"
    kinds = rows.pop(seq, {})
    row = kinds.pop(kind, None)
    if row is None:
        return f"{name} is missing from its table"
    if _hash_of(row) != link["content_hash"]:
        return f"{name} was changed"
    if kinds:
        return _unsealed(seq, kinds)
    if _seal(before, link) != link["hash"]:
        return f"{name} or the order of entries before it was changed"
    return ""


def _unsealed(seq: int, kinds: Iterable[str]) -> str:
    return f"entry {seq} ({min(kinds)}) stands in its table, not in the chain"


def _rows_by_seq(connection: sa.Connection) -> dict[int, dict[str, dict[str, Any]]]:
    """By number and by kind: two tables may hold one number when somebody forged an entry."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for name, table in KINDS.items():
        for mapping in connection.execute(sa.select(table)).mappings():
            row = dict(mapping)
            found.setdefault(_seq(row), {})[name] = row
    return found


def _seq(row: Mapping[str, Any]) -> int:
    """The number of an entry; 0, which none has, when damage made something else of it."""
    return row["seq"] if isinstance(row["seq"], int) else 0


def _hash_of(row: Mapping[str, Any]) -> str:
    return _digest(sorted((name, value) for name, value in row.items()))


def _seal(before: str, link: Mapping[str, Any]) -> str:
    names = ("seq", "kind", "recorded_at", "recorded_by", "recorded_from", "content_hash")
    return _digest([before, *(link[name] for name in names)])


def _digest(value: object) -> str:
    # A forger may leave bytes where we write text: they have a hash too, and never ours.
    text = json.dumps(value, ensure_ascii=True, default=lambda other: {"not ours": repr(other)})
    return hashlib.sha256(text.encode()).hexdigest()
