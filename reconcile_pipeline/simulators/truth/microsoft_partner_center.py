"""What counts at Partner Center: licences bought, by offer, term and billing cycle.

Reasons, in the order in which the first that holds wins:
    account: not_reseller
    subscription: not_billed_by_licence, trial, its status; unknown_status for one nobody knows
A suspended subscription is charged, and counts, until its commitment ends.
"""

import math
from decimal import Decimal

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    NAMES,
    PARTNER_CENTER,
    PartnerCenterRecords,
    PartnerSubscription,
)

PAGE = 500
KNOWN = frozenset({"suspended", "expired", "deleted", "pending", "disabled"})


def count(world: World, usage: Usage) -> None:
    """Licences per customer and version of an offer."""
    records: PartnerCenterRecords = world.at[PARTNER_CENTER]
    for customer in records.customers:
        if customer.relationship == "reseller":
            usage.accounts[PARTNER_CENTER, customer.id] = customer.name
        else:
            usage.exclude(PARTNER_CENTER, "account", customer.id, "not_reseller")
    for item in records.subscriptions:
        service = f"{item.offer_id}|{item.term or 'none'}|{item.cycle}"
        usage.services[PARTNER_CENTER, service] = NAMES[service]
        reason = _reason(world, item)
        if reason is None:
            usage.totals[PARTNER_CENTER, item.customer_id, service] += Decimal(item.quantity)
        else:
            usage.exclude(PARTNER_CENTER, "subscription", item.id, reason)


def _reason(world: World, item: PartnerSubscription) -> str | None:
    if item.billing_type != "license":
        return "not_billed_by_licence"
    if item.is_trial:
        return "trial"
    if item.status == "active":
        return None
    ends_on = item.commitment_ends_on
    if item.status == "suspended" and ends_on is not None and ends_on >= world.as_of:
        return None
    return item.status if item.status in KNOWN else "unknown_status"


def calls(world: World) -> int:
    """Calls of the cheapest full sync: the token, customers by 500, and one for each reseller's.

    All pages of customers but the last are read twice.
    """
    records: PartnerCenterRecords = world.at[PARTNER_CENTER]
    asked = sum(customer.relationship == "reseller" for customer in records.customers)
    return 2 * max(1, math.ceil(len(records.customers) / PAGE)) + asked
