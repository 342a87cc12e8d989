"""N-able N-sight in the made-up MSP: clients with sites, and the devices there.

What a customer has is told as totals per client; each device also says which features it has.
"""

from dataclasses import dataclass, field
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

NABLE_NSIGHT = "nable_nsight"
TYPES = {"servers": "server", "workstations": "workstation", "mobile_devices": "mobile_device"}
FLAGS = ("takecontrol", "patch", "mav", "mob", "webprotection", "systray", "riskintelligence")


@dataclass(slots=True)
class NSightClient:
    """A client of the RMM."""

    id: int
    name: str
    site_ids: tuple[int, ...]


@dataclass(slots=True)
class NSightDevice:
    """A device at one of a client's sites, and the features switched on for it."""

    id: int
    client_id: int
    site_id: int
    type: str
    flags: frozenset[str]


@dataclass(slots=True)
class NSightRecords:
    """All that the RMM holds."""

    clients: list[NSightClient] = field(default_factory=list)
    devices: list[NSightDevice] = field(default_factory=list)


class NSightWriter:
    """Appends the customers' records."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._held: NSightRecords = world.at[NABLE_NSIGHT]

    def write(self, _plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """One client for every name; a device at each before any has two."""
        clients = [self.client(name) for name in account.names]
        account.ids.extend(str(client.id) for client in clients)
        for need in needs:
            kind = TYPES[str(need.offer.services[need.service])]
            for index in range(int(need.vendor)):
                turn = index if index < len(clients) else self._rng.randrange(10**6)
                self._device(clients[turn % len(clients)], kind)

    def finish(self) -> None:
        """A client that has nothing yet: it is listed with zeros."""
        self.client("New client without devices")

    def client(self, name: str) -> NSightClient:
        """A new client with one or two sites."""
        number = 123_456_789 + 10 * len(self._held.clients)
        sites = tuple(number // 4 + place for place in range(self._rng.randint(1, 2)))
        client = NSightClient(number, name, sites)
        self._held.clients.append(client)
        return client

    def _device(self, client: NSightClient, kind: str) -> None:
        rng = self._rng
        flags = frozenset(flag for flag in FLAGS if rng.random() < 0.6)  # noqa: PLR2004 most have it
        number = 30_000_192 + 2 * len(self._held.devices)
        site = rng.choice(client.site_ids)
        self._held.devices.append(NSightDevice(number, client.id, site, kind, flags))


SIDE = VendorSide(
    system=NABLE_NSIGHT,
    share=0.5,
    family="managed",
    products=(
        PsaProduct("nsight-server", "Server Monitoring (N-sight)", "75.00", "14.00"),
        PsaProduct("nsight-workstation", "Workstation Monitoring (N-sight)", "18.00", "2.60"),
        PsaProduct("nsight-mobile", "Mobile Devices", "4.50", "0.90"),
    ),
    offers=(
        Offer("nsight-servers", NABLE_NSIGHT, ("servers",), ("nsight-server",), "file", 0.8, 0.1),
        Offer(
            "nsight-workstations",
            NABLE_NSIGHT,
            ("workstations",),
            ("nsight-workstation",),
            "file",
            0.9,
            0.9,
        ),
        Offer(
            "nsight-mobiles",
            NABLE_NSIGHT,
            ("mobile_devices",),
            ("nsight-mobile",),
            "exact",
            0.4,
            0.3,
        ),
    ),
    services={
        "total_devices": "Total Devices",
        "servers": "Servers",
        "workstations": "Workstations",
        "mobile_devices": "Mobile Devices",
    },
    records=NSightRecords,
    writer=NSightWriter,
)
