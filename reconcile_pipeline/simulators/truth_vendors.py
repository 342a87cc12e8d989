"""The vendor side of the truth: what each account uses of each service, and what never counts.

Reads the world's records only; mapping and comparing happen in `truth_cards`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from reconcile_pipeline.simulators.catalogue import NINJAONE_NAMES
from reconcile_pipeline.simulators.dates import month_end, month_start
from reconcile_pipeline.simulators.records import (
    BACKUP_CSV,
    NINJAONE,
    PAX8,
    Subscription,
    World,
)

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
BILLED_STATUSES = frozenset({"Active", "Activated", "PendingCancel"})
NOT_RECURRING = frozenset({"One-Time", "Trial", "Activation"})


@dataclass(slots=True)
class Usage:
    """Vendor accounts in force, services by name, and units by (system, account, service)."""

    accounts: dict[tuple[str, str], str] = field(default_factory=dict)
    services: dict[tuple[str, str], str] = field(default_factory=dict)
    totals: dict[tuple[str, str, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    exclusions: list[dict[str, str]] = field(default_factory=list)

    def exclude(self, system: str, kind: str, record_id: str, reason: str) -> None:
        """Note one record that is left out."""
        self.exclusions.append(
            {"system": system, "record_kind": kind, "record_id": record_id, "reason": reason}
        )


def vendor_usage(world: World) -> Usage:
    """Units per account and service of every vendor, by the vendors' own rules."""
    usage = Usage()
    _pax8(world, usage)
    _ninjaone(world, usage)
    for row in world.backup_rows:
        usage.accounts[BACKUP_CSV, row.account_id] = row.account_name
        usage.services[BACKUP_CSV, row.service_key] = row.service_name
        usage.totals[BACKUP_CSV, row.account_id, row.service_key] += row.quantity
    return usage


def _pax8(world: World, usage: Usage) -> None:
    for company in world.pax8_companies:
        if company.status == "Active":
            usage.accounts[PAX8, company.id] = company.name
        else:
            usage.exclude(PAX8, "account", company.id, company.status.lower())
    names = {product.id: product.name for product in world.pax8_products}
    for item in world.subscriptions:
        name = names[item.product_id]
        service_id = f"{item.product_id}|{item.billing_term}|{item.commitment_term or 'none'}"
        tail = f" — {item.commitment_term.replace('-', ' ')}" if item.commitment_term else ""
        usage.services[PAX8, service_id] = f"{name} {item.billing_term}{tail}"
        usage.services[PAX8, item.product_id] = name
        reason = _subscription(world, item)
        if reason is None and (PAX8, item.company_id) not in usage.accounts:
            reason = "account_inactive"
        if reason is not None:
            usage.exclude(PAX8, "subscription", item.id, reason)
        else:
            usage.totals[PAX8, item.company_id, service_id] += item.quantity


def _subscription(world: World, item: Subscription) -> str | None:
    ended_before = month_start(world.as_of)
    is_over = item.ends_on is not None and item.ends_on < ended_before
    checks = (
        ("not_billable_status", item.status not in BILLED_STATUSES | {"Trial"}),
        ("trial", item.status == "Trial"),
        ("not_recurring_term", item.billing_term in NOT_RECURRING),
        ("not_started", item.starts_on > month_end(world.as_of)),
        ("ended", item.status == "PendingCancel" and is_over),
    )
    return next((reason for reason, holds in checks if holds), None)


def _ninjaone(world: World, usage: Usage) -> None:
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
