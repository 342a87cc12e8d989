"""SentinelOne as a local server: sites, accounts, agents, and what the console is.

Lists go on after an opaque cursor that holds for the same query only. Without a size they show
ten records; past the first page the total is 0. Reading only.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.vendors.sentinelone_records import (
    Row,
    account_row,
    agent_row,
    site_row,
)
from reconcile_pipeline.simulators.world.vendors.sentinelone import SentinelOneRecords

API = "/web/api/v2.1"
DEFAULT_SIZE, LARGEST_SIZE = 10, 1000
LARGEST_SKIP = 1000
CODES = {400: 4000040, 401: 4010010, 403: 4030010, 404: 4040010, 429: 4290010}
SITE_FILTERS = {
    "state": "state",
    "states": "state",
    "sitetype": "siteType",
    "siteids": "id",
    "accountid": "accountId",
    "accountids": "accountId",
    "isdefault": "isDefault",
    "name": "name",
    "externalid": "externalId",
}
ACCOUNT_FILTERS = {"state": "state", "states": "state", "ids": "id", "accounttype": "accountType"}
AGENT_FILTERS = {
    "siteids": "siteId",
    "accountids": "accountId",
    "isactive": "isActive",
    "isdecommissioned": "isDecommissioned",
    "isuninstalled": "isUninstalled",
    "machinetypes": "machineType",
}


class SentinelOne(Simulator):
    """The console's API over a world."""

    name = "sentinelone"
    secrets: ClassVar = {"api_token": "SENTINELONE_API_TOKEN"}

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.route("GET", f"{API}/system/info", self._info)
        self.route("GET", f"{API}/sites", self._sites)
        self.route("GET", f"{API}/sites/(?P<site_id>\\d+)", self._site)
        self.route("GET", f"{API}/accounts", self._accounts)
        self.route("GET", f"{API}/agents", self._agents)
        self.route("GET", f"{API}/agents/count", self._agent_count)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """A service user's token."""
        return {"api_token": f"simSecret-{cls.name}-{tag}-ey=="}

    @property
    def records(self) -> SentinelOneRecords:
        """What the console holds."""
        records: SentinelOneRecords = self.state.world.at[self.name]
        return records

    def authorize(self, query: Query) -> None:
        """The header's scheme is `ApiToken` and no other."""
        scheme, _, token = query.headers.get("authorization", "").partition(" ")
        if scheme != "ApiToken" or token != self.credentials["api_token"]:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Authentication Failed")

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:  # noqa: ARG002
        """A list of errors with code, title and detail."""
        code = CODES.get(int(refusal.status), int(refusal.status) * 10_000)
        return {
            "errors": [{"code": code, "title": refusal.message, "detail": refusal.fields or None}]
        }

    def fault_path(self, query: Query) -> str:
        """Sites that are over are another list than the active ones, on the same path."""
        states = query.params.get("states")
        return query.path if states is None else f"{query.path}?states={states}"

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another `totalItems`."""
        if not isinstance(data, dict) or "pagination" not in data:
            return data
        paging = data["pagination"]
        return {**data, "pagination": {**paging, "totalItems": paging["totalItems"] + off_by}}

    def _info(self, _query: Query) -> Answer:
        return Answer({"data": {"build": "35", "version": "S-24.2.3", "release": "S-24.2.3"}})

    def _sites(self, query: Query) -> Answer:
        rows = self._rows(query, "sites", self._site_row, SITE_FILTERS)
        active = sum(row["activeLicenses"] for row in rows)
        total = sum(max(0, row["totalLicenses"]) for row in rows)
        all_sites = {"activeLicenses": active, "totalLicenses": total}
        # Only here the data is an object.
        return _page(query, rows, lambda page: {"allSites": all_sites, "sites": page})

    def _site(self, query: Query, site_id: str) -> Answer:  # noqa: ARG002
        for site in self.records.sites:
            if site.id == site_id:
                return Answer({"data": self._site_row(site)})
        raise Refusal(HTTPStatus.NOT_FOUND, "Not Found")

    def _site_row(self, site: Any) -> Row:  # noqa: ANN401 a record
        names = {account.id: account.name for account in self.records.accounts}
        return site_row(site, names.get(site.account_id, ""))

    def _accounts(self, query: Query) -> Answer:
        rows = self._rows(query, "accounts", self._account_row, ACCOUNT_FILTERS)
        return _page(query, rows, list)

    def _account_row(self, account: Any) -> Row:  # noqa: ANN401 a record
        return account_row(account, [s for s in self.records.sites if s.account_id == account.id])

    def _agents(self, query: Query) -> Answer:
        return _page(query, self._agent_rows(query), list)

    def _agent_count(self, query: Query) -> Answer:
        return Answer({"data": {"total": len(self._agent_rows(query))}})

    def _agent_rows(self, query: Query) -> list[Row]:
        sites = {site.id: site for site in self.records.sites}

        def row(agent: Any) -> Row:  # noqa: ANN401 a record
            return agent_row(agent, sites[agent.site_id])

        return self._rows(query, "agents", row, AGENT_FILTERS)

    def _rows(
        self,
        query: Query,
        name: str,
        write: Callable[[Any], Row],
        filters: Mapping[str, str],
    ) -> list[Row]:
        """The records that pass the query's filters; each takes several values, with commas."""
        wanted = {
            field: set(query.params[param].lower().split(","))
            for param, field in filters.items()
            if param in query.params
        }
        key = (name, str(sorted((field, sorted(values)) for field, values in wanted.items())))
        if key not in self.state.cache:
            rows = map(write, getattr(self.records, name))
            self.state.cache[key] = [
                row
                for row in rows
                if all(str(row[field]).lower() in values for field, values in wanted.items())
            ]
        found: list[Row] = self.state.cache[key]
        return found


def _page(query: Query, rows: list[Row], shape: Callable[[list[Row]], Any]) -> Answer:
    size = number(query, "limit", DEFAULT_SIZE, least=1)
    skip = number(query, "skip", 0)
    if size > LARGEST_SIZE or skip > LARGEST_SKIP:
        raise Refusal(400, "Validation Error", fields="limit and skip are at most 1000")
    if query.params.get("countonly", "").lower() == "true":
        return _answer(shape([]), len(rows), None)
    cursor = query.params.get("cursor")
    start = skip if cursor is None else _start(query, cursor)
    end = start + size
    # Some lists give a cursor once more, and then an empty page.
    is_over = end >= len(rows) and (cursor is None or len(rows) % 3 > 0 or start >= len(rows))
    following = None if is_over else _cursor(query, end)
    return _answer(shape(rows[start:end]), 0 if cursor else len(rows), following)


def _answer(data: Any, total: int, cursor: str | None) -> Answer:  # noqa: ANN401 JSON
    paging = {"totalItems": total, "nextCursor": cursor}
    return Answer({"data": data, "pagination": paging, "errors": []})


def _cursor(query: Query, start: int) -> str:
    text = json.dumps({"from": start, "of": _question(query)})
    return base64.b64encode(text.encode()).decode()


def _start(query: Query, cursor: str) -> int:
    """Where a cursor goes on; refused for another query than the one it was made for."""
    try:
        place = json.loads(base64.b64decode(cursor, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, "Validation Error", fields="cursor: not valid") from error
    if place["of"] != _question(query):
        raise Refusal(400, "Validation Error", fields="cursor: made for another query")
    start: int = place["from"]
    return start


def _question(query: Query) -> list[list[str]]:
    return [[name, value] for name, value in sorted(query.params.items()) if name != "cursor"]
