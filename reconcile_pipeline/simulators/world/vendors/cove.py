"""Cove in the made-up MSP: partners above and below each other, devices, Microsoft 365 tenants.

Around what counts stands what nobody may count: trials, the recycle bin, demo devices, devices
that were never installed; and devices deleted this month, which only its maximum counts.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendor_side import new_uuid
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

COVE = "cove"
ROOT = 2_000_000
"""The MSP's own partner: above all others, and in no list."""
ROOT_NAME = "Northgate Managed IT (owner@northgate.example)"
GB = 2**30
PHYSICALITIES = {"physical_servers": "Physical", "virtual_servers": "Virtual"}
SITE_SHARE = 0.4
SOURCES = {1: "D1D2", 2: "D19D20D5D23"}


@dataclass(slots=True)
class CovePartner:
    """A partner of any level; times are Unix seconds."""

    id: int
    parent_id: int
    name: str
    level: str
    state: str
    external_code: str
    uid: str
    created_at: int


@dataclass(slots=True)
class CoveDevice:
    """A backup device (`account_type` 1) or a Microsoft 365 tenant (2); None: column is absent.

    `os_type` is 0 undefined, 1 workstation, 2 server; `recovery` 0 none, 1 recovery testing,
    2 standby image. The `most_` fields are the highest of the month.
    """

    id: int
    partner_id: int
    name: str
    account_type: int
    os_type: int
    physicality: str
    product: str
    created_at: int
    last_seen_at: int | None
    recovery: int = 0
    used_bytes: int | None = None
    selected_bytes: int | None = None
    users: int | None = None
    most_used_bytes: int = 0
    most_users: int = 0
    is_demo: bool = False
    deleted_at: int | None = None


@dataclass(slots=True)
class CoveRecords:
    """What Cove holds; `deleted` are devices that were deleted this month."""

    partners: list[CovePartner] = field(default_factory=list)
    devices: list[CoveDevice] = field(default_factory=list)
    deleted: list[CoveDevice] = field(default_factory=list)


def sku_tells_physicality(device: CoveDevice) -> bool:
    """Some SKUs of the month's report say what a server runs on."""
    return device.id % 5 != 0


