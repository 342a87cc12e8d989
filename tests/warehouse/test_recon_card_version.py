"""card_id and card_version: a card keeps its name, and changes its version with its numbers."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

Pair = Callable[..., Any]
START: dict[str, Any] = {"invoiced": 5, "used": 8, "price": 10, "included": 0, "currency": "USD"}


def card(books: Any, *, period: str = "2026-11", **changes: Any) -> dict[str, Any]:
    """The only card of books written anew; `pull` is the second part of every pull's id."""
    values = START | {"pull": "1", "line_id": "l1", "name": "Company 1"} | changes
    books.clear()
    for system in ("psa", "pax8"):
        books.pull(system, period, pull_id=f"{system}-{values['pull']}")
    books.company("1", values["name"], period=period)
    books.product("p", period=period)
    books.account("a", period=period)
    books.service("s", period=period)
    books.map("account", "a", "1")
    books.map("service", "s", "p")
    books.line(
        "1",
        "p",
        values["invoiced"],
        line_id=values["line_id"],
        price=values["price"],
        included=values["included"],
        currency=values["currency"],
        period=period,
    )
    books.usage("a", "s", values["used"], period=period)
    (found,) = books.cards(period).values()
    return dict(found)


def test_a_new_pull_with_the_same_numbers_is_the_same_version(books: Any) -> None:
    """A decision survives the next night's pull while what it was made on stays as it is."""
    first, second = card(books), card(books, pull="2", name="Renamed")
    assert second["card_id"] == first["card_id"]
    assert second["card_version"] == first["card_version"]


CHANGES: list[dict[str, Any]] = [
    {"invoiced": "5.0001"},
    {"used": 9},
    {"price": 11},
    {"price": None},
    {"included": 1},
    {"currency": "EUR"},
    {"line_id": "l2"},
]


def test_any_number_behind_the_card_changes_its_version(books: Any) -> None:
    """Count, price, currency, included units or the line itself: what was decided on is no more."""
    first = card(books)
    for changes in CHANGES:
        second = card(books, **changes)
        assert second["card_id"] == first["card_id"]
        assert second["card_version"] != first["card_version"], changes


def test_lines_that_shift_units_between_them_are_a_new_version(pair: Pair) -> None:
    """The same sum on other lines would be written elsewhere."""
    books = pair(2, 8)
    books.line("1", "p", 3, line_id="l2")
    first = books.card()["card_version"]
    books.connection.execute(
        "update core.agreement_lines set qty = case line_id when 'l1' then 3 else 2 end"
    )
    second = books.card()
    assert second["qty_psa"] == 5
    assert second["card_version"] != first


def test_evidence_growing_stale_is_a_new_version(pair: Pair) -> None:
    """The same counts, not to be relied on any more, are not what was decided on."""
    books = pair(5, 5)
    first = books.card()["card_version"]
    books.connection.execute("update core.pulls set is_stale = true where system = 'pax8'")
    assert books.card()["card_version"] != first


def test_a_card_is_named_by_period_company_and_group(books: Any) -> None:
    """The next month's card of the same pair is another one, with numbers of its own."""
    assert card(books)["card_id"] != card(books, period="2026-12")["card_id"]


def test_cards_of_one_month_have_names_of_their_own(pair: Pair) -> None:
    """Two companies, two products: four cards, four names."""
    books = pair(5, 8)
    books.company("2")
    for number, (company, product) in enumerate([("1", "q"), ("2", "p"), ("2", "q")]):
        books.line(company, product, 1, line_id=f"m{number}")
    assert len({row["card_id"] for row in books.cards().values()}) == 4


Usage = tuple[str, str, object]
Link = tuple[str, str, str | None, dict[str, Any]]
USAGE: list[Usage] = [("a", "s", 8), ("b", "t", 3)]
LINKS: list[Link] = [
    ("account", "a", "1", {}),
    ("service", "s", "p", {}),
    ("account", "b", "2", {}),
    ("service", "t", "q", {}),
]


