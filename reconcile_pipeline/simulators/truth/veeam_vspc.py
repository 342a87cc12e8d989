"""What counts in a Veeam console: each company's counters of the last whole day, over its places.

Reasons:
    counter: traffic_or_time, unknown_counter, account_unknown
    licence: new_this_month
"""

import math
from collections import Counter, defaultdict
from datetime import timedelta

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.veeam_vspc import (
    FLOWS,
    OBJECTS,
    SERVICES,
    STORAGE,
    TERABYTE,
    VEEAM_VSPC,
    VspcRecords,
)

PAGE = 500


def count(world: World, usage: Usage) -> None:
    """Counters and licences per company; a disabled company is counted like any other."""
    held: VspcRecords = world.at[VEEAM_VSPC]
    for company in held.companies:
        usage.accounts[VEEAM_VSPC, company.id] = company.name
    for service_id, name in SERVICES.items():
        usage.services[VEEAM_VSPC, service_id] = name
    _count_usage(world, held, usage)
    new: Counter[str] = Counter()
    for item in held.licences:
        service_id = f"licence|{item.workload}"
        usage.totals[VEEAM_VSPC, item.company_id, service_id] += item.used - item.new
        new[f"{item.company_id}|{service_id}|new"] += item.new
    for record_id, units in new.items():
        if units:
            usage.exclude(VEEAM_VSPC, "licence", record_id, "new_this_month")


def _count_usage(world: World, held: VspcRecords, usage: Usage) -> None:
    day = world.as_of - timedelta(days=1)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for place in held.locations:
        sums[place.company_id].update(place.counters)
    for company_id, counters in sums.items():
        for counter, value in counters.items():
            service_id = f"{counter}|TB" if counter in STORAGE else counter
            reason = None
            if counter in FLOWS:
                reason = "traffic_or_time"
            elif counter not in OBJECTS and counter not in STORAGE:
                reason = "unknown_counter"
            elif (VEEAM_VSPC, company_id) not in usage.accounts:
                reason = "account_unknown"
            if reason is None:
                units = -(-value // TERABYTE) if counter in STORAGE else value
                usage.totals[VEEAM_VSPC, company_id, service_id] += units
            elif value:
                record_id = f"{company_id}|{service_id}|{day}"
                usage.exclude(VEEAM_VSPC, "counter", record_id, reason)


def calls(world: World) -> int:
    """Calls of the cheapest full sync: three lists in pages of 500, and no token."""
    held: VspcRecords = world.at[VEEAM_VSPC]
    licensed = {item.company_id for item in held.licences}
    lists = (len(held.companies), len(held.locations), len(licensed))
    return sum(max(1, math.ceil(rows / PAGE)) for rows in lists)
