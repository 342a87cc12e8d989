"""The database itself refuses to change what was said, whatever program asks it to."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.accepted import accept_pull, accepted_pull_ids
from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import KINDS, chain

TABLES = (chain, *KINDS.values())


def everything(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    return {table.name: ledger.rows(sa.select(table).order_by(table.c.seq)) for table in TABLES}


def refused(ledger: Ledger, statement: sa.Executable) -> bool:
    """Whether the database says that it only appends."""
    try:
        with ledger.engine.begin() as connection:
            connection.execute(statement)
    except sa.exc.DBAPIError as error:
        return "the ledger is append-only" in str(error.orig)
    return False


def test_no_entry_can_be_changed(filled: Ledger) -> None:
    """An update of any table of entries, or of the chain, is refused and changes nothing."""
    before = everything(filled)
    accepted = [
        f"{table.name}.{column.name}"
        for table in TABLES
        for column in table.columns
        if not refused(filled, sa.update(table).values({column.name: column}))
    ]
    assert accepted == []
    assert everything(filled) == before


def test_no_entry_can_be_deleted(filled: Ledger) -> None:
    """A delete of one row or of all rows is refused for every table, the chain included."""
    before = everything(filled)
    for table in TABLES:
        first = sa.select(sa.func.min(table.c.seq)).scalar_subquery()
        assert refused(filled, sa.delete(table)), table.name
        assert refused(filled, sa.delete(table).where(table.c.seq == first)), table.name
    assert everything(filled) == before


def test_no_table_can_be_emptied_or_replaced(filled: Ledger) -> None:
    """Neither PostgreSQL's truncate nor SQLite's insert-or-replace gets around the refusal."""
    before = everything(filled)
    how = "truncate {0} cascade" if filled.path is None else "replace into {0} select * from {0}"
    for table in TABLES:
        assert refused(filled, sa.text(how.format(table.name))), table.name
    assert everything(filled) == before


@pytest.mark.parametrize("column", ["decision_id", "client_key"])
def test_a_replacement_under_a_new_number_is_refused(filled: Ledger, column: str) -> None:
    """A second row with a decision's key never takes the place of the first."""
    before = everything(filled)
    table = KINDS["decisions"]
    fresh: dict[str, Any] = {"seq": 99, "decision_id": "new", "client_key": "new", "card_id": "new"}
    del fresh[column]
    names = list(table.columns.keys())
    copied = sa.select(*(sa.literal(fresh[n]) if n in fresh else table.c[n] for n in names))
    statement = sa.insert(table).from_select(names, copied.where(table.c.card_id == "cafe"))
    if filled.path is not None:
        statement = statement.prefix_with("or replace")
    with pytest.raises(sa.exc.IntegrityError), filled.engine.begin() as connection:
        connection.execute(statement)
    assert everything(filled) == before


def test_appending_goes_on_afterwards(filled: Ledger, stamp: Callable[..., Stamp]) -> None:
    """A refused attempt leaves a ledger that still takes entries, and whose chain holds."""
    assert refused(filled, sa.delete(chain))
    accept_pull(filled, "late", reason="They left.", stamp=stamp())
    assert "late" in accepted_pull_ids(filled)
    with filled.reading() as connection:
        assert verify(connection).trouble == ""
