"""Usage and lines compared in data frames, and in the few lines of SQL that do no more than that.

Quantities are whole numbers in the made-up data: float sums are exact, and totals comparable.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks.rival_pages import Typed

Frame = Any
KEYS = ["company_id", "item"]
SQL = """
    with used as (
        select accounts.company_id, links.item, sum(usage.qty) as qty
        from '{folder}/usage.parquet' as usage
        inner join '{folder}/accounts.parquet' as accounts using (account)
        inner join '{folder}/links.parquet' as links using (service)
        group by all
    ),
    invoiced as (
        select company_id, item, sum(qty) as qty from '{folder}/lines.parquet' group by all
    )
    select
        count(*),
        coalesce(sum(invoiced.qty), 0),
        coalesce(sum(used.qty), 0),
        count(*) filter (coalesce(invoiced.qty, 0) <> coalesce(used.qty, 0))
    from invoiced full join used using (company_id, item)
"""


@dataclass(frozen=True)
class Totals:
    """What every engine has to agree on."""

    cards: int
    psa: int
    vendor: int
    differing: int
    print: str = ""
    """Of every card's text, where cards are made and not only sums compared."""


def by_pandas(typed: Typed) -> Totals:
    """Join, group and merge in pandas."""
    psa, vendor = _sides(typed)
    found = psa.merge(vendor, on=KEYS, how="outer", suffixes=("_psa", "_vendor"))
    ours, theirs = found["qty_psa"].fillna(0), found["qty_vendor"].fillna(0)
    return _totals(len(found), ours.sum(), theirs.sum(), int((ours != theirs).sum()))


def by_datacompy(typed: Typed) -> Totals:
    """The same frames, compared by datacompy instead of a merge of our own."""
    import datacompy  # noqa: PLC0415 - not a dependency

    psa, vendor = _sides(typed)
    compared = datacompy.PandasCompare(psa, vendor, join_columns=KEYS)
    both = compared.intersect_rows
    # What stands on one side alone differs from nothing, unless it is nothing itself.
    alone = [compared.df1_unq_rows["qty"], compared.df2_unq_rows["qty"]]
    differing = int((both["qty_df1"] != both["qty_df2"]).sum())
    differing += sum(int((quantities != 0).sum()) for quantities in alone)
    cards = len(both) + sum(len(quantities) for quantities in alone)
    return _totals(cards, psa["qty"].sum(), vendor["qty"].sum(), differing)


def by_polars(typed: Typed) -> Totals:
    """Join, group and merge in Polars, lazily."""
    used = (
        typed.usage.join(typed.accounts, on="account")
        .join(typed.links, on="service")
        .group_by(KEYS)
        .agg(qty_vendor=pl.col("qty").sum())
    )
    invoiced = typed.lines.group_by(KEYS).agg(qty_psa=pl.col("qty").sum())
    found = (
        invoiced.join(used, on=KEYS, how="full", coalesce=True)
        .with_columns(pl.col("qty_psa", "qty_vendor").fill_null(0))
        .collect()
    )
    differing = found.filter(pl.col("qty_psa") != pl.col("qty_vendor")).height
    return _totals(found.height, found["qty_psa"].sum(), found["qty_vendor"].sum(), differing)


def by_sql(folder: Path) -> Totals:
    """The same in DuckDB, from the same Parquet files."""
    with duckdb.connect() as connection:
        cards, psa, vendor, differing = connection.execute(SQL.format(folder=folder)).fetchall()[0]
    return _totals(cards, psa, vendor, differing)


def _sides(typed: Typed) -> tuple[Frame, Frame]:
    """Invoiced and used units by company and product, in pandas."""
    psa = typed.lines.groupby(KEYS, as_index=False)["qty"].sum()
    usage = typed.usage.merge(typed.accounts, on="account").merge(typed.links, on="service")
    return psa, usage.groupby(KEYS, as_index=False)["qty"].sum()


def _totals(cards: int, psa: float, vendor: float, differing: int) -> Totals:
    return Totals(cards, int(psa), int(vendor), differing)
