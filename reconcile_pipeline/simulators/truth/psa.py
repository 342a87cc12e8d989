"""What every PSA's side of the truth is: lines in scope with their sums, and why others are not.

One subclass per PSA says which records it shows and by which rules they count.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from reconcile_pipeline.simulators.world.catalogue import plain
from reconcile_pipeline.simulators.world.records import World

Exclusion = dict[str, str]


class PsaTruth:
    """One PSA's view of a world; filled while it is made."""

    system: ClassVar[str]
    reasons: ClassVar[Mapping[str, str]] = {}
    """What the reason of a planted error is called here."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.exclusions: list[Exclusion] = []
        self.quantities: dict[tuple[int, int], Decimal] = {}
        """Units by (company, product), of the lines that count."""
        self.prices: dict[tuple[int, int], set[Decimal]] = defaultdict(set)
        self.live_names: dict[str, list[int]] = defaultdict(list)
        """Companies that count, by name."""

    def calls(self) -> int:
        """Calls of the cheapest full sync that the PSA's documentation allows."""
        raise NotImplementedError

    def shown_id(self, product_id: str) -> str:
        """The id under which the pipeline knows a product of the world."""
        return product_id

    def add(self, company_id: int, product_id: int, units: Decimal, price: Decimal) -> None:
        """Count one line."""
        key = (company_id, product_id)
        self.quantities[key] = self.quantities.get(key, Decimal(0)) + units
        self.prices[key].add(price)

    def add_names(self, excluded: Collection[int]) -> None:
        """Note the names of the companies that are not left out."""
        for company in self.world.companies:
            if company.id not in excluded:
                self.live_names[company.name].append(company.id)

    def exclude(self, kind: str, record_id: str, reason: str) -> None:
        """Note one record that is left out."""
        self.exclusions.append(exclusion(self.system, kind, record_id, reason))

    def kept_out(self, kind: str, record_id: int, reason: str | None) -> bool:
        """Note a record that has a reason to be left out, and tell whether it has."""
        if reason is not None:
            self.exclude(kind, str(record_id), reason)
        return reason is not None

    def planted(self) -> list[dict[str, Any]]:
        """The planted errors as they show here; those that leave no trace are not among them."""
        notes = []
        for planted in self.world.planted:
            note: dict[str, Any] = dict(planted)
            keys = [(int(note["company_id"]), int(number)) for number in note["product_ids"]]
            found = [self.quantities[key] for key in keys if key in self.quantities]
            if note["qty_psa"] is not None and not found:
                if note["qty_vendor"] in (None, "0"):
                    continue
                note["finding"] = "new_revenue"
            note["qty_psa"] = plain(sum(found, Decimal(0))) if found else None
            if "exclusion" in note:
                note["exclusion"] = self._renamed(note["exclusion"])
            notes.append(note)
        return notes

    def _renamed(self, found: Exclusion) -> Exclusion:
        if found["record_kind"] not in {"company", "agreement"}:
            return found
        reason = self.reasons.get(found["reason"], found["reason"])
        return found | {"system": self.system, "reason": reason}


def exclusion(system: str, kind: str, record_id: str, reason: str) -> Exclusion:
    """One record left out, as the truth file writes it."""
    return {"system": system, "record_kind": kind, "record_id": record_id, "reason": reason}
