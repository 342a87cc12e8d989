"""A Veeam console in the made-up MSP: companies, their locations' counters, their licences.

A company's units stand at several locations. Around what counts stand disabled companies, a
reseller's customers, a company that is gone, traffic, a counter nobody knows, and new licences.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from reconcile_pipeline.simulators.world.catalogue import Offer, PsaProduct
from reconcile_pipeline.simulators.world.plan import AccountPlan, Need, Plan
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendor_side import new_uuid
from reconcile_pipeline.simulators.world.vendors.side import VendorSide

VEEAM_VSPC = "veeam_vspc"
TERABYTE = 1024**4
DISABLED_EVERY, RESOLD_EVERY = 7, 5
NEW_COUNTER = "ManagedQuantumVms"
"""A counter of a version that is not out yet."""

OBJECTS = {
    "ManagedVms": "Managed VMs",
    "ManagedCloudVms": "Managed cloud VMs",
    "ManagedCdpVms": "Managed VMs with CDP",
    "ManagedServerAgents": "Managed server agents",
    "ManagedWorkstationAgents": "Managed workstation agents",
    "ManagedAgentsWindowsDesktopOS": "Managed agents on desktop Windows",
    "ManagedAgentsWindowsServerOS": "Managed agents on Windows Server",
    "ManagedAgentsLinuxOS": "Managed agents on Linux",
    "ManagedAgentsMacOS": "Managed agents on macOS",
    "ManagedUsers": "Managed users",
    "BackedupVms": "Backed-up VMs",
    "ReplicatedVms": "Replicated VMs",
    "VmCloudBackups": "VMs in cloud backup",
    "ServerCloudBackups": "Servers in cloud backup",
    "WorkstationCloudBackups": "Workstations in cloud backup",
    "VmCloudReplicas": "VM cloud replicas",
    "ProtectedFileShares": "Protected file shares",
    "ProtectedObjectStorages": "Protected object storages",
    "PublicCloudProtectedFileShares": "Protected file shares in public clouds",
    "PublicCloudProtectedCloudDatabases": "Protected databases in public clouds",
    "Vb365ProtectedUsers": "Protected Microsoft 365 users",
    "Vb365ProtectedEducationalUsers": "Protected Microsoft 365 educational users",
    "Vb365ProtectedGroups": "Protected Microsoft 365 groups",
    "Vb365ProtectedSites": "Protected Microsoft 365 sites",
    "Vb365ProtectedTeams": "Protected Microsoft 365 teams",
}
STORAGE = {
    "CloudTotalUsage": "Cloud repository space used",
    "CloudRegularStorageUsage": "Cloud repository space used, regular storage",
    "CloudObjectStorageUsage": "Cloud repository space used, object storage",
    "CloudPerformanceTierBackupSize": "Cloud backups in the performance tier",
    "CloudCapacityTierBackupSize": "Cloud backups in the capacity tier",
    "CloudArchiveTierBackupSize": "Cloud backups in the archive tier",
    "CloudInsiderProtectionBackupSize": "Cloud backups under insider protection",
    "CloudRepositoryUsageByVm": "Cloud repository space used by VMs",
    "CloudRepositoryUsageByServerAgent": "Cloud repository space used by server agents",
    "CloudRepositoryUsageByWorkstationAgent": "Cloud repository space used by workstation agents",
    "CloudRepositoryUsageByUnknownFiles": "Cloud repository space used by unknown files",
    "VmCloudReplicaStorageUsage": "Storage used by VM cloud replicas",
    "VbrBackupSize": "Backup & Replication backups",
    "Vb365BackupSize": "Microsoft 365 backups",
    "Vb365ArchiveSize": "Microsoft 365 archives",
    "FileShareBackupSize": "File share backups",
    "FileShareArchiveSize": "File share archives",
    "FileShareSourceSize": "File share sources",
    "ObjectStorageBackupSize": "Object storage backups",
    "ObjectStorageArchiveSize": "Object storage archives",
    "ObjectStorageSourceSize": "Object storage sources",
    "PublicCloudBackupSize": "Public cloud backups",
    "PublicCloudArchiveSize": "Public cloud archives",
    "VdcVaultAzureFoundationCoreUsedSpace": "Data Cloud Vault Foundation, core",
    "VdcVaultAzureFoundationNonCoreUsedSpace": "Data Cloud Vault Foundation, non-core",
    "VdcVaultAzureAdvancedCoreUsedSpace": "Data Cloud Vault Advanced, core",
    "VdcVaultAzureAdvancedNonCoreUsedSpace": "Data Cloud Vault Advanced, non-core",
}
FLOWS = (
    "AgentCloudBackupDataTransferIn",
    "AgentCloudBackupDataTransferOut",
    "VbrCloudBackupsDataTransferIn",
    "VbrCloudBackupsDataTransferOut",
    "VbrCloudReplicaDataTransferIn",
    "VbrCloudReplicaDataTransferOut",
    "VmCloudReplicaComputeTime",
)
LICENCES = ("Server", "VM", "Cloud Backup (VM)")
SERVICES = {
    **OBJECTS,
    **{f"{counter}|TB": f"{name} (TB)" for counter, name in STORAGE.items()},
    **{f"licence|{name}": f"{name} licences" for name in LICENCES},
}


@dataclass(slots=True)
class VspcCompany:
    """A customer in the console."""

    id: str
    name: str
    status: str
    reseller_id: str | None
    external_id: str | None
    website: str | None


@dataclass(slots=True)
class VspcLocation:
    """A place of a company, and what was counted there on the last whole day."""

    id: str
    company_id: str
    counters: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class VspcLicence:
    """Licences of one kind that a company uses on one server; the new ones are among them."""

    company_id: str
    server: int
    workload: str
    used: int
    new: int


@dataclass(slots=True)
class VspcRecords:
    """All that one console holds."""

    companies: list[VspcCompany] = field(default_factory=list)
    locations: list[VspcLocation] = field(default_factory=list)
    licences: list[VspcLicence] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    """Ids: of the console itself, of two backup servers with one licence, of a cloud gateway."""


class VspcWriter:
    """Appends the customers' records."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._held: VspcRecords = world.at[VEEAM_VSPC]
        self._held.servers += [new_uuid(rng) for _ in range(4)]
        self._reseller = new_uuid(rng)

    def write(self, plan: Plan | None, account: AccountPlan, needs: list[Need]) -> None:
        """One company for every name, its units spread over its locations."""
        external = str(plan.company.id) if plan else None
        companies = [self._company(name, external) for name in account.names]
        account.ids.extend(company.id for company in companies)
        places = [self._locations(company) for company in companies]
        for need in needs:
            service = str(need.offer.services[need.service])
            shares = self._shares(int(need.vendor), len(companies))
            for company, held, share in zip(companies, places, shares, strict=True):
                if service.startswith("licence|"):
                    self._license(company, service.removeprefix("licence|"), share)
                elif service.endswith("|TB"):
                    self._store(held, service.removesuffix("|TB"), share)
                else:
                    for _ in range(share):
                        self._rng.choice(held).counters[service] += 1
        for held in places:
            self._clutter(held[0])

    def finish(self) -> None:
        """A company that was deleted since that day, and what the first one has of everything."""
        gone = VspcLocation(new_uuid(self._rng), new_uuid(self._rng))
        gone.counters.update({"ManagedVms": 4, "Vb365ProtectedUsers": 9})
        self._held.locations.append(gone)
        first = self._held.locations[0].counters
        first.update({FLOWS[0]: 7 * 1024**3, FLOWS[6]: 3600, NEW_COUNTER: 2})
        for company in self._held.companies[:2]:
            self._held.licences.append(VspcLicence(company.id, 3, LICENCES[2], 3, 2))

    def _company(self, name: str, external: str | None) -> VspcCompany:
        number = len(self._held.companies)
        company = VspcCompany(
            id=new_uuid(self._rng),
            name=name,
            status="Disabled" if number % DISABLED_EVERY == DISABLED_EVERY - 1 else "Active",
            reseller_id=self._reseller if number % RESOLD_EVERY == 0 else None,
            external_id=f"CW-{external}" if external and number % 2 else None,
            website=f"https://customer{number}.example" if number % 3 else None,
        )
        self._held.companies.append(company)
        return company

    def _locations(self, company: VspcCompany) -> list[VspcLocation]:
        return [self._location(company.id) for _ in range(self._rng.choice((1, 1, 2, 2, 3)))]

    def _location(self, company_id: str) -> VspcLocation:
        place = VspcLocation(new_uuid(self._rng), company_id)
        self._held.locations.append(place)
        return place

    def _shares(self, units: int, count: int) -> list[int]:
        """The units of each company; no company gets a second unit before all have one."""
        shares = [0] * count
        for index in range(units):
            turn = index if index < count else self._rng.randrange(count)
            shares[turn] += 1
        return shares

    def _store(self, places: list[VspcLocation], counter: str, units: int) -> None:
        """Bytes that fill the last unit only in part, spread over the locations."""
        left = units * TERABYTE - self._rng.randrange(TERABYTE // 2) if units else 0
        if len(places) == 1:
            # Rounded at each place, two of them would make a unit too many.
            places.append(self._location(places[0].company_id))
        for place in places[1:]:
            part = self._rng.randint(1, left // 2) if units else 0
            place.counters[counter] += part
            left -= part
        places[0].counters[counter] += left

    def _license(self, company: VspcCompany, workload: str, units: int) -> None:
        """Charged licences on one or two servers; on the first, some that are still free."""
        servers = {"Server": (0, 1), "VM": (1, 2)}.get(workload, (3,))
        shares = self._shares(units, len(servers))
        for server, share in zip(servers, shares, strict=True):
            new = self._rng.choice((0, 0, 1, 3)) if server == servers[0] else 0
            if share + new:
                held = VspcLicence(company.id, server, workload, share + new, new)
                self._held.licences.append(held)

    def _clutter(self, place: VspcLocation) -> None:
        """What consoles count besides, and this MSP bills nobody for."""
        rng = self._rng
        sold = place.counters
        sold["ManagedAgentsWindowsServerOS"] += sold["ManagedServerAgents"]
        sold["ManagedAgentsWindowsDesktopOS"] += sold["ManagedWorkstationAgents"]
        sold["CloudRegularStorageUsage"] += sold["CloudTotalUsage"]
        sold["VbrBackupSize"] += rng.randrange(3 * TERABYTE)
        if sold["Vb365ProtectedUsers"]:
            sold["Vb365ProtectedSites"] += rng.randint(1, 9)
            sold["Vb365ProtectedEducationalUsers"] += rng.choice((0, 0, 4))
        if rng.random() < 0.3:  # noqa: PLR2004
            sold[rng.choice(FLOWS)] += rng.randint(1, 10**12)


SIDE = VendorSide(
    system=VEEAM_VSPC,
    share=0.8,
    family="backup",
    products=(
        PsaProduct("vspc-srv", "Veeam Server Backup", "55.00", "11.00"),
        PsaProduct("vspc-ws", "Veeam Workstation Backup", "9.00", "2.20"),
        # The names that the services carry here: they map by themselves.
        PsaProduct("vspc-m365", OBJECTS["Vb365ProtectedUsers"], "3.50", "1.10"),
        PsaProduct("vspc-cloud", SERVICES["CloudTotalUsage|TB"], "42.00", "14.00"),
        PsaProduct("vspc-vm-licence", "Veeam VM Licence", "14.00", "9.90"),
    ),
    offers=(
        Offer("vspc-srv", VEEAM_VSPC, ("ManagedServerAgents",), ("vspc-srv",), "file", 0.8, 0.12),
        Offer("vspc-ws", VEEAM_VSPC, ("ManagedWorkstationAgents",), ("vspc-ws",), "file", 0.5, 0.5),
        Offer("vspc-m365", VEEAM_VSPC, ("Vb365ProtectedUsers",), ("vspc-m365",), "exact", 0.6, 0.9),
        Offer(
            "vspc-cloud", VEEAM_VSPC, ("CloudTotalUsage|TB",), ("vspc-cloud",), "exact", 0.6, 0.1
        ),
        Offer(
            "vspc-licence",
            VEEAM_VSPC,
            ("licence|VM", "licence|Server"),
            ("vspc-vm-licence",),
            "file",
            0.4,
            0.1,
        ),
    ),
    services=SERVICES,
    records=VspcRecords,
    writer=VspcWriter,
)
