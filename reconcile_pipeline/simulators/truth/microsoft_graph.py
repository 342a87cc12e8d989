"""What counts in customer tenants: seats assigned of each SKU, and seats bought from us.

Reasons, in the order in which the first that holds wins:
    account: not_ready (no active relationship, no token, or no answer): its counts are unknown
    assigned: not_for_users, free_sku, its status, bought_elsewhere, trial
    purchased: not_for_users, free_sku, its status, bought_elsewhere, trial
Read with the sellers of seats: the purchased ones are those of the tenant's subscriptions.
"""

import math
from collections import defaultdict
from decimal import Decimal

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.microsoft_graph import (
    FREE,
    NAMED,
    STORAGE,
    GraphRecords,
    GraphSku,
    GraphSubscription,
    GraphTenant,
)
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    GRAPH,
    PARTNER_TENANT,
)

PAGE = 300
IN_FORCE = frozenset({"Enabled", "Warning"})
WITHOUT_RELATIONSHIP = frozenset({"pending", "expired", "no_relationship"})
WITHOUT_TOKEN = frozenset({"no_consent", "mfa"})
FREE_BY_NAME = frozenset({"FLOW_FREE", "POWER_BI_STANDARD", "TEAMS_EXPLORATORY"})
FREE_FROM = 10_000
Seats = dict[tuple[str, str], list[GraphSubscription]]


def count(world: World, usage: Usage) -> None:
    """Seats per tenant and SKU, assigned and bought."""
    records: GraphRecords = world.at[GRAPH]
    ready = set()
    for tenant in records.tenants:
        usage.accounts[GRAPH, tenant.id] = tenant.name
        if tenant.access == "ready":
            ready.add(tenant.id)
        else:
            usage.exclude(GRAPH, "account", tenant.id, "not_ready")
    in_force: Seats = defaultdict(list)
    for sold in records.subscriptions:
        if sold.status in IN_FORCE:
            in_force[sold.tenant_id, sold.sku_id].append(sold)
    for sku in records.skus:
        if sku.tenant_id in ready:
            reason = _assigned(sku, in_force[sku.tenant_id, sku.sku_id])
            _add(usage, sku, sku.consumed, reason, "")
    for sold in records.subscriptions:
        if sold.tenant_id in ready:
            _add(usage, sold, sold.total, _purchased(sold), "|purchased")
    services = [service for system, service in usage.services if system == GRAPH]
    locked = [tenant.id for tenant in records.tenants if tenant.id not in ready]
    usage.unasked |= {(GRAPH, tenant) for tenant in locked}
    usage.untold |= {(GRAPH, tenant, service) for tenant in locked for service in services}


def _add(
    usage: Usage, item: GraphSku | GraphSubscription, units: int, reason: str | None, leg: str
) -> None:
    name = NAMED.get(item.part, item.part)
    service = f"{item.sku_id}{leg}"
    usage.services[GRAPH, service] = f"{name} (purchased)" if leg else name
    if reason is None:
        usage.totals[GRAPH, item.tenant_id, service] += Decimal(units)
    else:
        usage.exclude(GRAPH, leg[1:] or "assigned", item.id, reason)


def _assigned(sku: GraphSku, sold: list[GraphSubscription]) -> str | None:
    if sku.applies_to != "User":
        return "not_for_users"
    if sku.part in FREE_BY_NAME or sku.enabled >= FREE_FROM:
        return "free_sku"
    if sku.status not in IN_FORCE:
        return sku.status.lower()
    ours = [item for item in sold if item.owner == PARTNER_TENANT]
    if sold and not ours:
        return "bought_elsewhere"
    return "trial" if sold and all(item.is_trial for item in ours) else None


def _purchased(sold: GraphSubscription) -> str | None:
    if sold.sku_id == STORAGE[0]:
        return "not_for_users"
    if sold.sku_id in FREE:
        return "free_sku"
    if sold.status not in IN_FORCE:
        return sold.status.lower()
    if sold.owner != PARTNER_TENANT:
        return "bought_elsewhere"
    return "trial" if sold.is_trial else None


def asked(records: GraphRecords) -> list[GraphTenant]:
    """The tenants whose relationship says that they may be asked."""
    return [tenant for tenant in records.tenants if tenant.access not in WITHOUT_RELATIONSHIP]


def calls(world: World) -> int:
    """Calls of the cheapest full sync, with the sellers of seats.

    The partner's token and its two lists by 300, all pages but the last twice; for each tenant a
    token, and with it two lists.
    """
    records: GraphRecords = world.at[GRAPH]
    lists = (len(records.tenants), len(records.relationships))
    tenants = asked(records)
    opened = sum(tenant.access not in WITHOUT_TOKEN for tenant in tenants)
    pages = sum(2 * max(1, math.ceil(rows / PAGE)) - 1 for rows in lists)
    return 1 + pages + len(tenants) + 2 * opened
