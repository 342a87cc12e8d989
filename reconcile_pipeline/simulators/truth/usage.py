"""The vendor side of the truth: what each account uses of each service, and what never counts.

Reads the world's records only; mapping and comparing happen in `truth.cards`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class Usage:
    """Vendor accounts in force, services by name, and units by (system, account, service)."""

    accounts: dict[tuple[str, str], str] = field(default_factory=dict)
    services: dict[tuple[str, str], str] = field(default_factory=dict)
    totals: dict[tuple[str, str, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    untold: set[tuple[str, str, str]] = field(default_factory=set)
    """Counts the vendor has and does not tell, by (system, account, service): never zero."""
    unasked: set[tuple[str, str]] = field(default_factory=set)
    """Accounts that could not be asked: they are the customer's, and prove nothing."""
    exclusions: list[dict[str, str]] = field(default_factory=list)

    def exclude(self, system: str, kind: str, record_id: str, reason: str) -> None:
        """Note one record that is left out."""
        self.exclusions.append(
            {"system": system, "record_kind": kind, "record_id": record_id, "reason": reason}
        )
