"""Datto RMM in a world: sites and devices, and what that RMM is known to get wrong about them.

Among them devices that were deleted, the system site they go to, sites whose devices are missing
from the account-wide list, and OnDemand sites, which are billed apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import cycle
from random import Random
from uuid import UUID

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

DATTO_RMM = "datto_rmm"
DELETED_UID = "DELETED"
"""Datto RMM: the system site's uid is no GUID; which text it is, nobody wrote down."""
SERVER, DESKTOP, LAPTOP, NETWORK = "Server", "Desktop", "Laptop", "Network Device"
UNKNOWN_CATEGORIES = (None, "Tablet", "Smart Display")
WEBROOT, DEFENDER = "Webroot", "Windows Defender"
ON_DEMAND = "ondemand_devices"
WEBROOT_SEATS = f"antivirus|{WEBROOT}"

SERVICES = {
    "total_devices": "Total Devices",
    "servers": "Servers",
    "esxi_hosts": "ESXi Hosts",
    "workstations": "Workstations",
    "workstations_and_servers": "Workstations and Servers",
    "network_devices": "Network Devices",
    "printers": "Printers",
    "other_devices": "Other Devices",
    ON_DEMAND: "OnDemand Devices",
    WEBROOT_SEATS: f"Antivirus: {WEBROOT}",
    f"antivirus|{DEFENDER}": f"Antivirus: {DEFENDER}",
}
PRODUCTS = (
    PsaProduct("datto-server", "RMM Server Care", "85.00", "6.10"),
    PsaProduct("datto-ws", "RMM Workstation Care", "31.00", "2.90"),
    PsaProduct("datto-network", "RMM Network Monitoring", "11.50", "2.90"),
    PsaProduct("datto-ondemand", SERVICES[ON_DEMAND], "4.25", "1.10"),
    PsaProduct("datto-av", SERVICES[WEBROOT_SEATS], "3.60", "1.35"),
)
OFFERS = (
    Offer("datto-servers", DATTO_RMM, ("servers",), ("datto-server",), "file", 0.8, 0.12),
    Offer("datto-ws", DATTO_RMM, ("workstations",), ("datto-ws",), "file", 1.0, 1.0),
    Offer("datto-network", DATTO_RMM, ("network_devices",), ("datto-network",), "file", 0.6, 0.2),
    Offer("datto-ondemand", DATTO_RMM, (ON_DEMAND,), ("datto-ondemand",), "exact", 0.3, 0.3),
    Offer("datto-av", DATTO_RMM, (WEBROOT_SEATS,), ("datto-av",), "exact", 0.5, 0.6),
)
MADE_OF = {
    "servers": ((SERVER, "device"),),
    "workstations": ((DESKTOP, "device"), (LAPTOP, "device"), ("desktop", "device")),
    "network_devices": ((NETWORK, "rmmnetworkdevice"), (None, "rmmnetworkdevice")),
    ON_DEMAND: ((LAPTOP, "device"), (DESKTOP, "device"), (SERVER, "device")),
}
"""By service: pairs of category and device class as the RMM writes them."""
CLUTTER = (
    ("ESXi Host", "esxihost"),
    ("Printer", "printer"),
    (None, "printer"),
    *((category, "unknown") for category in UNKNOWN_CATEGORIES),
)


@dataclass(slots=True)
class DattoSite:
    """A site; `autotask_id` is set where the Autotask integration knows the customer."""

    id: int
    uid: str
    name: str
    is_on_demand: bool = False
    autotask_id: str | None = None

    @property
    def is_system(self) -> bool:
        """The RMM's own site for what was deleted."""
        return self.uid == DELETED_UID


@dataclass(slots=True)
class DattoDevice:
    """A device; `antivirus` is the product it reports, None if it reports nothing."""

    id: int
    uid: str
    site_uid: str
    category: str | None
    device_class: str
    seen_on: date
    is_online: bool = True
    is_suspended: bool = False
    is_deleted: bool = False
    antivirus: str | None = None
    has_antivirus: bool = True
    """False where the product was found and is not running: NotDetected."""


@dataclass(slots=True)
class DattoRecords:
    """What the RMM holds of one account."""

    sites: list[DattoSite] = field(default_factory=list)
    devices: list[DattoDevice] = field(default_factory=list)


def is_in_account_list(device: DattoDevice, site: DattoSite | None) -> bool:
    """Datto RMM, known fault: the account's list lacks a third of the devices of some sites."""
    return site is None or site.is_system or site.id % 9 != 4 or device.id % 3 != 0  # noqa: PLR2004


def counts_deleted(site: DattoSite) -> bool:
    """Datto RMM: whether a site's total has its deleted devices is not documented; some do."""
    return site.id % 5 == 2  # noqa: PLR2004


