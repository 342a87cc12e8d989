"""card_id and card_version: a card keeps its name, and changes its version with its numbers."""

from collections.abc import Callable
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
