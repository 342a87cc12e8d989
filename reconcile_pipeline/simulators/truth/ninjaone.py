"""What counts at the RMM: approved devices, in groups of classes; others are `not_approved`."""

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.catalogue import NINJAONE_NAMES
from reconcile_pipeline.simulators.world.records import NINJAONE, World

PHYSICAL = frozenset({"WINDOWS_SERVER", "LINUX_SERVER", "MAC_SERVER", "NMS_SERVER"})
VIRTUAL = frozenset(
    {
        "VMWARE_VM_HOST",
        "HYPERV_VMM_HOST",
        "VMWARE_VM_GUEST",
        "HYPERV_VMM_GUEST",
        "NMS_VM_HOST",
        "NMS_VIRTUAL_MACHINE",
    }
)
WORKSTATIONS = frozenset({"WINDOWS_WORKSTATION", "LINUX_WORKSTATION", "MAC", "NMS_COMPUTER"})
NETWORK = frozenset(
    {
        "NMS_SWITCH",
        "NMS_ROUTER",
        "NMS_PRIVATE_NETWORK_GATEWAY",
        "NMS_WAP",
        "NMS_FIREWALL",
        "NMS_PRINTER",
        "NMS_APPLIANCE",
        "NMS_SCANNER",
        "NMS_OTHER",
        "CLOUD_MONITOR_TARGET",
        "NMS_DIAL_MANAGER",
        "NMS_PHONE",
        "NMS_IPSLA",
        "NMS_NETWORK_MANAGEMENT_AGENT",
    }
)
MOBILE = frozenset({"ANDROID", "APPLE_IOS"})
ROLLUPS = {
    "total_servers": PHYSICAL | VIRTUAL,
    "total_physical_servers": PHYSICAL,
    "total_virtual_servers": VIRTUAL,
    "total_workstations": WORKSTATIONS,
    "total_workstations_and_servers": WORKSTATIONS | PHYSICAL | VIRTUAL,
    "total_network_devices": NETWORK,
    "total_mobile_devices": MOBILE,
}


def count(world: World, usage: Usage) -> None:
    """Devices per organization and rollup."""
    for organization in world.organizations:
        usage.accounts[NINJAONE, str(organization.id)] = organization.name
    for service_id, name in NINJAONE_NAMES.items():
        usage.services[NINJAONE, service_id] = name
    for device in world.devices:
        if device.approval != "APPROVED":
            usage.exclude(NINJAONE, "device", str(device.id), "not_approved")
            continue
        account_id = str(device.organization_id)
        usage.totals[NINJAONE, account_id, "total_devices"] += 1
        for service_id, classes in ROLLUPS.items():
            if device.node_class in classes:
                usage.totals[NINJAONE, account_id, service_id] += 1


def calls(world: World) -> int:
    """Calls of the cheapest full sync: the token, and both lists in pages of 1,000."""
    lists = (len(world.organizations), len(world.devices))
    # A bare array says nothing of the end: an exactly full page costs one more call.
    return 1 + sum(rows // 1000 + 1 for rows in lists)
