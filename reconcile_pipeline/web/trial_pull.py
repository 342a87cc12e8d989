"""What accepting a held-back pull would change, found by building the month with it, in memory.

The same building functions as a run's; the landed pages and the ledger are only read.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from reconcile_pipeline.building import core_step, map_step
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.warehouse.build import build_recon, create_tables
from reconcile_pipeline.warehouse.sql_files import sql_file
from reconcile_pipeline.web.desk import Call

Row = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """The month in use beside the month with the pull."""

    services: list[Row]
    """Units and accounts of each service of the system, before and after."""
    cards: list[Row]
    """Cards with another count or finding, dearest first."""

    @property
    def cards_changed(self) -> int:
        """How many."""
        return len(self.cards)


def what_would_change(call: Call, pull: Manifest) -> Difference:
    """Build the month with the pull and compare; kept for this version of the tables."""
    found: Difference = call.books.keep(f"trial {pull.pull_id}", lambda: _compared(call, pull))
    return found


def _compared(call: Call, pull: Manifest) -> Difference:
    with duckdb.connect() as trial:
        trial.execute("set timezone = 'UTC'")
        create_tables(trial)
        now, site = call.desk.now(), call.desk.site
        core_step(trial, site, pull.period, now=now, accepting=frozenset({pull.pull_id}))
        map_step(trial, site, pull.period)
        build_recon(trial, period=pull.period)
        before = call.books.file
        return Difference(_services(before, trial, pull), _cards(before, trial, pull))


def _services(
    before: duckdb.DuckDBPyConnection, after: duckdb.DuckDBPyConnection, pull: Manifest
) -> list[Row]:
    values = {"period": pull.period, "system": pull.system}
    old = {row["service_id"]: row for row in _ask(before, "pull_units", values)}
    new = {row["service_id"]: row for row in _ask(after, "pull_units", values)}
    empty: Row = {"qty": 0, "accounts": 0}
    return [
        {
            "name": (new.get(key) or old[key])["service_name"],
            "before": old.get(key, empty)["qty"],
            "after": new.get(key, empty)["qty"],
            "accounts_before": old.get(key, empty)["accounts"],
            "accounts_after": new.get(key, empty)["accounts"],
        }
        for key in sorted(old.keys() | new.keys())
    ]


def _cards(
    before: duckdb.DuckDBPyConnection, after: duckdb.DuckDBPyConnection, pull: Manifest
) -> list[Row]:
    values = {"period": pull.period}
    old = {row["card_id"]: row for row in _ask(before, "pull_cards", values)}
    new = {row["card_id"]: row for row in _ask(after, "pull_cards", values)}
    changed = [
        {"before": old.get(key), "after": new.get(key), **(new.get(key) or old[key])}
        for key in old.keys() | new.keys()
        if _numbers(old.get(key)) != _numbers(new.get(key))
    ]
    return sorted(changed, key=lambda row: (-abs(row["amount_delta"] or 0), row["card_id"]))


def _numbers(row: Row | None) -> tuple[object, ...] | None:
    return None if row is None else (row["qty_vendor"], row["finding"])


def _ask(connection: duckdb.DuckDBPyConnection, name: str, values: dict[str, str]) -> list[Row]:
    query = sql_file("pages", name).read_text(encoding="utf-8")
    result = connection.cursor().execute(query, values)
    columns = [column[0] for column in result.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
