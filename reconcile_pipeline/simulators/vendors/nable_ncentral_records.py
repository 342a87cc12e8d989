"""N-central's records as its server writes them: types and fields that differ row by row.

What is odd here is odd there: ids as numbers or as texts, customers missing from a device or
named by their site, fields that only newer builds send.
"""

from typing import Any

from reconcile_pipeline.simulators.world.vendors.nable_ncentral import (
    Customer,
    NCentralDevice,
    NCentralRecords,
    ServiceOrg,
    Site,
)

Row = dict[str, Any]
FILTERS = {
    "75": ("Laptops - Windows", ("Laptop - Windows",)),
    "76": ("Laptops - All", ("Laptop - Windows", "Laptop - Mac")),
    "112": ("Servers - Windows", ("Servers - Windows",)),
}
"""Device filters of the made-up MSP: name, and the device classes that each holds."""


class Names:
    """Finds an org unit's customer and service organization, as they are now."""

    def __init__(self, held: NCentralRecords) -> None:
        self.orgs = {each.id: each for each in held.service_orgs}
        self.customers = {each.id: each for each in held.customers}
        self.sites = {each.id: each for each in held.sites}

    def owner(self, org_unit_id: int) -> int:
        """The customer above an org unit; the unit itself where none is."""
        site = self.sites.get(org_unit_id)
        return site.customer_id if site else org_unit_id


def _unit(kind: str, parent_id: int, *, is_system: bool = False) -> Row:
    return {
        "orgUnitType": kind,
        "parentId": parent_id,
        "externalId": "",
        "externalId2": "",
        "contactFirstName": "Ann",
        "contactLastName": "Lee",
        "phone": "",
        "contactEmail": "",
        "street1": "1 Main St",
        "city": "Denver",
        "country": "US",
        "county": None,
        "isSystem": is_system,
        "isServiceOrg": kind == "SO",
    }


def org_row(org: ServiceOrg) -> Row:
    """A service organization."""
    return {"soId": org.id, "soName": org.name, **_unit("SO", 1)}


def customer_row(customer: Customer) -> Row:
    """A customer; its id is a number or a text of digits, and its `soId` is not told."""
    shown: int | str = str(customer.id) if customer.id % 3 == 0 else customer.id
    unit = _unit("CUSTOMER", customer.service_org_id, is_system=customer.is_system)
    return {"customerId": shown, "customerName": customer.name, **unit}


def site_row(site: Site) -> Row:
    """A site; its customer is its parent."""
    return {"siteId": site.id, "siteName": site.name, **_unit("SITE", site.customer_id)}


def device_row(device: NCentralDevice, names: Names) -> Row:
    """A device with its customer, as far as it is told."""
    site = names.sites.get(device.org_unit_id)
    owner_id = names.owner(device.org_unit_id)
    owner = names.customers.get(owner_id)
    org = names.orgs[owner.service_org_id if owner else 50]
    name = f"{device.device_class[:2].upper()}-{device.id % 100_000}"
    row: Row = {
        "deviceId": device.id,
        "uri": f"10.0.{device.id // 250 % 250}.{device.id % 250}",
        "remoteControlUri": None,
        "longName": name,
        "deviceClass": device.device_class,
        "description": "",
        "isProbe": device.is_probe,
        "osId": "winnt" if "Windows" in device.device_class else "other",
        "discoveredName": name,
        "stillLoggedIn": "false" if device.id % 2 else False,
        "licenseMode": device.license_mode,
        "orgUnitId": device.org_unit_id,
        "soId": org.id,
        "soName": org.name,
        "customerId": owner_id,
        "customerName": owner.name if owner else None,
        "siteId": site.id if site else None,
        "siteName": site.name if site else None,
        "applianceId": 999_001,
        "lastApplianceCheckinTime": f"{device.checked_in_on}T21:33:26.278Z",
    }
    if site and device.id % 7 == 0:
        del row["customerId"], row["customerName"]
    elif site and device.id % 7 == 1:
        # Customers and sites are org units alike, and some builds mix them up.
        row["customerId"], row["customerName"] = site.id, site.name
    elif device.id % 7 == 2:  # noqa: PLR2004 a third oddity
        row["customerId"] = str(owner_id)
    if device.id % 3 == 0:
        # Sent by servers since 2025.3.1.9 only.
        del row["lastApplianceCheckinTime"]
    if device.license_mode is None and device.id % 2:
        del row["licenseMode"]
    return row
