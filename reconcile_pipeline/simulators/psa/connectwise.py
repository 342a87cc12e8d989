"""ConnectWise PSA as a local server: the lists, their two ways of paging, and changing a line.

Paths stand below `/{codebase}apis/3.0`; the codebase is told by `/login/companyinfo/{company}`.
How a record looks on the wire is in `connectwise_records`.
"""

import base64
import hmac
import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.psa.connectwise_bundles import (
    expect_type,
    page_of,
    part_of,
    questions,
)
from reconcile_pipeline.simulators.psa.connectwise_lists import (
    Resource,
    filtered,
    forward_page,
    numbered_page,
    project,
    record_id_of,
    resource_of,
    slash_paths,
    table,
)
from reconcile_pipeline.simulators.psa.connectwise_records import PsaView
from reconcile_pipeline.simulators.server import (
    Answer,
    Query,
    Refusal,
    Simulator,
    State,
    Write,
    number,
)
from reconcile_pipeline.simulators.world import lookups

DEFAULT_PAGE_SIZE = 25
LARGEST_PAGE_SIZE = 1000
MEDIA_TYPE = "application/vnd.connectwise.com+json; version=2025.1"
API = r"/(?P<codebase>[\w.]+)/apis/3\.0"
CHANGEABLE = {
    "quantity": "quantity",
    "lessIncluded": "less_included",
    "unitPrice": "unit_price",
    "billCustomer": "bill_customer",
}
"""Fields of an addition that a PATCH may replace, and where they live in the world."""


@dataclass(slots=True)
class ConnectWiseState(State):
    """The PSA's state: where the API lives now, and what the API member may not see."""

    codebase: str = "v4_6_release"
    hidden_agreement_types: frozenset[int] = frozenset()
    """Types the security role hides: their agreements are simply not there."""
    bundles_name_additions: str = "addition"
    """What `/system/bundles` calls additions; not documented."""
    largest_bundle: int = 1000
    """How many questions one bundle may hold; not documented."""


