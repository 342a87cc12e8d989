"""What the published tables say of a pushed count: mapped or not, and on which pairs a card rests.

Read-only, and once per published version: each has a file name of its own.
"""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconcile_pipeline.warehouse.connect import open_for_reading


@dataclass(frozen=True)
class Mapped:
    """One integration's accounts and services that lead to a card, in the latest month."""

    accounts: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    on_cards: frozenset[tuple[str, str]] = frozenset()
    """(account, service)"""


@dataclass
class Published:
    """The published file, followed to its newest version at each question."""

    path: Path
    _version: Path | None = None
    _found: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def mapped(self, system: str) -> Mapped:
        """What of a system is mapped; nothing, while nothing is published."""
        found = self._ask(f"mapped {system}", lambda connection: _mapped(connection, system))
        return found if isinstance(found, Mapped) else Mapped()

    def companies(self) -> list[tuple[str, str]]:
        """Id and name of every company that is in billing, in the order of ids."""
        found = self._ask("companies", _companies)
        return found if isinstance(found, list) else []

    def _ask(self, name: str, question: Any) -> object:  # noqa: ANN401 - a function of a connection
        with self._lock:
            if not self.path.exists():
                return None
            version = self.path.resolve()
            if version != self._version:
                self._version, self._found = version, {}
            if name not in self._found:
                with open_for_reading(self.path) as connection:
                    self._found[name] = question(connection)
            return self._found[name]


def _mapped(connection: Any, system: str) -> Mapped:  # noqa: ANN401 - DuckDB's
    def column(query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = connection.execute(query, {"system": system}).fetchall()
        return rows

    accounts = column(
        "select account_id from map.accounts where system = $system and state = 'mapped'"
        " and period = (select max(period) from map.accounts)"
    )
    services = column(
        "select service_id from map.services where system = $system and state = 'mapped'"
        " and period = (select max(period) from map.services)"
    )
    on_cards = column(
        "select distinct account_id, item_id from recon.card_lines where system = $system"
        " and side = 'vendor' and period = (select max(period) from recon.cards)"
    )
    return Mapped(
        frozenset(row[0] for row in accounts),
        frozenset(row[0] for row in services),
        frozenset((row[0], row[1]) for row in on_cards),
    )


def _companies(connection: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - DuckDB's
    rows: list[tuple[str, str]] = connection.execute(
        "select companies.company_id, companies.name from core.companies as companies"
        " inner join core.pulls as pulls on companies.pull_id = pulls.pull_id"
        " where pulls.is_evidence and companies.excluded_reason is null"
        " and pulls.period = (select max(period) from core.pulls where is_evidence)"
        " order by companies.company_id"
    ).fetchall()
    return rows
