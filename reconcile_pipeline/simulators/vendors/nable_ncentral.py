"""N-able N-central as a local server: login, org units, devices, filters. Reading only.

Pages are numbered from 1. Some lists leave out how many pages there are, some errors come with
status 200, and too many calls under way at once are refused without a word about when to return.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar

from reconcile_pipeline.simulators.server import (
    Answer,
    Message,
    Query,
    Receive,
    Refusal,
    Send,
    Simulator,
    State,
    number,
)
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.vendors.nable_ncentral_records import (
    FILTERS,
    Names,
    Row,
    customer_row,
    device_row,
    org_row,
    site_row,
)
from reconcile_pipeline.simulators.world.vendors.nable_ncentral import (
    NABLE_NCENTRAL,
    NCentralDevice,
    NCentralRecords,
)

DEFAULT_SIZE = 50
MOST_AT_ONCE = 5
REFRESH_SECONDS = 90_000


@dataclass(slots=True)
class NCentralState(State):
    """The server's state, with what an administrator or time may change."""

    is_password_expired: bool = False
    largest_page: int = 1000


class NCentral(Simulator):
    """The RMM's API over a world."""

    name = NABLE_NCENTRAL
    state_kind = NCentralState
    secrets: ClassVar = {"user_api_token": "NABLE_NCENTRAL_USER_API_TOKEN"}
    state: NCentralState

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self._under_way: Counter[str] = Counter()
        self._refreshes: set[str] = set()
        self.route("POST", "/api/auth/authenticate", self._authenticate, is_open=True)
        self.route("POST", "/api/auth/refresh", self._refresh, is_open=True)
        self.route("GET", "/api/auth/validate", self._validate)
        self.route("GET", "/api/server-info", self._server_info)
        self.route("GET", "/api/service-orgs", self._orgs)
        self.route("GET", "/api/service-orgs/(?P<org>\\d+)/customers", self._customers)
        self.route("GET", "/api/customers", self._customers)
        self.route("GET", "/api/customers/(?P<customer>\\d+)/sites", self._sites)
        self.route("GET", "/api/sites", self._sites)
        self.route("GET", "/api/devices", self._devices)
        self.route("GET", "/api/devices/(?P<device>\\d+)", self._device)
        self.route("GET", "/api/org-units/(?P<unit>\\d+)/devices", self._devices)
        self.route("GET", "/api/device-filters", self._filters)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The User-API token of a server."""
        return {"user_api_token": f"eyJzaW0iOiJuY2VudHJhbCJ9.{tag}.simSecretSignature"}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, knowing how many calls of one path are under way."""
        path = str(scope.get("path"))
        self._under_way[path] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._under_way[path] -= 1

    def authorize(self, query: Query) -> None:
        """An access token of this server; once the password has expired, all fails alike."""
        self._refuse_expired_password()
        if self._under_way[query.path] > MOST_AT_ONCE:
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too many concurrent requests.")
        check_token(self, query)

    def error(self, _query: Query, refusal: Refusal) -> Row:
        """Status and message; some errors come inside a 200."""
        if refusal.status == HTTPStatus.OK:
            return {"error message": refusal.message}
        return {"status": int(refusal.status), "message": refusal.message}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401
        """The same page with another announced total."""
        if not isinstance(data, dict) or "totalItems" not in data:
            return data
        return {**data, "totalItems": data["totalItems"] + off_by}

    @property
    def _held(self) -> NCentralRecords:
        held: NCentralRecords = self.state.world.at[NABLE_NCENTRAL]
        return held

    def _refuse_expired_password(self) -> None:
        if self.state.is_password_expired:
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")

    def _authenticate(self, query: Query) -> Answer:
        self._refuse_expired_password()
        wanted = f"Bearer {self.credentials['user_api_token']}"
        if query.headers.get("authorization") != wanted:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Authentication failed.")
        return self._tokens()

    def _refresh(self, query: Query) -> Answer:
        """The body is the bare refresh token; JSON, which clients like to send, is none."""
        self._refuse_expired_password()
        if query.body.decode("utf-8", "replace") not in self._refreshes:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid refresh token.")
        return self._tokens()

    def _tokens(self) -> Answer:
        access = {"token": issue_token(self), "type": "Bearer"}
        refresh = f"refresh-{access['token']}"
        self._refreshes.add(refresh)
        return Answer(
            {
                "tokens": {
                    "access": {**access, "expirySeconds": self.state.expires_in},
                    "refresh": {"token": refresh, "type": "Body", "expirySeconds": REFRESH_SECONDS},
                },
                "refresh": "/api/auth/refresh",
                "validate": "/api/auth/validate",
            }
        )

    def _validate(self, _query: Query) -> Answer:
        return Answer({"message": "The token is valid."})

    def _server_info(self, _query: Query) -> Answer:
        return Answer({"ncentral": "2025.3.1.9"})

    def _orgs(self, query: Query) -> Answer:
        return self._page(query, self._held.service_orgs, org_row)

    def _customers(self, query: Query, org: str = "") -> Answer:
        """All customers, or those of one service organization; a parameter `soId` is ignored."""
        rows = [each for each in self._held.customers if org in ("", str(each.service_org_id))]
        return self._page(query, rows, customer_row)

    def _sites(self, query: Query, customer: str = "") -> Answer:
        rows = [each for each in self._held.sites if customer in ("", str(each.customer_id))]
        answer = self._page(query, rows, site_row)
        # Some lists tell their total and nothing else.
        answer.data = {"data": answer.data["data"], "totalItems": answer.data["totalItems"]}
        return answer

    def _devices(self, query: Query, unit: str = "") -> Answer:
        rows: Iterable[NCentralDevice] = self._held.devices
        names = self._names()
        if unit:
            ids = {int(unit), *(s.id for s in self._held.sites if str(s.customer_id) == unit)}
            rows = [device for device in rows if device.org_unit_id in ids]
        if "filterid" in query.params:
            known = FILTERS.get(query.params["filterid"])
            if known is None:
                raise Refusal(HTTPStatus.NOT_FOUND, "Filter not found.")
            rows = [device for device in rows if device.device_class in known[1]]
        return self._page(query, list(rows), lambda device: device_row(device, names))

    def _device(self, _query: Query, device: str) -> Answer:
        for each in self._held.devices:
            if str(each.id) == device:
                return Answer({"data": device_row(each, self._names())})
        raise Refusal(HTTPStatus.NOT_FOUND, "Device not found.")

    def _filters(self, query: Query) -> Answer:
        rows = [{"filterId": key, "filterName": name} for key, (name, _) in FILTERS.items()]
        answer = self._page(query, rows, lambda row: {**row, "description": ""})
        answer.data["_warning"] = "Subject to change."
        return answer

    def _names(self) -> Names:
        if "names" not in self.state.cache:
            self.state.cache["names"] = Names(self._held)
        names: Names = self.state.cache["names"]
        return names

    def _page(self, query: Query, items: list[Any], write: Callable[[Any], Row]) -> Answer:
        page = number(query, "pagenumber", 1, least=1)
        size = number(query, "pagesize", DEFAULT_SIZE, least=1)
        if size > self.state.largest_page:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, f"pageSize must be 1 to {self.state.largest_page}."
            )
        if "select" in query.params:
            items = _selected(query.params["select"], items, write)
        pages = ceil(len(items) / size)
        more = {"nextPage": f"{query.path}?pageNumber={page + 1}&pageSize={size}"}
        return Answer(
            {
                "data": [write(item) for item in items[(page - 1) * size : page * size]],
                "totalItems": len(items),
                "pageNumber": page,
                "pageSize": size,
                "totalPages": pages,
                "_links": more if page < pages else {},
            }
        )


def _selected(select: str, items: list[Any], write: Callable[[Any], Row]) -> list[Any]:
    """The rows that `select` lets through: it picks rows, not fields.

    Raises:
        Refusal: with status 200, for a field that the rows don't have.
    """
    for condition in select.split(";"):
        name, _, value = condition.partition("==")
        if any(name not in write(item) for item in items):
            raise Refusal(HTTPStatus.OK, f"Field not found: {name}")
        items = [item for item in items if str(write(item)[name]) == value]
    return items
