"""Microsoft Graph as a local server: the partner's customers, and what each tenant holds.

A token is for one tenant: the partner's shows customers and relationships, a customer's shows its
SKUs and subscriptions. Next links are whole addresses. Reading only.
"""

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, State, number
from reconcile_pipeline.simulators.vendors.microsoft_login import MicrosoftServer, entra
from reconcile_pipeline.simulators.world.vendors.microsoft_graph import (
    NAMED,
    GraphRecords,
    GraphRelationship,
    GraphSku,
    GraphSubscription,
    GraphTenant,
)
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import PARTNER_TENANT

API = "/v1.0"
DEFAULT_PAGE, LARGEST_PAGE = 100, 300
NO_TOKEN = {"no_consent": "65001", "pending": "65001", "expired": "65001", "mfa": "50076"}
CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Authorization_RequestDenied",
    404: "Request_ResourceNotFound",
    429: "TooManyRequests",
}
Row = dict[str, Any]


class Graph(MicrosoftServer):
    """Graph over a world's tenants."""

    name = "microsoft_graph"
    path_prefix = API
    size_parameter = "$top"
    secrets: ClassVar = {
        "client_secret": "MICROSOFT_GRAPH_CLIENT_SECRET",
        "refresh_token": "MICROSOFT_GRAPH_REFRESH_TOKEN",
    }
    settings: ClassVar[Mapping[str, str]] = {
        "read_sellers": "true",
        "sku_names": str([f"{part}={name}" for part, name in NAMED.items()]),
    }
    scopes = frozenset({"https://graph.microsoft.com/.default"})

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        partner = f"{API}/tenantRelationships"
        self.route("GET", f"{partner}/delegatedAdminCustomers", self._customers)
        self.route("GET", f"{partner}/delegatedAdminRelationships", self._relationships)
        self.route("GET", f"{API}/subscribedSkus", self._skus)
        self.route("GET", f"{API}/directory/subscriptions", self._subscriptions)

    @property
    def records(self) -> GraphRecords:
        """What the tenants hold."""
        records: GraphRecords = self.state.world.at[self.name]
        return records

    def admit(self, tenant: str) -> None:
        """The partner, and customers that consented and ask for no second factor."""
        access = {record.id: record.access for record in self.records.tenants}.get(tenant)
        if access in NO_TOKEN:
            raise entra(HTTPStatus.BAD_REQUEST, "invalid_grant", NO_TOKEN[access])
        if access is None:
            super().admit(tenant)

    def api_error(self, query: Query, refusal: Refusal) -> Row:  # noqa: ARG002
        """A code, a message, and what support asks for."""
        status = int(refusal.status)
        inner = {"request-id": "6d1f0001", "date": f"{self.state.world.as_of}T02:00:00"}
        code = CODES.get(status, "UnknownError")
        return {"error": {"code": code, "message": refusal.message, "innerError": inner}}

    def _customers(self, query: Query) -> Answer:
        self._only_partner(query)
        return _page(query, "delegatedAdminCustomers", [*map(_customer, self.records.tenants)])

    def _relationships(self, query: Query) -> Answer:
        self._only_partner(query)
        names = {tenant.id: tenant.name for tenant in self.records.tenants}
        rows = [_relationship(item, names) for item in self.records.relationships]
        return _page(query, "delegatedAdminRelationships", rows)

    def _only_partner(self, query: Query) -> None:
        if self.tenant(query) != PARTNER_TENANT:
            raise Refusal(HTTPStatus.FORBIDDEN, "Only a partner has delegated relationships.")

    def _skus(self, query: Query) -> Answer:
        if "$filter" in query.params:
            raise Refusal(HTTPStatus.BAD_REQUEST, "Filter is not supported here.")
        tenant = self._opened(query)
        rows = [sku_row(sku) for sku in self.records.skus if sku.tenant_id == tenant]
        chosen = [name for name in query.params.get("$select", "").split(",") if name]
        if chosen:
            rows = [{name: row[name] for name in chosen if name in row} for row in rows]
        return _answer("subscribedSkus", rows)

    def _subscriptions(self, query: Query) -> Answer:
        tenant = self._opened(query)
        sold = [item for item in self.records.subscriptions if item.tenant_id == tenant]
        return _answer("directory/subscriptions", [subscription_row(item) for item in sold])

    def _opened(self, query: Query) -> str:
        """The token's tenant; refused where the partner user has no role that may look."""
        tenant = self.tenant(query)
        if any(each.id == tenant and each.access == "denied" for each in self.records.tenants):
            raise Refusal(HTTPStatus.FORBIDDEN, "Insufficient privileges for this.")
        return tenant


def _customer(tenant: GraphTenant) -> Row:
    return {"id": tenant.id, "tenantId": tenant.id, "displayName": tenant.name}


def _relationship(item: GraphRelationship, names: Mapping[str, str]) -> Row:
    customer = None
    if item.tenant_id is not None:
        customer = {"tenantId": item.tenant_id, "displayName": names.get(item.tenant_id, "")}
    return {
        "id": item.id,
        "displayName": f"GDAP {item.id[:8]}",
        "duration": "P730D",
        "autoExtendDuration": "P180D",
        "customer": customer,
        "status": item.status,
        "endDateTime": None if item.status == "created" else "2027-06-30T00:00:00Z",
    }


def sku_row(sku: GraphSku) -> Row:
    """One SKU of a tenant."""
    lapsed = 0 if sku.status in ("Enabled", "Warning") else sku.consumed
    return {
        "id": sku.id,
        "accountId": sku.tenant_id,
        "accountName": f"tenant{sku.tenant_id[:4]}",
        "skuId": sku.sku_id,
        "skuPartNumber": sku.part,
        "appliesTo": sku.applies_to,
        "capabilityStatus": sku.status,
        "consumedUnits": sku.consumed,
        "prepaidUnits": {
            "enabled": sku.enabled,
            "suspended": lapsed if sku.status == "Suspended" else 0,
            "warning": sku.warning,
            "lockedOut": lapsed if sku.status == "LockedOut" else 0,
        },
        "subscriptionIds": [],
        "servicePlans": [],
    }


def subscription_row(item: GraphSubscription) -> Row:
    """What was sold together of a SKU, and by whom."""
    return {
        "id": item.id,
        "commerceSubscriptionId": item.id[::-1],
        "skuId": item.sku_id,
        "skuPartNumber": item.part,
        "status": item.status,
        "totalLicenses": item.total,
        "isTrial": item.is_trial,
        "createdDateTime": "2026-01-14T16:57:15Z",
        "nextLifecycleDateTime": "2027-01-14T00:00:00Z",
        "ownerTenantId": item.owner,
        "ownerId": None,
        "ownerType": None if item.owner is None else "Partner",
        "serviceStatus": [],
    }


def _page(query: Query, name: str, rows: list[Row]) -> Answer:
    size = number(query, "$top", DEFAULT_PAGE, least=1)
    if size > LARGEST_PAGE:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"The limit of {LARGEST_PAGE} for top is exceeded.")
    start = _place(query.params.get("$skiptoken", ""))
    link = None
    if start + size < len(rows):
        token = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        link = f"{query.base_url}{query.path}?$top={size}&$skipToken={token}"
    return _answer(f"tenantRelationships/{name}", rows[start : start + size], link)


def _place(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The skip token is not valid.") from error


def _answer(name: str, rows: list[Row], link: str | None = None) -> Answer:
    data: Row = {"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#{name}"}
    if link is not None:
        data["@odata.nextLink"] = link
    return Answer(data | {"value": rows})
