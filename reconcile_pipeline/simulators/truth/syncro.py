"""What a right pipeline must find on the Syncro side of a world; worked out without its code.

Syncro keeps everybody who is no customer disabled, and pauses all that must not be invoiced now. A
one-time agreement runs, and each of its lines bills once. What is free, not billed, over or not
begun is on no schedule at all.

Reasons, in the order in which the first that holds wins:
    company: disabled
    agreement: paused
    agreement_line: agreement_excluded, company_excluded, one_time
"""

import math
from typing import ClassVar

from reconcile_pipeline.simulators.truth.psa import PsaTruth
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import SYNCRO, Agreement, Company, Line, World

PAGE = 25
VISIT = 5_000_000


class SyncroTruth(PsaTruth):
    """The PSA side: what is in scope, what its lines sum to, and why the rest is left out."""

    system = SYNCRO
    reasons: ClassVar = {"deleted": "disabled", "cancelled": "paused", "no_billing_cycle": "paused"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._excluded = {
            c.id for c in world.companies if self.kept_out("company", c.id, _company(c))
        }
        self.add_names(self._excluded)
        self._agreements = {agreement.id: agreement for agreement in world.agreements}
        self.in_scope = {
            agreement.id: agreement
            for agreement in world.agreements
            if not self.kept_out("agreement", agreement.id, self._agreement(agreement))
        }
        self.lines = [line for line in world.lines if self._is_shown(line)]
        for line in self.lines:
            agreement = self._agreements[line.agreement_id]
            reason = self._above(agreement) or ("one_time" if agreement.is_one_time else None)
            if not self.kept_out("agreement_line", line.id, reason):
                self.add(agreement.company_id, line.product_id, line.quantity, line.unit_price)
        for agreement in world.agreements:
            if agreement.id % 6 == 0:
                reason = self._above(agreement) or "one_time"
                self.kept_out("agreement_line", VISIT + agreement.id, reason)

    def _above(self, agreement: Agreement) -> str | None:
        if agreement.id not in self.in_scope:
            return "agreement_excluded"
        return "company_excluded" if agreement.company_id in self._excluded else None

    def _agreement(self, agreement: Agreement) -> str | None:
        day = self.world.as_of
        is_off = (
            agreement.is_cancelled,
            agreement.status != "Active",
            agreement.starts_on > day,
            agreement.ends_on is not None and agreement.ends_on < day,
            agreement.cycle_id in (None, lookups.ONCE),
        )
        return "paused" if any(is_off) else None

    def _is_shown(self, line: Line) -> bool:
        day = self.world.as_of
        is_over = line.cancelled_on is not None and line.cancelled_on <= day
        return line.bill_customer == "Billable" and line.effective_on <= day and not is_over

    def calls(self) -> int:
        """Calls of the cheapest full sync, and one for each schedule without a line in the list.

        Only customers say how many pages they have. Another list is over at an empty page, and is
        read twice: nothing else shows that no record moved.
        """
        world = self.world
        counted = {line.agreement_id for line in self.lines}
        empty = [a for a in self.in_scope if a not in counted and a % 6 != 0]
        unannounced = [count for count in (len(world.agreements), len(world.products)) if count]
        twice = 2 * sum(math.ceil(count / PAGE) + 1 for count in unannounced)
        nothing = 2 - len(unannounced)
        announced = max(1, math.ceil(len(world.companies) / PAGE))
        return announced + twice + nothing + len(empty)


def _company(company: Company) -> str | None:
    is_customer = not set(company.type_ids) <= {lookups.PROSPECT}
    is_off = company.is_deleted or company.status_id == lookups.INACTIVE
    return "disabled" if is_off or not is_customer else None
