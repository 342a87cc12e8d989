"""Writes plans into the vendors: subscriptions, devices and file rows that count to `need.vendor`.

Around them stands what a vendor's own lists are full of and nobody may count: cancelled and
future subscriptions, trials, devices that were never approved.
"""

import uuid
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

from reconcile_pipeline.simulators.world.catalogue import BACKUP_SERVICES, Offer, Term
from reconcile_pipeline.simulators.world.dates import month_end, month_start
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import (
    BACKUP_CSV,
    NINJAONE,
    PAX8,
    BackupRow,
    Device,
    Organization,
    Pax8Company,
    Pax8Product,
    Subscription,
    World,
)

PHYSICAL_SERVERS = ("WINDOWS_SERVER",) * 5 + ("LINUX_SERVER", "LINUX_SERVER", "MAC_SERVER")
VIRTUAL_SERVERS = (
    "VMWARE_VM_HOST",
    "HYPERV_VMM_HOST",
    "VMWARE_VM_GUEST",
    "HYPERV_VMM_GUEST",
    "NMS_VM_HOST",
    "NMS_VIRTUAL_MACHINE",
)
NODE_CLASSES = {
    "total_servers": (*PHYSICAL_SERVERS, "NMS_SERVER", *VIRTUAL_SERVERS),
    "total_workstations": ("WINDOWS_WORKSTATION",) * 8
    + ("MAC", "MAC", "LINUX_WORKSTATION", "NMS_COMPUTER"),
    "total_network_devices": (
        "NMS_SWITCH",
        "NMS_SWITCH",
        "NMS_WAP",
        "NMS_WAP",
        "NMS_ROUTER",
        "NMS_FIREWALL",
        "NMS_PRINTER",
        "NMS_PRIVATE_NETWORK_GATEWAY",
        "NMS_APPLIANCE",
        "NMS_SCANNER",
        "NMS_OTHER",
        "NMS_PHONE",
        "NMS_DIAL_MANAGER",
        "NMS_IPSLA",
        "NMS_NETWORK_MANAGEMENT_AGENT",
        "CLOUD_MONITOR_TARGET",
    ),
    "total_mobile_devices": ("ANDROID", "APPLE_IOS"),
}
ONLY_IN_TOTAL = ("UNMANAGED_DEVICE", "MANAGED_DEVICE")
NOT_APPROVED = ("PENDING", "STAGED", "DECOMMISSIONED")
DEAD_STATUSES = (
    "Cancelled",
    "PendingManual",
    "PendingAutomated",
    "WaitingForDetails",
    "PendingActivation",
    "Converted",
)
DEAD_SUBSCRIPTIONS = (*DEAD_STATUSES, "Trial", "OneTime", "TrialTerm", "Future", "Ended")


