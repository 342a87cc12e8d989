"""What is mapped right now: the ledger's newest word, seen through the pipeline's own statements.

The published tables are as old as the last run. `sql/map` is asked again with the mappings in
force, so a page shows at once what was saved, and exactly as the next run will see it.
"""

import threading
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb
import pyarrow as pa

from reconcile_pipeline.ledger.count_rules import rules_in_force
from reconcile_pipeline.ledger.mapping_entries import newest_mark, newest_numbers
from reconcile_pipeline.ledger.mappings import Item, as_rows, mappings_in_force
from reconcile_pipeline.ledger.mappings import Mapping as Entry
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.matching.count_rules import CountRule
from reconcile_pipeline.warehouse.build import MAPPING_COLUMNS, RULE_COLUMNS
from reconcile_pipeline.warehouse.sql_files import sql_file

Connection = duckdb.DuckDBPyConnection
View = Literal["account_states", "service_states"]
ACCOUNTS: tuple[View, ...] = ("account_states",)
SERVICES: tuple[View, ...] = ("service_states",)
_TABLES: dict[View, str] = {"account_states": "accounts", "service_states": "services"}


@dataclass(frozen=True)
class Standing:
    """The mappings in force, the number of each item's newest entry, and both as a table."""

    in_force: tuple[Entry, ...]
    numbers: Mapping[Item, int]
    rows: pa.Table


_Known = tuple[tuple[int, int], datetime | None, Standing]
# Five thousand entries take a tenth of a second to read, and a page has no more than that. The
# ledger is append-only: what was read stays right until a newer entry comes.
_known: "weakref.WeakKeyDictionary[Ledger, _Known]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def standing(ledger: Ledger, until: datetime | None = None) -> Standing:
    """Read the mappings as they stand (or stood at `until`); anew only after a newer entry."""
    mark = newest_mark(ledger)
    with _lock:
        known = _known.get(ledger)
    if known is not None and known[:2] == (mark, until):
        return known[2]
    in_force = tuple(mappings_in_force(ledger, until=until))
    found = Standing(in_force, newest_numbers(ledger), table_of(in_force))
    with _lock:
        _known[ledger] = (mark, until, found)
    return found


def table_of(entries: Sequence[Entry]) -> pa.Table:
    """Mappings as `sql/map` takes them."""
    return pa.Table.from_pylist(as_rows(entries), MAPPING_COLUMNS)


def rule_rows(ledger: Ledger, until: datetime | None = None) -> list[dict[str, Any]]:
    """The count rules in force, as `sql/map` takes them."""
    return [
        {"system": system, "service_id": service_id, **CountRule.parse(entry.rule).columns}
        for (system, service_id), entry in rules_in_force(ledger, until=until).items()
    ]


@contextmanager
def seen(
    connection: Connection,
    period: str,
    ledger: Ledger,
    now: Standing,
    views: Collection[View] = ACCOUNTS,
) -> Iterator[Connection]:
    """A cursor on the published tables that has the views asked for.

    `account_states` and `service_states` are `map.accounts` and `map.services` of the period, as
    the next run would make them.
    """
    cursor = connection.cursor()
    try:
        cursor.register("ledger_mappings", now.rows)
        if "service_states" in views:
            rules = pa.Table.from_pylist(rule_rows(ledger), RULE_COLUMNS)
            cursor.register("ledger_count_rules", rules)
        for view in views:
            query = sql_file("map", _TABLES[view]).read_text(encoding="utf-8")
            states = cursor.sql(query, params={"period": period}).to_arrow_table()
            cursor.register(view, states)
        yield cursor
    finally:
        cursor.close()


def ask(cursor: Connection, name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of `sql/mapping/<name>.sql`, given the parameters it names."""
    (statement,) = duckdb.extract_statements(sql_file("mapping", name).read_text(encoding="utf-8"))
    named = {key: parameters[key] for key in statement.named_parameters}
    result = cursor.execute(statement, named)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
