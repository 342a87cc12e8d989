"""Ids that a vendor writes otherwise than before: compared as text, and mappings hold by id."""

import json
from datetime import datetime
from typing import Any

import pytest

from reconcile_pipeline.warehouse.build import build_map
from reconcile_pipeline.warehouse.sql_files import run_core

PERIOD = "2026-11"
RULES = {"billable_statuses": ["APPROVED"], "count_virtual_guests": True, "count_ipados": True}


def device(number: object, organization: object) -> dict[str, Any]:
    return {
        "id": number,
        "organizationId": organization,
        "nodeClass": "WINDOWS_SERVER",
        "approvalStatus": "APPROVED",
    }


def land(books: Any, *organizations: tuple[object, str], devices: int = 2) -> None:
    """A month in which NinjaOne shows these organizations; number 7 is mapped to company 1."""
    books.clear()
    books.mappings.clear()
    books.pull("psa")
    books.company("1")
    books.product("p")
    books.line("1", "p", 2)
    books.pull("ninjaone")
    books.map("account", "7", "1", "ninjaone", item_name="Acme")
    books.map("service", "total_servers", "p", "ninjaone", item_name="Total Servers")
    found = [
        device(100 * place + number, organization)
        for place, (organization, _name) in enumerate(organizations)
        for number in range(devices)
    ]
    listed = [{"id": number, "name": name} for number, name in organizations]
    pages = {"organizations": listed, "devices": found, "counting_rules": [RULES]}
    connection = books.connection
    connection.execute(
        "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
    )
    for stream, rows in pages.items():
        connection.execute("insert into raw_pages values (?, ?, 1)", [stream, json.dumps(rows)])
    as_of = datetime(2026, 11, 22, 2)  # noqa: DTZ001 - the warehouse holds naive UTC
    given = {"system": "ninjaone", "pull_id": books.pull_ids["ninjaone", PERIOD], "as_of": as_of}
    run_core(connection, "ninjaone", given)
    # Other tests on this connection have pages of their own, in a view.
    connection.execute("drop table raw_pages")


def accounts(books: Any) -> dict[str, tuple[str, str | None]]:
    build_map(books.connection, period=PERIOD, mappings=books.mappings)
    rows = [row for row in books.rows("map.accounts") if row["system"] == "ninjaone"]
    return {row["account_id"]: (row["state"], row["drift"]) for row in rows}


@pytest.mark.fault(43)
def test_a_number_that_becomes_a_text_is_the_same_id(books: Any) -> None:
    """7 last night, "7" tonight: the same account, the same card in the same version."""
    found = []
    for number in (7, "7"):
        land(books, (number, "Acme"))
        assert accounts(books) == {"7": ("mapped", None)}
        found.append(books.cards()["1", "p"])
    assert found[0]["qty_vendor"] == 2
    assert found[0] == found[1]


@pytest.mark.fault(43)
def test_leading_zeros_make_another_id(books: Any) -> None:
    """ "007" is not 7: it is listed as unmapped with its units, and 7 keeps its own."""
    land(books, (7, "Acme"), ("007", "Bond"))
    assert accounts(books) == {"7": ("mapped", None), "007": ("unmapped", None)}
    assert books.lost() == []
    assert books.card()["qty_vendor"] == 2
    [unmapped] = books.rows("recon.unmapped_accounts")
    assert unmapped["account_id"] == "007"


@pytest.mark.fault(43)
def test_another_case_is_another_id(books: Any) -> None:
    """Whether a vendor tells "Ab" from "aB" is not guessed: mapped is what was named."""
    land(books, ("Ab", "Acme"), ("aB", "Acme"))
    books.map("account", "Ab", "1", "ninjaone", item_name="Acme")
    found = accounts(books)
    assert (found["Ab"], found["aB"]) == (("mapped", None), ("unmapped", None))
    assert books.lost() == []
    assert books.card()["qty_vendor"] == 2


@pytest.mark.fault(43)
def test_an_id_that_somebody_else_got_is_told(books: Any) -> None:
    """An id that a vendor gave away again keeps its mapping, and says that its name is another."""
    land(books, (7, "Globex"))
    assert accounts(books) == {"7": ("mapped", "The vendor renamed it; mapped as “Acme”.")}
    assert books.card()["qty_vendor"] == 2
