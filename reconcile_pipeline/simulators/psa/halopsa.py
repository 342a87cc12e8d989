"""HaloPSA as a local server: tokens, lists, single records, and posted recurring invoices.

Paths stand below `/api` and `/auth`, in any case. Records are in `halopsa_records`, changes in
`halopsa_changes`.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.psa.halopsa_changes import Poster
from reconcile_pipeline.simulators.psa.halopsa_records import HaloState, HaloView, Row, invoice_id
from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, number
from reconcile_pipeline.simulators.stamps import EARLIEST, LATEST, moment
from reconcile_pipeline.simulators.tokens import check_token, issue_token

API = "(?i)/api"
UNPAGED_ROWS = 50
TENANT = "northgate"
SCOPES = (
    "read:customers read:contracts edit:contracts read:items edit:items read:invoices edit:invoices"
)
LISTS = {
    "client": "clients",
    "clientcontract": "contracts",
    "recurringinvoice": "invoices",
    "item": "items",
}
"""By path: the name of the array in the list's envelope."""
TOO_MANY = "Rate Limit Reached - 300 Requests per rolling 5 minute window"


class HaloPsa(Simulator):
    """The PSA's API over a world."""

    name = "halopsa"
    path_prefix = "/api"
    secrets: ClassVar = {
        "client_id": "HALOPSA_CLIENT_ID",
        "client_secret": "HALOPSA_CLIENT_SECRET",
    }
    state_kind = HaloState
    url_setting = ""
    settings: ClassVar = {
        "currency": '"USD"',
        # This server counts calls only where it is told to.
        "requests_per_5_minutes": "1000000",
    }

    def __init__(self, state: HaloState, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        self.psa = state
        state.granted = state.granted or set(SCOPES.split())
        # Counts that Halo keeps itself: one line in nineteen of those that are there now.
        state.licences |= {line.id: line.quantity for line in state.world.lines if not line.id % 19}
        self.view = HaloView(state)
        poster = Poster(self)
        self.route("POST", "(?i)/auth/token", self._token, is_open=True)
        self.route("GET", f"{API}/authinfo", self._auth_info, is_open=True)
        self.route("GET", f"{API}/lookup", self._lookup)
        self.route("GET", f"{API}/(?P<kind>{'|'.join(LISTS)})", self._list)
        self.route("GET", f"{API}/(?P<kind>{'|'.join(LISTS)})/(?P<record_id>-?\\d+)", self._single)
        self.route("POST", f"{API}/recurringinvoice", poster.invoices)
        self.route("POST", f"{API}/recurringinvoice/updatelines", poster.lines)
        self.route("POST", f"{API}/recurringinvoice/process", poster.process)

    def placed(self, root: str) -> None:
        """Clients are told the resource server and ask it for the other one."""
        self.credentials["resource_url"] = f"{root}{self.path_prefix}"

    def authorize(self, query: Query) -> None:
        """A bearer token that this server gave out and that is not over."""
        check_token(self, query)

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """One of the shapes in use: OAuth's, the framework's, a list of texts, or a code."""
        if query.path.casefold() == "/auth/token":
            return {"error": refusal.code or "invalid_client", "error_description": refusal.message}
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
            return {"resultCode": 429, "errorMessage": TOO_MANY}
        if refusal.status == HTTPStatus.BAD_REQUEST:
            return {"errors": [refusal.message]}
        return {"ClassName": "System.Exception", "Message": refusal.message}

    def lie_about_total(self, data: Any, off_by: int) -> Any:  # noqa: ANN401 JSON
        """The page with another `record_count`."""
        if not isinstance(data, dict) or "record_count" not in data:
            return data
        return {**data, "record_count": data["record_count"] + off_by}

    def edit_line(self, line_id: str, quantity: Decimal, effective_on: date) -> None:  # noqa: ARG002
        """Somebody edits a line in the PSA itself; edits count at once, whatever the day.

        Raises KeyError for a line that is not there.
        """
        line = next((each for each in self.psa.world.lines if str(each.id) == line_id), None)
        if line is None:
            raise KeyError(line_id)
        line.quantity = quantity
        if line.id in self.psa.licences:
            self.psa.licences[line.id] = quantity
        self.state.changed()

    def _token(self, query: Query) -> Answer:
        form = dict(parse_qsl(query.body.decode()))
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "The grant type is not supported.", code="unsupported_grant_type")
        if query.params.get("tenant", form.get("tenant")) != TENANT:
            raise Refusal(400, "The tenant is not known.", code="invalid_request")
        if any(form.get(name) != self.credentials[name] for name in self.secrets):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "The client is not known.")
        asked = form.get("scope", "").split()
        if not asked or not set(asked) <= self.psa.granted:
            raise Refusal(400, "A scope is not allowed for this client.", code="invalid_scope")
        return Answer(
            {
                "scope": " ".join(asked),
                "token_type": "Bearer",
                "access_token": issue_token(self),
                "expires_in": self.state.expires_in,
            }
        )

    def _auth_info(self, query: Query) -> Answer:
        return Answer({"auth_url": f"{query.base_url}/auth", "tenant_id": TENANT})

    def _lookup(self, _query: Query) -> Answer:
        return Answer([{"id": 1, "lookupid": 11, "name": "Northgate Managed IT"}])

    def _rows(self, kind: str) -> list[tuple[int, Callable[..., Row]]]:
        """Every record of a list as its number and what writes it, in the order of numbers."""
        if kind not in self.state.cache:
            self.state.cache[kind] = sorted(self._writers(kind), key=lambda pair: pair[0])
        found: list[tuple[int, Callable[..., Row]]] = self.state.cache[kind]
        return found

    def _writers(self, kind: str) -> list[tuple[int, Callable[..., Row]]]:
        world, view = self.psa.world, self.view
        found: list[tuple[int, Callable[..., Row]]]
        if kind == "client":
            found = [(row["id"], lambda row=row, **_asked: row) for row in view.clients()]
        elif kind == "item":
            found = [(p.id, lambda p=p, **_asked: view.item(p)) for p in world.products]
        elif kind == "clientcontract":
            found = [(a.id, lambda a=a, **_asked: view.contract(a)) for a in world.agreements]
        else:
            found = [
                (invoice_id(a.id), lambda a=a, **asked: view.invoice(a, **asked))
                for a in world.agreements
            ]
        return found

    def _updated(
        self, query: Query, rows: list[tuple[int, Callable[..., Row]]]
    ) -> list[tuple[int, Callable[..., Row]]]:
        """The clients changed within the days asked for, both ends included.

        Their records don't tell when; a moment without a zone is one of the server's own.
        """
        first, last = (query.params.get(f"lastupdate{end}date", "") for end in ("from", "to"))
        if not first and not last:
            return rows
        shift = timedelta(hours=self.psa.server_zone_hours)
        try:
            after = moment(first) - shift if first else EARLIEST
            before = moment(last) - shift if last else LATEST
        except ValueError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, "The date is not valid.") from error
        stamps = self.view.client_stamps()
        return [row for row in rows if after <= moment(stamps[row[0]]) <= before]

    def _list(self, query: Query, kind: str) -> Answer:
        kind = kind.casefold()
        rows = self._rows(kind)
        if kind in ("client", "item") and query.params.get("includeinactive") != "true":
            rows = [row for row in rows if not row[1]().get("inactive")]
        if kind == "client":
            rows = self._updated(query, rows)
        has_lines = query.params.get("includelines") == "true"
        size, page = number(query, "count", UNPAGED_ROWS, least=1), 1
        is_paged = query.params.get("pageinate") == "true" and kind not in self.psa.unpaged
        if is_paged:
            size = min(number(query, "page_size", UNPAGED_ROWS, least=1), self.psa.largest_page)
            page = number(query, "page_no", 1, least=1)
        chosen = [
            write(has_lines=has_lines) for _id, write in rows[(page - 1) * size : page * size]
        ]
        if kind in self.psa.unpaged:
            return Answer(chosen)
        if not is_paged:
            # Cut off, and nothing says so.
            return Answer({"record_count": len(chosen), LISTS[kind]: chosen})
        envelope = {"page_no": page, "page_size": size, "record_count": len(rows)}
        return Answer({**envelope, LISTS[kind]: chosen})

    def _single(self, _query: Query, kind: str, record_id: str) -> Answer:
        if self.psa.is_detail_refused:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        found = dict(self._rows(kind.casefold())).get(int(record_id))
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"Record {record_id} was not found.")
        return Answer(found(has_lines=True))
