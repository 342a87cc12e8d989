"""A warehouse in memory in which mappings are tried out, by the pipeline's own statements.

Its core is the published file's, read-only; mapping and card tables are made anew. There is no
second way of counting here, so what a trial shows is what the next run will show.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import duckdb

from reconcile_pipeline.ledger.mappings import Mapping as Entry
from reconcile_pipeline.ledger.mappings import as_rows
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.mapping.standing import Connection, ask, rule_rows, standing
from reconcile_pipeline.warehouse.build import build_map, build_recon_table
from reconcile_pipeline.warehouse.sql_files import run_file, sql_file

CARDS_NEED = ("recon.counts", "recon.cards")


def try_out(
    connection: Connection,
    ledger: Ledger,
    period: str,
    in_force: Sequence[Entry],
    *,
    until: datetime | None,
) -> list[dict[str, Any]]:
    """Rows of `sql/mapping/effect.sql`: each card that is another one with these mappings.

    `connection` reads a published file. Before is what the ledger says now, even where the
    published cards don't show it yet.
    """
    rules = rule_rows(ledger, until)
    stands = standing(ledger, until).in_force
    values = {"period": period}
    with _opened(connection) as trial:
        if _is_current(connection, period, stands, rules):
            run_file(trial, sql_file("mapping", "cards_published"), values)
        else:
            _make_cards(trial, period, stands, rules)
            run_file(trial, sql_file("mapping", "cards_now"), values)
        _make_cards(trial, period, in_force, rules)
        return ask(trial, "effect", values)


@contextmanager
def _opened(connection: Connection) -> Iterator[Connection]:
    cursor = connection.cursor()
    try:
        query = "select path from duckdb_databases() where database_name = current_database()"
        path = cursor.execute(query).fetchall()[0][0]
    finally:
        cursor.close()
    trial = duckdb.connect(":memory:")
    try:
        trial.execute("set timezone = 'UTC'")
        trial.execute("attach $path as published (read_only)", {"path": path})
        run_file(trial, sql_file("mapping", "trial"), {})
        yield trial
    finally:
        trial.close()


def _make_cards(
    trial: Connection, period: str, in_force: Sequence[Entry], rules: Sequence[dict[str, Any]]
) -> None:
    build_map(trial, period=period, mappings=as_rows(in_force), rules=rules)
    for name in CARDS_NEED:
        build_recon_table(trial, name, period=period)


def _is_current(
    connection: Connection,
    period: str,
    stands: Sequence[Entry],
    rules: Sequence[dict[str, Any]],
) -> bool:
    """The published cards rest on exactly these mappings and rules: nothing newer was said.

    A mapping to a target that is gone has lost it in the published tables: then only the rest is
    compared.
    """
    cursor = connection.cursor()
    try:
        published = ask(cursor, "mappings_published", {"period": period})
    finally:
        cursor.close()
    ours = as_rows(stands)
    targets = {(row["kind"], row["system"], row["item_id"], row["target_id"]) for row in ours}
    decided = [row for row in published if row["decided_at"] is not None]
    mapped = {
        (row["kind"], row["system"], row["item_id"], row["target_id"])
        for row in decided
        if row["state"] == "mapped"
    }
    said = {(r["system"], r["item_id"]): r["rule"] for r in published if r["rule"]}
    wanted = {(rule["system"], rule["service_id"]): rule["rule"] for rule in rules}
    return mapped <= targets and said == wanted and _prints(decided) == _prints(ours)


def _prints(rows: Sequence[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    names = ("kind", "system", "item_id", "leg", "multiplier", "decided_by", "decided_at")
    return Counter((*(row[name] for name in names), row["state"] == "excluded") for row in rows)