class ConnectWise(Simulator):
    """The PSA's API over a world."""

    name = "connectwise"
    secrets: ClassVar = {
        "public_key": "CONNECTWISE_PUBLIC_KEY",
        "private_key": "CONNECTWISE_PRIVATE_KEY",
        "client_id": "CONNECTWISE_CLIENT_ID",
    }
    state_kind = ConnectWiseState
    settings: ClassVar = {"agreement_types": "[]"}
    size_parameter = "pagesize"

    def __init__(self, state: ConnectWiseState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.psa = state
        self.view = PsaView(state)
        self.route("GET", r"/login/companyinfo/(?P<company>[^/]+)", self._discover, is_open=True)
        self.route("GET", f"{API}/system/info", self._info)
        view = self.view
        lists: dict[str, Resource] = {
            "/company/companies/statuses": table(lookups.COMPANY_STATUSES),
            "/company/companies/types": table(lookups.COMPANY_TYPES),
            "/company/companyTypeAssociations": resource_of(view.associations, dict),
            "/company/companies": resource_of(lambda: state.world.companies, view.company),
            "/finance/agreements/types": table(lookups.AGREEMENT_TYPES),
            "/finance/billingCycles": table(lookups.BILLING_CYCLES),
            "/finance/agreements": resource_of(self._agreements, view.agreement),
            "/procurement/catalog": resource_of(lambda: state.world.products, view.product),
        }
        for path, resource in lists.items():
            self._serve(path, resource)
        fields = slash_paths(*map(view.addition, state.world.lines[:50])) | {"cancelledDate"}
        additions = Resource(self._additions, view.addition, fields)
        self._serve(r"/finance/agreements/(?P<parent>\d+)/additions", additions)
        one = f"{API}/finance/agreements/(?P<parent>\\d+)/additions/(?P<record_id>\\d+)"
        self.route("PATCH", one, self._patch)
        self.route("POST", f"{API}/system/bundles", self._bundle)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The API member's keys, and the company it belongs to."""
        return {
            "company_id": "northgate",
            "public_key": f"simPublic{tag}",
            "private_key": f"simPrivate{tag}",
            "client_id": f"00000000-0000-4000-8000-00000000{tag[-4:]}",
        }

    def authorize(self, query: Query) -> None:
        """Basic auth of `company+public:private`, a clientId header, and the right codebase."""
        if not query.path.startswith(f"/{self.psa.codebase}/"):
            raise Refusal(HTTPStatus.NOT_FOUND, "Not found.", code="NotFound")
        if not query.headers.get("clientid"):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Missing clientId header.", code="Unauthorized")
        known = self.credentials
        user = f"{known['company_id']}+{known['public_key']}:{known['private_key']}"
        wanted = "Basic " + base64.b64encode(user.encode()).decode()
        if not hmac.compare_digest(
            query.headers.get("authorization", "").encode(), wanted.encode()
        ):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "Provided username or password is incorrect.",
                code="Unauthorized",
            )
        if query.headers["clientid"] != known["client_id"]:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "clientId is not valid.", code="Unauthorized")

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """Code, message and a list of what is wrong with which field."""
        codes = {
            HTTPStatus.BAD_REQUEST: "InvalidObject",
            HTTPStatus.UNAUTHORIZED: "Unauthorized",
            HTTPStatus.FORBIDDEN: "SecurityError",
            HTTPStatus.NOT_FOUND: "NotFound",
        }
        code = refusal.code or codes.get(HTTPStatus(refusal.status), "ConnectWiseApi")
        body: dict[str, Any] = {"code": code, "message": refusal.message, "errors": None}
        if refusal.fields:
            resource = query.path.rsplit("/", 1)[-1]
            detail = {"code": code, "message": refusal.message, "resource": resource}
            body["errors"] = [{**detail, "field": refusal.fields}]
        return body

    def edit_line(self, line_id: str, quantity: Decimal, effective_on: date) -> None:  # noqa: ARG002
        """Somebody edits an addition in the PSA itself; edits count at once, whatever the day.

        Raises KeyError for an addition that is not there.
        """
        line = next((line for line in self.psa.world.lines if str(line.id) == line_id), None)
        if line is None:
            raise KeyError(line_id)
        line.quantity = quantity
        self.view.touch(line)
        self.state.changed()

    def _serve(self, path: str, resource: Resource) -> None:
        """A list, its count, and one record by id."""

        def page(query: Query, codebase: str, parent: str | None = None) -> Answer:  # noqa: ARG001
            return self._list(query, resource, parent)

        def count(query: Query, codebase: str, parent: str | None = None) -> Answer:  # noqa: ARG001
            return self._reply({"count": len(self._select(query, resource, parent))})

        def single(
            query: Query,
            codebase: str,  # noqa: ARG001
            record_id: str,
            parent: str | None = None,
        ) -> Answer:
            record = next(
                (r for r in resource.items(parent) if record_id_of(r) == int(record_id)), None
            )
            if record is None:
                raise Refusal(HTTPStatus.NOT_FOUND, f"Record {record_id} was not found.")
            return self._reply(project(resource.write(record), query.params.get("fields", "")))

        self.route("GET", f"{API}{path}", page)
        self.route("GET", f"{API}{path}/count", count)
        self.route("GET", f"{API}{path}/(?P<record_id>\\d+)", single)

    def _list(self, query: Query, resource: Resource, parent: str | None) -> Answer:
        items = self._select(query, resource, parent)
        size = number(query, "pagesize", DEFAULT_PAGE_SIZE, least=1)
        if size > LARGEST_PAGE_SIZE:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                f"pageSize must be at most {LARGEST_PAGE_SIZE}.",
                fields="pageSize",
            )
        if query.headers.get("pagination-type", "").lower() == "forward-only":
            page, link = forward_page(query, items, size)
        else:
            page, link = numbered_page(query, items, size)
        wanted = query.params.get("fields", "")
        answer = self._reply([project(resource.write(item), wanted) for item in page])
        if link is not None:
            answer.headers["Link"] = link
        return answer

    def _select(self, query: Query, resource: Resource, parent: str | None) -> list[Any]:
        """The world objects that match the query, in its order; prepared once per query."""
        names = ("conditions", "childconditions", "orderby")
        texts = tuple(query.params.get(name, "") for name in names)
        if not any(texts):
            return resource.items(parent)
        self.view.stamps.look()
        key = (query.path.removesuffix("/count"), texts)
        if key not in self.state.cache:
            self.state.cache[key] = filtered(resource, resource.items(parent), *texts)
        found: list[Any] = self.state.cache[key]
        return found

    def _agreements(self) -> list[Any]:
        hidden = self.psa.hidden_agreement_types
        agreements = self.psa.world.agreements
        return [a for a in agreements if a.type_id not in hidden] if hidden else agreements

    def _additions(self, parent: str | None) -> list[Any]:
        agreement_id = int(parent or 0)
        lines = self.view.lines_of(agreement_id)
        if lines is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"Agreement {agreement_id} was not found.")
        return lines

    def _bundle(self, query: Query, codebase: str) -> Answer:  # noqa: ARG002
        """Several questions in one call; each has its own success and status."""
        asked = questions(query.body, self.psa.largest_bundle)
        return self._reply({"results": [self._part(question) for question in asked]})

    def _part(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            expect_type(question, self.psa.bundles_name_additions)
            parent, page, size = page_of(question, LARGEST_PAGE_SIZE)
            lines = self._additions(str(parent))
        except Refusal as refusal:
            return part_of(question, [], HTTPStatus(refusal.status), refusal.message)
        chosen = sorted(lines, key=record_id_of)[(page - 1) * size : page * size]
        return part_of(question, [self.view.addition(line) for line in chosen])

    def _patch(self, query: Query, codebase: str, parent: str, record_id: str) -> Answer:  # noqa: ARG002
        line = next((r for r in self._additions(parent) if r.id == int(record_id)), None)
        if line is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"Addition {record_id} was not found.")
        changes = dict(_change(step) for step in _steps(query.body))
        quantity = changes.pop("quantity", line.quantity)
        for name, value in changes.items():
            setattr(line, name, value)

        def apply(applied: Decimal) -> None:
            line.quantity = applied
            self.view.touch(line)

        self.commit(Write(parent, record_id, line.quantity, quantity, None), apply)
        return self._reply(self.view.addition(line))

    def _discover(self, query: Query, company: str) -> Answer:
        if company != self.credentials["company_id"]:
            return Answer(None)
        return Answer(
            {
                "CompanyName": "Northgate Managed IT",
                "Codebase": f"{self.psa.codebase}/",
                "VersionCode": "v2025.1",
                "CompanyID": company,
                "IsCloud": False,
                "SiteUrl": query.headers.get("host", ""),
            }
        )

    def _info(self, query: Query, codebase: str) -> Answer:  # noqa: ARG002
        return self._reply({"version": "v2025.1.12345", "isCloud": False})

    def _reply(self, data: Any) -> Answer:  # noqa: ANN401
        headers = {"Content-Type": MEDIA_TYPE, "api-current-version": "2025.1"}
        return Answer(data, headers={key.lower(): value for key, value in headers.items()})


def _steps(body: bytes) -> list[Any]:
    try:
        steps = json.loads(body)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Body is not JSON.") from error
    if not isinstance(steps, list) or not steps:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Body must be an array of patch operations.")
    return steps


def _change(step: Any) -> tuple[str, Any]:  # noqa: ANN401
    """One operation as (attribute, new value); 400 for anything an addition doesn't allow."""
    path = str(step.get("path", "")).lstrip("/") if isinstance(step, dict) else ""
    if not path or step.get("op") != "replace" or path not in CHANGEABLE:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"Cannot change '{path}'.", fields=path or "path")
    value = step.get("value")
    if path == "billCustomer":
        if value not in {"Billable", "DoNotBill", "NoCharge"}:
            raise Refusal(HTTPStatus.BAD_REQUEST, "billCustomer is not valid.", fields=path)
        return CHANGEABLE[path], value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{path} must be a number.", fields=path)
    return CHANGEABLE[path], Decimal(re.sub(r"\.0$", "", str(value)))
