"""map.accounts and map.services: what a mapping is worth in this month's evidence."""

from collections.abc import Callable
from typing import Any

import pytest

from reconcile_pipeline.warehouse.build import build_map

PERIOD = "2026-11"
Pair = Callable[..., Any]


def mapped(books: Any, table: str) -> dict[str, dict[str, Any]]:
    build_map(books.connection, period=PERIOD, mappings=books.mappings)
    key = "account_id" if table == "map.accounts" else "service_id"
    return {row[key]: row for row in books.rows(table)}


def states(rows: dict[str, dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    target = "company_id" if any("company_id" in row for row in rows.values()) else "product_id"
    return {name: (row["state"], row[target]) for name, row in rows.items()}


def test_every_account_is_mapped_excluded_or_unmapped(pair: Pair) -> None:
    """Listed accounts nobody decided about are shown, and decided ones that are gone stay shown."""
    books = pair(None, None)
    for name in ("free", "out"):
        books.account(name)
    books.account("inactive", excluded="inactive")
    books.map("account", "out", None, reason="Our own.")
    books.map("account", "gone", "1")
    books.map("account", "inactive", "1")
    rows = mapped(books, "map.accounts")
    assert states(rows) == {
        "a": ("mapped", "1"),
        "free": ("unmapped", None),
        "out": ("excluded", None),
        "gone": ("mapped", "1"),
        "inactive": ("mapped", "1"),
    }
    assert {name for name, row in rows.items() if row["is_listed"]} == {"a", "free", "out"}
    assert rows["out"]["reason"] == "Our own."
    assert {row["drift"] for row in rows.values()} == {None}


def test_a_mapping_to_a_company_out_of_billing_does_not_count(pair: Pair) -> None:
    """A company that is gone or excluded leaves its accounts unmapped, and the drift says why."""
    books = pair(None, 8)
    books.company("2", excluded="deleted")
    for name, company in (("b", "2"), ("c", "9")):
        books.account(name)
        books.map("account", name, company)
        books.usage(name, "s", 3)
    assert list(books.cards()) == [("1", "p")]
    assert books.lost() == []
    rows = {row["account_id"]: row for row in books.rows("map.accounts")}
    assert states(rows) == {"a": ("mapped", "1"), "b": ("unmapped", None), "c": ("unmapped", None)}
    assert rows["b"]["drift"] == "Mapped to company 2, which is out of billing: deleted."
    assert rows["c"]["drift"].endswith(
        "company 9, which is out of billing: not in the PSA any more."
    )
    lists = {row["account_id"]: row for row in books.rows("recon.unmapped_accounts")}
    assert {name: row["qty"] for name, row in lists.items()} == {"b": 3, "c": 3}
    assert lists["b"]["next_step"] == rows["b"]["drift"]


def test_a_link_to_a_product_that_is_gone_does_not_count(pair: Pair) -> None:
    """The service is unmapped again, its units are listed, and the drift says why."""
    books = pair(5, 8)
    books.connection.execute("delete from core.products")
    assert books.card()["finding"] == "not_connected"
    assert books.lost() == []
    (row,) = books.rows("map.services")
    assert (row["state"], row["product_id"]) == ("unmapped", None)
    assert row["drift"] == "Mapped to product p, which is not in the catalogue any more."
    (listed,) = books.rows("recon.unmapped_services")
    assert (listed["qty"], listed["accounts"], listed["next_step"]) == (8, 1, row["drift"])


@pytest.mark.fault(46)
def test_a_rename_changes_nothing_but_is_told(pair: Pair) -> None:
    """Mappings go by id; a new name on either side is drift, not a new mapping."""
    books = pair(5, 5)
    before = books.card()
    books.mappings[0]["item_name"] = "Old account"
    books.mappings[1]["target_name"] = "Old product"
    after = books.card()
    assert (after["finding"], after["card_version"]) == ("match", before["card_version"])
    account, service = mapped(books, "map.accounts")["a"], mapped(books, "map.services")["s"]
    assert account["drift"] == "The vendor renamed it; mapped as “Old account”."
    assert service["drift"] == "The PSA renamed the product; mapped as “Old product”."


def test_services_keep_leg_multiplier_and_countability(pair: Pair) -> None:
    """One row per link, one for a service without any, and the no-term twin marked."""
    books = pair(None, None)
    books.product("q")
    books.service("free")
    books.service("twin", countable=False)
    books.map("service", "s", "q", leg="invoiced", multiplier=2)
    books.map("service", "twin", None)
    build_map(books.connection, period=PERIOD, mappings=books.mappings)
    names = ("service_id", "product_id", "state", "leg", "multiplier", "is_countable")
    found = [tuple(row[name] for name in names) for row in books.rows("map.services")]
    assert sorted(found, key=str) == [
        ("free", None, "unmapped", "usage", 1, True),
        ("s", "p", "mapped", "usage", 1, True),
        ("s", "q", "mapped", "invoiced", 2, True),
        ("twin", None, "excluded", "usage", 1, False),
    ]
    groups = {(row["member_kind"], row["member_id"]) for row in books.rows("map.service_groups")}
    assert groups == {("product", "p"), ("product", "q"), ("service", "s")}


@pytest.mark.parametrize(
    ("system", "service_id", "is_countable"),
    [
        ("pax8", "product|Monthly|none", True),
        ("pax8", "product", False),
        ("cove", "product", True),
    ],
    ids=["sold by term", "a twin without a term", "another vendor"],
)
def test_a_mapped_service_that_no_list_shows_counts_as_the_vendor_counts(
    pair: Pair, system: str, service_id: str, *, is_countable: bool
) -> None:
    """What nobody uses any more is 0; a twin without a term stays unknown, listed or not."""
    books = pair(None, None)
    books.pull("cove")
    books.map("service", service_id, "p", system=system)
    build_map(books.connection, period=PERIOD, mappings=books.mappings)
    (row,) = [row for row in books.rows("map.services") if row["service_id"] == service_id]
    assert (row["state"], row["is_countable"]) == ("mapped", is_countable)


def test_one_periods_mapping_leaves_the_others_alone(pair: Pair) -> None:
    """Building a month again replaces its rows only."""
    books = pair(5, 5)
    books.build()
    before = books.rows("map.accounts")
    books.mappings.clear()
    build_map(books.connection, period="2026-12", mappings=[])
    assert books.rows("map.accounts") == before
    assert books.rows("map.accounts", "2026-12") == []


def test_whoever_uses_nothing_is_no_work(pair: Pair) -> None:
    """An explicit zero of an account or service that nobody mapped is on neither list."""
    books = pair(None, 0)
    books.mappings.clear()
    books.build()
    assert books.rows("recon.unmapped_accounts") == []
    books.map("account", "a", "1")
    books.build()
    assert books.rows("recon.unmapped_services") == []
