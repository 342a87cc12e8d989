"""A Veeam console as a local server: token, companies, usage by day, licences, queued answers.

Lists take an offset and a limit and announce their total; an administrator may have lowered the
limit, and a slow list is answered 202 with a place to ask again. Reading only.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.faults import Fault
from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.vendors.veeam_vspc_records import (
    Row,
    company_row,
    licence_rows,
    organization_row,
    provider_licences,
    provider_row,
    usage_row,
)
from reconcile_pipeline.simulators.world.vendors.veeam_vspc import VEEAM_VSPC, VspcRecords

API = "/api/v3"
UID = r"[0-9a-fA-F-]{36}"
DEFAULT_SIZE, LARGEST_SIZE = 100, 500
MOST_DAYS = 31
SERVER_ERROR = 520
USER, USER_PASSWORD = "north-msp\\reconcile", "simPassword-vspc"
OWN_NAME = "https://vspc.north-msp.internal:1280"
"""What the console calls itself, whatever name it was reached by."""


@dataclass(slots=True)
class VspcState(State):
    """The console's state, with what its administrator or its load may change."""

    largest_page: int = LARGEST_SIZE
    """The server setting MaxPageSize."""
    retry_after_in_body: int | None = 25
    """What a 429 says; None where it is the number of parallel calls that was too high."""
    polls_until_done: int | None = None
    """Lists are queued, and done after so many questions; None: they come at once."""
    ends_as: str = "succeed"
    needs_second_factor: bool = False
    actions: dict[str, list[Any]] = field(default_factory=dict)
    """Queued answers by id: questions left, and the answer."""


