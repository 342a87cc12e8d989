"""How a Veeam console writes its records as JSON.

Includes its looseness: the day of usage is a date on some rows and, on others, midnight UTC as a
moment in the console's own time zone; counters of zero are listed or left out.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from reconcile_pipeline.simulators.world.vendors.veeam_vspc import (
    OBJECTS,
    VspcCompany,
    VspcLicence,
    VspcLocation,
    VspcRecords,
)

Row = dict[str, Any]

PROVIDER = "e6057ff9-99f7-47c8-9d9b-7220a29ab33a"
SERVER_TYPES = ("VSPC", "BackupAndReplication", "BackupAndReplication", "CloudConnect")
WORKLOADS = {
    "Server": ("a4e11b25-9808-4c0e-a896-d8d895d8ff5e", "VBR-SERVER-WINDOWS", 11.0),
    "VM": ("dd79949a-2fc8-4673-a466-c184ccf8d0b9", "VBR-VM-VSPHERE", 11.0),
    "Cloud Backup (VM)": ("97e257f5-b50b-4844-90dd-f8bb6f9ecc20", "VCC-VM-BACKUP", 5.0),
}


def turn(record_id: str) -> int:
    """A number from 0 to 15 that never changes for a record."""
    return int(record_id[0], 16)


def company_row(company: VspcCompany, *, is_expanded: bool) -> Row:
    """One company; its organization only where the call asks for it."""
    agents = {"isHardQuotaEnabled": False, "workstationAgentsQuota": None, "serverAgentsQuota": 10}
    return {
        "instanceUid": company.id,
        "name": company.name,
        "status": company.status,
        "resellerUid": company.reseller_id,
        "subscriptionPlanUid": None,
        "isRestAccessEnabled": False,
        "isAlarmDetectEnabled": False,
        "companyServices": {
            "hostedServices": {"isVbPublicCloudManagementEnabled": False},
            "remoteServices": {
                "isBackupResourcesEnabled": True,
                "backupAgentsManagement": agents if turn(company.id) % 2 else None,
                "backupServersManagement": None,
                "vb365ServersManagement": None,
                "isVbPublicCloudManagementEnabled": False,
            },
        },
        "loginUrl": None,
        "ownerCredentials": {"userName": f"owner-{company.id[:8]}", "password": None},
        "_embedded": {"organization": organization_row(company) if is_expanded else None},
    }


def organization_row(company: VspcCompany) -> Row:
    """The organization behind a company, by the same id."""
    return {
        "instanceUid": company.id,
        "name": company.name,
        "alias": None,
        "type": "Company",
        "taxId": None,
        "email": None,
        "phone": None,
        "country": 2,
        "countryName": "United States",
        "city": None,
        "street": None,
        "zipCode": None,
        "website": company.website,
        "notes": None,
        "veeamTenantId": None,
        "companyId": company.external_id,
    }


def provider_row() -> Row:
    """The provider itself: an organization, and no company."""
    return {"instanceUid": PROVIDER, "name": "Northgate Managed IT", "type": "Provider"}


def usage_row(place: VspcLocation, reseller: str | None, day: date, as_of: date) -> Row:
    """What was counted at a place on one day.

    The world tells of its last whole day. On days before it there was more or less; the world's
    own day is half over; and it stands still afterwards.
    """
    days_ago = (as_of - day).days
    counters = dict(place.counters)
    if days_ago > 1:
        counters = {name: value + days_ago % 4 for name, value in counters.items()}
    elif days_ago == 0:
        counters = {name: value // 2 for name, value in counters.items()}
    if turn(place.id) % 2:
        counters = {name: value for name, value in counters.items() if value}
    else:
        counters = dict.fromkeys(list(OBJECTS)[: 4 + turn(place.id)], 0) | counters
    moment = f"{day - timedelta(days=1)}T20:00:00-04:00"
    return {
        "companyUid": place.company_id,
        "resellerUid": reseller,
        "locationUid": place.id,
        "date": moment if turn(place.id) % 3 == 0 else day.isoformat(),
        "counters": [{"type": name, "value": value} for name, value in counters.items()],
    }


def licence_rows(held: VspcRecords) -> list[Row]:
    """One row per company that uses licences: its servers, and the workloads on each."""
    ordered = sorted(held.licences, key=lambda item: (item.company_id, item.server))
    return [
        _organization(company_id, "Company", list(items), held.servers)
        for company_id, items in groupby(ordered, key=lambda item: item.company_id)
    ]


def provider_licences(held: VspcRecords) -> Row:
    """The provider's row sums all companies up: whoever adds it to theirs counts twice."""
    return _organization(PROVIDER, "Provider", held.licences, held.servers)


def _organization(uid: str, kind: str, items: Iterable[VspcLicence], servers: list[str]) -> Row:
    ordered = sorted(items, key=lambda item: (item.server, item.workload))
    rows = []
    for server, on_server in groupby(ordered, key=lambda item: item.server):
        by_workload = groupby(on_server, key=lambda item: item.workload)
        rows.append(
            {
                "serverUid": servers[server],
                "serverType": SERVER_TYPES[server],
                "workloads": [_workload(name, list(same)) for name, same in by_workload],
            }
        )
    return {
        "organizationUid": uid,
        "organizationType": kind,
        "providerUid": PROVIDER,
        "servers": rows,
    }


def _workload(name: str, items: list[VspcLicence]) -> Row:
    uid, type_id, weight = WORKLOADS[name]
    used, new = sum(item.used for item in items), sum(item.new for item in items)
    counts = {
        "rentalUnits": 0.0,
        "newUnits": new * weight,
        "usedUnits": used * weight,
        "rentalCount": 0,
        "newCount": new,
        "usedCount": used,
    }
    platform = {"typeId": type_id, "description": name, "weight": weight, **counts}
    return {
        "id": uid,
        "description": name,
        "unitType": "Points",
        **counts,
        "workloadsByPlatform": [platform],
    }
