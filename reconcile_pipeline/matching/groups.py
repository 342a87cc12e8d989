"""Service groups: connected components of the links between vendor services and PSA products.

A group is compared as one, because its members can't be told apart on an invoice.
"""

from collections.abc import Iterable, Sequence

Member = tuple[str, str, str]
"""(kind, system, id)"""


def group_members(
    links: Iterable[Sequence[str]], products: Iterable[Sequence[str]]
) -> list[dict[str, str]]:
    """Give every product and every linked service its group.

    `links` are (system, service_id, service_name, product_id), `products` (system, product_id,
    name). A product without links is a group of its own. A group is named after its product with
    the smallest id, and so keeps its name as long as that product stays in it.
    """
    parents: dict[Member, Member] = {}
    names: dict[Member, str] = {}

    def root(member: Member) -> Member:
        parents.setdefault(member, member)
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    by_id: dict[str, Member] = {}
    for system, product_id, name in products:
        by_id[product_id] = ("product", system, product_id)
        names[by_id[product_id]] = name
        root(by_id[product_id])
    for system, service_id, service_name, product_id in links:
        service = ("service", system, service_id)
        names[service] = service_name
        if product_id in by_id:
            parents[root(service)] = root(by_id[product_id])

    groups: dict[Member, list[Member]] = {}
    for member in sorted(parents):
        groups.setdefault(root(member), []).append(member)
    return [row for members in groups.values() for row in _rows(members, names)]


def _rows(members: list[Member], names: dict[Member, str]) -> list[dict[str, str]]:
    """Rows of one group; its products come first because `product` sorts before `service`."""
    products = [member for member in members if member[0] == "product"]
    more = f" (+{len(products) - 1})" if len(products) > 1 else ""
    return [
        {
            "service_group_id": f"product:{products[0][2]}",
            "service_name": f"{names[products[0]]}{more}",
            "member_kind": kind,
            "system": system,
            "member_id": member_id,
        }
        for kind, system, member_id in members
    ]
