"""What the world looked like when each system was last read in full; and what follows from that.

A published month may rest on pulls of different moments. The truth about it is worked out from a
world put together from those moments, by the simulators' own truth, never by the pipeline.
"""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from itertools import product
from typing import Any

from reconcile_pipeline.simulators.registry import expected
from reconcile_pipeline.simulators.world.records import (
    BACKUP_CSV,
    NINJAONE,
    PAX8,
    MappingRow,
    World,
)

PARTS = {
    PAX8: ("pax8_companies", "pax8_products", "subscriptions"),
    NINJAONE: ("organizations", "devices"),
    BACKUP_CSV: ("backup_rows",),
}
"""Which of the world's lists each vendor shows; all others are the PSA's."""
COUNTED = {PAX8: "subscriptions", NINJAONE: "devices", BACKUP_CSV: "backup_rows"}
"""The list that a vendor's units come from."""
_OURS = {"seed", "size", "as_of", "mappings", "planted", "at"}
_VENDORS = {name for parts in PARTS.values() for name in parts}
_PSA = tuple(
    each.name for each in fields(World) if each.name not in _OURS and each.name not in _VENDORS
)

Part = bytes
"""The lists of one system as they were, pickled: cheaper than a deep copy."""


def part_of(world: World, system: str) -> Part:
    """The lists that one system shows, as they are now."""
    return pickle.dumps({name: getattr(world, name) for name in PARTS.get(system, _PSA)})


@dataclass
class Snapshots:
    """For each system, what the believed pull may have seen: the world before and after it."""

    psa: str
    believed: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    """How many records of its counted list the last believed pull could see."""
    links: set[tuple[str, str, int]] = field(default_factory=set)
    """Services and products that were mapped once: they stay so, whatever a vendor lists."""

    def believe(self, system: str, before: Part, after: Part, count: int) -> None:
        """From now on the month rests on this pull."""
        self.believed[system] = (before,) if before == after else (before, after)
        self.counted[system] = count

    def remember(self, truth: dict[str, Any]) -> None:
        """What a published month has mapped is in the ledger from then on."""
        self.links.update(tuple(link) for link in truth["service_links"])

    def truths(self, world: World) -> Iterator[dict[str, Any]]:
        """Every truth the month may show; a system never read shows nothing."""
        systems = [self.psa, *PARTS]
        nothing: tuple[Part, ...] = (pickle.dumps({}),)
        said = {(row.system, row.id) for row in world.mappings if row.kind == "service"}
        mappings = [*world.mappings]
        mappings += [
            MappingRow("service", system, item, "", str(product))
            for system, item, product in sorted(self.links)
            if (system, item) not in said
        ]
        for parts in product(*(self.believed.get(system, nothing) for system in systems)):
            lists: dict[str, Any] = {}
            for part in parts:
                lists |= pickle.loads(part)  # noqa: S301 - our own, of a moment ago
            yield expected(
                World(world.seed, world.size, world.as_of, mappings=mappings, **lists),
                psa=self.psa,
            )
