"""What counts at Cove: devices by their type, tenants by their billable users, storage in GB.

Reasons, in the order in which the first that holds wins:
    account: recycle_bin, not_a_customer, trial; then counted_with_customer for sites
    device: account_unknown, its partner's reason or its customer's, demo_device,
        os_type_undefined
A left-out device is noted once for itself and once for each amount it carries.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.cove import (
    COVE,
    GB,
    SIDE,
    CoveDevice,
    CovePartner,
    sku_tells_physicality,
)

FAIR_USE_GB = {1: Decimal(500), 2: Decimal(2000)}
TENANT = 2
SERVER = 2


def count(world: World, usage: Usage) -> None:
    """Units per customer as they are at this moment."""
    _Counting(world, usage).count(world.at[COVE].devices, is_maximum=False)


def count_maximum(world: World, usage: Usage) -> None:
    """Units per customer at their highest this month, deleted devices included."""
    held = world.at[COVE]
    _Counting(world, usage).count([*held.devices, *held.deleted], is_maximum=True)


class _Counting:
    def __init__(self, world: World, usage: Usage) -> None:
        self._usage = usage
        self._partners: dict[int, CovePartner] = {p.id: p for p in world.at[COVE].partners}
        for service_id, name in SIDE.services.items():
            usage.services[COVE, service_id] = name
        for partner in self._partners.values():
            reason = self._reason_of(partner)
            if reason is None and self._customer_of(partner) is not partner:
                reason = "counted_with_customer"
            if reason is None:
                usage.accounts[COVE, str(partner.id)] = partner.name
            else:
                usage.exclude(COVE, "account", str(partner.id), reason)

    def _customer_of(self, partner: CovePartner) -> CovePartner:
        """The end customer above a site; whoever has none stands for itself."""
        place: CovePartner | None = partner
        while place is not None and place.level == "Site":
            place = self._partners.get(place.parent_id)
        return place if place is not None and place.level == "EndCustomer" else partner

    def _reason_of(self, partner: CovePartner) -> str | None:
        for place in (partner, self._customer_of(partner)):
            if place.name.endswith("Recycle Bin"):
                return "recycle_bin"
            if place.level not in {"EndCustomer", "Site"}:
                return "not_a_customer"
            if place.state == "InTrial":
                return "trial"
        return None

    def count(self, devices: Iterable[CoveDevice], *, is_maximum: bool) -> None:
        for device in devices:
            reason = self._left_out(device)
            amounts = _amounts(device, is_maximum=is_maximum)
            if reason is not None:
                self._usage.exclude(COVE, "device", str(device.id), reason)
                for service in amounts.keys() - {"storage_over_fair_use_gb"}:
                    self._usage.exclude(COVE, service, str(device.id), reason)
                continue
            customer = self._customer_of(self._partners[device.partner_id])
            once = dict.fromkeys(_counted_as(device), Decimal(1))
            for service, quantity in {**once, **amounts}.items():
                self._usage.totals[COVE, str(customer.id), service] += quantity

    def _left_out(self, device: CoveDevice) -> str | None:
        partner = self._partners.get(device.partner_id)
        if partner is None:
            return "account_unknown"
        reason = self._reason_of(partner)
        if reason is not None:
            return reason
        if device.is_demo and device.deleted_at is None:
            return "demo_device"
        if device.account_type != TENANT and device.os_type == 0:
            return "os_type_undefined"
        return None


def _counted_as(device: CoveDevice) -> list[str]:
    if device.account_type == TENANT:
        return []
    if device.product == "Documents":
        return ["documents"]
    kind = "servers" if device.os_type == SERVER else "workstations"
    # A deleted device is known from the report alone, and not every SKU tells.
    is_told = device.deleted_at is None or sku_tells_physicality(device)
    services = ["total_servers" if kind == "servers" else kind]
    if is_told and device.physicality != "Undefined":
        services.append(f"{device.physicality.lower()}_{kind}")
    return services + {1: ["recovery_testing"], 2: ["standby_image"]}.get(device.recovery, [])


def _amounts(device: CoveDevice, *, is_maximum: bool) -> dict[str, Decimal]:
    if device.account_type == TENANT:
        users = device.most_users if is_maximum else device.users
        return {"microsoft_365_users": Decimal(users or 0)}
    if device.used_bytes is None or device.selected_bytes is None:
        return {}
    selected = _gb(device.selected_bytes)
    included = Decimal(0) if device.product == "Documents" else FAIR_USE_GB[device.os_type]
    return {
        "used_storage_gb": _gb(device.most_used_bytes if is_maximum else device.used_bytes),
        "selected_size_gb": selected,
        "storage_over_fair_use_gb": max(Decimal(0), selected - included),
    }


def _gb(size: int) -> Decimal:
    return (Decimal(size) / GB).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def calls(world: World) -> int:
    """Calls of the cheapest full sync: login, partners, devices in pages of 5,000."""
    # Nothing says where the list ends: an exactly full page costs one more call. All pages but the
    # last are read twice.
    return 2 + 2 * (len(world.at[COVE].devices) // 5000) + 1
