"""recon.cards: since when a finding shows, through months and through a move to another PSA."""

from collections.abc import Callable
from typing import Any

Pair = Callable[..., Any]


def test_first_seen_is_the_first_month_of_the_same_finding(pair: Pair) -> None:
    """A finding that lasts shows since when; another finding starts its own count."""
    books = pair(5, 8)
    for period, used in (("2026-12", 9), ("2027-01", 5)):
        books.pull("psa", period)
        books.pull("pax8", period)
        books.company("1", period=period)
        books.product("p", period=period)
        books.account("a", period=period)
        books.service("s", period=period)
        books.line("1", "p", 5, period=period)
        books.usage("a", "s", used, period=period)
    found = []
    for period in ("2026-11", "2026-12", "2027-01"):
        (card,) = books.cards(period).values()
        found.append((card["finding"], card["first_seen_period"]))
    assert found == [
        ("under_billed", "2026-11"),
        ("under_billed", "2026-11"),
        ("match", "2027-01"),
    ]
    (card,) = books.cards("2026-11").values()
    assert card["first_seen_period"] == "2026-11"


def test_first_seen_is_remembered_through_another_psa(pair: Pair) -> None:
    """After a move the same company and service go on; another's old id is not taken for theirs."""
    books = pair(5, 8)
    books.cards("2026-11")
    december = {"period": "2026-12"}
    books.psa = "new_psa"
    books.pull("new_psa", "2026-12", role="psa")
    books.pull("pax8", "2026-12")
    books.account("a", **december)
    books.service("s", **december)
    books.usage("a", "s", 8, **december)
    books.company("7", **december)
    books.company("1", **december)
    books.product("q", **december)
    books.line("7", "q", 5, **december)
    books.line("1", "q", 5, line_id="l2", **december)
    books.mappings = []
    books.map("account", "a", "7")
    books.map("service", "s", "q")
    books.moved = {("company", "psa", "1"): "7", ("group", "psa", "product:p"): "product:q"}
    cards = books.cards("2026-12")
    assert {card["psa"] for card in cards.values()} == {"new_psa"}
    assert cards["7", "q"]["first_seen_period"] == "2026-11"
    assert cards["1", "q"]["first_seen_period"] == "2026-12"
