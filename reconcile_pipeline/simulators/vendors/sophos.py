"""Sophos Central as a local server: token, whoami, tenants by page, usage report by key, licences.

Partner calls name the partner in X-Partner-ID, a customer's calls the customer in X-Tenant-ID.
Reading only.
"""

import base64
import binascii
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.vendors.sophos_records import (
    licence_row,
    line_row,
    tenant_row,
)
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.vendors.sophos import (
    SOPHOS,
    SophosLine,
    SophosRecords,
    SophosTenant,
)

DEFAULT_SIZE = 50
MOST_TENANTS = 100
MOST_LINES = 1000
TOKEN_PATH = "/api/v2/oauth2/token"  # noqa: S105 - a path
TRACE = {
    "correlationId": "df88bf88-471b-49d6-8a5e-07a26964d2ec",
    "requestId": "85073630-8ad8-46da-bf64-cb1e8b6f864b",
}


class Sophos(Simulator):
    """The partner's API over a world; the login host is here, too."""

    name = SOPHOS
    secrets: ClassVar = {
        "client_id": "SOPHOS_CLIENT_ID",
        "client_secret": "SOPHOS_CLIENT_SECRET",
    }
    settings: ClassVar = {"currency": '"USD"', "requests_per_minute": "6000"}

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        partner, month = "/partner/v1", "(?P<year>\\d{4})/(?P<month>\\d{1,2})"
        self.route("POST", TOKEN_PATH, self._token, is_open=True)
        self.route("GET", "/whoami/v1", self._whoami)
        self.route("GET", f"{partner}/tenants", self._tenants)
        self.route("GET", f"{partner}/tenants/(?P<tenant_id>[^/]+)", self._tenant)
        self.route("GET", f"{partner}/billing/usage/{month}", self._usage)
        self.route("GET", "/licenses/v1/licenses", self._licences)

    @property
    def _records(self) -> SophosRecords:
        records: SophosRecords = self.state.world.at[SOPHOS]
        return records

    def placed(self, root: str) -> None:
        """Tokens are handed out here, too."""
        self.credentials["token_url"] = f"{root}{TOKEN_PATH}"

    def authorize(self, query: Query) -> None:
        """A bearer token that this server gave out and that is not over."""
        check_token(self, query)

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """One shape for all services but the token's; only `error` is always there."""
        if query.path == TOKEN_PATH:
            code = refusal.code or "oauth.invalid_client_secret"
            return {"errorCode": code, "message": refusal.message, "trackingId": TRACE["requestId"]}
        phrase = HTTPStatus(refusal.status).phrase
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return {"error": phrase}
        return {"error": phrase, "message": refusal.message, **TRACE}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another number of items."""
        pages = data.get("pages") if isinstance(data, dict) else None
        if not pages or "items" not in pages:
            return data
        return {**data, "pages": {**pages, "items": pages["items"] + off_by}}

    def _token(self, query: Query) -> Answer:
        form = dict(parse_qsl(query.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials" or form.get("scope") != "token":
            raise Refusal(400, "Bad Request", code="oauth.invalid_request")
        known = self.credentials
        if form.get("client_id") != known["client_id"]:
            raise Refusal(401, "Unauthorized", code="oauth.invalid_client_id")
        if form.get("client_secret") != known["client_secret"]:
            raise Refusal(401, "Unauthorized")
        return Answer(
            {
                "access_token": issue_token(self),
                "refresh_token": "",
                "token_type": "bearer",
                "expires_in": self.state.expires_in,
                "errorCode": "success",
                "message": "OK",
                "trackingId": TRACE["requestId"],
            }
        )

    def _whoami(self, query: Query) -> Answer:  # noqa: ARG002
        # As in the vendor's own sample, the address begins with http.
        hosts = {"global": "http://api.central.sophos.com/"}
        return Answer({"id": self._records.partner_id, "idType": "partner", "apiHosts": hosts})

    def _as_partner(self, query: Query) -> None:
        asked = query.headers.get("x-partner-id")
        if not asked:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "X-Partner-ID is missing.")
        if asked != self._records.partner_id:
            raise Refusal(HTTPStatus.FORBIDDEN, "Not your partner account.")

    def _tenants(self, query: Query) -> Answer:
        self._as_partner(query)
        size = min(number(query, "pagesize", DEFAULT_SIZE, least=1), MOST_TENANTS)
        page = number(query, "page", 1, least=1)
        tenants = self._records.tenants
        shown = tenants[(page - 1) * size : page * size]
        pages: dict[str, int] = {"current": page, "size": size, "maxSize": MOST_TENANTS}
        if query.params.get("pagetotal") == "true":
            pages |= {"total": -(-len(tenants) // size), "items": len(tenants)}
        rows = [tenant_row(tenant, self._records.partner_id) for tenant in shown]
        return Answer({"items": rows, "pages": pages})

    def _tenant(self, query: Query, tenant_id: str) -> Answer:
        self._as_partner(query)
        tenant = self._found(tenant_id)
        row = tenant_row(tenant, self._records.partner_id)
        return Answer(row | {"showAs": tenant.shown, "organization": {"id": tenant.id}})

    def _found(self, tenant_id: str) -> SophosTenant:
        for tenant in self._records.tenants:
            if tenant.id == tenant_id:
                return tenant
        raise Refusal(HTTPStatus.NOT_FOUND, "No such tenant.")

    def _usage(self, query: Query, year: str, month: str) -> Answer:
        """A month's report, page by key; a month without data is not found."""
        self._as_partner(query)
        lines = self._report(int(year), int(month))
        size = min(number(query, "pagesize", DEFAULT_SIZE, least=1), MOST_LINES)
        key = query.params.get("pagefromkey", "")
        start = _offset(key)
        shown = lines[start : start + size]
        pages: dict[str, Any] = {
            "fromKey": key,
            "size": size,
            "items": len(shown),
            "maxSize": MOST_LINES,
        }
        if len(shown) == size:
            # Also where nothing follows: that page is empty then.
            pages["nextKey"] = base64.b64encode(f"off:{start + size}".encode()).decode()
        if query.params.get("pagetotal") == "true":
            pages["total"] = -(-len(lines) // size)
        return Answer({"items": [line_row(line) for line in shown], "pages": pages})

    def _report(self, year: int, month: int) -> list[SophosLine]:
        day = self.state.world.as_of
        reports = {
            month_start(day, -1): self._records.lines,
            month_start(day, -2): self._records.earlier_lines,
        }
        for first, lines in reports.items():
            if (first.year, first.month) == (year, month):
                return lines
        raise Refusal(HTTPStatus.NOT_FOUND, "No usage data was found.")

    def _licences(self, query: Query) -> Answer:
        tenant_id = query.headers.get("x-tenant-id")
        if not tenant_id:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "X-Tenant-ID is missing.")
        known = {tenant.id: tenant for tenant in self._records.tenants}
        tenant = known.get(tenant_id)
        if tenant is None or not tenant.has_assistance:
            raise Refusal(HTTPStatus.FORBIDDEN, "Access to this account is not allowed.")
        rows = [licence_row(row) for row in self._records.licences if row.tenant_id == tenant_id]
        owner = {"organization": {"id": tenant_id}, "tenant": {"id": tenant_id}}
        return Answer({**owner, "licenses": rows})


def _offset(key: str) -> int:
    if not key:
        return 0
    try:
        return int(base64.b64decode(key, validate=True).decode().removeprefix("off:"))
    except (binascii.Error, ValueError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "pageFromKey is not valid.") from error
