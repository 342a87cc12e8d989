"""What counts at the distributor.

Reasons, in the order in which the first that holds wins:
    account: the company's status, when it is not Active
    subscription: not_billable_status, trial, not_recurring_term, not_started, ended,
        account_inactive
"""

import math

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.dates import month_end, month_start
from reconcile_pipeline.simulators.world.records import PAX8, Subscription, World

BILLED_STATUSES = frozenset({"Active", "Activated", "PendingCancel"})
NOT_RECURRING = frozenset({"One-Time", "Trial", "Activation"})


def count(world: World, usage: Usage) -> None:
    """Units per company and product term."""
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


def calls(world: World) -> int:
    """Calls of the cheapest full sync: the token, and both lists in pages of 200."""
    lists = (len(world.pax8_companies), len(world.subscriptions))
    return 1 + sum(max(1, math.ceil(rows / 200)) for rows in lists)
