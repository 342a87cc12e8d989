"""What counts in N-central.

Reasons, in the order in which the first that holds wins:
    account: system
    device: probe, account_unknown, account_excluded
"""

import math
from collections import Counter

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.nable_ncentral import (
    NABLE_NCENTRAL,
    NCentralDevice,
    NCentralRecords,
)

PAGE = 500
UNKNOWN = "licence_mode_unknown"
SERVICES = {
    "total_professional": "Total Devices (Professional)",
    "total_essential": "Total Devices (Essential)",
    "servers": "Servers (Professional)",
    "workstations": "Workstations (Professional)",
    "workstations_and_servers": "Workstations and Servers (Professional)",
    "network_other": "Network and Other Devices (Professional)",
}


def count(world: World, usage: Usage) -> None:
    """Devices per customer: those of its sites are its own."""
    held: NCentralRecords = world.at[NABLE_NCENTRAL]
    _count_accounts(held, usage)
    for service_id, name in SERVICES.items():
        usage.services[NABLE_NCENTRAL, service_id] = name
    customer_of = {customer.id: customer.id for customer in held.customers}
    customer_of |= {site.id: site.customer_id for site in held.sites}
    listed = {customer.id for customer in held.customers}
    for device in held.devices:
        customer = customer_of.get(device.org_unit_id)
        reason = None
        if device.is_probe:
            reason = "probe"
        elif customer not in listed:
            reason = "account_unknown"
        elif (NABLE_NCENTRAL, str(customer)) not in usage.accounts:
            reason = "account_excluded"
        if reason is not None:
            usage.exclude(NABLE_NCENTRAL, "device", str(device.id), reason)
            continue
        for service_id in _services(device):
            usage.totals[NABLE_NCENTRAL, str(customer), service_id] += 1
            if service_id == UNKNOWN:
                usage.services[NABLE_NCENTRAL, UNKNOWN] = "Devices (licence mode unknown)"


def _count_accounts(held: NCentralRecords, usage: Usage) -> None:
    """Customers in force; namesakes carry their service organization's name."""
    names = Counter(customer.name for customer in held.customers)
    org_names = {each.id: each.name for each in held.service_orgs}
    for customer in held.customers:
        if customer.is_system:
            usage.exclude(NABLE_NCENTRAL, "account", str(customer.id), "system")
            continue
        is_shared = names[customer.name] > 1
        suffix = f" ({org_names[customer.service_org_id]})" if is_shared else ""
        usage.accounts[NABLE_NCENTRAL, str(customer.id)] = customer.name + suffix


def _services(device: NCentralDevice) -> list[str]:
    if device.license_mode == "Essential":
        return ["total_essential"]
    services = ["total_professional"]
    if device.device_class.startswith("Servers"):
        services += ["servers", "workstations_and_servers"]
    elif device.device_class.startswith(("Workstations", "Laptop")):
        services += ["workstations", "workstations_and_servers"]
    else:
        services.append("network_other")
    return services if device.license_mode else [*services, UNKNOWN]


def calls(world: World) -> int:
    """Calls of the cheapest full sync: the login, and three lists in pages of 500."""
    held: NCentralRecords = world.at[NABLE_NCENTRAL]
    lists = (len(held.customers), len(held.sites), len(held.devices))
    return 1 + sum(max(1, math.ceil(rows / PAGE)) for rows in lists)
