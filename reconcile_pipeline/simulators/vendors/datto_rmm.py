"""Datto RMM as a local server: password token, account, sites, devices, filters, the rate limit.

Lists are numbered from page 0 and name their next page, without the filters of the one before.
Reading only.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.vendors.datto_rmm_records import Row, device_row, site_row
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.datto_rmm import (
    DATTO_RMM,
    DattoDevice,
    DattoRecords,
    DattoSite,
    announced,
    is_in_account_list,
)

LARGEST_PAGE = 250
RATE_LIMIT = 600
BLOCKED_AFTER = 20
HUNDRED_HOURS = 359_999
MANAGED_AV_FILTER = "88"
CLIENT = base64.b64encode(b"public-client:public").decode()


@dataclass(slots=True)
class DattoState(State):
    """The RMM's state; `hidden` are sites that the API user's security level does not show."""

    expires_in: int = HUNDRED_HOURS
    hidden: set[str] = field(default_factory=set)
    refused: int = 0
    """Calls answered 429 so far: whoever goes on is locked out."""

    @property
    def records(self) -> DattoRecords:
        """The account's sites and devices."""
        records: DattoRecords = self.world.at[DATTO_RMM]
        return records


class DattoRmm(Simulator):
    """The RMM's API over a world."""

    name = DATTO_RMM
    state_kind = DattoState
    size_parameter = "max"
    state: DattoState
    secrets: ClassVar = {"api_key": "DATTO_RMM_API_KEY", "api_secret": "DATTO_RMM_API_SECRET"}
    settings: ClassVar = {"count_antivirus": "true"}

    def __init__(self, state: DattoState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.route("POST", "/auth/oauth/token", self._token, is_open=True)
        api = "/api/v2"
        self.route("GET", f"{api}/account", self._account)
        self.route("GET", f"{api}/account/sites", self._sites)
        self.route("GET", f"{api}/account/devices", self._devices)
        self.route("GET", f"{api}/site/(?P<uid>[^/]+)", self._site)
        self.route("GET", f"{api}/site/(?P<uid>[^/]+)/devices", self._site_devices)
        self.route("GET", f"{api}/filter/default-filters", self._filters)
        self.route("GET", f"{api}/system/pagination", lambda _query: Answer({"max": LARGEST_PAGE}))
        self.route("GET", f"{api}/system/request_rate", self._request_rate)
        self.route("GET", f"{api}/system/status", self._status)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """An API key and its secret."""
        return {"api_key": f"SIMKEY{tag}DATTO", "api_secret": f"simSecret-{cls.name}-{tag}"}

    def authorize(self, query: Query) -> None:
        """A bearer token that this server gave out and that is not over."""
        if self.state.refused > BLOCKED_AFTER:
            raise Refusal(HTTPStatus.FORBIDDEN, "Forbidden")
        check_token(self, query)

    def error(self, query: Query, refusal: Refusal) -> Row:
        """An identity error for the token call; other bodies are documented nowhere."""
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.state.refused += 1
        if query.path.endswith("/token"):
            return {"error": "unauthorized", "error_description": refusal.message}
        return {"status": int(refusal.status), "message": refusal.message}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another `totalCount`."""
        if not isinstance(data, dict) or "pageDetails" not in data:
            return data
        details = data["pageDetails"]
        return {**data, "pageDetails": {**details, "totalCount": details["totalCount"] + off_by}}

    def _token(self, query: Query) -> Answer:
        if query.headers.get("authorization") != f"Basic {CLIENT}":
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Full authentication is required")
        form = dict(parse_qsl(query.body.decode("utf-8", "replace")))
        pair = (form.get("username"), form.get("password"))
        known = (self.credentials["api_key"], self.credentials["api_secret"])
        if form.get("grant_type") != "password" or pair != known:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Bad credentials")
        token = issue_token(self)
        return Answer(
            {"access_token": token, "token_type": "bearer", "expires_in": self.state.expires_in}
        )

    def _account(self, query: Query) -> Answer:  # noqa: ARG002
        """Totals of the whole account, whatever the API user may see."""
        world = self.state.world
        own = self._by_site()
        sites = [site for site in self.state.records.sites if not site.is_system]
        devices = [device for site in sites for device in own[site.uid]]
        on_demand = sum(announced(site, own[site.uid]) for site in sites if site.is_on_demand)
        managed = sum(announced(site, own[site.uid]) for site in sites if not site.is_on_demand)
        online = sum(device.is_online for device in devices)
        return Answer(
            {
                "id": account_id(world),
                "name": "Northgate Managed IT",
                "uid": account_uid(world),
                "currency": "USD",
                "descriptor": {
                    "bilingEmail": "ap@northgate.example",
                    "deviceLimit": 10_000,
                    "timeZone": "America/Denver",
                },
                "devicesStatus": {
                    "numberOfDevices": managed + on_demand,
                    "numberOfOnlineDevices": online,
                    "numberOfOfflineDevices": managed + on_demand - online,
                    "numberOfOnDemandDevices": on_demand,
                    "numberOfManagedDevices": managed,
                },
            }
        )

    def _sites(self, query: Query) -> Answer:
        own = self._by_site()
        wanted = query.params.get("sitename", "").casefold()
        rows = [
            site_row(site, own[site.uid], account_uid(self.state.world))
            for site in self._visible()
            if wanted in site.name.casefold()
        ]
        return _page(query, "sites", rows)

    def _site(self, query: Query, uid: str) -> Answer:  # noqa: ARG002
        site = self._found(uid)
        return Answer(site_row(site, self._by_site()[uid], account_uid(self.state.world)))

    def _devices(self, query: Query) -> Answer:
        """What the account-wide list shows of the devices: less than there is."""
        sites = {site.uid: site for site in self.state.records.sites}
        listed = (
            device
            for device in self.state.records.devices
            if device.site_uid not in self.state.hidden
            and is_in_account_list(device, sites.get(device.site_uid))
        )
        return self._device_page(query, listed, sites)

    def _site_devices(self, query: Query, uid: str) -> Answer:
        site = self._found(uid)
        return self._device_page(query, self._by_site()[uid], {uid: site})

    def _device_page(
        self, query: Query, devices: Iterable[DattoDevice], sites: dict[str, DattoSite]
    ) -> Answer:
        rows = [device_row(device, sites.get(device.site_uid)) for device in devices]
        rows = [row for row in rows if _fits(row, query)]
        return _page(query, "devices", rows)

    def _filters(self, query: Query) -> Answer:
        row = {"id": int(MANAGED_AV_FILTER), "name": "Managed AV", "type": "rmm_default"}
        return _page(query, "filters", [row])

    def _request_rate(self, query: Query) -> Answer:  # noqa: ARG002
        return Answer(
            {
                "slidingTimeWindowSizeSeconds": 60,
                "accountUid": account_uid(self.state.world),
                "accountCount": len(self._recent),
                "accountRateLimit": RATE_LIMIT,
                "accountCutOffRatio": 0.9,
            }
        )

    def _status(self, query: Query) -> Answer:  # noqa: ARG002
        return Answer({"version": "201", "status": "OK", "started": "2026-11-01T00:00:00Z"})

    def _visible(self) -> list[DattoSite]:
        return [site for site in self.state.records.sites if site.uid not in self.state.hidden]

    def _found(self, uid: str) -> DattoSite:
        for site in self._visible():
            if site.uid == uid:
                return site
        raise Refusal(HTTPStatus.NOT_FOUND, "Site was not found.")

    def _by_site(self) -> dict[str, list[DattoDevice]]:
        if "by_site" not in self.state.cache:
            by_site: dict[str, list[DattoDevice]] = defaultdict(list)
            for device in self.state.records.devices:
                by_site[device.site_uid].append(device)
            self.state.cache["by_site"] = by_site
        found: dict[str, list[DattoDevice]] = self.state.cache["by_site"]
        return found


def account_id(world: World) -> int:
    """The number of the MSP's own account."""
    return 14_000 + world.seed % 1000


def account_uid(world: World) -> str:
    """The uid of the MSP's own account."""
    return str(UUID(int=account_id(world), version=4))


def _fits(row: Row, query: Query) -> bool:
    """Whether a device passes the filters; `filterId` decides alone where it is given."""
    params = query.params
    if "filterid" in params:
        if params["filterid"] != MANAGED_AV_FILTER:
            raise Refusal(HTTPStatus.NOT_FOUND, "Filter was not found.")
        status = (row["antivirus"] or {}).get("antivirusStatus", "NotDetected")
        return bool(status != "NotDetected")
    asked = {
        "hostname": row["hostname"],
        "devicetype": row["deviceType"]["category"] if row["deviceType"] else "",
        "operatingsystem": row["operatingSystem"],
        "sitename": row["siteName"],
    }
    return all(
        params.get(name, "").casefold() in (value or "").casefold() for name, value in asked.items()
    )


def _page(query: Query, name: str, rows: list[Row]) -> Answer:
    """One page; the links keep nothing of the question but its page and size."""
    size = min(number(query, "max", LARGEST_PAGE, least=1), LARGEST_PAGE)
    page = number(query, "page", 0)
    content = rows[page * size : (page + 1) * size]

    def link(to: int) -> str | None:
        if not 0 <= to * size < len(rows):
            return None
        return f"{query.base_url}{query.path}?max={size}&page={to}"

    details = {
        "count": len(content),
        "totalCount": len(rows),
        "prevPageUrl": link(page - 1),
        "nextPageUrl": link(page + 1),
    }
    return Answer({"pageDetails": details, name: content})
