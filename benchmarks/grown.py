"""A month as large as wanted, and the month before: a small one's published tables, multiplied.

Each copy has customers, accounts and cards of its own. The rows lie in the files as a build writes
them; the earlier month has every tenth device less and another one instead.
"""

from pathlib import Path

import duckdb

from reconcile_pipeline.periods import previous_period
from reconcile_pipeline.warehouse.connect import open_for_writing

COPIED = {
    "recon.cards": ("card_id", "company_id", "company_name"),
    "recon.card_lines": ("card_id", "account_id", "record_id"),
    "recon.discrepancies": ("card_id", "company_id", "company_name"),
    "recon.history": ("card_id", "company_id", "company_name"),
    "recon.counts": ("company_id",),
    "recon.exclusions": ("company_id", "account_id", "record_id"),
    "review.card_status": ("card_id", "company_id", "company_name"),
    "core.entities": ("account_id", "entity_id", "name"),
    "core.usage": ("account_id",),
    "core.accounts": ("account_id", "name"),
    "core.companies": ("company_id", "name"),
    "map.accounts": ("account_id", "account_name", "company_id"),
}
"""Tables that grow with customers, and their columns that name something of one customer."""

SORTED = {
    "core.entities": "pull_id, account_id",
    "recon.card_lines": "period, card_id",
    "recon.history": "period, company_id",
    "recon.counts": "period, company_id",
    "recon.exclusions": "period, company_id",
    "map.accounts": "period, company_id",
}
"""The order in which a build writes them: `order by` at the end of their SQL."""

EARLIER = (
    "core.pulls",
    "core.entities",
    "map.accounts",
    "map.services",
    "map.service_groups",
    "recon.cards",
    "recon.card_lines",
    "recon.history",
    "recon.counts",
    "recon.exclusions",
    "review.card_status",
)
"""Tables that pages read of the month before, too."""


def grow(published: Path, wanted: int) -> int:
    """Multiply the published tables in place; returns how many cards the month has then."""
    with open_for_writing(published.resolve()) as connection:
        cards = connection.execute("select count(*) from recon.cards").fetchall()[0][0]
        copies = max(1, wanted // cards)
        for table, names in COPIED.items():
            changed = ", ".join(f"{name} || '-' || copy as {name}" for name in names)
            connection.execute(
                f"insert into {table} by name select * exclude copy replace ({changed})"
                f" from {table}, range(1, {copies}) as copies(copy)"
            )
        for table in EARLIER:
            _add_earlier(connection, table)
        for table, order in SORTED.items():
            connection.execute(f"create temp table grown as select * from {table}")
            connection.execute(f"delete from {table}")
            connection.execute(f"insert into {table} from grown order by {order}")
            connection.execute("drop table grown")
        connection.execute("checkpoint")
        return int(cards * copies)


def _add_earlier(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    query = f"select * from {table} limit 0"
    columns = {column[0] for column in connection.execute(query).description or ()}
    period = connection.execute("select max(period) from recon.cards").fetchall()[0][0]
    changed = {
        "period": f"'{previous_period(period)}'",
        "pull_id": "pull_id || '-before'",
        "card_id": "left(md5(card_id), 16)",
    }
    if table == "core.entities":
        changed["entity_id"] = (
            "case when hash(entity_id) % 10 = 0 then md5(entity_id) else entity_id end"
        )
    replaced = ", ".join(f"{value} as {name}" for name, value in changed.items() if name in columns)
    where = f"where period = '{period}'" if "period" in columns else ""
    connection.execute(
        f"insert into {table} by name select * replace ({replaced}) from {table} {where}"
    )
