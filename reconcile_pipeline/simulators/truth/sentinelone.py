"""What counts at the endpoint vendor: a site's active licences, in all and for its one bundle.

Reasons, in the order in which the first that holds wins:
    account: expired, deleted, trial, default_site
    licence: those of its site, ambiguous_bundle, unlimited
More active licences than bought ones are right. Two bundles on one site leave both unknown.
"""

import math
from collections.abc import Iterator
from decimal import Decimal

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.sentinelone import (
    BUNDLES,
    SENTINELONE,
    UNLIMITED,
    SentinelOneRecords,
    SentinelOneSite,
)

PAGE = 1000
TOTAL = "total_active_licenses"


def count(world: World, usage: Usage) -> None:
    """Licences per site and service, used and bought."""
    records: SentinelOneRecords = world.at[SENTINELONE]
    for site in records.sites:
        reason = _reason(site)
        if reason is None:
            usage.accounts[SENTINELONE, site.id] = site.name
        else:
            usage.exclude(SENTINELONE, "account", site.id, reason)
        if site.state != "active":
            continue
        for service, name, units in _counts(site):
            usage.services[SENTINELONE, service] = name
            if reason is None and isinstance(units, int):
                usage.totals[SENTINELONE, site.id, service] += Decimal(units)
                continue
            if reason is None:
                usage.untold.add((SENTINELONE, site.id, service))
            usage.exclude(SENTINELONE, "licence", f"{site.id}|{service}", reason or str(units))


def _reason(site: SentinelOneSite) -> str | None:
    if site.state != "active":
        return site.state
    if site.site_type == "Trial":
        return "trial"
    return "default_site" if site.is_default and not site.active_licenses else None


def _counts(site: SentinelOneSite) -> Iterator[tuple[str, str, int | str]]:
    """(service, its name, units or why nobody knows them) of one active site."""
    yield TOTAL, "Total Active Licenses", site.active_licenses
    yield f"{TOTAL}|purchased", "Total Licenses (purchased)", _bought(site.total_licenses)
    held = [(name, bought) for name, bought in site.bundles if name in BUNDLES]
    is_clear = len(held) == 1 or not site.active_licenses
    for name, bought in held:
        units = site.active_licenses if is_clear else "ambiguous_bundle"
        yield f"bundle:{name}", BUNDLES[name], units
        if not site.has_old_fields_only:
            label = f"{BUNDLES[name]} (purchased)"
            yield f"bundle:{name}|purchased", label, _bought(bought)


def _bought(licenses: int) -> int | str:
    return "unlimited" if licenses == UNLIMITED else licenses


def calls(world: World) -> int:
    """Calls of the cheapest full sync: the active sites, and those that are over."""
    records: SentinelOneRecords = world.at[SENTINELONE]
    active = sum(site.state == "active" for site in records.sites)
    return _pages(active) + _pages(len(records.sites) - active)


def _pages(rows: int) -> int:
    """Pages of a thousand; some lists of several pages end with an empty one."""
    pages = max(1, math.ceil(rows / PAGE))
    return pages + (1 if pages > 1 and rows % 3 == 0 else 0)