class CoveWriter:
    """Appends customers with their sites and devices to a world."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._records: CoveRecords = world.at[COVE]
        self._last_partner = ROOT + 100
        self._last_device = 990_000

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """An end customer per name, some with sites; units lie on all of them."""
        customers = []
        for name in account.names:
            customer = self._partner(ROOT, name, "EndCustomer")
            if plan is not None and plan.company.id % 3 == 0:
                customer.external_code = f"PSA-{plan.company.id}"
            account.ids.append(str(customer.id))
            customers.append([customer])
            if self._rng.random() < SITE_SHARE:
                site = self._partner(customer.id, f"{name[:36]} Warehouse", "Site")
                customers[-1].append(site)
        for need in needs:
            self._write_need(customers, need)

    def finish(self) -> None:
        """What may not be counted, or not be counted where it stands; once in every world."""
        rng = self._rng
        customer = next(p for p in self._records.partners if p.level == "EndCustomer")
        self._device(customer, "workstations").is_demo = True
        never_ran = self._device(customer, "workstations")
        never_ran.os_type, never_ran.physicality, never_ran.product = 0, "Undefined", "All-In"
        never_ran.used_bytes = never_ran.selected_bytes = never_ran.last_seen_at = None
        # A fresh tenant: no billable user yet, so the column is absent.
        self._tenant(customer, 0).users = None
        trial = self._partner(ROOT, "Kestrel Catering (trial)", "EndCustomer", state="InTrial")
        trial_site = self._partner(customer.id, f"{customer.name[:30]} Pop-up Store", "Site")
        trial_site.state = "InTrial"
        recycled = self._partner(ROOT, "Northgate Recycle Bin", "EndCustomer")
        reseller = self._partner(ROOT, "Harbor Point Resellers", "Reseller")
        for partner in (trial, trial_site, recycled, reseller):
            self._device(partner, "virtual_servers")
            self._tenant(partner, rng.randint(2, 30))
        # Below a reseller and below no customer: an account of its own, which nobody mapped.
        alone = self._partner(reseller.id, "Harbor Point Showroom", "Site")
        self._device(alone, "documents")
        # The MSP's own devices, whose partner is in no list.
        own = self._device(customer, "physical_servers")
        own.partner_id = ROOT
        for service in ("physical_servers", "virtual_servers", "workstations", "documents"):
            for _ in range(2):
                self._delete(self._device(customer, service))
        self._delete(self._tenant(customer, 11))
        for number, device in enumerate(self._records.devices):
            if number % 4 == 0 and device.used_bytes is not None:
                device.most_used_bytes += 7 * GB
            if number % 4 == 0 and device.users is not None:
                device.most_users += 3

    def _write_need(self, customers: list[list[CovePartner]], need: Need) -> None:
        service = str(need.offer.services[need.service])
        total = int(need.vendor)
        if service == "microsoft_365_users":
            share, rest = divmod(total, len(customers))
            for number, places in enumerate(customers):
                users = share + (rest if number == 0 else 0)
                if users:
                    self._tenant(self._rng.choice(places), users)
            return
        for index in range(total):
            # Every account gets a device first: an empty account would prove nothing.
            number = index if index < len(customers) else self._rng.randrange(10**6)
            places = customers[number % len(customers)]
            self._device(self._rng.choice(places), service)

    def _partner(
        self, parent_id: int, name: str, level: str, *, state: str = "InProduction"
    ) -> CovePartner:
        self._last_partner += self._rng.randint(1, 9)
        created = self._as_of - timedelta(days=self._rng.randint(60, 2000))
        uid = new_uuid(self._rng)
        partner = CovePartner(
            self._last_partner, parent_id, name, level, state, "", uid, seconds(created)
        )
        self._records.partners.append(partner)
        return partner

    def _device(self, partner: CovePartner, service: str) -> CoveDevice:
        rng = self._rng
        is_server = service in PHYSICALITIES
        self._last_device += rng.choice((1, 1, 1, 4))
        size = rng.randint(2_000, 90_000)
        device = CoveDevice(
            self._last_device,
            partner.id,
            f"{'SRV' if is_server else 'PC'}{self._last_device % 1000:03}",
            account_type=1,
            os_type=2 if is_server else 1,
            physicality=PHYSICALITIES.get(service) or rng.choice(("Physical",) * 4 + ("Virtual",)),
            product="Documents" if service == "documents" else "All-In",
            created_at=seconds(self._as_of - timedelta(days=rng.randint(40, 1500))),
            last_seen_at=seconds(self._as_of) - rng.randint(0, 90_000),
            recovery=rng.choice((0, 0, 0, 1, 2)) if is_server else 0,
            used_bytes=hundredths_of_gb(size),
            selected_bytes=hundredths_of_gb(size * rng.randint(1, 5)),
        )
        device.most_used_bytes = device.used_bytes or 0
        self._records.devices.append(device)
        return device

    def _tenant(self, partner: CovePartner, users: int) -> CoveDevice:
        self._last_device += 1
        tenant = CoveDevice(
            self._last_device,
            partner.id,
            f"m365-{partner.id}",
            account_type=2,
            os_type=0,
            physicality="Undefined",
            product="All-In",
            created_at=seconds(self._as_of - timedelta(days=self._rng.randint(40, 900))),
            last_seen_at=seconds(self._as_of) - self._rng.randint(0, 90_000),
            users=users,
            most_users=users,
        )
        self._records.devices.append(tenant)
        return tenant

    def _delete(self, device: CoveDevice) -> None:
        first = month_start(self._as_of)
        # One throw whatever the day, so that the rest of the world is the same on every day.
        day = first + timedelta(days=int(self._rng.random() * self._as_of.day))
        device.deleted_at = seconds(day)
        self._records.devices.remove(device)
        self._records.deleted.append(device)


def seconds(day: date) -> int:
    """Unix seconds of a day's beginning."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def hundredths_of_gb(size: int) -> int:
    """Bytes of so many hundredths of a GB."""
    return int(Decimal(size) * GB / 100)


SIDE = VendorSide(
    system=COVE,
    share=0.75,
    family="backup",
    products=(
        PsaProduct("cove-m365", "Microsoft 365 Backup per User", "4.50", "1.60"),
        PsaProduct("cove-server", "Server Backup and Recovery", "79.00", "28.00"),
        PsaProduct("cove-ws", "Workstation Backup and Recovery", "12.50", "4.10"),
        PsaProduct("cove-docs", "Documents", "3.25", "0.95"),
    ),
    offers=(
        Offer("cove-m365", COVE, ("microsoft_365_users",), ("cove-m365",), "file", 0.7, 0.9),
        Offer(
            "cove-server",
            COVE,
            ("physical_servers", "virtual_servers"),
            ("cove-server",),
            "file",
            0.7,
            0.12,
        ),
        Offer("cove-ws", COVE, ("workstations",), ("cove-ws",), "file", 0.5, 0.3),
        Offer("cove-docs", COVE, ("documents",), ("cove-docs",), "exact", 0.4, 0.4),
    ),
    services={
        "physical_servers": "Physical Servers",
        "virtual_servers": "Virtual Servers",
        "total_servers": "Total Servers",
        "physical_workstations": "Physical Workstations",
        "virtual_workstations": "Virtual Workstations",
        "workstations": "Workstations",
        "documents": "Documents",
        "recovery_testing": "Recovery Testing",
        "standby_image": "Standby Image",
        "microsoft_365_users": "Microsoft 365 Users",
        "used_storage_gb": "Used Storage (GB)",
        "selected_size_gb": "Selected Size (GB)",
        "storage_over_fair_use_gb": "Storage over Fair Use (GB)",
    },
    records=CoveRecords,
    writer=CoveWriter,
)
