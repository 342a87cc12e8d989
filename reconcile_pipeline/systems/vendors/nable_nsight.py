"""N-able N-sight RMM: counts of every client in one call, read only; features where asked for.

The vendor asks for patience between calls, so that the features of hundreds of clients take hours:
they are read only where somebody bills them.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reconcile_pipeline.http import ApiClient, Limits, Request, SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Child, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import advised, bare_list, whole_number
from reconcile_pipeline.systems.vendors.nable_nsight_xml import (
    QueryKey,
    client_records,
    device_records,
    message_of,
    stands_for,
    xml_as_json,
)

PATH = "/api/"
DEVICE_TYPES = ("server", "workstation")

FIELDS = (
    Field(
        "base_url",
        "The server of your territory, as in your browser: https://www.am.remote.management for"
        " the Americas, https://wwweurope1.systemmonitor.eu.com for Europe, and so on.",
        kind="url",
        example="https://www.am.remote.management",
    ),
    Field(
        "api_key",
        "N-sight API key: All Devices view > Settings > General Settings > API > Generate, as an"
        " administrator who sees all clients. Generating ends the key before.",
        kind="secret",
        variable="NABLE_NSIGHT_API_KEY",
    ),
    Field(
        "read_features",
        "Also count managed antivirus, patch, backup, web protection and Take Control: two more"
        " calls per client.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "seconds_between_calls",
        "Pause between two calls; the vendor asks for 90.",
        kind="number",
        default=90,
        example="90",
    ),
)


def explain(_status: int, _data: Any, text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return N-sight's own words for a refusal, which come as XML."""
    try:
        _, data = xml_as_json(text.encode(), 0)
    except ValueError:  # an error page need not be XML
        return None
    return message_of(data)


def make_client(account: Account) -> ApiClient:
    """Build the client; the key is looked up here, no call is made."""
    key = account.secret("api_key")
    pause = whole_number(account, "seconds_between_calls", 0, 3600)
    limits = Limits(concurrency=1)
    if pause:
        limits = Limits(concurrency=1, per_window=1, window_seconds=float(pause))
    return ApiClient(
        system=account.name,
        base_url=account.text("base_url"),
        auth=QueryKey(key),
        limits=limits,
        headers={"Accept": "text/xml, application/xml"},
        secrets=(key,),
        explain=explain,
        stands_for=stands_for,
    )


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the rules and the clients with their counts; per client its devices if asked for."""
    rules = {"id": "counting_rules", "read_features": account.flag("read_features")}

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    declared = [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        Stream(
            name="clients",
            request=_request("list_clients"),
            paginator=SinglePage,
            records=client_records,
            key="clientid",
            required=("name",),
            account="clientid",
            may_be_empty=False,
            empty_hint="Make the key as a user whose client group holds all clients.",
            is_needed_later=True,
        ),
    ]
    if account.flag("read_features"):
        declared += [_devices(kind) for kind in DEVICE_TYPES]
    return declared


def _request(service: str, **params: str) -> Request:
    return Request(
        PATH,
        params={"service": service, **params},
        template=f"{PATH} {service}",
        reads=xml_as_json,
    )


def _devices(kind: str) -> Stream:
    """The devices of one type: two lists, because one call answers one type of one client."""

    def children(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
        return [
            Child(
                str(client["clientid"]),
                _request(
                    "list_devices_at_client",
                    clientid=str(client["clientid"]),
                    devicetype=kind,
                ),
            )
            for client in earlier["clients"]
            if int(client[f"{kind}_count"])
        ]

    return Stream(
        name=f"{kind}s",
        paginator=SinglePage,
        records=device_records,
        required=("name",),
        children=children,
    )


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refused key usually is: generated anew by somebody else, or of another server."""
    if not isinstance(error, PipelineError) or error.category is not Category.CREDENTIALS:
        return error
    return advised(
        error,
        account,
        "Check that base_url is the server you log in to, then generate a new key under"
        " General Settings > API and write it to .env; generating ends the key before.",
    )


NABLE_NSIGHT = System(
    kind="nable_nsight",
    title="N-able N-sight",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts the servers, workstations and mobile devices of each client in one call.",
        "features": "Counts devices with managed antivirus, patch, backup, web protection and Take"
        " Control where read_features is on; with the pauses the vendor asks for it takes hours.",
        "entities": "Lists the devices only where read_features is on.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "unverified": "Whether workstations include agentless devices is not documented.",
        "scope": "A key shows the clients of its user's client group only, without saying so.",
        "write_back": "Nothing is ever written to N-sight.",
    },
)
