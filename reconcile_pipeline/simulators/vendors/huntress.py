"""Huntress as a local server: who asks, organizations with their counts, agents.

Lists show ten records, the newest first, unless asked for otherwise, and go on by a page token.
Numbered pages, as older answers had them, are given to whoever asks for a page, and to everybody
where the state says so; those answers have the older names of fields, too. Reading only.
"""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.world.vendors.huntress import (
    ACCOUNT_ID,
    HuntressAgent,
    HuntressOrganization,
    HuntressRecords,
)

DEFAULT_SIZE, LARGEST_SIZE = 10, 500
SORTS = frozenset({"id", "created_at", "updated_at"})
Row = dict[str, Any]


@dataclass(slots=True)
class HuntressState(State):
    """The state of an account; `is_older` answers as the API did before page tokens."""

    is_older: bool = False


class Huntress(Simulator):
    """The account's API over a world."""

    name = "huntress"
    state_kind = HuntressState
    secrets: ClassVar = {
        "public_key": "HUNTRESS_PUBLIC_KEY",
        "secret_key": "HUNTRESS_SECRET_KEY",
    }

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.route("GET", "/v1/actor", self._actor)
        self.route("GET", "/v1/account", self._account)
        self.route("GET", "/v1/organizations", self._organizations)
        self.route("GET", "/v1/organizations/(?P<record_id>\\d+)", self._organization)
        self.route("GET", "/v1/agents", self._agents)
        self.route("GET", "/v1/agents/(?P<record_id>\\d+)", self._agent)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The pair of keys of the account."""
        return {
            "public_key": f"hk_sim-{cls.name}-{tag}",
            "secret_key": f"hs_simSecret-{cls.name}-{tag}",
        }

    @property
    def records(self) -> HuntressRecords:
        """What the account holds."""
        records: HuntressRecords = self.state.world.at[self.name]
        return records

    def authorize(self, query: Query) -> None:
        """Both keys, as user name and password."""
        pair = f"{self.credentials['public_key']}:{self.credentials['secret_key']}"
        known = base64.b64encode(pair.encode()).decode()
        if query.headers.get("authorization") != f"Basic {known}":
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid API credentials.")

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:  # noqa: ARG002
        """A list of errors, each with the field it is about."""
        return {"errors": [{"field": refusal.fields or None, "message": refusal.message}]}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another total, which only older answers have."""
        paging = data.get("pagination", {}) if isinstance(data, dict) else {}
        if "total_count" not in paging:
            return data
        return {**data, "pagination": {**paging, "total_count": paging["total_count"] + off_by}}

    def _is_older(self, query: Query) -> bool:
        return "page" in query.params or getattr(self.state, "is_older", False)

    def _actor(self, _query: Query) -> Answer:
        account = {"id": ACCOUNT_ID, "name": "Northgate MSP", "subdomain": "northgate"}
        return Answer({"actor": {"reseller": None, "account": account, "user": None}})

    def _account(self, _query: Query) -> Answer:
        return Answer({"account": {"id": ACCOUNT_ID, "name": "Northgate MSP", "status": "enabled"}})

    def _organizations(self, query: Query) -> Answer:
        items = self.records.organizations
        for field in ("name", "key"):
            if field in query.params:
                items = [item for item in items if getattr(item, field) == query.params[field]]
        write = older_organization_row if self._is_older(query) else organization_row
        return self._list(query, "organizations", [write(item) for item in items])

    def _organization(self, query: Query, record_id: str) -> Answer:  # noqa: ARG002
        row = organization_row(_found(self.records.organizations, record_id))
        return Answer({"organization": {**row, "actual_usages": {}}})

    def _agents(self, query: Query) -> Answer:
        items = self.records.agents
        if "organization_id" in query.params:
            wanted = number(query, "organization_id", 0)
            items = [item for item in items if item.organization_id == wanted]
        return self._list(query, "agents", [agent_row(item) for item in items])

    def _agent(self, query: Query, record_id: str) -> Answer:  # noqa: ARG002
        return Answer({"agent": agent_row(_found(self.records.agents, record_id))})

    def _list(self, query: Query, name: str, rows: list[Row]) -> Answer:
        size = number(query, "limit", DEFAULT_SIZE, least=1)
        if size > LARGEST_SIZE:
            raise Refusal(400, "must be at most 500", fields="limit")
        field = query.params.get("sort_field", "id")
        direction = query.params.get("sort_direction", "desc")
        if field not in SORTS | {"name", "key"} or direction not in {"asc", "desc"}:
            raise Refusal(400, "is not included in the list", fields="sort_field")
        rows.sort(key=lambda row: (row[field], row["id"]), reverse=direction == "desc")
        paged = _numbered if self._is_older(query) else _tokened
        page, paging = paged(query, rows, size)
        return Answer({name: page, "pagination": paging})


