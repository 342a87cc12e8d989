"""Any small world: conservation holds, and a slow reading of the rules gives the same counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

COMPANIES, PRODUCTS = "12345", "pqr"
ACCOUNTS, SERVICES = "abcd", "stuv"
SYSTEMS = ("pax8", "ninja")
QTY = st.decimals(min_value=0, max_value=50, places=2)

Item = tuple[str, str]
"""(system, id)"""


@dataclass
class World:
    """What there is, what is used and invoiced, and what people said about it."""

    excluded_companies: set[str]
    products: set[str]
    lines: list[tuple[str, str, Decimal, bool]]
    usage: dict[tuple[str, str, str], Decimal]
    accounts: dict[Item, str | None]
    """Mapped to a company (5 is not in the PSA), or None: excluded."""
    links: dict[tuple[str, str, str], tuple[str, Decimal]]
    """(system, service, product) -> leg and multiplier."""
    excluded_services: set[Item]


ITEM = st.tuples(st.sampled_from(SYSTEMS), st.sampled_from(SERVICES))
WORLDS = st.builds(
    World,
    excluded_companies=st.sets(st.sampled_from(COMPANIES[:4]), max_size=2),
    products=st.sets(st.sampled_from(PRODUCTS)),
    lines=st.lists(
        st.tuples(st.sampled_from(COMPANIES[:4]), st.sampled_from(PRODUCTS), QTY, st.booleans()),
        max_size=8,
    ),
    usage=st.dictionaries(
        st.tuples(st.sampled_from(SYSTEMS), st.sampled_from(ACCOUNTS), st.sampled_from(SERVICES)),
        QTY,
        max_size=12,
    ),
    accounts=st.dictionaries(
        st.tuples(st.sampled_from(SYSTEMS), st.sampled_from(ACCOUNTS)),
        st.none() | st.sampled_from(COMPANIES),
        max_size=8,
    ),
    links=st.dictionaries(
        st.tuples(st.sampled_from(SYSTEMS), st.sampled_from(SERVICES), st.sampled_from(PRODUCTS)),
        st.tuples(
            st.sampled_from(["usage", "usage", "usage", "purchased"]),
            st.sampled_from([Decimal(1), Decimal("0.5"), Decimal(3)]),
        ),
        max_size=6,
    ),
    excluded_services=st.sets(ITEM, max_size=2),
)


def write(world: World, books: Any) -> None:
    books.clear()
    books.pull("psa")
    for company in COMPANIES[:4]:
        excluded = "deleted" if company in world.excluded_companies else None
        books.company(company, excluded=excluded)
    for product in world.products:
        books.product(product)
    for number, (company, product, qty, counts) in enumerate(world.lines):
        dead = company in world.excluded_companies
        reason = "company_excluded" if dead else None if counts else "cancelled"
        books.line(company, product, qty, line_id=str(number), excluded=reason)
    write_vendors(world, books)
    for (system, account), company in world.accounts.items():
        books.map("account", account, company, system)
    for (system, service, product), (leg, multiplier) in world.links.items():
        if (system, service) not in world.excluded_services:
            books.map("service", service, product, system, leg=leg, multiplier=multiplier)
    for system, service in world.excluded_services:
        books.map("service", service, None, system)


def write_vendors(world: World, books: Any) -> None:
    for system in SYSTEMS:
        books.pull(system)
        for account in ACCOUNTS:
            books.account(account, system=system)
        for service in SERVICES:
            books.service(service, system=system)
    for (system, account, service), qty in world.usage.items():
        books.usage(account, service, qty, system=system)


def live_links(world: World) -> Iterable[tuple[Item, str, str, Decimal]]:
    for (system, service, product), (leg, multiplier) in world.links.items():
        if (system, service) not in world.excluded_services and product in world.products:
            yield (system, service), product, leg, multiplier


def group_of(world: World) -> dict[str, str]:
    """The smallest product id among those a product can reach over shared services."""
    group = {product: product for product in PRODUCTS}
    links = list(live_links(world))
    for _round in PRODUCTS:
        for service, product, _leg, _multiplier in links:
            for other_service, other, *_rest in links:
                if service == other_service:
                    group[product] = group[other] = min(group[product], group[other])
    return group


def expected(world: World) -> dict[tuple[str, str], tuple[Decimal | None, Decimal | None]]:
    """By company and group: units invoiced, units used; None where there is none, or unknown."""
    group = group_of(world)
    live = set(COMPANIES[:4]) - world.excluded_companies
    feeds: dict[Item, tuple[str, Decimal]] = {}
    for service, product, leg, multiplier in live_links(world):
        if leg == "usage":
            most = max(multiplier, feeds.get(service, ("", Decimal(0)))[1])
            feeds[service] = (group[product], most)
    invoiced: dict[tuple[str, str], Decimal] = {}
    for company, product, qty, counts in world.lines:
        if company in live and counts:
            card = (company, group[product])
            invoiced[card] = invoiced.get(card, Decimal(0)) + qty
    used: dict[tuple[str, str], Decimal] = {}
    seen: set[tuple[str, str]] = set()
    for (system, account), company in world.accounts.items():
        if company not in live:
            continue
        for (feeding, service), (fed, multiplier) in feeds.items():
            if feeding != system:
                continue
            qty = world.usage.get((system, account, service), Decimal(0))
            used[company, fed] = used.get((company, fed), Decimal(0)) + qty * multiplier
            if qty:
                seen.add((company, fed))
    return {card: (invoiced.get(card), used.get(card)) for card in {*invoiced, *seen}}


def check(world: World, books: Any) -> None:
    write(world, books)
    assert books.lost() == []
    cards = {
        (row["company_id"], row["service_group_id"].removeprefix("product:")): row
        for row in books.rows("recon.cards")
    }
    found = {card: (row["qty_psa"], row["qty_vendor"]) for card, row in cards.items()}
    assert found == expected(world)
    behind: dict[tuple[str, str], Decimal] = {}
    for line in books.rows("recon.card_lines"):
        place = (line["card_id"], line["side"])
        behind[place] = behind.get(place, Decimal(0)) + line["qty_counted"]
    for row in cards.values():
        assert behind.get((row["card_id"], "psa"), 0) == (row["qty_psa"] or 0)
        assert behind.get((row["card_id"], "vendor"), 0) == (row["qty_vendor"] or 0)
        known = row["qty_psa"] is not None and row["qty_vendor"] is not None
        assert row["qty_delta"] == (row["qty_vendor"] - row["qty_psa"] if known else None)
        is_unknown = row["finding"] in {"no_vendor_figure", "not_connected"}
        assert (row["qty_vendor"] is None) == is_unknown


@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(10, marks=pytest.mark.fault(48, cases=10)),
        pytest.param(500, marks=[pytest.mark.slow, pytest.mark.fault(48, cases=500)]),
    ],
)
def test_counts_and_conservation_in_any_world(
    books: Any, request: pytest.FixtureRequest, examples: int
) -> None:
    """No unit is lost and every card shows the counts that the rules, read slowly, give."""
    tried = []

    @settings(max_examples=examples, deadline=None)
    @given(WORLDS)
    def holds(world: World) -> None:
        check(world, books)
        tried.append(world)

    holds()
    [mark] = request.node.iter_markers("fault")
    assert len(tried) >= examples == mark.kwargs["cases"]
