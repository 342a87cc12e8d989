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
from datetime import date
from decimal import Decimal
from typing import ClassVar

from reconcile_pipeline.simulators.truth.psa import PsaTruth
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.records import AUTOTASK, Agreement, Company, Line, World

PAGE = 500
OWN_COMPANY = "0"


class AutotaskTruth(PsaTruth):
    """The PSA side: what is in scope, what its lines sum to, and why the rest is left out."""

    system = AUTOTASK
    reasons: ClassVar = {
        "deleted": "inactive",
        "cancelled": "not_active",
        "no_billing_cycle": "not_recurring_service",
    }

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._day = month_start(world.as_of, 1)
        self._bundles = {item.id for item in world.products if item.identifier == "FLAT"}
        self.exclude("company", OWN_COMPANY, "not_a_customer")
        excluded = {c.id for c in world.companies if self.kept_out("company", c.id, _company(c))}
        self.add_names(excluded)
        self._agreements = {agreement.id: agreement for agreement in world.agreements}
        self.in_scope = {
            agreement.id: agreement
            for agreement in world.agreements
            if not self.kept_out("agreement", agreement.id, self._agreement(agreement))
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
            self.exclude("agreement_line", f"{prefix}{line.id}", reason)
            return
        self.add(agreement.company_id, line.product_id, Decimal(units or 0), line.unit_price)

    def is_bundle(self, line: Line) -> bool:
        """Whether the line is a service bundle."""
        return line.product_id in self._bundles

    def _agreement(self, agreement: Agreement) -> str | None:
        is_recurring = agreement.cycle_id not in (None, lookups.ONCE) and not agreement.is_one_time
        checks = (
            ("not_recurring_service", not is_recurring),
            ("not_active", agreement.is_cancelled or agreement.status != "Active"),
            ("not_started", agreement.starts_on > self.world.as_of),
            ("ended", _is_before(agreement.ends_on, self._day)),
        )
        return next((reason for reason, holds in checks if holds), None)

    def _units(self, line: Line) -> int | None:
        """Units on the day that counts; None where the line has none then."""
        agreement = self._agreements[line.agreement_id]
        begins = max(line.effective_on, agreement.starts_on)
        if begins > self.world.as_of or _is_before(agreement.ends_on, self._day):
            return None
        if line.cancelled_on is not None and line.cancelled_on <= self.world.as_of:
            return 0 if line.id % 2 == 0 else None
        return math.ceil(line.quantity)

    def _rows_on_day(self, line: Line) -> int:
        """Rows of units that hold the day that counts: two where one row ends as another begins."""
        if self._units(line) is None:
            return 0
        ended_on = line.cancelled_on
        is_over = ended_on is not None and ended_on <= self.world.as_of
        begins_then = not is_over or (ended_on is not None and (self._day - ended_on).days == 1)
        return 2 if line.id % 7 == 0 and begins_then else 1

    def calls(self) -> int:
        """Calls of the cheapest full sync: the zone, and every list in pages of 500."""
        bundles = [line for line in self.lines if self.is_bundle(line)]
        services = [line for line in self.lines if not self.is_bundle(line)]
        sold = [product for product in self.world.products if product.is_recurring]
        lists = (
            1 + len(self.world.companies),
            len(self.world.agreements),
            len(services),
            sum(map(self._rows_on_day, services)),
            len(bundles),
            sum(map(self._rows_on_day, bundles)),
            len(sold) - len(self._bundles),
            len(self._bundles),
        )
        return 1 + sum(max(1, math.ceil(count / PAGE)) for count in lists)

    def shown_id(self, product_id: str) -> str:
        """Bundles are numbered apart from services."""
        return f"bundle:{product_id}" if int(product_id) in self._bundles else product_id


def _company(company: Company) -> str | None:
    if lookups.CLIENT not in company.type_ids:
        return "not_a_customer"
    is_inactive = company.is_deleted or company.status_id == lookups.INACTIVE
    return "inactive" if is_inactive else None


def _is_before(ends_on: date | None, day: date) -> bool:
    return ends_on is not None and ends_on < day
