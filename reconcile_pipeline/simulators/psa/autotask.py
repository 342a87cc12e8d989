"""Autotask PSA as a local server: zone, queries by GET and POST, and adjustments of units.

Paths stand below `/ATServicesRest/V1.0`, in any case. Records are in `autotask_records`, the query
language in `autotask_queries`, the units in `autotask_units`, changes in `autotask_changes`.
"""

import hmac
import json
from bisect import bisect_right
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from reconcile_pipeline.simulators.psa.autotask_changes import BUNDLE, Adjuster
from reconcile_pipeline.simulators.psa.autotask_fields import ADJUSTMENTS, field_list, typed
from reconcile_pipeline.simulators.psa.autotask_queries import (
    Search,
    envelope,
    project,
    read_search,
    refuse,
)
from reconcile_pipeline.simulators.psa.autotask_records import AutotaskView, Entity
from reconcile_pipeline.simulators.psa.autotask_units import UnitsBook, whole
from reconcile_pipeline.simulators.server import (
    Answer,
    Message,
    Query,
    Receive,
    Refusal,
    Send,
    Simulator,
    State,
)

ROOT = "(?i)/ATServicesRest/V1\\.0"
LONGEST_SEARCH = 2048
_IS_ONE_TOO_MANY: ContextVar[bool] = ContextVar("is_one_too_many", default=False)
CHILDREN = {
    "services": "contractservices",
    "serviceunits": "contractserviceunits",
    "servicebundles": "contractservicebundles",
    "servicebundleunits": "contractservicebundleunits",
}
"""Lists below one contract, by the last part of their path."""


@dataclass(slots=True)
class AutotaskState(State):
    """The PSA's state, and what a test may turn while it runs."""

    thread_limit: int = 0
    """Calls at once that one entity takes (the real one: 3); 0 for any number."""
    unknown_user_status: int = HTTPStatus.NOT_FOUND
    """What the zone look-up answers for a user it does not know; 200 comes without an address."""
    is_missing_found: bool = True
    """A single record that is not there is answered 200 with null, or else 404."""
    searches: dict[str, Search] = field(default_factory=dict)
    """The query behind each next link, for clients that follow it without repeating the query."""


