"""What a right pipeline must find in a world: every card, every exclusion, everything unmapped.

Worked out from the world's records and the vendors' documented rules, on purpose without one line
of the pipeline's code: this judges it. A card carries all products and services of its group.

Reasons, in the order in which the first that holds wins:
    company: deleted, inactive_status, prospect_only, no_type
    agreement: cancelled, not_active, not_started, ended, no_billing_cycle, not_recurring, one_time,
        type_not_in_scope
    agreement_line: no_charge, do_not_bill, not_effective_yet, cancelled, company_excluded
    account: inactive, deleted, excluded_by_mapping
    service: excluded_by_mapping
    subscription: not_billable_status, trial, not_recurring_term, not_started, ended,
        account_inactive
    device: not_approved
With Autotask as the PSA the first three lines are those of `truth_autotask`.
"""

import math
from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from reconcile_pipeline.simulators import lookups
from reconcile_pipeline.simulators.records import (
    AUTOTASK,
    BACKUP_CSV,
    CONNECTWISE,
    NINJAONE,
    PAX8,
    Agreement,
    Company,
    Line,
    World,
)
from reconcile_pipeline.simulators.truth_autotask import AutotaskTruth
from reconcile_pipeline.simulators.truth_cards import Mapped, cards
from reconcile_pipeline.simulators.truth_vendors import vendor_usage

Exclusion = dict[str, str]


def expected(
    world: World, agreement_types: Collection[str] = (), *, psa: str = CONNECTWISE
) -> dict[str, Any]:
    """The truth about a world as plain JSON data; empty `agreement_types` means all in scope.

    `psa` is the one that shows the world's PSA side: connectwise or autotask.
    """
    side = AutotaskTruth(world) if psa == AUTOTASK else PsaTruth(world, agreement_types)
    usage = vendor_usage(world)
    mapped = Mapped(world, usage, side.live_names)
    found = cards(world, side.quantities, side.prices, usage, mapped)
    return {
        "seed": world.seed,
        "size": world.size,
        "as_of": world.as_of.isoformat(),
        "period": f"{world.as_of:%Y-%m}",
        "cards": side.product_names(found),
        "exclusions": [*side.exclusions, *usage.exclusions, *mapped.exclusions],
        "unmapped_accounts": mapped.unmapped_accounts,
        "unmapped_services": mapped.unmapped_services,
        "planted": side.planted(),
        "calls": {psa: side.calls(), **_vendor_calls(world)},
    }


class PsaTruth:
    """The PSA side: what is in scope, what its lines sum to, and why the rest is left out."""

    def __init__(self, world: World, agreement_types: Collection[str]) -> None:
        self._world = world
        self._types = frozenset(agreement_types)
        self.exclusions: list[Exclusion] = []
        self.quantities: dict[tuple[int, int], Decimal] = {}
        self.prices: dict[tuple[int, int], set[Decimal]] = defaultdict(set)
        excluded = {c.id for c in world.companies if self._kept_out("company", c.id, _company(c))}
        self.live_names: dict[str, list[int]] = defaultdict(list)
        for company in world.companies:
            if company.id not in excluded:
                self.live_names[company.name].append(company.id)
        self.in_scope = {
            agreement.id: agreement
            for agreement in world.agreements
            if not self._kept_out("agreement", agreement.id, self._agreement(agreement))
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
        if not self._kept_out("agreement_line", line.id, reason):
            key = (agreement.company_id, line.product_id)
            self.quantities[key] = self.quantities.get(key, Decimal(0)) + line.quantity
            self.prices[key].add(line.unit_price)

    def _kept_out(self, kind: str, record_id: int, reason: str | None) -> bool:
        if reason is not None:
            self.exclusions.append(exclusion(CONNECTWISE, kind, str(record_id), reason))
        return reason is not None

    def calls(self) -> int:
        """Calls of the cheapest full sync: the lists, and the lines of each agreement in scope."""
        world, lookup_tables = self._world, 4
        lists = (len(world.companies), len(world.agreements), len(world.products))
        pages = sum(max(1, math.ceil(count / 1000)) for count in lists)
        return lookup_tables + len(self.in_scope) + pages

    def product_names(self, cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The cards as they are: the world's product ids are this PSA's."""
        return cards

    def planted(self) -> list[dict[str, Any]]:
        """The planted errors as they are: they were planted in this PSA's words."""
        return self._world.planted

    def _agreement(self, agreement: Agreement) -> str | None:
        day = self._world.as_of
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
        day = self._world.as_of
        if line.bill_customer != "Billable":
            return {"NoCharge": "no_charge", "DoNotBill": "do_not_bill"}[line.bill_customer]
        if line.effective_on > day:
            return "not_effective_yet"
        if line.cancelled_on is not None and line.cancelled_on <= day:
            return "cancelled"
        return None


def exclusion(system: str, kind: str, record_id: str, reason: str) -> Exclusion:
    """One record left out, as the truth file writes it."""
    return {"system": system, "record_kind": kind, "record_id": record_id, "reason": reason}


def _company(company: Company) -> str | None:
    if company.is_deleted:
        return "deleted"
    if company.status_id == lookups.INACTIVE:
        return "inactive_status"
    if not company.type_ids:
        return "no_type"
    return "prospect_only" if set(company.type_ids) == {lookups.PROSPECT} else None


def _vendor_calls(world: World) -> dict[str, int]:
    """Calls of the cheapest full sync that each vendor's documentation allows."""
    pax8_lists = (len(world.pax8_companies), len(world.subscriptions))
    ninjaone_lists = (len(world.organizations), len(world.devices))
    return {
        PAX8: 1 + sum(max(1, math.ceil(count / 200)) for count in pax8_lists),
        # A bare array says nothing of the end: an exactly full page costs one more call.
        NINJAONE: 1 + sum(count // 1000 + 1 for count in ninjaone_lists),
        BACKUP_CSV: 0,
    }
