"""What counts at Datto RMM: devices that were not deleted, at sites of customers.

Reasons: `deleted` wins over `deleted_devices_site`. A site whose own list was needed is noted as
`account_list_is_short`: some of its devices are missing from the account-wide list.
"""

import math
from collections import defaultdict

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.datto_rmm import (
    DATTO_RMM,
    ON_DEMAND,
    SERVICES,
    DattoDevice,
    DattoRecords,
    DattoSite,
    announced,
    is_in_account_list,
)

PAGE_SIZE = 250
BY_CLASS = {
    "esxihost": "esxi_hosts",
    "rmmnetworkdevice": "network_devices",
    "printer": "printers",
}
BY_CATEGORY = {"server": "servers", "desktop": "workstations", "laptop": "workstations"}


def count(world: World, usage: Usage) -> None:
    """Devices per site and class, OnDemand ones apart, and antivirus seats."""
    records: DattoRecords = world.at[DATTO_RMM]
    sites = {site.uid: site for site in records.sites}
    for site in records.sites:
        if site.is_system:
            usage.exclude(DATTO_RMM, "account", site.uid, "deleted_devices_site")
        else:
            usage.accounts[DATTO_RMM, site.uid] = site.name
    usage.services |= {(DATTO_RMM, key): name for key, name in SERVICES.items()}
    for device in records.devices:
        site = sites[device.site_uid]
        if device.is_deleted or site.is_system:
            reason = "deleted" if device.is_deleted else "deleted_devices_site"
            usage.exclude(DATTO_RMM, "device", device.uid, reason)
            continue
        for service in _services(device, site):
            usage.totals[DATTO_RMM, site.uid, service] += 1
    for site, devices in _own(records):
        live = [device for device in devices if not device.is_deleted]
        if not site.is_system and any(not is_in_account_list(device, site) for device in live):
            usage.exclude(DATTO_RMM, "device_list", site.uid, "account_list_is_short")


def _services(device: DattoDevice, site: DattoSite) -> set[str]:
    if site.is_on_demand:
        return {ON_DEMAND}
    of_category = BY_CATEGORY.get((device.category or "").lower(), "other_devices")
    service = BY_CLASS.get(device.device_class, of_category)
    found = {"total_devices", service}
    if service in {"servers", "workstations"}:
        found.add("workstations_and_servers")
    if device.antivirus and device.has_antivirus:
        found.add(f"antivirus|{device.antivirus}")
    return found


def _own(records: DattoRecords) -> list[tuple[DattoSite, list[DattoDevice]]]:
    by_site: dict[str, list[DattoDevice]] = defaultdict(list)
    for device in records.devices:
        by_site[device.site_uid].append(device)
    return [(site, by_site[site.uid]) for site in records.sites]


def read_again(records: DattoRecords) -> list[tuple[DattoSite, list[DattoDevice]]]:
    """Sites whose total is not what the account-wide list shows of them, with their devices."""
    return [
        (site, devices)
        for site, devices in _own(records)
        if not site.is_system
        and announced(site, devices)
        != sum(is_in_account_list(d, site) and not d.is_deleted for d in devices)
    ]


def calls(world: World) -> int:
    """Token, account, sites and devices in pages of 250, and sites that need their own list."""
    records: DattoRecords = world.at[DATTO_RMM]
    sites = {site.uid: site for site in records.sites}
    listed = sum(is_in_account_list(d, sites[d.site_uid]) for d in records.devices)
    lists = [len(records.sites), listed, *(len(own) for _, own in read_again(records))]
    return 2 + sum(max(1, math.ceil(rows / PAGE_SIZE)) for rows in lists)
