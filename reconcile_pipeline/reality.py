"""The reality check of a first connection: does what arrived look like this MSP's business?

Each question answers with a sentence a billing manager can act on. Asked by the asset checks and
by `reconcile check`; reads the warehouse, changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from reconcile_pipeline.warehouse.sql_files import sql_file

MOST_UNMAPPED_SHARE = 0.20
MOST_EMPTY_SHARE = 0.50
REASONS_TOLD = 3


@dataclass(frozen=True)
class Verdict:
    """An answer: good or not, in a sentence, with its numbers."""

    is_good: bool
    message: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)


def customers_appear(connection: duckdb.DuckDBPyConnection, period: str) -> Verdict:
    """The PSA shows live customers."""
    live, out = ask(connection, "customers_appear", period)[0]
    if live:
        return Verdict(True, f"{live} live companies, {out} out of billing.", {"live": live})
    return Verdict(
        False,
        f"No live company arrived, {out} are out of billing. Check the API user's permission on"
        " companies (level All), and that customers have a type other than Prospect.",
        {"live": 0},
    )


def most_are_mapped(connection: duckdb.DuckDBPyConnection, period: str) -> Verdict:
    """Most vendor accounts with usage belong to a company."""
    mapped, unmapped = ask(connection, "most_are_mapped", period)[0]
    share = unmapped / (mapped + unmapped) if mapped + unmapped else 0.0
    advice = " Map those in recon.unmapped_accounts: their usage is invoiced to nobody."
    return Verdict(
        share <= MOST_UNMAPPED_SHARE,
        f"{mapped} accounts are mapped, {unmapped} with usage are not.{advice if unmapped else ''}",
        {"mapped": mapped, "unmapped": unmapped},
    )


def agreements_arrive(connection: duckdb.DuckDBPyConnection, period: str) -> Verdict:
    """Agreements of every type arrive."""
    types = ask(connection, "agreements_arrive", period)
    in_scope = sum(row[2] for row in types)
    empty = [str(row[0]) for row in types if not row[1]]
    numbers = {"in_scope": in_scope, "empty_types": len(empty)}
    if in_scope and not empty:
        return Verdict(True, f"{in_scope} agreements are in scope.", numbers)
    return Verdict(
        False,
        f"{in_scope} agreements are in scope; agreement types without any agreement:"
        f" {', '.join(empty) or 'none'}. If they have agreements in the PSA, its security role"
        " hides them: allow the types under Agreements > Customize.",
        numbers,
    )


def lines_have_quantities(connection: duckdb.DuckDBPyConnection, period: str) -> Verdict:
    """Products on agreements have quantities."""
    lines, empty = ask(connection, "lines_have_quantities", period)[0]
    is_good = lines > 0 and empty / lines <= MOST_EMPTY_SHARE
    advice = "" if is_good else " Put products with quantities on the agreements in the PSA."
    return Verdict(
        is_good,
        f"{lines} lines count, {empty} of them with quantity 0.{advice}",
        {"lines": lines, "empty": empty},
    )


def board_is_explained(connection: duckdb.DuckDBPyConnection, period: str) -> Verdict:
    """There are cards to look at, or the reason why there are none."""
    rows = ask(connection, "board_is_explained", period)
    cards = sum(row[2] for row in rows if row[0] == "card")
    if cards:
        return Verdict(True, f"{cards} cards.", {"cards": cards})
    left_out = [row for row in rows if row[0] != "card"][:REASONS_TOLD]
    told = "; ".join(f"{count} x {kind} {reason}" for kind, reason, count in left_out)
    return Verdict(
        False,
        f"There is no card. What is left out most: {told or 'nothing arrived at all'}. Look at the"
        " billing cycle of agreements (None is not billed), at company types, and whether the pull"
        " is still running.",
        {"cards": 0},
    )


def ask(connection: duckdb.DuckDBPyConnection, question: str, period: str) -> list[tuple[Any, ...]]:
    """The rows of one file of `sql/asks` for a period."""
    query = sql_file("asks", question).read_text(encoding="utf-8")
    return connection.execute(query, {"period": period}).fetchall()
