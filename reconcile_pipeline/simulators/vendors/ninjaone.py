"""NinjaOne as a local server: token, organizations, devices, locations, roles.

Lists are bare arrays after an id watermark: no total, no next link. `/v2` and `/api/v2` are the
same. Reading only.
"""

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State, number
from reconcile_pipeline.simulators.tokens import check_token, issue_token
from reconcile_pipeline.simulators.world.records import Device, Organization

HOUR_SECONDS = 3600
DEFAULT_PAGE_SIZE = 100
EPOCH_DAY = date(1970, 1, 1).toordinal()
SCOPES = frozenset({"monitoring", "management", "control", "offline_access"})
API = r"(?:/api)?/v2"
Row = dict[str, Any]

_CLAUSE = re.compile(
    r"(?P<field>org|organization|class|status)\s*(?:(?P<eq>=|eq)\s*(?P<one>\w+)"
    r"|in\s*\((?P<many>[\w\s,]+)\))",
    re.IGNORECASE,
)


class NinjaOne(Simulator):
    """The RMM's API over a world."""

    name = "ninjaone"
    secrets: ClassVar = {
        "client_id": "NINJAONE_CLIENT_ID",
        "client_secret": "NINJAONE_CLIENT_SECRET",
    }

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        for path in ("/ws/oauth/token", "/oauth/token"):
            self.route("POST", path, self._token, is_open=True)
        self.route("GET", f"{API}/organizations", self._organizations)
        self.route("GET", f"{API}/organizations-detailed", self._organizations_detailed)
        self.route("GET", f"{API}/devices", self._devices)
        self.route("GET", f"{API}/devices-detailed", self._devices)
        self.route("GET", f"{API}/organization/(?P<organization>\\d+)/devices", self._devices)
        self.route("GET", f"{API}/locations", self._locations)
        self.route("GET", f"{API}/roles", self._roles)

    def authorize(self, query: Query) -> None:
        """A bearer token that this server gave out and that is not over."""
        check_token(self, query)

    def error(self, query: Query, refusal: Refusal) -> dict[str, Any]:
        """An identity error for the token call, a bare message elsewhere."""
        if query.path.endswith("/token"):
            return {"error": refusal.code or "invalid_client", "error_description": refusal.message}
        return {"message": refusal.message}

    def _token(self, query: Query) -> Answer:
        form = dict(parse_qsl(query.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "Grant type is not supported.", code="unsupported_grant_type")
        known = self.credentials
        if _client(query, form) != (known["client_id"], known["client_secret"]):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Client authentication failed.")
        scope = form.get("scope", "monitoring")
        if not set(scope.split()) <= SCOPES:
            raise Refusal(400, "Scope is not known.", code="invalid_scope")
        return Answer(
            {
                "access_token": issue_token(self),
                "token_type": "Bearer",
                "expires_in": self.state.expires_in,
                "scope": scope,
            }
        )

    def _organizations(self, query: Query) -> Answer:
        return _watermark(query, self.state.world.organizations, organization_row)

    def _organizations_detailed(self, query: Query) -> Answer:
        def detailed(organization: Organization) -> Row:
            places = [_location_row(organization, place) for place in organization.location_ids]
            return {**organization_row(organization), "locations": places, "policies": []}

        return _watermark(query, self.state.world.organizations, detailed)

    def _devices(self, query: Query, organization: str = "") -> Answer:
        clauses = query.params.get("df", "")
        if organization:
            if all(str(o.id) != organization for o in self.state.world.organizations):
                raise Refusal(HTTPStatus.NOT_FOUND, "Organization was not found.")
            clauses = f"org = {organization}" + (f" AND {clauses}" if clauses else "")
        devices = self.state.world.devices
        if clauses:
            key = ("devices", clauses)
            if key not in self.state.cache:
                test = device_filter(clauses)
                self.state.cache[key] = [device for device in devices if test(device)]
            devices = self.state.cache[key]
        return _watermark(query, devices, device_row)

    def _locations(self, query: Query) -> Answer:
        rows = [
            _location_row(organization, place)
            for organization in self.state.world.organizations
            for place in organization.location_ids
        ]
        return _watermark(query, rows, dict)

    def _roles(self, query: Query) -> Answer:  # noqa: ARG002
        classes = sorted({device.node_class for device in self.state.world.devices})
        return Answer(
            [
                {
                    "id": number,
                    "name": node_class.replace("_", " ").title(),
                    "nodeClass": node_class,
                    "custom": False,
                    "chassisType": "UNKNOWN",
                }
                for number, node_class in enumerate(classes, start=11)
            ]
        )


def organization_row(organization: Organization) -> Row:
    """One organization; there is no status."""
    return {
        "id": organization.id,
        "name": organization.name,
        "description": None if organization.id % 2 else "Gold plan",
        "userData": {},
        "nodeApprovalMode": "AUTOMATIC" if organization.id % 3 else "MANUAL",
    }


def device_row(device: Device) -> Row:
    """One device; keys without a value are often absent."""
    name = f"{device.node_class[:3]}-{device.id}"
    created = _epoch(device.created_on)
    row: Row = {
        "id": device.id,
        "uid": f"{device.id * 2654435761 % 2**32:08x}-0000-4000-8000-{device.id:012x}",
        "organizationId": device.organization_id,
        "locationId": device.location_id,
        "nodeClass": device.node_class,
        "nodeRoleId": 11,
        "rolePolicyId": 52,
        "approvalStatus": device.approval,
        "offline": device.is_offline,
        "displayName": name,
        "systemName": name,
        "dnsName": f"{name.lower()}.customer.local",
        "created": created,
        "lastContact": created + 86_400.123,
        "lastUpdate": created + 86_000.0,
    }
    if device.id % 4 == 0:
        row["tags"] = ["prod"]
    elif device.id % 4 == 1 and not device.is_offline:
        del row["offline"]
    return row


def device_filter(clauses: str) -> Callable[[Device], bool]:
    """A test for the device filter: clauses on org, class, status, and online/offline, with AND.

    Raises:
        Refusal: with status 400, for anything else.
    """
    tests = [_clause(part.strip()) for part in re.split(r"\s+AND\s+", clauses, flags=re.IGNORECASE)]
    return lambda device: all(test(device) for test in tests)


def _clause(text: str) -> Callable[[Device], bool]:
    if text.lower() in {"online", "offline"}:
        is_offline = text.lower() == "offline"
        return lambda device: device.is_offline is is_offline
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Device filter is not valid.")
    wanted = {value.strip().upper() for value in (match["one"] or match["many"]).split(",")}
    field = match["field"].lower()
    if field == "class":
        return lambda device: device.node_class in wanted
    if field == "status":
        return lambda device: device.approval in wanted
    return lambda device: str(device.organization_id) in wanted


def _client(query: Query, form: dict[str, str]) -> tuple[str, str]:
    """Client id and secret, from the form or from a basic header."""
    scheme, _, encoded = query.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Client authentication failed.") from error
    return user, password


def _watermark(query: Query, items: list[Any], write: Callable[[Any], Row]) -> Answer:
    """The rows whose id is above `after`; an id is a key of rows and an attribute of records."""
    size = number(query, "pagesize", DEFAULT_PAGE_SIZE, least=1)
    start = bisect_right(items, number(query, "after", 0), key=_id)
    return Answer([write(item) for item in items[start : start + size]])


def _location_row(organization: Organization, place: int) -> Row:
    is_first = place == organization.location_ids[0]
    return {
        "id": place,
        "name": "Main Office" if is_first else "Warehouse",
        "address": "1 Main St",
        "description": "",
        "userData": {},
        "organizationId": organization.id,
    }


def _id(item: Any) -> int:  # noqa: ANN401
    value: int = item["id"] if isinstance(item, dict) else item.id
    return value


def _epoch(day: date) -> float:
    return (day.toordinal() - EPOCH_DAY) * 86_400.0