def mapped(books: Any, usage: list[Usage], links: list[Link], name: str = "") -> dict[str, Any]:
    """Company 1's card: 5 invoiced of product p; company 2 has q, and nothing to do with it."""
    books.clear()
    for system in ("psa", "pax8"):
        books.pull(system)
    for number, product in (("1", "p"), ("2", "q")):
        books.company(number)
        books.product(product)
        books.line(number, product, 5, line_id=f"l{number}")
    for account in ("a", "b", "c"):
        books.account(account, name)
    for service in ("s", "t", "u"):
        books.service(service)
    for account, service, qty in usage:
        books.usage(account, service, qty)
    for kind, item, target, changes in links:
        books.map(kind, item, target, **changes)
    found: dict[str, Any] = books.cards()["1", "p"]
    return found


REMAPPED: dict[str, tuple[list[Usage], list[Link], object]] = {
    "another account with the same count": (
        [("c", "s", 8)],
        [("account", "c", "1", {}), ("service", "s", "p", {})],
        8,
    ),
    "another service with the same count": (
        [("a", "u", 8)],
        [("account", "a", "1", {}), ("service", "u", "p", {})],
        8,
    ),
    "a second account that uses nothing": ([], [*LINKS, ("account", "c", "1", {})], 8),
    "a second account that shares the count": (
        [("a", "s", 5), ("c", "s", 3)],
        [*LINKS, ("account", "c", "1", {})],
        8,
    ),
    "a second service that counts nothing": ([], [*LINKS, ("service", "u", "p", {})], 8),
    "another multiplier that gives the same": (
        [("a", "s", 4)],
        [("account", "a", "1", {}), ("service", "s", "p", {"multiplier": Decimal(2)})],
        8,
    ),
    "the account was excluded": (
        [],
        [("account", "a", None, {}), ("service", "s", "p", {}), ("account", "b", "1", {})],
        0,
    ),
}
UNRELATED: dict[str, list[Link]] = {
    "another company's account": [*LINKS[:2], ("account", "c", "2", {}), LINKS[3]],
    "another product's service": [*LINKS[:3], ("service", "u", "q", {})],
    "another company's account excluded": [*LINKS[:2], ("account", "b", None, {}), LINKS[3]],
    "who mapped it and how": [
        (kind, item, target, {"method": "imported", "decided_by": "mappings.csv", "reason": "x"})
        for kind, item, target, _changes in LINKS
    ],
    "a count that is only shown beside it": [
        *LINKS,
        ("service", "u", "p", {"leg": "purchased"}),
    ],
}


def test_mapping_otherwise_is_a_new_version_even_with_equal_counts(books: Any) -> None:
    """A count that rests on other accounts or services is not the one that was decided on."""
    first = mapped(books, USAGE, LINKS)
    for name, (usage, links, qty) in REMAPPED.items():
        second = mapped(books, usage or USAGE, links)
        assert second["qty_vendor"] == qty, name
        assert second["card_id"] == first["card_id"], name
        assert second["mapping_version"] != first["mapping_version"], name
        assert second["card_version"] != first["card_version"], name


def test_other_mappings_leave_the_version_alone(books: Any) -> None:
    """Mapping somebody else's account, or a rename, reopens no card it has nothing to do with."""
    first = mapped(books, USAGE, LINKS)
    for name, links in UNRELATED.items():
        second = mapped(books, USAGE, links)
        assert second["mapping_version"] == first["mapping_version"], name
        assert second["card_version"] == first["card_version"], name
    renamed = mapped(books, USAGE, LINKS, name="Renamed")
    assert renamed["card_version"] == first["card_version"]


def test_lines_say_whether_the_psa_counts_them_itself(pair: Pair) -> None:
    """A line that is never written is told apart on the card's lines, down to the decision."""
    books = pair(5, 8)
    books.line("1", "p", 3, line_id="l2", auto=True)
    books.build()
    lines = {row["record_id"]: row for row in books.rows("recon.card_lines")}
    assert {name: row["is_auto_counted"] for name, row in lines.items()} == {
        "l1": False,
        "l2": True,
        "a/s/u1": False,
    }
    assert books.rows("recon.cards")[0]["qty_psa"] == 8


def test_commitments_stand_on_the_vendors_lines(pair: Pair) -> None:
    """Until when a count can't go down is told per usage row, in PSA units."""
    books = pair(9, None)
    books.mappings[-1]["multiplier"] = Decimal(3)
    books.usage("a", "s", 2, committed_until=date(2027, 3, 31))
    books.build()
    (line,) = (row for row in books.rows("recon.card_lines") if row["side"] == "vendor")
    assert line["commitment_ends_on"] == date(2027, 3, 31)
    assert (line["qty"], line["qty_counted"]) == (2, 6)
