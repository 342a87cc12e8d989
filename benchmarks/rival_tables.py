"""The same four frames from ready-made tables: the product's own core and map, as Parquet files.

So engines are compared at what is left when every page is parsed: from usage rows to cards.
"""

from pathlib import Path

import polars as pl

from benchmarks.landed import PERIOD
from benchmarks.layers import Connection
from benchmarks.rival_pages import Typed

TABLES = {
    "lines": """
        select lines.company_id, lines.product_id as item, lines.qty::double as qty
        from core.agreement_lines as lines
        inner join core.companies as companies using (company_id)
        where lines.excluded_reason is null and companies.excluded_reason is null
    """,
    "usage": """
        select account_id as account, service_id as service, qty::double as qty from core.usage
    """,
    "accounts": """
        select accounts.account_id as account, accounts.company_id
        from map.accounts as accounts
        inner join core.companies as companies using (company_id)
        where
            accounts.period = $period and accounts.state = 'mapped' and accounts.is_listed
            and companies.excluded_reason is null
    """,
    "links": """
        select service_id as service, product_id as item from map.services
        where period = $period and state = 'mapped' and leg = 'usage' and is_countable
    """,
}


def export(connection: Connection, folder: Path) -> None:
    """Write the four tables, with what is left out for a reason left out."""
    folder.mkdir()
    for name, query in TABLES.items():
        filled = query.replace("$period", f"'{PERIOD}'")
        connection.execute(f"copy ({filled}) to '{folder / name}.parquet'")


def pandas_tables(folder: Path) -> Typed:
    """Read them whole."""
    import pandas as pd  # noqa: PLC0415 - not a dependency

    return Typed(*(pd.read_parquet(folder / f"{name}.parquet") for name in TABLES))


def polars_tables(folder: Path) -> Typed:
    """Read them lazily."""
    return Typed(*(pl.scan_parquet(folder / f"{name}.parquet") for name in TABLES))
