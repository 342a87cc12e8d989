"""Pax8 as a local server: token, companies, subscriptions, products. It can't be written to.

Lists are numbered from page 0 and announce their totals; dates come in three shapes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.vendors.pax8_records import (
    Row,
    company_row,
    price_row,
    product_row,
    subscription_row,
)
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.records import Subscription

DAY_SECONDS = 86_400
DEFAULT_SIZE = 10
LARGEST_SIZE = 200
AUDIENCES = frozenset(
    {"https://api.pax8.com", "api://p8p.client", "api://provisioning", "api://usage"}
)
COMPANY_STATUSES = frozenset({"Active", "Inactive", "Deleted"})
SUBSCRIPTION_STATUSES = frozenset(
    {
        "Active",
        "Cancelled",
        "PendingManual",
        "PendingAutomated",
        "PendingCancel",
        "WaitingForDetails",
        "Trial",
        "Converted",
        "PendingActivation",
        "Activated",
    }
)
BILLING_TERMS = frozenset(
    {"Monthly", "Annual", "2-Year", "3-Year", "One-Time", "Trial", "Activation"}
)
SORTS = {
    "companies": frozenset({"name", "city", "country", "stateOrProvince", "postalCode"}),
    "subscriptions": frozenset(
        {"quantity", "startDate", "endDate", "createdDate", "billingStart", "price"}
    ),
    "products": frozenset({"name", "vendor"}),
}


@dataclass(slots=True)
class Pax8State(State):
    """The distributor's state: its tokens last a day."""

    expires_in: int = DAY_SECONDS


