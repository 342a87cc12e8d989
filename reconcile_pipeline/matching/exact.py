"""Exact-name matching: an identical string, one live candidate, or nothing.

A wrong guess costs more than no guess, so case, spaces and punctuation all count here;
suggestions for people are another module's business.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """Something with an id and a name: an account, a company, a service, a product."""

    id: str
    name: str
    system: str = ""


@dataclass(frozen=True)
class Match:
    """An item on the vendor's side and the one thing in the PSA with the identical name."""

    item: Named
    target: Named


def exact_matches(items: Iterable[Named], targets: Iterable[Named]) -> list[Match]:
    """Match every item whose name is the name of exactly one target; order of items is kept.

    Several items may match one target (sites of one company); an item with two candidates
    matches none.
    """
    by_name: dict[str, list[Named]] = {}
    for target in targets:
        by_name.setdefault(target.name, []).append(target)
    return [
        Match(item, by_name[item.name][0])
        for item in items
        if item.name.strip() and len(by_name.get(item.name, ())) == 1
    ]
