"""What each made-up customer buys, before it is written into any system.

A plan says what the vendors will count and what the PSA's lines will sum to; while the two agree
the customer is billed right. `planted` bends plans, the emitters write them down.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from reconcile_pipeline.simulators.world.catalogue import OFFERS, Offer
from reconcile_pipeline.simulators.world.names import variant
from reconcile_pipeline.simulators.world.records import BACKUP_CSV, NINJAONE, PAX8, Company

VENDOR_SHARE = {NINJAONE: 0.9, PAX8: 0.85, BACKUP_CSV: 0.65}
DIFFERENT_NAME_SHARE = 0.1
ZERO_LINE_SHARE = 0.03
SERVICES_IN_USE_AT_LEAST = 2


@dataclass(slots=True)
class Need:
    """One customer × one offer: `vendor` units really used, `psa` units on lines in force.

    `psa` None means that no line is in scope. `home` is the agreement family the lines stand on;
    a family named after an error is out of scope.
    """

    offer: Offer
    vendor: Decimal
    psa: Decimal | None
    home: str
    product_count: int = 1
    service: int = 0
    """Which of the offer's services this customer uses."""


@dataclass(slots=True)
class AccountPlan:
    """A customer at one vendor: one name per site, and whether a person mapped it."""

    names: list[str]
    is_in_mappings: bool = False
    is_active: bool = True
    ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """One live customer of the MSP."""

    company: Company
    accounts: dict[str, AccountPlan] = field(default_factory=dict)
    needs: dict[str, Need] = field(default_factory=dict)
    error: str | None = None
    twin: Company | None = None
    agreements: dict[str, int] = field(default_factory=dict)
    """Agreement id by family, known once the PSA side is written."""

    def needs_at(self, vendor: str) -> list[Need]:
        """What the customer has from one vendor."""
        return [need for need in self.needs.values() if need.offer.vendor == vendor]


FAMILY = {NINJAONE: "managed", PAX8: "cloud", BACKUP_CSV: "backup"}


def make_plan(rng: Random, company: Company, taken: set[str]) -> Plan:
    """A customer that is billed exactly right; `taken` holds every account or company name."""
    plan = Plan(company)
    for vendor, share in VENDOR_SHARE.items():
        if rng.random() < share:
            add_account(rng, plan, vendor, taken)
    for offer in OFFERS:
        if offer.vendor in plan.accounts and rng.random() < offer.share:
            add_need(rng, plan, offer)
    return plan


def add_account(rng: Random, plan: Plan, vendor: str, taken: set[str]) -> AccountPlan:
    """Give the customer an account at the vendor, if it has none; most share the PSA's name."""
    if vendor in plan.accounts:
        return plan.accounts[vendor]
    plan.accounts[vendor] = make_account(rng, plan, taken)
    return plan.accounts[vendor]


def make_account(rng: Random, plan: Plan, taken: set[str]) -> AccountPlan:
    """An account of the customer; most share the PSA's name, the others a person mapped."""
    if rng.random() < DIFFERENT_NAME_SHARE:
        return AccountPlan([other_name(rng, plan.company, taken)], is_in_mappings=True)
    return AccountPlan([plan.company.name])


def add_need(rng: Random, plan: Plan, offer: Offer) -> Need:
    """Let the customer have the offer, with equal counts on both sides."""
    if offer.key in plan.needs:
        return plan.needs[offer.key]
    need = plan.needs[offer.key] = make_need(rng, plan, offer, FAMILY[offer.vendor])
    return need


def make_need(rng: Random, plan: Plan, offer: Offer, family: str) -> Need:
    """What the customer would have of the offer, with equal counts on both sides."""
    units = _units(rng, offer, plan.company.headcount)
    need = Need(
        offer,
        units,
        units,
        family,
        product_count=rng.randint(1, len(offer.products)),
        service=rng.randrange(len(offer.services)),
    )
    if offer.per_head < 1 and rng.random() < ZERO_LINE_SHARE:
        need.vendor = need.psa = Decimal(0)
    return need


def other_name(rng: Random, company: Company, taken: set[str]) -> str:
    """A spelling of the company's name that no company and no account has."""
    name = variant(rng, company.name, company.city)
    suffix = 2
    while name.casefold() in taken and not (name not in taken and name.isupper()):
        name = f"{company.name[:38]} #{suffix}"
        suffix += 1
    taken.update((name, name.casefold()))
    return name


def ensure_use(rng: Random, plans: Iterable[Plan], taken: set[str]) -> None:
    """Every mapped service is really used by a healthy customer, so that the vendor lists it."""
    healthy = [plan for plan in plans if plan.error is None]
    for offer in OFFERS:
        if not offer.share:
            continue
        for index in range(len(offer.services)):
            users = [p for p in healthy if _uses(p, offer.key, index)]
            others = [p for p in healthy if offer.key not in p.needs]
            for plan in others[: max(0, SERVICES_IN_USE_AT_LEAST - len(users))]:
                add_account(rng, plan, offer.vendor, taken)
                need = add_need(rng, plan, offer)
                need.service = index
                if not need.vendor:
                    need.vendor = need.psa = Decimal(3)


def _uses(plan: Plan, key: str, index: int) -> bool:
    need = plan.needs.get(key)
    return need is not None and need.service == index and need.vendor > 0


def _units(rng: Random, offer: Offer, headcount: int) -> Decimal:
    expected = headcount * offer.per_head * rng.uniform(0.7, 1.3)
    if offer.is_fractional:
        return max(Decimal(str(round(expected, 2))), Decimal("0.25"))
    return Decimal(max(1, round(expected)))
