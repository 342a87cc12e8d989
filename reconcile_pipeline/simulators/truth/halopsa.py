"""What a right pipeline must find on the HaloPSA side of a world; worked out without its code.

Halo keeps everybody who is no customer inactive, and has one reason for all that is never created:
nothing is scheduled. One-time agreements are scheduled there, but every line is charged once only.
On the invoices stand rows of Halo's own besides the lines: headings, meters, parents of bundles.

Reasons, in the order in which the first that holds wins:
    company: inactive
    agreement: disabled, not_started, ended, no_schedule
    agreement_line: agreement_excluded, company_excluded, inactive_line, heading, one_time,
        not_started, ended, meter, no_item, bundle_parent
Units included without charge are unknown to Halo. What ConnectWise does not charge for is a line
of text here, what it does not bill is inactive.
"""

import math
from datetime import date
from typing import Any, ClassVar

from reconcile_pipeline.simulators.truth.psa import PsaTruth
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import HALOPSA, Agreement, Company, Line, World

PAGE, INVOICE_PAGE = 100, 50
HEADING, METER, BUNDLE = 1_000_000, 2_000_000, 3_000_000


class HaloPsaTruth(PsaTruth):
    """The PSA side: what is in scope, what its lines sum to, and why the rest is left out."""

    system = HALOPSA
    reasons: ClassVar = {
        "deleted": "inactive",
        "cancelled": "disabled",
        "no_billing_cycle": "no_schedule",
    }

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
            if not self.kept_out("agreement", shown(agreement.id), self._agreement(agreement))
        }
        for line in world.lines:
            self._add(line)
        for agreement in world.agreements:
            self._add_rows(agreement)

    def _add(self, line: Line) -> None:
        agreement = self._agreements[line.agreement_id]
        reason = self._above(agreement) or self._line(agreement, line)
        if not self.kept_out("agreement_line", line.id, reason):
            self.add(agreement.company_id, line.product_id, line.quantity, line.unit_price)
        is_plain = line.bill_customer == "Billable" and line.effective_on <= self.world.as_of
        if line.id % 13 == 0 and is_plain and line.cancelled_on is None:
            once = "one_time" if agreement.is_one_time else "bundle_parent"
            self.kept_out("agreement_line", BUNDLE + line.id, self._above(agreement) or once)

    def _add_rows(self, agreement: Agreement) -> None:
        above = self._above(agreement)
        if agreement.id % 5 == 0:
            self.kept_out("agreement_line", HEADING + agreement.id, above or "heading")
        if agreement.id % 6 == 0:
            once = "one_time" if agreement.is_one_time else "meter"
            self.kept_out("agreement_line", METER + agreement.id, above or once)

    def _above(self, agreement: Agreement) -> str | None:
        """Why nothing on a recurring invoice counts, whatever it is."""
        if agreement.id not in self.in_scope:
            return "agreement_excluded"
        return "company_excluded" if agreement.company_id in self._excluded else None

    def _agreement(self, agreement: Agreement) -> str | None:
        day = self.world.as_of
        checks = (
            ("disabled", agreement.is_cancelled or agreement.status != "Active"),
            ("not_started", agreement.starts_on > day),
            ("ended", agreement.ends_on is not None and agreement.ends_on < day),
            ("no_schedule", agreement.cycle_id in (None, lookups.ONCE)),
        )
        return next((reason for reason, holds in checks if holds), None)

    def _line(self, agreement: Agreement, line: Line) -> str | None:
        day = self.world.as_of
        is_over = _has_come(line.cancelled_on, day)
        is_off = line.bill_customer == "DoNotBill" or (is_over and line.id % 2 == 0)
        checks = (
            ("inactive_line", is_off),
            ("one_time", agreement.is_one_time),
            ("not_started", line.effective_on > day),
            ("ended", is_over),
            ("no_item", line.bill_customer == "NoCharge"),
        )
        return next((reason for reason, holds in checks if holds), None)

    def calls(self) -> int:
        """Calls of the cheapest full sync: who gives tokens, a token, and four lists in pages."""
        world = self.world
        lists = (
            (1 + len(world.companies), PAGE),
            (len(world.agreements), PAGE),
            (len(world.agreements), INVOICE_PAGE),
            (len(world.products), PAGE),
        )
        return 2 + sum(max(1, math.ceil(count / size)) for count, size in lists)

    def planted(self) -> list[dict[str, Any]]:
        """The planted errors as they show here, agreements under their numbers in Halo."""
        notes = super().planted()
        for note in notes:
            found = note.get("exclusion")
            if found and found["record_kind"] == "agreement":
                number = str(shown(int(found["record_id"])))
                note["exclusion"] = found | {"record_id": number}
        return notes


def shown(agreement_id: int) -> int:
    """The number of an agreement's recurring invoice: one in seven is not below zero."""
    return agreement_id if agreement_id % 7 == 0 else -agreement_id


def _company(company: Company) -> str | None:
    is_customer = not set(company.type_ids) <= {lookups.PROSPECT}
    is_off = company.is_deleted or company.status_id == lookups.INACTIVE
    return "inactive" if is_off or not is_customer else None


def _has_come(day: date | None, today: date) -> bool:
    return day is not None and day <= today
