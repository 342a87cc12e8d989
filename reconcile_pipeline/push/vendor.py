"""How the compatible API shows an inbox: the vendor, and its services as skus.

Pure readers of an inbox; both `_id` and `id` are there because some scripts read one and some
the other.
"""

from sqlite3 import Connection
from typing import Any

from reconcile_pipeline.systems.vendors.push_inbox import facts, services, status, times

_SERVICE = (
    "service_id",
    "name",
    "description",
    "category",
    "subcategory",
    "support_article",
    "support_contact",
    "unit",
)


def vendor(connection: Connection, name: str) -> dict[str, Any]:
    """The vendor with all its services."""
    known = facts(connection)
    now = status(connection)
    made_at, changed_at, _counted_at = times(connection)
    return {
        "_id": known["vendor_id"],
        "id": known["vendor_id"],
        "name": known.get("name", name),
        "description": known.get("description", "Self-hosted integration."),
        "integrationType": "custom",
        "imageUri": None,
        "skus": skus(connection),
        "isDistributor": False,
        "integrationPortalUrl": known.get("integrationPortalUrl"),
        "vendorSupportPageUrl": known.get("vendorSupportPageUrl"),
        "externalIntegrationStatus": now,
        "mappingResponsibilities": [],
        "modules": [
            {"status": now, "externalIntegrationStatus": now, "variation": "billing"},
        ],
        "organizationId": known["organization_id"],
        "updatedAt": changed_at,
        "createdAt": made_at,
    }


def skus(connection: Connection) -> list[dict[str, Any]]:
    """Every service, first made first."""
    return [sku(row) for row in services(connection)]


def sku(row: dict[str, Any]) -> dict[str, Any]:
    """One service."""
    return {
        "_id": row["service_id"],
        "id": row["service_id"],
        "name": row["name"],
        "description": row["description"],
        "logo": None,
        "category": row["category"],
        "subcategory": row["subcategory"],
        "supportArticle": row["support_article"],
        "supportContact": row["support_contact"],
    }


def current_service(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a service's row that a new row of it repeats."""
    return {name: row[name] for name in _SERVICE}
