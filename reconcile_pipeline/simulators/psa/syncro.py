"""Syncro as a local server: customers, schedules, products, and changed schedule lines.

Pages have a length of their own; only the list of customers says how many there are. How a record
looks on the wire is in `syncro_records`.
"""

import hmac
import json
import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.psa.syncro_records import (
    Row,
    SyncroState,
    SyncroView,
    is_disabled,
)
from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, Write, number
from reconcile_pipeline.simulators.world.records import Agreement, Line

API = "/api/v1"


class Syncro(Simulator):
    """The PSA's API over a world."""

    name = "syncro"
    path_prefix = API
    secrets: ClassVar = {"api_token": "SYNCRO_API_TOKEN"}
    state_kind = SyncroState
    settings: ClassVar = {
        "subdomain": '"northgate"',
        "currency": '"USD"',
        # This server counts calls only where it is told to.
        "requests_per_minute": "1000000",
    }

    def __init__(self, state: SyncroState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.psa = state
        # One in nineteen of the lines that are there now is counted from assets.
        state.counted |= {line.id for line in state.world.lines if line.id % 19 == 0}
        self.view = SyncroView(state)
        self.route("GET", f"{API}/me", self._me)
        self.route("GET", f"{API}/customers", self._customers)
        self.route("GET", f"{API}/schedules", self._schedules)
        self.route("GET", f"{API}/schedules/(?P<schedule_id>\\d+)", self._schedule)
        self.route("GET", f"{API}/products", self._products)
        line = f"{API}/schedules/(?P<schedule_id>\\d+)/line_items/(?P<line_id>\\d+)"
        self.route("PUT", line, self._put_line)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The API token."""
        return {"api_token": f"T{tag}simTokenOfSyncro", "subdomain": "northgate"}

    def authorize(self, query: Query) -> None:
        """The token, as a bearer."""
        scheme, _, token = query.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not hmac.compare_digest(token, self.credentials["api_token"]):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Not authorized")

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """One of the shapes in use: schedules', customers' and products', or the general one."""
        if "/schedules" in query.path:
            return {"error": [refusal.message]}
        if query.path.startswith((f"{API}/customers", f"{API}/products")):
            return {"success": False, "message": [refusal.message], "params": {}}
        return {"errors": refusal.message}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another number of entries."""
        if not isinstance(data, dict) or "meta" not in data:
            return data
        meta = data["meta"]
        return {**data, "meta": {**meta, "total_entries": meta["total_entries"] + off_by}}

    def edit_line(self, line_id: str, quantity: Decimal, effective_on: date) -> None:  # noqa: ARG002
        """Somebody edits a line in the PSA itself; edits count at once, whatever the day.

        Raises KeyError for a line that is not there.
        """
        line = next((each for each in self.psa.world.lines if str(each.id) == line_id), None)
        if line is None:
            raise KeyError(line_id)
        line.quantity = quantity
        self.state.changed()

    def _me(self, _query: Query) -> Answer:
        own = {"user_id": 1, "user_name": "API", "admin": False, "subdomain": "northgate"}
        return Answer(own | {"user_token": self.credentials["api_token"], "permissions": {}})

    def _customers(self, query: Query) -> Answer:
        companies = self.psa.world.companies
        if query.params.get("include_disabled") != "true":
            companies = [company for company in companies if not is_disabled(company)]
        return self._page(query, "customers", companies, self.view.customer, has_meta=True)

    def _schedules(self, query: Query) -> Answer:
        has_lines = self.psa.has_lines_in_list

        def shown(agreement: Agreement) -> Row:
            return self.view.schedule(agreement, has_lines=has_lines)

        return self._page(query, "schedules", self.psa.world.agreements, shown)

    def _products(self, query: Query) -> Answer:
        return self._page(query, "products", self.psa.world.products, self.view.product)

    def _page(
        self,
        query: Query,
        name: str,
        records: list[Any],
        shown: Callable[[Any], Row],
        *,
        has_meta: bool = False,
    ) -> Answer:
        page, length = number(query, "page", 1, least=1), self.psa.page_length
        length = min(length, self.psa.most_per_page or length)
        rows = [shown(record) for record in records[(page - 1) * length : page * length]]
        if not has_meta:
            return Answer({name: rows})
        meta = {
            "total_pages": math.ceil(len(records) / length),
            "total_entries": len(records),
            "per_page": length,
            "page": page,
        }
        return Answer({name: rows, "meta": meta})

    def _schedule(self, _query: Query, schedule_id: str) -> Answer:
        return Answer(
            {"schedule": self.view.schedule(self._agreement(schedule_id), has_lines=True)}
        )

    def _agreement(self, schedule_id: str) -> Agreement:
        agreements = self.psa.world.agreements
        found = next((each for each in agreements if str(each.id) == schedule_id), None)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "Not found")
        return found

    def _put_line(self, query: Query, schedule_id: str, line_id: str) -> Answer:
        agreement = self._agreement(schedule_id)
        lines = self.view.lines_of(agreement)
        line = next((each for each in lines if str(each.id) == line_id), None)
        if line is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "Not found")
        body = _body(query)
        if not body.get("name"):
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Name can't be blank")
        if body.get("product_id") != line.product_id:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Product can't be changed here")
        quantity = _quantity(body)
        self._keep_rest(line, body)

        def apply(applied: Decimal) -> None:
            line.quantity = applied

        if quantity != line.quantity:
            write = Write(schedule_id, line_id, line.quantity, quantity, None)
            self.commit(write, apply)
        return Answer({"schedule_line_item": self.view.line(agreement, line)})

    def _keep_rest(self, line: Line, body: Row) -> None:
        """Take over the other fields; those that a change does not name are reset."""
        cents = body.get("retail_cents", 0)
        line.unit_price = Decimal(cents) / 100
        self.psa.descriptions[line.id] = body.get("description") or ""
        if body.get("taxable") is not True:
            self.psa.untaxed.add(line.id)


def _body(query: Query) -> Row:
    try:
        body = json.loads(query.body, parse_float=Decimal)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body is no JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body must be an object.")
    return body


def _quantity(body: Row) -> Decimal:
    try:
        return Decimal(body["quantity"]).normalize() + 0
    except (KeyError, TypeError, InvalidOperation) as error:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Quantity is not a number") from error
