"""Partner Center as a local server: customers, and the subscriptions of one customer.

Customers continue by a header whose value the page before gave; the link's address alone leads
nowhere. Subscriptions come in one piece. Some answers begin with a byte order mark. Reading only.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, State, number
from reconcile_pipeline.simulators.vendors.microsoft_login import MicrosoftServer
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    AZURE,
    LEGACY,
    PartnerCenterRecords,
    PartnerCustomer,
    PartnerSubscription,
)

LARGEST_PAGE = 500
API = "/v1/customers"
CONTINUATION = "MS-ContinuationToken"
ECHOED = ("MS-CorrelationId", "MS-RequestId")
MARK = b"\xef\xbb\xbf"
Row = dict[str, Any]


class PartnerCenter(MicrosoftServer):
    """The commerce API over a world."""

    name = "microsoft_partner_center"
    path_prefix = "/v1"
    secrets: ClassVar = {
        "client_secret": "MICROSOFT_PARTNER_CENTER_CLIENT_SECRET",
        "refresh_token": "MICROSOFT_PARTNER_CENTER_REFRESH_TOKEN",
    }
    # The documented limit would only slow a made-up MSP down: this server does not keep it.
    settings: ClassVar[Mapping[str, str]] = {"requests_per_minute": "60000"}
    scopes = frozenset(
        {
            "https://api.partnercenter.microsoft.com/user_impersonation",
            "https://api.partnercenter.microsoft.com/.default",
        }
    )

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.route("GET", API, self._customers)
        self.route("GET", f"{API}/(?P<customer>[^/]+)", self._customer)
        self.route("GET", f"{API}/(?P<customer>[^/]+)/subscriptions", self._subscriptions)

    @property
    def records(self) -> PartnerCenterRecords:
        """What Partner Center holds."""
        records: PartnerCenterRecords = self.state.world.at[self.name]
        return records

    def api_error(self, query: Query, refusal: Refusal) -> Row:  # noqa: ARG002
        """A code, a description, and where it comes from."""
        return {
            "code": "3000" if refusal.status == HTTPStatus.NOT_FOUND else "2000",
            "description": refusal.message,
            "data": [],
            "source": "PartnerApiServiceCore",
        }

    def _customers(self, query: Query) -> Answer:
        rows = [row for row in map(customer_row, self.records.customers) if _passes(query, row)]
        size = min(number(query, "size", LARGEST_PAGE, least=1), LARGEST_PAGE)
        start = 0
        if query.params.get("seekoperation", "").lower() == "next":
            start = _place(query.headers.get(CONTINUATION.lower(), ""))
        page = rows[start : start + size]
        links: Row = {"self": {"uri": f"/customers?size={size}", "method": "GET", "headers": []}}
        if start + size < len(rows):
            token = base64.b64encode(f"from {start + size}".encode()).decode()
            links["next"] = {
                "uri": f"/customers?size={size}&seekOperation=Next",
                "method": "GET",
                "headers": [{"key": CONTINUATION, "value": token}],
            }
        return _answer(query, _collection(page) | {"links": links}, is_marked=start == 0)

    def _customer(self, query: Query, customer: str) -> Answer:
        return _answer(query, customer_row(self._found(customer)), is_marked=False)

    def _subscriptions(self, query: Query, customer: str) -> Answer:
        self._found(customer)
        mine = [item for item in self.records.subscriptions if item.customer_id == customer]
        rows = [subscription_row(item) for item in mine]
        return _answer(query, _collection(rows), is_marked=int(customer[-1], 16) % 3 == 0)

    def _found(self, customer: str) -> PartnerCustomer:
        for record in self.records.customers:
            if record.id == customer:
                return record
        raise Refusal(HTTPStatus.NOT_FOUND, "The customer was not found.")


def customer_row(customer: PartnerCustomer) -> Row:
    """One customer; the relationship is told in small letters."""
    return {
        "id": customer.id,
        "companyProfile": {
            "tenantId": customer.id,
            "domain": customer.domain,
            "companyName": customer.name,
            "attributes": {"objectType": "CustomerCompanyProfile"},
        },
        "relationshipToPartner": customer.relationship,
        "allowDelegatedAccess": customer.relationship == "reseller",
        "attributes": {"objectType": "Customer"},
    }


def subscription_row(item: PartnerSubscription) -> Row:
    """One subscription; a legacy offer has no product type, no term and no commitment."""
    row: Row = {
        "id": item.id,
        "offerId": item.offer_id,
        "offerName": item.offer_name,
        "friendlyName": item.offer_name[:20],
        "productType": {"id": "OnlineServicesNCE", "displayName": "OnlineServicesNCE"},
        "quantity": item.quantity,
        "unitType": "Licenses" if item.billing_type == "license" else "Usage-based",
        "parentSubscriptionId": item.parent_id,
        "hasPurchasableAddons": False,
        "creationDate": f"{item.starts_on}T16:57:15.0966728Z",
        "effectiveStartDate": f"{item.starts_on}T00:00:00Z",
        "status": item.status,
        "autoRenewEnabled": item.status == "active",
        "isTrial": item.is_trial,
        "billingType": item.billing_type,
        "billingCycle": item.cycle,
        "termDuration": item.term,
        "renewalTermDuration": "",
        "isMicrosoftProduct": True,
        "publisherName": "Microsoft Corporation",
        "contractType": "subscription",
        "orderId": item.id[-12:],
        "attributes": {"etag": "eyJpZCI6ImE0", "objectType": "Subscription"},
    }
    if item.commitment_ends_on is not None:
        row["commitmentEndDate"] = f"{item.commitment_ends_on}T00:00:00Z"
    if item.offer_id == LEGACY[0]:
        del row["productType"], row["termDuration"]
    elif item.offer_id == AZURE[0]:
        row["productType"] = {"id": "Azure", "displayName": "Azure"}
    return row


def _collection(rows: list[Row]) -> Row:
    # The total is that of this answer, however many pages there are.
    return {"totalCount": len(rows), "items": rows, "attributes": {"objectType": "Collection"}}


def _answer(query: Query, data: Row, *, is_marked: bool) -> Answer:
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    sent = {name.lower(): name for name in ECHOED}
    headers = {sent[name]: query.headers[name] for name in sent if name in query.headers}
    return Answer(MARK + body if is_marked else body, headers=headers)


def _place(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("from "))
    except (binascii.Error, ValueError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The continuation token is not valid.") from error


def _passes(query: Query, row: Row) -> bool:
    """Whether a customer passes the filter, a JSON object; only names that begin so are known."""
    text = query.params.get("filter")
    if not text:
        return True
    try:
        wanted = json.loads(text)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The filter is not valid JSON.") from error
    if (wanted.get("Field"), wanted.get("Operator")) != ("CompanyName", "starts_with"):
        raise Refusal(HTTPStatus.BAD_REQUEST, "The filter is not supported.")
    name: str = row["companyProfile"]["companyName"]
    return name.lower().startswith(str(wanted.get("Value", "")).lower())
