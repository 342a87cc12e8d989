"""How SentinelOne writes its records as JSON.

Includes what is deprecated and still sent, and consoles that know nothing newer: those tell the
bundle by `sku` alone.
"""

from typing import Any

from reconcile_pipeline.simulators.world.vendors.sentinelone import (
    BUNDLES,
    LAKE,
    UNLIMITED,
    SentinelOneAccount,
    SentinelOneAgent,
    SentinelOneSite,
)

Row = dict[str, Any]
MODULES = {"rso": "Remote Script Orchestration", "vigilance": "Vigilance Respond"}


def site_row(site: SentinelOneSite, account_name: str) -> Row:
    """One site; a third of them show the token that adds machines to them."""
    turn = int(site.id) % 3
    sku = site.bundles[0][0].capitalize() if site.bundles else ""
    return {
        "id": site.id,
        "name": site.name,
        "accountId": site.account_id,
        "accountName": account_name,
        "state": site.state,
        "siteType": site.site_type,
        "isDefault": site.is_default,
        "sku": sku,
        "suite": sku,
        "usageType": "customer",
        "activeLicenses": site.active_licenses,
        "totalLicenses": 0 if site.total_licenses == UNLIMITED else site.total_licenses,
        "unlimitedLicenses": site.total_licenses == UNLIMITED,
        "expiration": None if site.state != "expired" else f"{site.created_on}T00:00:00Z",
        "unlimitedExpiration": site.state != "expired",
        "externalId": f"CRM-{int(site.id) % 10_000}" if turn else "",
        "description": None if turn else "HQ + branch",
        "healthStatus": True,
        "creator": "Jo Admin",
        "creatorId": "1336326529793417045",
        "createdAt": f"{site.created_on}T16:01:56.927213Z",
        "updatedAt": f"{site.created_on}T16:01:56.927213Z",
        "registrationToken": None if turn else f"eyJ1cmwiOiAi{site.id}",
        "licenses": _licenses(site),
    }


def _licenses(site: SentinelOneSite) -> Row:
    if site.has_old_fields_only:
        return {"bundles": [], "modules": [], "settings": []}
    return {
        "bundles": [_bundle(name, bought) for name, bought in site.bundles],
        "modules": [
            {"name": name, "displayName": MODULES[name], "majorVersion": 1} for name in site.modules
        ],
        "settings": [],
    }


def _bundle(name: str, bought: int) -> Row:
    surface = "Average GB per Day" if name == LAKE else "Total Agents"
    return {
        "name": name,
        "displayName": BUNDLES.get(name, "Singularity Data Lake"),
        "majorVersion": 1,
        "minorVersion": 1,
        "totalSurfaces": bought,
        "surfaces": [{"name": surface, "count": bought}],
    }


def account_row(account: SentinelOneAccount, sites: list[SentinelOneSite]) -> Row:
    """One account with the sums of its sites."""
    active = sum(site.active_licenses for site in sites if site.state == "active")
    return {
        "id": account.id,
        "name": account.name,
        "accountType": "Paid",
        "state": account.state,
        "isDefault": False,
        "usageType": "mssp",
        "billingMode": "consumption",
        "numberOfSites": len(sites),
        "activeAgents": active,
        "totalLicenses": sum(max(0, site.total_licenses) for site in sites),
        "expiration": None,
        "unlimitedExpiration": True,
        "externalId": "",
        "createdAt": "2022-01-01T00:00:00Z",
        "updatedAt": "2026-10-01T00:00:00Z",
        "creator": "S1",
        "creatorId": "1",
        "skus": [],
        "licenses": {"bundles": [], "modules": [], "settings": []},
    }


def agent_row(agent: SentinelOneAgent, site: SentinelOneSite) -> Row:
    """One agent; one that was not heard of for long is still licensed."""
    seen = f"{agent.last_active_on}T09:00:00.000000Z"
    return {
        "id": agent.id,
        "uuid": f"{int(agent.id):040x}",
        "computerName": agent.name,
        "accountId": site.account_id,
        "siteId": site.id,
        "siteName": site.name,
        "groupId": "521580416411822676",
        "groupName": "Default Group",
        "machineType": agent.machine_type,
        "osType": "windows",
        "osName": "Windows 11 Pro",
        "domain": "WORKGROUP",
        "serialNumber": f"S{int(agent.id) % 10**8:08}",
        "licenseKey": f"key-{agent.id}" if int(agent.id) % 2 else "",
        "isActive": int(agent.id) % 4 > 0,
        "isDecommissioned": agent.is_decommissioned,
        "isUninstalled": agent.is_uninstalled,
        "isPendingUninstall": False,
        "networkStatus": "connected",
        "lastActiveDate": seen,
        "createdAt": f"{site.created_on}T10:00:00.000000Z",
        "updatedAt": seen,
    }
