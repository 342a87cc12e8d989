"""What a right pipeline must find in a world: every card, every exclusion, everything unmapped.

Worked out from the world's records and the systems' documented rules, on purpose without one line
of the pipeline's code: this judges it. A card carries all products and services of its group.
Which records count is said by each system's own file beside this one; of accounts and services,
those that a person excluded are left out as `excluded_by_mapping`.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from reconcile_pipeline.simulators.truth.cards import Mapped, cards
from reconcile_pipeline.simulators.truth.psa import PsaTruth
from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World


class VendorTruth(Protocol):
    """One vendor's file of the truth."""

    def count(self, world: World, usage: Usage) -> None:
        """Add what its accounts use, and what never counts."""

    def calls(self, world: World) -> int:
        """Calls of the cheapest full sync that its documentation allows."""


def judged(world: World, side: PsaTruth, vendors: Mapping[str, VendorTruth]) -> dict[str, Any]:
    """The truth about a world, its PSA side shown by one PSA, as plain JSON data."""
    usage = Usage()
    for vendor in vendors.values():
        vendor.count(world, usage)
    mapped = Mapped(world, usage, side.live_names)
    found = cards(world, side.quantities, side.prices, usage, mapped)
    return {
        "seed": world.seed,
        "size": world.size,
        "as_of": world.as_of.isoformat(),
        "period": f"{world.as_of:%Y-%m}",
        "cards": [card | {"product_ids": _shown(card, side)} for card in found],
        "exclusions": [*side.exclusions, *usage.exclusions, *mapped.exclusions],
        "unmapped_accounts": mapped.unmapped_accounts,
        "unmapped_services": mapped.unmapped_services,
        "service_links": [[*service, product] for service, product in mapped.edges],
        "planted": side.planted(),
        "calls": {side.system: side.calls()}
        | {name: vendor.calls(world) for name, vendor in vendors.items()},
    }


def _shown(card: Mapping[str, Any], side: PsaTruth) -> list[str]:
    return [side.shown_id(number) for number in card["product_ids"]]
