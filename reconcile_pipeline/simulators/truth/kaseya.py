"""What a right pipeline must find on the Kaseya BMS side of a world; worked out without its code.

The API shows no contract lines: what counts is what the last invoice of each contract in scope
charges, which is what the world's lines in force say. The cards are those of the other PSAs; free
lines and lines to come are on no invoice and so are nowhere.

Reasons, in the order in which the first that holds wins:
    company: inactive, not_a_customer
    agreement: not_recurring_services, not_active, not_started, ended, no_billing_cycle,
        no_invoice_in_window
    invoice, of accounts with a contract in scope: status_not_counted, credit_note
    agreement_line, one per service of a contract on an invoice: no_contract, agreement_excluded,
        proration, older_invoice, company_excluded
"""

import math
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import ClassVar

from reconcile_pipeline.simulators.psa.kaseya_invoices import (
    CYCLE_MONTHS,
    PRORATED,
    Invoice,
    InvoiceBook,
    Item,
)
from reconcile_pipeline.simulators.psa.kaseya_records import account_type, contract_type, is_active
from reconcile_pipeline.simulators.truth.psa import PsaTruth
from reconcile_pipeline.simulators.world.records import (
    KASEYA_BMS,
    PULSEWAY,
    Agreement,
    Company,
    World,
)

PAGE = 100
UNPAID = frozenset({"Draft", "Void"})
LATE_BY = timedelta(days=15)

Group = tuple[int, int, str, bool]
"""Invoice, contract, service and whether it is prorated: what one line of the pipeline is."""


class KaseyaTruth(PsaTruth):
    """The PSA side: what is in scope, what its last invoices charge, and why the rest is out."""

    system = KASEYA_BMS
    reasons: ClassVar = {"deleted": "inactive", "cancelled": "not_active"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._excluded = {c.id for c in world.companies if self.kept_out("company", c.id, _out(c))}
        self.add_names(self._excluded)
        self._agreements = {agreement.id: agreement for agreement in world.agreements}
        planned = {a.id: _scope(a, world.as_of) for a in world.agreements}
        self.in_scope = [a for a in world.agreements if planned[a.id] is None]
        self.listed = self._listed()
        self.opened = self._opened()
        self.last = self._last()
        for agreement in world.agreements:
            has_none = agreement.id not in self.last
            reason = planned[agreement.id] or ("no_invoice_in_window" if has_none else None)
            self.kept_out("agreement", agreement.id, reason)
        for group, items in self.groups().items():
            self._add(group, items)

    def _listed(self) -> list[Invoice]:
        """Invoices since the earliest that can be some contract's last."""
        if not self.in_scope:
            return []
        months = max(CYCLE_MONTHS[agreement.cycle_id or 0] for agreement in self.in_scope)
        since = _back(self.world.as_of, months)
        return [made for made in InvoiceBook(self.world).invoices() if made.made_on >= since]

    def _opened(self) -> list[Invoice]:
        """Invoices of a cycle, of every account that a contract in scope may belong to."""
        cycles: dict[str, int] = defaultdict(int)
        names = {company.id: company.name for company in self.world.companies}
        for agreement in self.in_scope:
            name = names[agreement.company_id]
            cycles[name] = max(cycles[name], CYCLE_MONTHS[agreement.cycle_id or 0])
        opened = []
        for made in self.listed:
            months = cycles.get(names[made.account_id], 0)
            if not months:
                continue
            if made.status in UNPAID:
                self.exclude("invoice", str(made.id), "status_not_counted")
            elif made.made_on < _back(self.world.as_of, months):
                continue
            elif made.total < 0:
                self.exclude("invoice", str(made.id), "credit_note")
            else:
                opened.append(made)
        return opened

    def _last(self) -> dict[int, int]:
        """The last invoice of each contract in scope."""
        wanted = {agreement.id for agreement in self.in_scope}
        last: dict[int, tuple[date, int]] = {}
        for made in self.opened:
            for item in made.items:
                if item.contract_id in wanted and item.type_name != PRORATED:
                    found = (made.made_on, made.id)
                    last[item.contract_id] = max(last.get(item.contract_id, found), found)
        return {contract_id: found[1] for contract_id, found in last.items()}

    def groups(self) -> dict[Group, list[Item]]:
        """The items of the opened invoices, service by service."""
        found: dict[Group, list[Item]] = defaultdict(list)
        for made in self.opened:
            for item in made.items:
                key = (made.id, item.contract_id, item.name, item.type_name == PRORATED)
                found[key].append(item)
        return found

    def _add(self, group: Group, items: list[Item]) -> None:
        invoice_id, contract_id, name, is_prorated = group
        product_id = next((p.id for p in self.world.products if p.description == name), None)
        service = f"name:{name}" if product_id is None else str(product_id)
        agreement = self._agreements.get(contract_id)
        is_last = self.last.get(contract_id) == invoice_id and not is_prorated
        checks = (
            ("no_contract", agreement is None),
            ("agreement_excluded", contract_id not in self.last),
            ("proration", is_prorated),
            ("older_invoice", not is_last),
            ("company_excluded", agreement and agreement.company_id in self._excluded),
        )
        reason = next((reason for reason, holds in checks if holds), None)
        if reason is not None:
            parts = [f"invoice:{invoice_id}", str(contract_id or "-"), service]
            parts += ["prorated"] if is_prorated else []
            record_id = f"{contract_id}/{service}" if is_last else "/".join(parts)
            self.exclude("agreement_line", record_id, reason)
            return
        for item in items:
            if agreement is not None and product_id is not None:
                self.add(agreement.company_id, product_id, item.qty, item.unit_price)

    def calls(self) -> int:
        """Calls of the cheapest full sync: login, lists of 100, namesakes, opened invoices."""
        world = self.world
        shared = Counter(company.name for company in world.companies)
        names = {company.id: company.name for company in world.companies}
        asked = {names[a.company_id] for a in world.agreements}
        namesakes = sum(shared[name] for name in asked if shared[name] > 1)
        services = sum(product.is_recurring for product in world.products)
        lists = (len(world.companies), len(world.agreements), services)
        pages = sum(max(1, math.ceil(count / PAGE)) for count in lists)
        # Invoices announce no total: their list ends with an empty page, and is read twice.
        invoices = 2 * math.ceil(len(self.listed) / PAGE) + 2
        return 1 + pages + namesakes + invoices + len(self.opened)


class PulsewayTruth(KaseyaTruth):
    """The same code base under its other name."""

    system = PULSEWAY


def _out(company: Company) -> str | None:
    if not is_active(company):
        return "inactive"
    return None if account_type(company) == "Customer" else "not_a_customer"


def _scope(agreement: Agreement, day: date) -> str | None:
    checks = (
        ("not_recurring_services", contract_type(agreement) != "Recurring Services"),
        ("not_active", agreement.status != "Active"),
        ("not_started", agreement.starts_on > day),
        ("ended", agreement.ends_on is not None and agreement.ends_on < day),
        ("no_billing_cycle", agreement.cycle_id not in CYCLE_MONTHS),
    )
    return next((reason for reason, holds in checks if holds), None)


def _back(day: date, months: int) -> date:
    """A cycle earlier, and the days that invoices may be late."""
    year, month = day.year, day.month - months
    while month < 1:
        year, month = year - 1, month + 12
    return date(year, month, min(day.day, 28)) - LATE_BY
