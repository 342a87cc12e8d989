"""The billing errors planted in the world: each bends one customer's plan and notes what follows.

Every error lives at a customer of its own, so that no two of them touch the same card. What is
noted here is the intent; `truth` works the same out from the finished records, and a test holds
the two against each other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from reconcile_pipeline.model import Finding
from reconcile_pipeline.simulators.world.catalogue import OFFER, Offer
from reconcile_pipeline.simulators.world.plan import Need, Plan, add_account, add_need, other_name
from reconcile_pipeline.simulators.world.records import BACKUP_CSV, NINJAONE, PAX8

ORDINARY = tuple(
    OFFER[key]
    for key in ("servers", "network", "bs-monthly", "proof", "webroot", "srv-img", "saas-seat")
)
"""Offers of one product and one service, at every vendor: where a simple error is planted."""


@dataclass(slots=True)
class Note:
    """One planted error: the card it leads to, and the record kept out because of it, if any.

    `exclusion` is (kind, reason): `agreement` looks up the plan's agreement of that error.
    """

    error: str
    plan: Plan
    offer: Offer
    finding: Finding
    qty_psa: Decimal | None
    qty_vendor: Decimal | None
    exclusion: tuple[str, str] | None = None
    details: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Planter:
    """The dice and the names in use, handed to every error."""

    rng: Random
    taken: set[str]
    make_twin: Callable[[Plan], None]

    def need(self, plan: Plan, offer: Offer) -> Need:
        """The customer's need of the offer, created with its account where missing; never zero."""
        add_account(self.rng, plan, offer.vendor, self.taken)
        need = add_need(self.rng, plan, offer)
        if not need.vendor:
            need.vendor = need.psa = Decimal(self.rng.randint(2, 9))
        return need

    def ordinary(self, plan: Plan) -> Need:
        """A need of some simple offer."""
        return self.need(plan, self.rng.choice(ORDINARY))


def missed_onboarding(dice: Planter, plan: Plan) -> list[Note]:
    """The customer hired; the vendor counts more than the lines bill."""
    need = dice.ordinary(plan)
    need.vendor += dice.rng.randint(1, 6)
    return [_note("missed_onboarding", plan, need, Finding.UNDER_BILLED)]


def missed_offboarding(dice: Planter, plan: Plan) -> list[Note]:
    """People left; the lines still bill them."""
    need = dice.ordinary(plan)
    need.psa = need.vendor + dice.rng.randint(1, 6)
    return [_note("missed_offboarding", plan, need, Finding.OVER_BILLED)]


def cancelled_agreement(dice: Planter, plan: Plan) -> list[Note]:
    """The agreement was cancelled, its lines were not, and the service goes on."""
    return [_off_the_books(dice, plan, "cancelled_agreement", "cancelled")]


def no_billing_cycle(dice: Planter, plan: Plan) -> list[Note]:
    """Somebody set the billing cycle to None: nothing on the agreement is ever invoiced."""
    return [_off_the_books(dice, plan, "no_billing_cycle", "no_billing_cycle")]


def recycle_bin_twin(dice: Planter, plan: Plan) -> list[Note]:
    """A deleted company of the same name still holds an agreement with lines."""
    need = dice.ordinary(plan)
    account = plan.accounts[need.offer.vendor]
    account.names, account.is_in_mappings = [plan.company.name], False
    dice.make_twin(plan)
    note = _note("recycle_bin_twin", plan, need, Finding.MATCH)
    note.exclusion = ("company", "deleted")
    return [note]


def inactive_vendor_account(dice: Planter, plan: Plan) -> list[Note]:
    """The distributor set the customer inactive: its subscriptions can't be trusted."""
    dice.need(plan, OFFER["bs-monthly"])
    plan.accounts[PAX8].is_active = False
    notes = []
    for need in plan.needs_at(PAX8):
        note = _note("inactive_vendor_account", plan, need, Finding.NO_VENDOR_FIGURE)
        note.qty_vendor, note.exclusion = None, ("account", "inactive")
        notes.append(note)
    return notes


def no_term_twin(dice: Planter, plan: Plan) -> list[Note]:
    """The product was mapped to the version without a term, which never counts anything."""
    need = dice.need(plan, OFFER["keeper"])
    note = _note("no_term_twin", plan, need, Finding.NO_VENDOR_FIGURE)
    note.qty_vendor = None
    return [note]


def many_sites(dice: Planter, plan: Plan) -> list[Note]:
    """One company, several accounts at a vendor: only their sum compares."""
    vendor = dice.rng.choice((NINJAONE, BACKUP_CSV))
    need = dice.need(plan, OFFER["workstations" if vendor == NINJAONE else "saas-seat"])
    need.vendor += 6
    need.psa = need.vendor
    names = [other_name(dice.rng, plan.company, dice.taken)]
    sites = ("North", "South")[: dice.rng.randint(1, 2)]
    names.extend(f"{plan.company.name[:38]} - {site}" for site in sites)
    account = plan.accounts[vendor]
    account.names, account.is_in_mappings = names, True
    return [_note("many_sites", plan, need, Finding.MATCH)]


