"""What a right pipeline must find on the Autotask side of a world; worked out without its code.

Autotask counts for the 1st of the month after the world's day. What has begun by the world's day
is in force then, what ends before that 1st is not, and all that begins later is shown to begin a
month later still.

Reasons, in the order in which the first that holds wins:
    company: not_a_customer, inactive
    agreement: not_recurring_service, not_active, not_started, ended
    agreement_line: agreement_excluded, company_excluded, no_units_on_day, zero_units
Lines that are free or not billed are not in Autotask at all. A part of a unit is a whole one.
"""

import math
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from reconcile_pipeline.simulators import lookups
from reconcile_pipeline.simulators.catalogue import plain
from reconcile_pipeline.simulators.dates import month_start
from reconcile_pipeline.simulators.records import AUTOTASK, Agreement, Company, Line, World

PAGE = 500
OWN_COMPANY = "0"
REASONS = {
    "deleted": "inactive",
    "cancelled": "not_active",
    "no_billing_cycle": "not_recurring_service",
}
"""What a planted reason is called here."""


class AutotaskTruth:
    """The PSA side: what is in scope, what its lines sum to, and why the rest is left out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._day = month_start(world.as_of, 1)
        self.exclusions: list[dict[str, str]] = []
        self.quantities: dict[tuple[int, int], Decimal] = {}
        self.prices: dict[tuple[int, int], set[Decimal]] = defaultdict(set)
        self.live_names: dict[str, list[int]] = defaultdict(list)
        self._bundles = {item.id for item in world.products if item.identifier == "FLAT"}
        self._exclude("company", OWN_COMPANY, "not_a_customer")
        excluded = {c.id for c in world.companies if self._kept_out("company", c.id, _company(c))}
        for company in world.companies:
            if company.id not in excluded:
                self.live_names[company.name].append(company.id)
        self._agreements = {agreement.id: agreement for agreement in world.agreements}
        self.in_scope = {
            agreement.id: agreement
            for agreement in world.agreements
            if not self._kept_out("agreement", agreement.id, self._agreement(agreement))
        }
        self.lines = [line for line in world.lines if line.bill_customer == "Billable"]
        for line in self.lines:
            self._add(line, excluded)

    def _add(self, line: Line, excluded: set[int]) -> None:
        agreement = self._agreements[line.agreement_id]
        units = self._units(line)
        checks = (
            ("agreement_excluded", agreement.id not in self.in_scope),
            ("company_excluded", agreement.company_id in excluded),
            ("no_units_on_day", units is None),
            ("zero_units", units == 0),
        )
        reason = next((reason for reason, holds in checks if holds), None)
        if reason is not None:
            prefix = "bundle:" if self.is_bundle(line) else ""
            self._exclude("agreement_line", f"{prefix}{line.id}", reason)
            return
        key = (agreement.company_id, line.product_id)
        self.quantities[key] = self.quantities.get(key, Decimal(0)) + (units or 0)
        self.prices[key].add(line.unit_price)

    def is_bundle(self, line: Line) -> bool:
        """Whether the line is a service bundle."""
        return line.product_id in self._bundles

    def _exclude(self, kind: str, record_id: str, reason: str) -> None:
        self.exclusions.append(
            {"system": AUTOTASK, "record_kind": kind, "record_id": record_id, "reason": reason}
        )

    def _kept_out(self, kind: str, record_id: int, reason: str | None) -> bool:
        if reason is not None:
            self._exclude(kind, str(record_id), reason)
        return reason is not None

    def _agreement(self, agreement: Agreement) -> str | None:
        is_recurring = agreement.cycle_id not in (None, lookups.ONCE) and not agreement.is_one_time
        checks = (
            ("not_recurring_service", not is_recurring),
            ("not_active", agreement.is_cancelled or agreement.status != "Active"),
            ("not_started", agreement.starts_on > self._world.as_of),
            ("ended", _is_before(agreement.ends_on, self._day)),
        )
        return next((reason for reason, holds in checks if holds), None)

    def _units(self, line: Line) -> int | None:
        """Units on the day that counts; None where the line has none then."""
        agreement = self._agreements[line.agreement_id]
        begins = max(line.effective_on, agreement.starts_on)
        if begins > self._world.as_of or _is_before(agreement.ends_on, self._day):
            return None
        if line.cancelled_on is not None and line.cancelled_on <= self._world.as_of:
            return 0 if line.id % 2 == 0 else None
        return math.ceil(line.quantity)

    def _rows_on_day(self, line: Line) -> int:
        """Rows of units that hold the day that counts: two where one row ends as another begins."""
        if self._units(line) is None:
            return 0
        ended_on = line.cancelled_on
        is_over = ended_on is not None and ended_on <= self._world.as_of
        begins_then = not is_over or (ended_on is not None and (self._day - ended_on).days == 1)
        return 2 if line.id % 7 == 0 and begins_then else 1

    def calls(self) -> int:
        """Calls of the cheapest full sync: the zone, and every list in pages of 500."""
        bundles = [line for line in self.lines if self.is_bundle(line)]
        services = [line for line in self.lines if not self.is_bundle(line)]
        sold = [product for product in self._world.products if product.is_recurring]
        lists = (
            1 + len(self._world.companies),
            len(self._world.agreements),
            len(services),
            sum(map(self._rows_on_day, services)),
            len(bundles),
            sum(map(self._rows_on_day, bundles)),
            len(sold) - len(self._bundles),
            len(self._bundles),
        )
        return 1 + sum(max(1, math.ceil(count / PAGE)) for count in lists)

    def product_names(self, cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The cards with the ids of bundles as the pipeline writes them."""
        bundles = {str(number): f"bundle:{number}" for number in self._bundles}
        return [
            card | {"product_ids": [bundles.get(number, number) for number in card["product_ids"]]}
            for card in cards
        ]

    def planted(self) -> list[dict[str, Any]]:
        """The planted errors as they show here; lines without units leave nothing to show."""
        notes = []
        for planted in self._world.planted:
            note: dict[str, Any] = dict(planted)
            keys = [(int(note["company_id"]), int(number)) for number in note["product_ids"]]
            found = [self.quantities[key] for key in keys if key in self.quantities]
            if note["qty_psa"] is not None and not found:
                if note["qty_vendor"] in (None, "0"):
                    continue
                note["finding"] = "new_revenue"
            note["qty_psa"] = plain(sum(found, Decimal(0))) if found else None
            if "exclusion" in note:
                note["exclusion"] = _renamed(note["exclusion"])
            notes.append(note)
        return notes


def _renamed(exclusion: dict[str, str]) -> dict[str, str]:
    if exclusion["record_kind"] not in {"company", "agreement"}:
        return exclusion
    return exclusion | {"system": AUTOTASK, "reason": REASONS[exclusion["reason"]]}


def _company(company: Company) -> str | None:
    if lookups.CLIENT not in company.type_ids:
        return "not_a_customer"
    is_inactive = company.is_deleted or company.status_id == lookups.INACTIVE
    return "inactive" if is_inactive else None


def _is_before(ends_on: date | None, day: date) -> bool:
    return ends_on is not None and ends_on < day