class Autotask(Simulator):
    """The PSA's API over a world."""

    name = "autotask"
    path_prefix = "/ATServicesRest/V1.0"
    secrets: ClassVar = {
        "user": "AUTOTASK_USER",
        "secret": "AUTOTASK_SECRET",
        "integration_code": "AUTOTASK_INTEGRATION_CODE",
    }
    state_kind = AutotaskState
    url_setting = ""
    settings: ClassVar = {"currency": '"USD"', "database": '"northgate"'}

    def __init__(self, state: AutotaskState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.psa = state
        self.book = UnitsBook(state.world)
        self.view = AutotaskView(state, self.book)
        self._adjuster = Adjuster(self, self.book, self.view)
        self._under_way: Counter[str] = Counter()
        self.route("GET", f"{ROOT}/zoneInformation", self._zone, is_open=True)
        self.route("GET", f"{ROOT}/ThresholdInformation", self._threshold)
        for method in ("GET", "POST"):
            self.route(method, f"{ROOT}/(?P<entity>\\w+)/query", self._query)
            self.route(method, f"{ROOT}/(?P<entity>\\w+)/query/count", self._count)
            self.route(method, f"{ROOT}/(?P<entity>\\w+)/query/next", self._next)
        self.route("GET", f"{ROOT}/(?P<entity>\\w+)/entityInformation/fields", self._fields)
        self.route("GET", f"{ROOT}/(?P<entity>\\w+)/(?P<record_id>\\d+)", self._single)
        child = "|".join(CHILDREN)
        self.route("GET", f"{ROOT}/Contracts/(?P<parent>\\d+)/(?P<child>{child})", self._child)
        for kind, name in (("", "ServiceAdjustments"), (BUNDLE, "ServiceBundleAdjustments")):
            post = self._adjuster.poster(kind)
            self.route("POST", f"{ROOT}/Contract{name}", post)
            self.route("POST", f"{ROOT}/Contracts/(?P<parent>\\d+)/{name}", post)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """The API user's keys."""
        return {
            "user": f"sim{tag}@northgate.example",
            "secret": f"simSecret-autotask-{tag}",
            "integration_code": f"SIM{tag}TRACKINGIDENTIFIER",
        }

    def placed(self, root: str) -> None:
        """Clients ask here in which zone they live."""
        self.credentials["zone_url"] = root

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one call, counted among those under way at its entity as it comes in."""
        entity = _entity_of(scope.get("path", ""))
        self._under_way[entity] += 1
        limit = self.psa.thread_limit
        _IS_ONE_TOO_MANY.set(0 < limit < self._under_way[entity])
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._under_way[entity] -= 1

    def authorize(self, query: Query) -> None:
        """Three headers, and no more calls at once than an entity takes."""
        for header, name in (
            ("apiintegrationcode", "integration_code"),
            ("username", "user"),
            ("secret", "secret"),
        ):
            given = query.headers.get(header, "")
            if not hmac.compare_digest(given.encode(), self.credentials[name].encode()):
                raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid username, secret or tracking id.")
        if _IS_ONE_TOO_MANY.get():
            raise refuse("Itgenatr005: the thread threshold of this endpoint was exceeded.")

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """A list of texts; a wrong verb is answered by the framework in its own words."""
        if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
            verb = query.method
            return {"Message": f"The requested resource does not support http method '{verb}'."}
        return {"errors": [refusal.message]}

    def edit_line(self, line_id: str, quantity: Decimal, effective_on: date) -> None:
        """Somebody edits a line in the PSA itself: from a day on it holds so many units.

        `line_id` is the addition's id in the world, with "bundle:" before it for a bundle. Raises
        KeyError for a line that is not there.
        """
        number = int(line_id.removeprefix(BUNDLE))
        if number not in {line.id for line in self.book.lines()}:
            raise KeyError(line_id)
        self.book.set_total(number, effective_on, whole(quantity))
        self.state.changed()

    def units_on(self, line_id: str, day: date) -> int | None:
        """What the PSA invoices for a line on a day; None without a row of units."""
        self.book.lines()
        row = self.book.running(int(line_id.removeprefix(BUNDLE)), day)
        return None if row is None else row.units

    def _entity(self, name: str) -> Entity:
        entity = self.view.entities.get(name.lower())
        if entity is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"No HTTP resource was found for {name}.")
        return entity

    def _zone(self, query: Query) -> Answer:
        if query.params.get("user", "").lower() != self.credentials["user"].lower():
            if self.psa.unknown_user_status == HTTPStatus.OK:
                return Answer({"zoneName": None, "url": None, "webUrl": None, "ci": 0})
            raise Refusal(self.psa.unknown_user_status, "The user could not be found.")
        zone = {"zoneName": "North America 2", "webUrl": "https://ww5.autotask.net/", "ci": 2}
        return Answer({**zone, "url": f"{query.base_url}/ATServicesRest/"})

    def _threshold(self, _query: Query) -> Answer:
        count = len(self.log)
        limits = {"externalRequestThreshold": 10_000, "requestThresholdTimeframe": 60}
        return Answer({**limits, "currentTimeframeRequestCount": count})

    def _query(self, query: Query, entity: str) -> Answer:
        found = self._entity(entity)
        return self._page(query, found, _search(query, found), after=None)

    def _next(self, query: Query, entity: str) -> Answer:
        """The page a next link leads to; the query comes along, or is remembered."""
        found = self._entity(entity)
        text = query.params.get("paging", "")
        try:
            paging = json.loads(text)
            after = int(paging["nextIds"][0])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise refuse("The paging parameter is not valid.") from error
        is_repeated = bool(query.body.strip() or query.params.get("search"))
        search = _search(query, found) if is_repeated else self.psa.searches.get(text)
        if search is None:
            raise refuse("A filter is required.")
        return self._page(query, found, search, after=after)

    def _count(self, query: Query, entity: str) -> Answer:
        found = self._entity(entity)
        return Answer({"queryCount": len(self._matching(found, _search(query, found)))})

    def _matching(self, entity: Entity, search: Search) -> list[dict[str, Any]]:
        """The rows that a query selects, by id; looked for once, and not for each of its pages."""
        key = (entity.name, search.filter_text)
        if key not in self.state.cache:
            rows = entity.rows()
            self.state.cache[key] = [row for row in rows if search.matches(row)]
        found: list[dict[str, Any]] = self.state.cache[key]
        return found

    def _page(self, query: Query, entity: Entity, search: Search, after: int | None) -> Answer:
        rows = self._matching(entity, search)
        if search.fields and "id" not in search.fields and len(rows) > search.size:
            raise refuse("IncludeFields must contain id when there is more than one page.")
        size = min(search.size, self.state.most_per_page or search.size)
        start = 0 if after is None else bisect_right(rows, after, key=lambda row: int(row["id"]))
        page = rows[start : start + size]
        following = None
        if start + size < len(rows):
            following = self._next_url(query, entity, search, page)
        return Answer(envelope([project(row, search) for row in page], search.size, following))

    def _next_url(
        self, query: Query, entity: Entity, search: Search, page: list[dict[str, Any]]
    ) -> str:
        """Below the address that was asked; a GET's query goes along in it."""
        paging = {
            "pageSize": search.size,
            "previousIds": [page[0]["id"]],
            "nextIds": [page[-1]["id"]],
        }
        text = json.dumps(paging, separators=(",", ":"))
        self.psa.searches[text] = search
        parts = {"paging": text}
        if query.method == "GET":
            parts["search"] = query.params["search"]
        return f"{query.base_url}{self.path_prefix}/{entity.name}/query/next?{_encoded(parts)}"

    def _single(self, _query: Query, entity: str, record_id: str) -> Answer:
        rows = self._entity(entity).rows()
        row = next((each for each in rows if each["id"] == int(record_id)), None)
        if row is None and not self.psa.is_missing_found:
            raise Refusal(HTTPStatus.NOT_FOUND, f"Record {record_id} was not found.")
        return Answer({"item": row})

    def _child(self, _query: Query, parent: str, child: str) -> Answer:
        entity = self._entity(CHILDREN[child.lower()])
        rows = [row for row in entity.rows() if row["contractID"] == int(parent)]
        return Answer(envelope(rows, len(rows), None))

    def _fields(self, _query: Query, entity: str) -> Answer:
        for name, fields in ADJUSTMENTS.items():
            if name.lower() == entity.lower():
                return Answer({"fields": field_list(name, typed(fields))})
        found = self._entity(entity)
        return Answer({"fields": field_list(found.name, found.fields)})


def _search(query: Query, entity: Entity) -> Search:
    if query.method == "POST":
        return read_search(query.body, entity.fields)
    text = query.params.get("search", "")
    if len(_encoded({"search": text})) > LONGEST_SEARCH:
        raise Refusal(HTTPStatus.NOT_FOUND, "The request's address is too long.")
    return read_search(text, entity.fields)


def _encoded(parts: dict[str, str]) -> str:
    return urlencode(parts, quote_via=quote)


def _entity_of(path: str) -> str:
    """The part of the path that threads are counted by; "" for what is outside the API."""
    parts = path.lower().strip("/").split("/")
    return parts[2] if len(parts) > 2 and parts[0] == "atservicesrest" else ""  # noqa: PLR2004
