"""What counts at Sophos Central: the billable quantity of every line of last month's report.

Reasons, in the order in which the first that holds wins:
    licence: trial, not_started, ended, unlimited, quantity_unknown
    licence_list: partner_assistance_off
"""

import math

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.sophos import (
    LICENCES,
    SOPHOS,
    SophosLicence,
    SophosLine,
    SophosRecords,
    service_name,
)


def count(world: World, usage: Usage) -> None:
    """Units per customer and product code, and what term customers purchased."""
    records: SophosRecords = world.at[SOPHOS]
    for tenant in records.tenants:
        usage.accounts[SOPHOS, tenant.id] = tenant.shown
    for line in records.lines:
        account_id, name = _customer(line)
        usage.accounts.setdefault((SOPHOS, account_id), name)
        usage.services[SOPHOS, line.product_code] = service_name(line.product_code)
        usage.totals[SOPHOS, account_id, line.product_code] += line.quantity
    visible = set()
    for tenant in records.tenants:
        if tenant.billing_type == "term" and tenant.has_assistance:
            visible.add(tenant.id)
        elif tenant.billing_type == "term":
            usage.exclude(SOPHOS, "licence_list", tenant.id, "partner_assistance_off")
    for licence in records.licences:
        if licence.tenant_id in visible:
            _count_licence(world, licence, usage)


def _count_licence(world: World, licence: SophosLicence, usage: Usage) -> None:
    service_id = f"{licence.code}|purchased"
    usage.services[SOPHOS, service_id] = f"{LICENCES[licence.code]} (purchased)"
    checks = (
        ("trial", licence.kind == "trial"),
        ("not_started", licence.starts_on > world.as_of),
        ("ended", licence.ends_on is not None and licence.ends_on < world.as_of),
        ("unlimited", licence.is_unlimited),
        ("quantity_unknown", licence.quantity is None),
    )
    reason = next((reason for reason, holds in checks if holds), None)
    if reason is not None:
        usage.exclude(SOPHOS, "licence", licence.id, reason)
    else:
        usage.totals[SOPHOS, licence.tenant_id, service_id] += licence.quantity or 0


def _customer(line: SophosLine) -> tuple[str, str]:
    """Id and name of who a line is for."""
    if line.account_id:
        return line.account_id, line.assigned_to or line.account_id
    if line.assigned_to:
        return f"assigned:{line.assigned_to}", line.assigned_to
    return f"serial:{line.serial}", line.serial


def calls(world: World) -> int:
    """Calls of the cheapest full sync: token, whoami, both lists, one per term customer."""
    records: SophosRecords = world.at[SOPHOS]
    term = sum(tenant.billing_type == "term" for tenant in records.tenants)
    pages = max(1, math.ceil(len(records.tenants) / 100))
    # The key of the page after an exactly full one is known only when that is empty. All pages of
    # lines but the last are read twice.
    return 2 + pages + 2 * (len(records.lines) // 1000) + 1 + term