class Veeam(Simulator):
    """The console's API over a world."""

    name = VEEAM_VSPC
    path_prefix = API
    state_kind = VspcState
    secrets: ClassVar = {"api_key": "VEEAM_VSPC_API_KEY"}
    settings: ClassVar = {"read_licences": "true"}
    state: VspcState

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.route("POST", f"{API}/token", self._token, is_open=True)
        self.route("GET", f"{API}/about", self._about)
        self.route("GET", f"{API}/organizations", self._organizations)
        companies = f"{API}/organizations/companies"
        self.route("GET", companies, self._companies)
        self.route("GET", f"{companies}/usage", self._usage)
        self.route("GET", f"{companies}/(?P<company>{UID})/usage", self._usage)
        self.route("GET", f"{API}/licensing/usage/organizations", self._licensing)
        self.route("GET", f"{API}/asyncActions/(?P<action>{UID})", self._action)
        self.route("GET", f"{API}/asyncActions/(?P<action>{UID})/result", self._result)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The Simple Key of a console."""
        return {"api_key": f"simKey.vspc.{tag}.0a1b2c3d4e5f"}

    def authorize(self, query: Query) -> None:
        """The API key itself as bearer, or a token that this server gave out."""
        if query.headers.get("authorization") != f"Bearer {self.credentials['api_key']}":
            check_token(self, query)

    def error(self, query: Query, refusal: Refusal) -> Row:
        """The identity shape for the token call; a list of errors elsewhere."""
        if query.path.endswith("/token"):
            says = {"error_description": refusal.message, "error_uri": None}
            return {"error": refusal.code or "invalid_request", **says}
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = self.state.retry_after_in_body
            pause = {} if wait is None else {"retryAfter": wait}
            return {"errors": [{"type": "transport", "code": 429, **pause}]}
        kinds = {401: "security", 403: "security"}
        kind = kinds.get(int(refusal.status), "logical")
        return {"errors": [{"message": f"{refusal.message}\r\n", "type": kind, "code": 1001}]}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401
        """The same page with another announced total."""
        if not isinstance(data, dict) or not isinstance(data.get("meta"), dict):
            return data
        paging = data["meta"]["pagingInfo"]
        return {**data, "meta": {"pagingInfo": {**paging, "total": paging["total"] + off_by}}}

    def _faulty(self, query: Query, fault: Fault) -> Answer:
        """Every failure of the server's own is a 520, whatever went wrong."""
        if int(fault.value) < SERVER_ERROR - 20:
            return super()._faulty(query, fault)
        refusal = Refusal(SERVER_ERROR, fault.text or "Internal error")
        return Answer(self.error(query, refusal), SERVER_ERROR)

    @property
    def _held(self) -> VspcRecords:
        held: VspcRecords = self.state.world.at[VEEAM_VSPC]
        return held

    def _token(self, query: Query) -> Answer:
        form = dict(parse_qsl(query.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "password":
            text = "This grant is not supported here."
            raise Refusal(HTTPStatus.BAD_REQUEST, text, code="unsupported_grant_type")
        if (form.get("username"), form.get("password")) != (USER, USER_PASSWORD):
            text = "Cannot complete login due to incorrect username or password."
            raise Refusal(HTTPStatus.BAD_REQUEST, text)
        needs_more = self.state.needs_second_factor
        return Answer(
            {
                "access_token": None if needs_more else issue_token(self),
                "token_type": "bearer",
                "refresh_token": None if needs_more else f"refresh-{uuid.uuid4().hex}",
                "mfa_token": "mfa-1" if needs_more else None,
                "encrypted_code": None,
                "expires_in": self.state.expires_in,
            }
        )

    def _about(self, _query: Query) -> Answer:
        versions = {"serverVersion": "9.2.0.33215", "installationId": str(uuid.UUID(int=7))}
        return Answer({"data": versions, "meta": None, "errors": None})

    def _organizations(self, query: Query) -> Answer:
        rows: list[Row] = [provider_row()]
        rows += [organization_row(company) for company in self._held.companies]
        return self._page(query, rows, dict)

    def _companies(self, query: Query) -> Answer:
        is_expanded = query.params.get("expand") == "Organization"
        return self._page(
            query, self._held.companies, lambda item: company_row(item, is_expanded=is_expanded)
        )

    def _usage(self, query: Query, company: str = "") -> Answer:
        as_of = self.state.world.as_of
        last = _day(query, "todate", as_of)
        first = _day(query, "fromdate", last - timedelta(days=MOST_DAYS - 1))
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Refusal(HTTPStatus.BAD_REQUEST, "The range must be 31 days or less.")
        resellers = {each.id: each.reseller_id for each in self._held.companies}
        places = [item for item in self._held.locations if company in ("", item.company_id)]
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        pairs = [(place, day) for day in days for place in places]
        return self._page(
            query,
            pairs,
            lambda pair: usage_row(pair[0], resellers.get(pair[0].company_id), pair[1], as_of),
        )

    def _licensing(self, query: Query) -> Answer:
        kind = query.params.get("organizationtype", "")
        rows = [] if kind in ("Provider", "Reseller") else licence_rows(self._held)
        if kind in ("", "Provider"):
            rows.append(provider_licences(self._held))
        return self._page(query, rows, dict)

    def _page(self, query: Query, items: Sequence[Any], write: Callable[[Any], Row]) -> Answer:
        """One page, or a promise of it."""
        if {"filter", "sort", "select"} & query.params.keys():
            raise Refusal(HTTPStatus.BAD_REQUEST, "Not served here: filter, sort, select.")
        size = number(query, "limit", DEFAULT_SIZE, least=1)
        if size > LARGEST_SIZE:
            raise Refusal(HTTPStatus.BAD_REQUEST, "Limit must be between 1 and 500.")
        start = number(query, "offset", 0)
        rows = [write(item) for item in items[start : start + min(size, self.state.largest_page)]]
        paging = {"total": len(items), "count": len(rows), "offset": start}
        data = {"data": rows, "meta": {"pagingInfo": paging}, "errors": None}
        if self.state.polls_until_done is None:
            return Answer(data)
        action = str(uuid.uuid4())
        self.state.actions[action] = [self.state.polls_until_done, data]
        place = {"Location": f"{OWN_NAME}{API}/asyncActions/{action}"}
        return Answer(None, HTTPStatus.ACCEPTED, place, is_empty=True)

    def _queued(self, action: str) -> list[Any]:
        if action not in self.state.actions:
            raise Refusal(HTTPStatus.NOT_FOUND, "Async action was not found.")
        return self.state.actions[action]

    def _action(self, _query: Query, action: str) -> Answer:
        queued = self._queued(action)
        status = "running" if queued[0] > 0 else self.state.ends_as
        queued[0] -= 1
        told: Row = {
            "id": action,
            "initiatorUid": str(uuid.UUID(int=9)),
            "actionName": "GetCompanies",
            "status": status,
            "requestBody": None,
            "queryParameters": {},
        }
        return Answer({"data": told, "meta": None, "errors": None})

    def _result(self, _query: Query, action: str) -> Answer:
        queued = self._queued(action)
        if queued[0] >= 0 or self.state.ends_as != "succeed":
            raise Refusal(HTTPStatus.BAD_REQUEST, "Async action has no result.")
        return Answer(queued[1])


def _day(query: Query, name: str, default: date) -> date:
    text = query.params.get(name, "")
    try:
        return date.fromisoformat(text) if text else default
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} is not a date.") from error