def _tokened(query: Query, rows: list[Row], size: int) -> tuple[list[Row], Row]:
    """The page after a token; without a next page there is no key that would name it."""
    token = query.params.get("page_token")
    start = 0 if token is None else _after(token, rows)
    page = rows[start : start + size]
    if start + size >= len(rows):
        return page, {} if len(rows) % 2 else {"next_page_token": None}
    following = base64.urlsafe_b64encode(str(page[-1]["id"]).encode()).decode().rstrip("=")
    return page, {
        "next_page_url": _url(query, page_token=following, limit=size),
        "next_page_token": following,
    }


def _after(token: str, rows: list[Row]) -> int:
    try:
        last = int(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, "is not valid", fields="page_token") from error
    places = [place for place, row in enumerate(rows, start=1) if row["id"] == last]
    if not places:
        raise Refusal(400, "is not valid", fields="page_token")
    return places[0]


def _numbered(query: Query, rows: list[Row], size: int) -> tuple[list[Row], Row]:
    """A numbered page, as older answers have them."""
    place = number(query, "page", 1, least=1)
    page = rows[(place - 1) * size : place * size]
    has_next = place * size < len(rows)
    return page, {
        "current_page": place,
        "current_page_count": len(page),
        "limit": size,
        "total_count": len(rows),
        "next_page": place + 1 if has_next else None,
        "next_page_url": _url(query, page=place + 1, limit=size) if has_next else None,
    }


def _url(query: Query, **changes: Any) -> str:  # noqa: ANN401 values of a query
    return f"{query.base_url}{query.path}?{urlencode({**query.params, **changes})}"


def organization_row(item: HuntressOrganization) -> Row:
    """One organization with its counts; it has no status."""
    return {
        "id": item.id,
        "name": item.name,
        "key": item.key,
        "account_id": ACCOUNT_ID,
        "agents_count": item.agents,
        "billable_identity_count": item.identities,
        "logs_sources_count": item.log_sources,
        "sat_learner_count": item.learners,
        "incident_reports_count": item.id % 3,
        "identity_provider_tenant_id": f"dcd219dd-bc68-4b9b-bf0b-{item.id:012}"
        if item.identities
        else "",
        "report_recipients": ["it@customer.example"] if item.id % 2 else [],
        "created_at": f"{item.created_on}T18:54:02Z",
        "updated_at": f"{item.created_on}T18:54:02Z",
    }


def older_organization_row(item: HuntressOrganization) -> Row:
    """The same with the names that fields had before."""
    row = organization_row(item)
    row["microsoft_365_users_count"] = row.pop("billable_identity_count")
    row["microsoft_365_tenant_id"] = row.pop("identity_provider_tenant_id")
    row["notify_emails"] = row.pop("report_recipients")
    return row


def agent_row(item: HuntressAgent) -> Row:
    """One agent; a fifth of them have no EDR component yet."""
    seen = f"{item.last_callback_on}T20:05:10Z"
    return {
        "id": item.id,
        "account_id": ACCOUNT_ID,
        "organization_id": item.organization_id,
        "hostname": item.hostname,
        "platform": "darwin" if item.os.startswith("mac") else "windows",
        "os": item.os,
        "arch": "x86_64",
        "version": "0.14.30",
        "edr_version": "0.3.20" if item.id % 5 else None,
        "tags": ["Workstation"],
        "serial_number": f"S{item.id}",
        "domain_name": "WORKGROUP",
        "last_callback_at": seen,
        "last_survey_at": seen,
        "created_at": "2024-03-01T20:05:10Z",
        "updated_at": seen,
    }


def _found(items: list[Any], record_id: str) -> Any:  # noqa: ANN401 a record
    for item in items:
        if str(item.id) == record_id:
            return item
    raise Refusal(HTTPStatus.NOT_FOUND, "Not found, or not permitted.")