class VendorWriter:
    """Appends each vendor's records of a plan to a world."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._world = world
        self._as_of = world.as_of
        self._pax8_products = {product.key: product for product in world.pax8_products}
        self._next_account = 1201

    def write(self, plan: Plan) -> None:
        """Every account of the customer, with what it uses."""
        for vendor, account in plan.accounts.items():
            needs = plan.needs_at(vendor)
            if vendor == PAX8:
                self._write_pax8(plan, account, needs)
            elif vendor == NINJAONE:
                self._write_ninjaone(account, needs)
            elif vendor == BACKUP_CSV:
                self._write_backup(account, needs)

    def _write_pax8(self, plan: Plan, account: AccountPlan, needs: list[Need]) -> None:
        rng = self._rng
        status = "Active" if account.is_active else "Inactive"
        company = self.pax8_company(account.names[0], status, plan.company.city)
        is_same_name = account.names[0] == plan.company.name
        if is_same_name and rng.random() < 0.5:  # noqa: PLR2004 the partner fills it in sometimes
            company.external_id = str(plan.company.id)
        account.ids.append(company.id)
        for need in needs:
            self._write_subscriptions(company, need)
        for _ in range(rng.choice((1, 2, 2, 3))):
            self._write_dead_subscription(company)

    def pax8_company(self, name: str, status: str, city: str) -> Pax8Company:
        """A new customer of the distributor."""
        updated_on = self._as_of - timedelta(days=self._rng.randint(1, 500))
        company = Pax8Company(new_uuid(self._rng), name, status, city, None, updated_on)
        self._world.pax8_companies.append(company)
        return company

    def _write_subscriptions(self, company: Pax8Company, need: Need) -> None:
        """One to three subscriptions of one service, as staggered orders leave them."""
        rng = self._rng
        total = int(need.vendor)
        if not total:
            return
        cuts = sorted({rng.randint(1, total) for _ in range(rng.choice((0, 0, 1, 1, 2)))} - {total})
        edges = [0, *cuts, total]
        product, term = self._service(need.offer, need.service)
        parent = self._parent_of(company, need.offer)
        for low, high in pairwise(edges):
            subscription = self._subscription(company, product, term, high - low)
            subscription.parent_id = parent
            if rng.random() < 0.06:  # noqa: PLR2004 still provisioned until its end
                subscription.status = "PendingCancel"
                subscription.ends_on = rng.choice((None, month_end(self._as_of, rng.randint(0, 3))))
            elif rng.random() < 0.05:  # noqa: PLR2004
                subscription.status = "Activated"

    def subscribe(self, company: Pax8Company, product_key: str, quantity: int) -> Subscription:
        """One plain subscription of a product's first term version."""
        product = self._pax8_products[product_key]
        return self._subscription(company, product, product.terms[0], quantity)

    def _parent_of(self, company: Pax8Company, offer: Offer) -> str | None:
        """Phone add-ons hang below another subscription of the same customer, if there is one."""
        if offer.key != "phone":
            return None
        for subscription in reversed(self._world.subscriptions[-12:]):
            if subscription.company_id == company.id and subscription.parent_id is None:
                return subscription.id
        return None

    def _write_dead_subscription(self, company: Pax8Company) -> None:
        """A subscription that must not count, of any product."""
        rng = self._rng
        kind = rng.choice(DEAD_SUBSCRIPTIONS)
        product = rng.choice([p for p in self._world.pax8_products if p.key != "onboard"])
        term = rng.choice(product.terms)
        if kind in {"OneTime", "TrialTerm"}:
            product = self._pax8_products["onboard"]
            term = product.terms[0 if kind == "OneTime" else 1]
        dead = self._subscription(company, product, term, rng.randint(1, 40))
        if kind in DEAD_STATUSES or kind == "Trial":
            dead.status = kind
            if kind == "Cancelled":
                dead.ends_on = month_end(self._as_of, -rng.randint(1, 12))
        elif kind == "Future":
            dead.starts_on = month_start(self._as_of, rng.randint(1, 3))
        elif kind == "Ended":
            dead.status, dead.ends_on = "PendingCancel", month_end(self._as_of, -1)

    def _subscription(
        self, company: Pax8Company, product: Pax8Product, term: Term, quantity: int
    ) -> Subscription:
        starts_on = month_start(self._as_of, -self._rng.randint(0, 40))
        subscription = Subscription(
            id=new_uuid(self._rng),
            company_id=company.id,
            product_id=product.id,
            quantity=quantity,
            status="Active",
            billing_term=term[0],
            commitment_term=term[1],
            starts_on=starts_on,
        )
        if term[1]:
            subscription.commitment_ends_on = month_end(self._as_of, self._rng.randint(0, 11))
        self._world.subscriptions.append(subscription)
        return subscription

    def _service(self, offer: Offer, index: int) -> tuple[Pax8Product, Term]:
        reference = offer.services[index]
        if isinstance(reference, str):
            raise TypeError(f"Offer {offer.key} is not a Pax8 offer.")
        return self._pax8_products[reference[0]], reference[1]

    def _write_ninjaone(self, account: AccountPlan, needs: list[Need]) -> None:
        organizations = [self.organization(name) for name in account.names]
        account.ids.extend(str(organization.id) for organization in organizations)
        for need in needs:
            classes = NODE_CLASSES[str(need.offer.services[0])]
            for index in range(int(need.vendor)):
                # Every site gets a device first: an empty site would prove nothing.
                site = index if index < len(organizations) else self._rng.randrange(10**6)
                organization = organizations[site % len(organizations)]
                self.device(organization, self._rng.choice(classes), "APPROVED")
        for organization in organizations:
            for _ in range(self._rng.choice((0, 1, 2, 4))):
                classes = NODE_CLASSES[self._rng.choice(sorted(NODE_CLASSES))]
                self.device(organization, self._rng.choice(classes), self._rng.choice(NOT_APPROVED))
            for _ in range(self._rng.choice((0, 0, 0, 2))):
                self.device(organization, self._rng.choice(ONLY_IN_TOTAL), "APPROVED")

    def organization(self, name: str) -> Organization:
        """A new organization of the RMM with one or two locations."""
        number = len(self._world.organizations) + 2
        locations = tuple(range(number * 3, number * 3 + self._rng.randint(1, 2)))
        organization = Organization(number, name, locations)
        self._world.organizations.append(organization)
        return organization

    def device(self, organization: Organization, node_class: str, approval: str) -> Device:
        """A new device; ids rise with gaps, as after deletions."""
        rng = self._rng
        last = self._world.devices[-1].id if self._world.devices else 1000
        device = Device(
            id=last + (1 if rng.random() < 0.9 else 7),  # noqa: PLR2004
            organization_id=organization.id,
            location_id=rng.choice(organization.location_ids),
            node_class=node_class,
            approval=approval,
            is_offline=rng.random() < 0.12,  # noqa: PLR2004 switched off, still billed
            created_on=_recent(rng, self._as_of),
        )
        self._world.devices.append(device)
        return device

    def _write_backup(self, account: AccountPlan, needs: list[Need]) -> None:
        for name in account.names:
            # Leading zeros on purpose: an account id is text.
            account.ids.append(f"{self._next_account:06}")
            self._next_account += self._rng.randint(1, 5)
            if not needs:
                self._row(account.ids[-1], name, "cloud-tb", Decimal(0))
        sites = list(zip(account.ids, account.names, strict=True))
        for need in needs:
            key = str(need.offer.services[0])
            share = (need.vendor / len(sites)).quantize(
                Decimal("0.01") if need.offer.is_fractional else Decimal(1)
            )
            for account_id, name in sites[1:]:
                self._row(account_id, name, key, share)
            self._row(*sites[0], key, need.vendor - share * (len(sites) - 1))

    def _row(self, account_id: str, name: str, key: str, quantity: Decimal) -> None:
        row = BackupRow(account_id, name, key, BACKUP_SERVICES[key], quantity)
        self._world.backup_rows.append(row)


def new_uuid(rng: Random) -> str:
    """A seeded UUID, as the distributor's ids look."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _recent(rng: Random, as_of: date) -> date:
    return as_of - timedelta(days=rng.randint(3, 1500))
