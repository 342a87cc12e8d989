"""N-able N-sight's Data Extraction API as a local server: one address, XML answers. Reading only.

Refusals come with status 200 and `status="FAIL"`; a list of one client has one element, of none an
empty one; names are sometimes written as CDATA. The code of a refused key is made up.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import ClassVar
from xml.sax.saxutils import escape

from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Simulator, State
from reconcile_pipeline.simulators.world.vendors.nable_nsight import (
    FLAGS,
    NABLE_NSIGHT,
    NSightClient,
    NSightDevice,
    NSightRecords,
)

BAD_KEY, BAD_PARAMETER, MISSING_PARAMETER = "3", "4", "5"
DEVICE_TYPES = ("server", "workstation", "mobile_device")
HEAD = '<?xml version="1.0" ?>\n<result created="2026-11-22T09:45:09+00:00" host="localhost"'


class NSight(Simulator):
    """The RMM's API over a world."""

    name = NABLE_NSIGHT
    secrets: ClassVar = {"api_key": "NABLE_NSIGHT_API_KEY"}

    def __init__(self, state: State, credentials: dict[str, str]) -> None:
        super().__init__(state, credentials)
        for path in ("/api", "/api/default.php"):
            self.route("GET", path, self._service)

    @classmethod
    def keys(cls, tag: str) -> dict[str, str]:
        """One key."""
        return {"api_key": f"simKey-{cls.name}-{tag}"}

    def authorize(self, query: Query) -> None:
        """The key, among the parameters."""
        if query.params.get("apikey") != self.credentials["api_key"]:
            raise Refusal(HTTPStatus.OK, "The API key is not valid.", code=BAD_KEY)

    def error(self, query: Query, refusal: Refusal) -> bytes:  # noqa: ARG002
        """The vendor's error element."""
        code, message = refusal.code or BAD_PARAMETER, escape(refusal.message)
        return (
            f'{HEAD} status="FAIL"><error><errorcode>{code}</errorcode>'
            f"<message>{message}</message></error></result>"
        ).encode()

    @property
    def _held(self) -> NSightRecords:
        held: NSightRecords = self.state.world.at[NABLE_NSIGHT]
        return held

    def _service(self, query: Query) -> Answer:
        service = query.params.get("service", "")
        if service == "list_clients":
            return _answer(self._clients(query.params.get("devicetype", "")))
        if service == "list_devices_at_client":
            return _answer(self._devices(query))
        raise Refusal(HTTPStatus.OK, f"Invalid parameter: service {service}")

    def _clients(self, device_type: str) -> str:
        counts: dict[int, dict[str, int]] = {
            client.id: dict.fromkeys(DEVICE_TYPES, 0) for client in self._held.clients
        }
        for device in self._held.devices:
            if device.client_id in counts:
                counts[device.client_id][device.type] += 1
        return "".join(
            _client(client, counts[client.id])
            for client in self._held.clients
            if not device_type or counts[client.id].get(device_type)
        )

    def _devices(self, query: Query) -> str:
        for name in ("clientid", "devicetype"):
            if not query.params.get(name):
                message = f"Missing parameter: {name}"
                raise Refusal(HTTPStatus.OK, message, code=MISSING_PARAMETER)
        wanted = [c for c in self._held.clients if str(c.id) == query.params["clientid"]]
        if not wanted or query.params["devicetype"] not in DEVICE_TYPES:
            raise Refusal(HTTPStatus.OK, "Invalid parameter: clientid or devicetype")
        client = wanted[0]
        devices = [
            device
            for device in self._held.devices
            if device.client_id == client.id and device.type == query.params["devicetype"]
        ]
        sites = "".join(
            f"<site><id>{site}</id><name>Site {place}</name>"
            f"{_rows(device for device in devices if device.site_id == site)}</site>"
            for place, site in enumerate(client.site_ids, start=1)
        )
        name = escape(client.name)
        return f"<client><id>{client.id}</id><name>{name}</name>{sites}</client>"


def _answer(elements: str) -> Answer:
    body = f'{HEAD} status="OK"><items>{elements}</items></result>'.encode()
    return Answer(body, headers={"content-type": "text/xml; charset=utf-8"})


def _client(client: NSightClient, counts: dict[str, int]) -> str:
    name = escape(client.name)
    if client.id % 3 == 0 and "]]>" not in client.name:
        name = f"<![CDATA[{client.name}]]>"
    counted = "".join(f"<{kind}_count>{counts[kind]}</{kind}_count>" for kind in DEVICE_TYPES)
    return (
        f"<client><name>{name}</name><clientid>{client.id}</clientid>"
        "<view_dashboard>1</view_dashboard><dashboard_username></dashboard_username>"
        "<timezone>Europe/London</timezone><creation_date>2024-04-30</creation_date>"
        f"{counted}<device_count>{sum(counts.values())}</device_count></client>"
    )


def _rows(devices: Iterable[NSightDevice]) -> str:
    return "".join(
        f"<{device.type}><id>{device.id}</id><name>{device.type[:2].upper()}-{device.id}</name>"
        + "".join(f"<{flag}>{int(flag in device.flags)}</{flag}>" for flag in FLAGS)
        + f"<status>Ok</status></{device.type}>"
        for device in devices
    )
