"""What counts at Dropsuite: the used seats of each organization and plan in force.

Reasons, in the order in which the first that holds wins:
    organization: deactivated, suspended, plan_counted_once
    account: the reason of its records, when none of them is in force
"""

import math
from collections import defaultdict

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.dropsuite import (
    DROPSUITE,
    DropsuiteRecords,
    DropsuiteUser,
    service_name,
)


def count(world: World, usage: Usage) -> None:
    """Seats per organization and plan; of one plan listed twice the larger record."""
    records: DropsuiteRecords = world.at[DROPSUITE]
    in_force = defaultdict(list)
    names: dict[str, str] = {}
    reasons = defaultdict(list)
    for user in records.users:
        account_id, service_id = str(user.organization_id), service_of(user)
        usage.services[DROPSUITE, service_id] = service_name(service_id)
        names[account_id] = user.organization_name
        reason = _status(user)
        reasons[account_id].append(reason)
        if reason is None:
            in_force[account_id, service_id].append(user)
        else:
            usage.exclude(DROPSUITE, "organization", user.id, reason)
    for account_id, found in reasons.items():
        if None in found:
            usage.accounts[DROPSUITE, account_id] = names[account_id]
        else:
            usage.exclude(DROPSUITE, "account", account_id, max(map(str, found)))
    for (account_id, service_id), users in in_force.items():
        counted, *others = sorted(users, key=lambda user: (-user.used, user.id))
        usage.totals[DROPSUITE, account_id, service_id] += counted.used
        for user in others:
            usage.exclude(DROPSUITE, "organization", user.id, "plan_counted_once")


def service_of(user: DropsuiteUser) -> str:
    """The plan, and whether the archive comes with it."""
    return f"{user.plan_id}|archive" if user.archive else user.plan_id


def _status(user: DropsuiteUser) -> str | None:
    if user.is_deactivated:
        return "deactivated"
    return "suspended" if user.is_suspended else None


def calls(world: World) -> int:
    """Calls of the cheapest full sync: plans and organizations; pages of 25 where there are any."""
    records: DropsuiteRecords = world.at[DROPSUITE]
    if world.seed % 2 == 0:
        return 2
    return sum(math.ceil(len(rows) / 25) for rows in (records.plans, records.users))
