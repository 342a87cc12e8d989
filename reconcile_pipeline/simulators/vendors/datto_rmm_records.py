"""Datto RMM's JSON for a site and a device; dates come in milliseconds, seconds or ISO 8601."""

from datetime import date
from typing import Any

from reconcile_pipeline.simulators.world.vendors.datto_rmm import (
    DattoDevice,
    DattoSite,
    announced,
)

EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY_SECONDS = 86_400
Row = dict[str, Any]


def site_row(site: DattoSite, devices: list[DattoDevice], account_uid: str) -> Row:
    """One site; the system site has fewer keys, and a new site may have no totals yet."""
    total = announced(site, devices)
    online = sum(device.is_online for device in devices)
    row: Row = {
        "id": site.id,
        "uid": site.uid,
        "accountUid": account_uid,
        "name": site.name,
        "onDemand": site.is_on_demand,
        "devicesStatus": {
            "numberOfDevices": total,
            "numberOfOnlineDevices": online,
            "numberOfOfflineDevices": total - online,
        },
    }
    if site.is_system:
        return row
    proxy = {"host": "proxy.customer.example", "port": 8080, "username": "rmm", "password": "p4ss"}
    return row | {
        "description": "",
        "notes": "",
        "splashtopAutoInstall": True,
        "proxySettings": proxy if site.id % 6 == 0 else None,
        "autotaskCompanyName": site.name if site.autotask_id else None,
        "autotaskCompanyId": site.autotask_id,
        "portalUrl": f"https://rmm.example/site/{site.id}",
    }


def device_row(device: DattoDevice, site: DattoSite | None) -> Row:
    """One device; of a device that was never audited the type may be null."""
    name = f"{'SRV' if device.category == 'Server' else 'PC'}-{device.id}"
    row: Row = {
        "id": device.id,
        "uid": device.uid,
        "siteId": site.id if site else None,
        "siteUid": device.site_uid,
        "siteName": site.name if site else None,
        "deviceType": None
        if device.category is None
        else {"category": device.category, "type": "Main System Chassis"},
        "hostname": name,
        "operatingSystem": "Microsoft Windows 11 Pro" if device.device_class == "device" else None,
        "domain": "customer.local" if device.id % 2 else None,
        "online": device.is_online,
        "suspended": device.is_suspended,
        "deleted": device.is_deleted,
        "lastSeen": moment(device),
        "udf": {"udf1": None, "udf2": f"BitLocker 551031-{device.id}"},
        "deviceClass": device.device_class,
        "antivirus": antivirus(device),
        "patchManagement": {"patchStatus": "FullyPatched", "patchesApprovedPending": 0},
        "softwareStatus": "No Policy",
        "networkProbe": False,
        "onboardedViaNetworkMonitor": device.device_class == "rmmnetworkdevice",
    }
    if device.id % 10 == 0:
        del row["networkProbe"]
    return row


def antivirus(device: DattoDevice) -> Row | None:
    """What the agent says of the antivirus; nothing at all where there is no agent."""
    if device.device_class != "device":
        return None
    if device.antivirus is None or not device.has_antivirus:
        return {"antivirusProduct": device.antivirus, "antivirusStatus": "NotDetected"}
    states = ("RunningAndUpToDate", "RunningAndNotUpToDate", "NotRunning")
    return {"antivirusProduct": device.antivirus, "antivirusStatus": states[device.id % 3]}


def moment(device: DattoDevice) -> int | str:
    """The last contact, at noon; declared as ISO 8601, mostly sent as a number."""
    seconds = (device.seen_on.toordinal() - EPOCH_DAY) * DAY_SECONDS + DAY_SECONDS // 2
    if device.id % 7 == 0:
        return f"{device.seen_on.isoformat()}T12:00:00Z"
    return seconds if device.id % 7 == 1 else seconds * 1000