def many_sites_mismatch(dice: Planter, plan: Plan) -> list[Note]:
    """As `many_sites`, with a site that nobody bills."""
    note = many_sites(dice, plan)[0]
    need = plan.needs[note.offer.key]
    need.vendor += 3
    return [_note("many_sites", plan, need, Finding.UNDER_BILLED)]


def several_products(dice: Planter, plan: Plan) -> list[Note]:
    """Three PSA products bill one vendor service: only their sum compares."""
    need = dice.need(plan, OFFER["workstations"])
    need.vendor += 6
    need.psa, need.product_count = need.vendor, 3
    return [_note("several_products", plan, need, Finding.MATCH)]


def several_products_mismatch(dice: Planter, plan: Plan) -> list[Note]:
    """As `several_products`, with units that none of the three bills."""
    need = plan.needs[several_products(dice, plan)[0].offer.key]
    need.vendor += dice.rng.randint(1, 5)
    return [_note("several_products", plan, need, Finding.UNDER_BILLED)]


def renamed_service(dice: Planter, plan: Plan) -> list[Note]:
    """The vendor renamed the service, so the product's name no longer finds it."""
    note = _note("renamed_service", plan, dice.need(plan, OFFER["skyvault"]), Finding.NOT_CONNECTED)
    note.qty_vendor = None
    return [note]


def usage_without_line(dice: Planter, plan: Plan) -> list[Note]:
    """The service is used and was never put on an agreement."""
    need = dice.ordinary(plan)
    need.psa = None
    return [_note("usage_without_line", plan, need, Finding.NEW_REVENUE)]


def line_without_account(dice: Planter, plan: Plan) -> list[Note]:
    """A line bills a vendor at which the customer has no account."""
    vendor = dice.rng.choice((PAX8, NINJAONE, BACKUP_CSV))
    for need in plan.needs_at(vendor):
        del plan.needs[need.offer.key]
    plan.accounts.pop(vendor, None)
    offers = [offer for offer in ORDINARY if offer.vendor == vendor]
    need = add_need(dice.rng, plan, dice.rng.choice(offers))
    need.psa, need.vendor = Decimal(dice.rng.randint(2, 20)), Decimal(0)
    note = _note("line_without_account", plan, need, Finding.NO_VENDOR_FIGURE)
    note.qty_vendor = None
    return [note]


def line_with_zero_usage(dice: Planter, plan: Plan) -> list[Note]:
    """The customer's account is there and has nothing left of a service that is still billed."""
    need = dice.ordinary(plan)
    need.vendor = Decimal(0)
    return [_note("line_with_zero_usage", plan, need, Finding.OVER_BILLED)]


def unmapped_account(dice: Planter, plan: Plan) -> list[Note]:
    """The vendor spells the customer differently and nobody mapped the account."""
    offer = dice.need(plan, dice.rng.choice(ORDINARY)).offer
    account = plan.accounts[offer.vendor]
    account.names, account.is_in_mappings = [other_name(dice.rng, plan.company, dice.taken)], False
    notes = []
    for need in plan.needs_at(offer.vendor):
        note = _note("unmapped_account", plan, need, Finding.NO_VENDOR_FIGURE)
        note.qty_vendor = None
        notes.append(note)
    return notes


ERRORS: tuple[Callable[[Planter, Plan], list[Note]], ...] = (
    missed_onboarding,
    missed_offboarding,
    cancelled_agreement,
    recycle_bin_twin,
    no_billing_cycle,
    inactive_vendor_account,
    no_term_twin,
    many_sites,
    many_sites_mismatch,
    several_products,
    several_products_mismatch,
    renamed_service,
    usage_without_line,
    line_without_account,
    line_with_zero_usage,
    unmapped_account,
)


def plant(dice: Planter, plans: list[Plan], times: int) -> list[Note]:
    """Plant every error `times` times, each at a customer of its own, chosen by the dice."""
    victims = dice.rng.sample(plans, len(ERRORS) * times)
    notes: list[Note] = []
    for error in ERRORS:
        for _ in range(times):
            plan = victims.pop()
            plan.error = error.__name__
            notes.extend(error(dice, plan))
    return notes


def _off_the_books(dice: Planter, plan: Plan, error: str, reason: str) -> Note:
    """The lines stand on an agreement that is out of scope; the vendor goes on counting."""
    need = dice.ordinary(plan)
    need.home = error
    note = _note(error, plan, need, Finding.NEW_REVENUE)
    note.qty_psa, note.exclusion = None, ("agreement", reason)
    return note


def _note(error: str, plan: Plan, need: Need, finding: Finding) -> Note:
    return Note(error, plan, need.offer, finding, need.psa, need.vendor)
