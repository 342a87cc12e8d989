"""N-able N-central in the made-up MSP: customers with sites, and the devices at both.

Around what counts stand probes, devices of the service organization itself, a system customer,
and one customer's namesake under a second service organization.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

NABLE_NCENTRAL = "nable_ncentral"
PROFESSIONAL, ESSENTIAL = "Professional", "Essential"
UNTOLD_EVERY = 23
"""Every so many devices the server does not tell the licence mode."""
STALE_SHARE = 0.05

SERVERS = ("Servers - Windows",) * 5 + ("Servers - Generic",)
WORKSTATIONS = ("Workstations - Windows",) * 4 + (
    "Laptop - Windows",
    "Laptop - Windows",
    "Laptop - Mac",
    "Workstations - Mac",
    "Workstations - Generic",
)
OTHERS = ("Switch/Router", "Switch/Router", "Printer", "Firewall", "Storage", "Other")
CLASSES = {
    "servers": SERVERS,
    "workstations": WORKSTATIONS,
    "network_other": OTHERS,
    "total_essential": (*OTHERS, *WORKSTATIONS),
}


@dataclass(slots=True)
class ServiceOrg:
    """The provider, or a part of it; customers hang below."""

    id: int
    name: str


@dataclass(slots=True)
class Customer:
    """A customer; an org unit."""

    id: int
    name: str
    service_org_id: int
    is_system: bool = False


@dataclass(slots=True)
class Site:
    """A place of a customer; an org unit of the same id space."""

    id: int
    name: str
    customer_id: int


@dataclass(slots=True)
class NCentralDevice:
    """A device; it stands at a site, at a customer, or at the service organization itself."""

    id: int
    org_unit_id: int
    device_class: str
    license_mode: str | None
    checked_in_on: date
    is_probe: bool = False


@dataclass(slots=True)
class NCentralRecords:
    """All that one N-central server holds."""

    service_orgs: list[ServiceOrg] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    devices: list[NCentralDevice] = field(default_factory=list)


class NCentralWriter:
    """Appends the customers' records."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._held: NCentralRecords = world.at[NABLE_NCENTRAL]
        self._held.service_orgs += [ServiceOrg(50, "North MSP"), ServiceOrg(51, "South MSP")]
        self._last_unit = 100
        self._last_device = 1_299_930_000

    def write(self, _plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """One customer of the MSP for every name, each with a device before any has two."""
        customers = [self._customer(name) for name in account.names]
        account.ids.extend(str(customer.id) for customer in customers)
        for need in needs:
            service = str(need.offer.services[need.service])
            for index in range(int(need.vendor)):
                turn = index if index < len(customers) else self._rng.randrange(10**6)
                customer = customers[turn % len(customers)]
                mode = ESSENTIAL if service == "total_essential" else PROFESSIONAL
                self._device(customer, self._rng.choice(CLASSES[service]), mode)
        for customer in customers:
            self._probe(customer)

    def finish(self) -> None:
        """A namesake elsewhere, the server's own customer, and devices of no customer."""
        first = self._held.customers[0]
        namesake = self._customer(first.name, service_org_id=51)
        for _ in range(3):
            self._device(namesake, "Workstations - Windows", PROFESSIONAL)
        own = self._customer("System Devices")
        own.is_system = True
        self._device(own, "Servers - Windows", PROFESSIONAL)
        self._customer("Prospect without devices")
        for _ in range(2):
            self._device_at(50, "Servers - Windows", PROFESSIONAL)

    def _customer(self, name: str, service_org_id: int = 50) -> Customer:
        customer = Customer(self._next_unit(), name, service_org_id)
        self._held.customers.append(customer)
        for place in ("Main Office", "Warehouse", "Branch")[: self._rng.choice((0, 1, 2, 2, 3))]:
            self._held.sites.append(Site(self._next_unit(), place, customer.id))
        return customer

    def _next_unit(self) -> int:
        self._last_unit += self._rng.randint(1, 4)
        return self._last_unit

    def _probe(self, customer: Customer) -> None:
        probe = self._device_at(customer.id, "Servers - Windows", PROFESSIONAL)
        probe.is_probe = True

    def _device(self, customer: Customer, device_class: str, mode: str) -> NCentralDevice:
        places = [site.id for site in self._held.sites if site.customer_id == customer.id]
        return self._device_at(self._rng.choice([customer.id, *places]), device_class, mode)

    def _device_at(self, org_unit_id: int, device_class: str, mode: str) -> NCentralDevice:
        rng = self._rng
        self._last_device += rng.choice((1, 1, 1, 2, 9))
        days = rng.randint(60, 700) if rng.random() < STALE_SHARE else rng.randint(0, 2)
        is_untold = mode == PROFESSIONAL and self._last_device % UNTOLD_EVERY == 0
        device = NCentralDevice(
            id=self._last_device,
            org_unit_id=org_unit_id,
            device_class=device_class,
            license_mode=None if is_untold else mode,
            checked_in_on=self._as_of - timedelta(days=days),
        )
        self._held.devices.append(device)
        return device


SIDE = VendorSide(
    system=NABLE_NCENTRAL,
    share=0.85,
    family="managed",
    products=(
        PsaProduct("nc-server", "N-central Server Care", "95.00", "6.50"),
        PsaProduct("nc-ws", "N-central Workstation Care", "32.00", "2.75"),
        PsaProduct("nc-laptop", "N-central Laptop Care", "34.00", "2.75"),
        PsaProduct("nc-network", "N-central Network Care", "14.00", "2.00"),
        # The name that N-central's service carries here: it maps by itself.
        PsaProduct("nc-essential", "Total Devices (Essential)", "4.50", "0.60"),
    ),
    offers=(
        Offer("nc-servers", NABLE_NCENTRAL, ("servers",), ("nc-server",), "file", 0.8, 0.12),
        Offer(
            "nc-workstations",
            NABLE_NCENTRAL,
            ("workstations",),
            ("nc-ws", "nc-laptop"),
            "file",
            0.95,
            1.0,
        ),
        Offer("nc-network", NABLE_NCENTRAL, ("network_other",), ("nc-network",), "file", 0.6, 0.2),
        Offer(
            "nc-essential",
            NABLE_NCENTRAL,
            ("total_essential",),
            ("nc-essential",),
            "exact",
            0.4,
            0.15,
        ),
    ),
    # Without the devices whose licence mode is unknown: nobody has told the pipeline about those.
    services={
        "total_professional": "Total Devices (Professional)",
        "total_essential": "Total Devices (Essential)",
        "servers": "Servers (Professional)",
        "workstations": "Workstations (Professional)",
        "workstations_and_servers": "Workstations and Servers (Professional)",
        "network_other": "Network and Other Devices (Professional)",
    },
    records=NCentralRecords,
    writer=NCentralWriter,
)
