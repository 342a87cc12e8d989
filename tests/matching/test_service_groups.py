"""Service groups: what can't be told apart on an invoice is compared as one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.matching.groups import group_members

Link = tuple[str, str, str, str]
Product = tuple[str, str, str]

PRODUCTS = st.lists(st.integers(1, 12), unique=True, max_size=8).map(
    lambda numbers: [("psa", str(number), f"Product {number}") for number in numbers]
)
LINKS = st.lists(
    st.tuples(st.sampled_from(["pax8", "ninja"]), st.sampled_from("abcdef"), st.integers(1, 14)),
    max_size=14,
).map(lambda links: [(system, item, f"Service {item}", str(to)) for system, item, to in links])


def by_group(links: list[Link], products: list[Product]) -> dict[str, set[tuple[str, str, str]]]:
    groups: dict[str, set[tuple[str, str, str]]] = {}
    for row in group_members(links, products):
        member = (row["member_kind"], row["system"], row["member_id"])
        groups.setdefault(row["service_group_id"], set()).add(member)
    return groups


def slow_groups(links: list[Link], products: list[Product]) -> set[frozenset[tuple[str, str, str]]]:
    """The same by joining sets until none overlap."""
    known = {product_id: ("product", system, product_id) for system, product_id, _name in products}
    pools = [{member} for member in known.values()]
    for system, service_id, _name, product_id in links:
        if product_id in known:
            pools.append({("service", system, service_id), known[product_id]})
    merged: list[set[tuple[str, str, str]]] = []
    for pool in pools:
        apart = [other for other in merged if not other & pool]
        joined = set(pool).union(*(other for other in merged if other & pool))
        merged = [*apart, joined]
    return {frozenset(pool) for pool in merged}


@settings(deadline=None, max_examples=150)
@given(LINKS, PRODUCTS)
def test_groups_are_the_connected_parts(links: list[Link], products: list[Product]) -> None:
    """Groups never overlap, miss no product or linked service, and join just what is linked."""
    rows = group_members(links, products)
    members = [(row["member_kind"], row["system"], row["member_id"]) for row in rows]
    assert len(members) == len(set(members))
    groups = by_group(links, products)
    assert {frozenset(group) for group in groups.values()} == slow_groups(links, products)
    ids = [product_id for _system, product_id, _name in products]
    assert sorted(item for kind, _, item in members if kind == "product") == sorted(ids)


@settings(deadline=None, max_examples=100)
@given(LINKS, PRODUCTS, st.integers(0, 5))
def test_order_changes_nothing(links: list[Link], products: list[Product], seed: int) -> None:
    """The same links and products in any order give the same groups under the same names."""
    shuffled, others = list(links), list(products)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - not a secret
    random.Random(seed + 1).shuffle(others)  # noqa: S311 - not a secret

    def key(row: dict[str, str]) -> list[tuple[str, str]]:
        return sorted(row.items())

    assert sorted(group_members(links, products), key=key) == sorted(
        group_members(shuffled, others), key=key
    )


@settings(deadline=None, max_examples=100)
@given(LINKS, PRODUCTS)
def test_a_group_is_named_after_its_first_product(
    links: list[Link], products: list[Product]
) -> None:
    """The smallest product id names the group, so it keeps its cards while others come and go."""
    for group_id, members in by_group(links, products).items():
        ids = [item for kind, _system, item in members if kind == "product"]
        assert group_id == f"product:{min(ids)}"


@pytest.mark.parametrize(
    ("links", "names"),
    [
        ([], ["Seat", "Server"]),
        ([("pax8", "a", "A", "1"), ("pax8", "a", "A", "2")], ["Seat (+1)"]),
        ([("pax8", "a", "A", "1"), ("ninja", "a", "A", "2")], ["Seat", "Server"]),
        ([("pax8", "a", "A", "9")], ["Seat", "Server"]),
    ],
)
def test_a_group_is_called_as_its_first_product(links: list[Link], names: list[str]) -> None:
    """Cards read like the product on the invoice, with the number of others beside it."""
    rows = group_members(links, [("psa", "1", "Seat"), ("psa", "2", "Server")])
    assert sorted({row["service_name"] for row in rows}) == names


def test_a_service_without_a_live_product_is_in_no_group() -> None:
    """A link to a product that is gone makes no group: the service is unmapped again."""
    rows = group_members([("pax8", "a", "A", "gone")], [("psa", "1", "Seat")])
    assert [row["member_id"] for row in rows] == ["1"]


def test_same_ids_in_two_systems_are_two_services() -> None:
    """An id means something only together with its system."""
    links = [("pax8", "x", "X", "1"), ("ninja", "x", "X", "2")]
    groups = by_group(links, [("psa", "1", "Seat"), ("psa", "2", "Server")])
    assert groups["product:1"] == {("product", "psa", "1"), ("service", "pax8", "x")}
