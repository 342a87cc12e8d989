"""The ledger as a stranger reads it: its file, by plain SQL, entry after entry.

Knows the tables' columns and nothing else of the software that fills them.
"""

import sqlite3
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]
ON_ITS_WAY = {"intent", "sent", "unknown"}
ARRIVED = {"verified", "proved", "done_by_hand"}


@dataclass
class Step:
    """One intent or outcome of a change; `state` is "intent" for the former."""

    seq: int
    state: str
    row: Row


@dataclass
class Planned:
    """One change of one line, with everything that became of it."""

    seq: int
    change: str
    decision: str
    undoes: str | None
    period: str
    line: str
    qty_from: Decimal
    qty_to: Decimal
    price: Decimal
    day: date
    steps: list[Step] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.steps[-1].state if self.steps else "queued"


class Book:
    """What the ledger says, kept up to date by reading what is new."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path)
        self._file.row_factory = sqlite3.Row
        self.last = 0
        self.decisions: dict[str, Row] = {}
        self.by_card: dict[tuple[str, str], list[Row]] = {}
        self.by_key: dict[str, Row] = {}
        self.withdrawn: dict[str, int] = {}
        self.replaced: dict[str, int] = {}
        self.confirmed: dict[str, dict[str, str]] = {}
        """By decision: kind -> who."""
        self.changes: dict[str, Planned] = {}
        self.by_line: dict[str, list[Planned]] = {}
        self.epoch = 0
        self.closed: dict[str, tuple[str, int]] = {}
        """By period: what was done last, and which entry says so."""

    def close(self) -> None:
        self._file.close()

    def sync(self) -> list[tuple[Planned, Step]]:
        """Read on; returns the new steps of changes, in order."""
        query = "select seq, kind, recorded_by, recorded_at from chain where seq > ? order by seq"
        links = self._file.execute(query, (self.last,)).fetchall()
        steps = []
        for link in links:
            entry = self._file.execute(
                f"select * from {link['kind']} where seq = ?",  # noqa: S608 - a table's own name
                (link["seq"],),
            ).fetchone()
            step = self._take(link["kind"], dict(entry), dict(link))
            if step is not None:
                steps.append(step)
            self.last = int(link["seq"])
        return steps

    def _take(self, kind: str, row: Row, link: Row) -> tuple[Planned, Step] | None:
        seq = int(link["seq"])
        if kind == "decisions":
            self._decide(row)
        elif kind == "withdrawals":
            self.withdrawn[row["decision_id"]] = seq
        elif kind == "confirmations":
            self.confirmed.setdefault(row["decision_id"], {})[row["kind"]] = link["recorded_by"]
        elif kind == "line_changes":
            self._plan(row)
        elif kind == "leases":
            self.epoch = int(row["epoch"])
        elif kind == "closings":
            self.closed[row["period"]] = (row["action"], seq)
        elif kind in ("intents", "outcomes"):
            planned = self.changes[row["change_id"]]
            row["recorded_at"] = datetime.fromisoformat(link["recorded_at"])
            step = Step(seq, row.get("state", "intent"), row)
            planned.steps.append(step)
            return planned, step
        return None

    def _decide(self, row: Row) -> None:
        self.decisions[row["decision_id"]] = row
        self.by_key[row["client_key"]] = row
        self.by_card.setdefault((row["card_id"], row["card_version"]), []).append(row)
        if row["supersedes"]:
            self.replaced[row["supersedes"]] = int(row["seq"])

    def _plan(self, row: Row) -> None:
        planned = Planned(
            seq=int(row["seq"]),
            change=row["change_id"],
            decision=row["decision_id"],
            undoes=row["undoes"],
            period=row["period"],
            line=row["line_id"],
            qty_from=Decimal(row["qty_from"]),
            qty_to=Decimal(row["qty_to"]),
            price=Decimal(row["unit_price"] or 0),
            day=date.fromisoformat(row["effective_on"]),
        )
        self.changes[planned.change] = planned
        self.by_line.setdefault(planned.line, []).append(planned)

    def changes_of(self, decision: str) -> list[Planned]:
        return [each for each in self.changes.values() if each.decision == decision]

    def stands(self, decision: str, before: int) -> bool:
        """Whether a decision was in force when an entry was made."""
        ends = (self.withdrawn.get(decision), self.replaced.get(decision))
        return all(end is None or end > before for end in ends)

    def is_closed(self, period: str, before: int | None = None) -> bool:
        action, seq = self.closed.get(period, ("", 0))
        return action == "close" and (before is None or seq < before)