def announced(site: DattoSite, devices: list[DattoDevice]) -> int:
    """The total that a site claims; `devices` are its own."""
    with_deleted = site.is_system or counts_deleted(site)
    return sum(with_deleted or not device.is_deleted for device in devices)


class Writer:
    """Fills sites with devices that count to the customers' needs, and with others."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._as_of = world.as_of
        self._records: DattoRecords = world.at[DATTO_RMM]
        self._clutter = cycle(CLUTTER)
        self._last_device = 770_000

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """One site per name, and an OnDemand site where the customer has that."""
        counts = {str(need.offer.services[need.service]): int(need.vendor) for need in needs}
        sites = [self._site(name) for name in account.names]
        for service, pairs in MADE_OF.items():
            if service != ON_DEMAND:
                self._fill(sites, pairs, counts.get(service, 0))
        self._add_antivirus(sites[0], counts.get(WEBROOT_SEATS, 0))
        for site in sites:
            self._add_clutter(site)
        if ON_DEMAND in counts:
            site = self._site(f"{account.names[0][:40]} (OnDemand)", is_on_demand=True)
            self._fill([site], MADE_OF[ON_DEMAND], counts[ON_DEMAND])
            for device in self._at(site):
                device.antivirus = WEBROOT
            account.names.append(site.name)
            # No company is called so: a person had to map it, and then maps the others, too.
            account.is_in_mappings = True
            sites.append(site)
        account.ids.extend(site.uid for site in sites)
        if plan is not None and self._rng.random() < 0.4:  # noqa: PLR2004
            sites[0].autotask_id = str(29_000_000 + plan.company.id)

    def finish(self) -> None:
        """The RMM's own site, with what was deleted over the years."""
        system = DattoSite(2, DELETED_UID, "Deleted Devices")
        self._records.sites.insert(0, system)
        for number in range(9):
            device = self._device(system, DESKTOP, "device")
            device.is_deleted, device.is_online = number % 2 == 0, False

    def _site(self, name: str, *, is_on_demand: bool = False) -> DattoSite:
        number = len(self._records.sites) + 3
        site = DattoSite(number, self._uid(), name, is_on_demand)
        self._records.sites.append(site)
        return site

    def _fill(
        self, sites: list[DattoSite], pairs: tuple[tuple[str | None, str], ...], count: int
    ) -> None:
        rng = self._rng
        for index in range(count):
            # Every site gets a device first: an empty site would prove nothing.
            place = index if index < len(sites) else rng.randrange(10**6)
            device = self._device(sites[place % len(sites)], *rng.choice(pairs))
            # Suspended devices are managed all the same.
            device.is_suspended = rng.random() < 0.05  # noqa: PLR2004

    def _add_antivirus(self, site: DattoSite, count: int) -> None:
        """So many seats on devices of the first site, which gets more devices where it is small."""
        own = [device for device in self._at(site) if device.device_class == "device"]
        while len(own) < count:
            own.append(self._device(site, self._rng.choice(UNKNOWN_CATEGORIES), "device"))
        for device in own[:count]:
            device.antivirus = WEBROOT
        for device in own[count:]:
            device.antivirus = self._rng.choice((DEFENDER, WEBROOT, None))
            device.has_antivirus = device.antivirus != WEBROOT

    def _add_clutter(self, site: DattoSite) -> None:
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            # In turn, so that even a small world has each of them.
            self._device(site, *next(self._clutter))
        for _ in range(self._rng.choice((1, 1, 2) if counts_deleted(site) else (0, 0, 1, 2))):
            gone = self._device(site, self._rng.choice((SERVER, LAPTOP)), "device")
            gone.is_deleted, gone.is_online = True, False

    def _device(self, site: DattoSite, category: str | None, device_class: str) -> DattoDevice:
        rng = self._rng
        self._last_device += 1 if rng.random() < 0.9 else 5  # noqa: PLR2004 gaps, as after deletions
        device = DattoDevice(
            id=self._last_device,
            uid=self._uid(),
            site_uid=site.uid,
            category=category,
            device_class=device_class,
            seen_on=self._as_of - timedelta(days=rng.randint(0, 40)),
            is_online=rng.random() < 0.88,  # noqa: PLR2004 switched off, still billed
        )
        self._records.devices.append(device)
        return device

    def _at(self, site: DattoSite) -> Iterator[DattoDevice]:
        return (device for device in self._records.devices if device.site_uid == site.uid)

    def _uid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))


SIDE = VendorSide(
    system=DATTO_RMM,
    share=0.7,
    family="managed",
    products=PRODUCTS,
    offers=OFFERS,
    services=SERVICES,
    records=DattoRecords,
    writer=Writer,
)