class Pax8(Simulator):
    """The distributor's API over a world."""

    name = "pax8"
    path_prefix = "/v1"
    state_kind = Pax8State
    size_parameter = "size"
    secrets: ClassVar = {"client_id": "PAX8_CLIENT_ID", "client_secret": "PAX8_CLIENT_SECRET"}

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self._version = -1
        self._reindex()
        for path in ("/v1/token", "/oauth/token"):
            self.route("POST", path, self._token, is_open=True)
        self.route("GET", "/v1/companies", self._companies)
        self.route("GET", "/v1/companies/(?P<record_id>[^/]+)", self._company)
        self.route("GET", "/v1/companies/(?P<record_id>[^/]+)/contacts", self._contacts)
        self.route("GET", "/v1/subscriptions", self._subscriptions)
        self.route("GET", "/v1/subscriptions/(?P<record_id>[^/]+)", self._subscription)
        self.route("GET", "/v1/subscriptions/(?P<record_id>[^/]+)/history", self._history)
        self.route("GET", "/v1/products", self._products)
        self.route("GET", "/v1/products/(?P<record_id>[^/]+)", self._product)
        self.route("GET", "/v1/products/(?P<record_id>[^/]+)/pricing", self._pricing)

    def placed(self, root: str) -> None:
        """Tokens are handed out here, too."""
        self.credentials["token_url"] = f"{root}/v1/token"

    def authorize(self, query: Query) -> None:
        """A bearer token that this server gave out and that is not over."""
        check_token(self, query)

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """Type, message, instance, status and details; the token call has the identity shape."""
        if query.path.endswith("/token"):
            return {"error": refusal.code or "access_denied", "error_description": refusal.message}
        kind = HTTPStatus(refusal.status).phrase.upper().replace(" ", "_")
        return {
            "type": kind,
            "message": refusal.message,
            "instance": query.path,
            "status": int(refusal.status),
            "details": [],
        }

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another `totalElements`; its `totalPages` stays."""
        if not isinstance(data, dict) or "page" not in data:
            return data
        page = data["page"]
        return {**data, "page": {**page, "totalElements": page["totalElements"] + off_by}}

    def _reindex(self) -> None:
        if self._version == self.state.version:
            return
        self._version = self.state.version
        world = self.state.world
        self._company_by_id = {company.id: company for company in world.pax8_companies}
        self._product_by_id = {product.id: product for product in world.pax8_products}
        self._subscription_by_id = {item.id: item for item in world.subscriptions}

    def _token(self, query: Query) -> Answer:
        try:
            body = json.loads(query.body)
        except ValueError as error:
            raise Refusal(400, "Body must be JSON.", code="invalid_request") from error
        names = ("client_id", "client_secret", "audience", "grant_type")
        if not isinstance(body, dict) or any(not body.get(name) for name in names):
            raise Refusal(400, f"Needed: {', '.join(names)}.", code="invalid_request")
        known = self.credentials
        is_known = all(body[name] == known[name] for name in ("client_id", "client_secret"))
        if not is_known or body["audience"] not in AUDIENCES:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if body["grant_type"] != "client_credentials":
            raise Refusal(403, "Grant type is not allowed.", code="unauthorized_client")
        return Answer(
            {
                "access_token": issue_token(self),
                "expires_in": self.state.expires_in,
                "token_type": "Bearer",
            }
        )

    def _companies(self, query: Query) -> Answer:
        filters = {"status": "status"}
        _check_enum(query, "status", COMPANY_STATUSES)
        return self._list(query, "companies", self.state.world.pax8_companies, company_row, filters)

    def _company(self, query: Query, record_id: str) -> Answer:  # noqa: ARG002
        self._reindex()
        return Answer(company_row(_found(self._company_by_id, record_id, "Company")))

    def _contacts(self, query: Query, record_id: str) -> Answer:
        self._reindex()
        company = _found(self._company_by_id, record_id, "Company")
        kinds = ("Admin", "Billing", "Technical") if company.status == "Active" else ("Admin",)
        contact = {
            "id": company.id,
            "firstName": "Ann",
            "lastName": "Lee",
            "email": "ann@customer.example",
            "createdDate": company.updated_on.isoformat(),
            "types": [{"type": kind, "primary": True} for kind in kinds],
        }
        return _page(query, [contact], dict)

    def _subscriptions(self, query: Query) -> Answer:
        self._reindex()
        _check_enum(query, "status", SUBSCRIPTION_STATUSES)
        _check_enum(query, "billingTerm", BILLING_TERMS)
        company_id = query.params.get("companyid")
        if company_id is not None and company_id not in self._company_by_id:
            raise Refusal(HTTPStatus.FORBIDDEN, "companyId is not one of yours.")
        filters = {name: name for name in ("status", "billingTerm", "companyId", "productId")}
        items = self.state.world.subscriptions
        return self._list(query, "subscriptions", items, self._row, filters)

    def _subscription(self, query: Query, record_id: str) -> Answer:  # noqa: ARG002
        self._reindex()
        item = _found(self._subscription_by_id, record_id, "Subscription")
        return Answer({**self._row(item), "vendorSkuId": None})

    def _row(self, item: Subscription) -> Row:
        return subscription_row(item, self._product_by_id[item.product_id])

    def _history(self, query: Query, record_id: str) -> Answer:  # noqa: ARG002
        """The subscription as it grew: fewer licences in each older month."""
        self._reindex()
        item = _found(self._subscription_by_id, record_id, "Subscription")
        row = self._row(item)
        past = []
        for months_ago in range(4):
            day = month_start(self.state.world.as_of, -months_ago)
            if day < item.starts_on:
                break
            quantity = max(1, item.quantity - months_ago)
            past.append({**row, "quantity": quantity, "updatedDate": f"{day}T00:00:00Z"})
        return Answer({"content": past or [row]})

    def _products(self, query: Query) -> Answer:
        items = self.state.world.pax8_products
        return self._list(query, "products", items, product_row, {"vendorName": "vendorName"})

    def _product(self, query: Query, record_id: str) -> Answer:  # noqa: ARG002
        self._reindex()
        return Answer(product_row(_found(self._product_by_id, record_id, "Product")))

    def _pricing(self, query: Query, record_id: str) -> Answer:  # noqa: ARG002
        self._reindex()
        product = _found(self._product_by_id, record_id, "Product")
        return Answer({"content": [price_row(product, term) for term in product.terms]})

    def _list(
        self,
        query: Query,
        name: str,
        items: list[Any],
        write: Callable[[Any], Row],
        filters: dict[str, str],
    ) -> Answer:
        """A page of the list, filtered and sorted once per query."""
        wanted = {
            f: query.params[p.lower()] for p, f in filters.items() if p.lower() in query.params
        }
        sort = query.params.get("sort", "")
        if not wanted and not sort:
            return _page(query, items, write)
        key = (name, tuple(sorted(wanted.items())), sort)
        if key not in self.state.cache:
            rows = [write(item) for item in items]
            rows = [row for row in rows if all(row.get(f) == v for f, v in wanted.items())]
            self.state.cache[key] = _sorted(rows, sort, SORTS[name])
        return _page(query, self.state.cache[key], dict)


def _page(query: Query, items: list[Any], write: Callable[[Any], Row]) -> Answer:
    size = min(number(query, "size", DEFAULT_SIZE, least=1), LARGEST_SIZE)
    page = number(query, "page", 0)
    content = [write(item) for item in items[page * size : (page + 1) * size]]
    return Answer(
        {
            "content": content,
            "page": {
                "size": size,
                "totalElements": len(items),
                "totalPages": -(-len(items) // size),
                "number": page,
            },
        }
    )


def _sorted(rows: list[Row], sort: str, allowed: frozenset[str]) -> list[Row]:
    if not sort:
        return rows
    field, _, direction = sort.partition(",")
    if field not in allowed or direction not in {"", "asc", "desc"}:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Parameter sort is not valid.")
    field = "vendorName" if field == "vendor" else field
    rows.sort(key=lambda row: _sort_key(row, field), reverse=direction == "desc")
    return rows


def _sort_key(row: Row, field: str) -> tuple[bool, Any]:
    value = row.get(field, row.get("address", {}).get(field))
    return (value is not None, value)


def _check_enum(query: Query, name: str, allowed: frozenset[str]) -> None:
    value = query.params.get(name.lower())
    if value is not None and value not in allowed:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"Parameter {name} is not valid.")


def _found(records: dict[str, Any], record_id: str, what: str) -> Any:  # noqa: ANN401
    if record_id not in records:
        raise Refusal(HTTPStatus.NOT_FOUND, f"{what} was not found.")
    return records[record_id]
