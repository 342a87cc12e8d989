"""What a right pipeline must find on the ConnectWise side of a world; worked out without its code.

Reasons, in the order in which the first that holds wins:
    company: deleted, inactive_status, prospect_only, no_type
    agreement: cancelled, not_active, not_started, ended, no_billing_cycle, not_recurring, one_time,
        type_not_in_scope
    agreement_line: no_charge, do_not_bill, not_effective_yet, cancelled, company_excluded
"""

import math
from collections.abc import Collection
from typing import Any

from reconcile_pipeline.simulators.truth.psa import PsaTruth
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import (
    CONNECTWISE,
    Agreement,
    Company,
    Line,
    World,
)


class ConnectWiseTruth(PsaTruth):
    """The PSA side: what is in scope, what its lines sum to, and why the rest is left out."""

    system = CONNECTWISE

    def __init__(self, world: World, agreement_types: Collection[str] = ()) -> None:
        super().__init__(world)
        self._types = frozenset(agreement_types)
        excluded = {c.id for c in world.companies if self.kept_out("company", c.id, _company(c))}
        self.add_names(excluded)
        self.in_scope = {
            agreement.id: agreement
            for agreement in world.agreements
            if not self.kept_out("agreement", agreement.id, self._agreement(agreement))
        }
        for line in world.lines:
            self._add(line, excluded)

    def _add(self, line: Line, excluded: Collection[int]) -> None:
        agreement = self.in_scope.get(line.agreement_id)
        if agreement is None:
            return
        reason = self._line(line) or (
            "company_excluded" if agreement.company_id in excluded else None
        )
        if not self.kept_out("agreement_line", line.id, reason):
            self.add(agreement.company_id, line.product_id, line.quantity, line.unit_price)

    def calls(self) -> int:
        """Calls of the cheapest full sync: the lists, and the lines of each agreement in scope."""
        world, lookup_tables = self.world, 4
        lists = (len(world.companies), len(world.agreements), len(world.products))
        pages = sum(max(1, math.ceil(count / 1000)) for count in lists)
        return lookup_tables + len(self.in_scope) + pages

    def planted(self) -> list[dict[str, Any]]:
        """The planted errors as they are: they were planted in this PSA's words."""
        return self.world.planted

    def _agreement(self, agreement: Agreement) -> str | None:
        day = self.world.as_of
        type_name = lookups.AGREEMENT_TYPE_NAME[agreement.type_id]
        checks = (
            ("cancelled", agreement.is_cancelled),
            ("not_active", agreement.status != "Active"),
            ("not_started", agreement.starts_on > day),
            ("ended", agreement.ends_on is not None and agreement.ends_on < day),
            ("no_billing_cycle", agreement.cycle_id is None),
            ("not_recurring", agreement.cycle_id == lookups.ONCE),
            ("one_time", agreement.is_one_time),
            ("type_not_in_scope", bool(self._types) and type_name not in self._types),
        )
        return next((reason for reason, holds in checks if holds), None)

    def _line(self, line: Line) -> str | None:
        day = self.world.as_of
        if line.bill_customer != "Billable":
            return {"NoCharge": "no_charge", "DoNotBill": "do_not_bill"}[line.bill_customer]
        if line.effective_on > day:
            return "not_effective_yet"
        if line.cancelled_on is not None and line.cancelled_on <= day:
            return "cancelled"
        return None


def _company(company: Company) -> str | None:
    if company.is_deleted:
        return "deleted"
    if company.status_id == lookups.INACTIVE:
        return "inactive_status"
    if not company.type_ids:
        return "no_type"
    return "prospect_only" if set(company.type_ids) == {lookups.PROSPECT} else None
