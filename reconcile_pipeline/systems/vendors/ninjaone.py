"""NinjaOne: organizations and devices, read only.

Which devices make up which service is decided in SQL, from the node class; the rules in force
are landed beside the devices as `counting_rules`, so that old evidence explains itself.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reconcile_pipeline.http import (
    AfterId,
    ApiClient,
    ClientCredentials,
    Limits,
    Request,
    SinglePage,
)
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import (
    advised,
    at,
    bare_list,
    first_text,
    unfit,
    whole_number,
)

APPROVAL_STATUSES = ("PENDING", "STAGED", "APPROVED", "DECOMMISSIONED")

FIELDS = (
    Field(
        "base_url",
        "Address of your NinjaOne region: app, us2, eu, ca, oc or fed, then .ninjarmm.com.",
        kind="url",
        example="https://app.ninjarmm.com",
    ),
    Field(
        "token_url",
        "Where tokens are issued; left out, it is base_url followed by /ws/oauth/token.",
        kind="url",
        default="",
        example="https://app.ninjarmm.com/ws/oauth/token",
    ),
    Field(
        "client_id",
        "NinjaOne client id: Administration > Apps > API > Client App IDs, platform API Services,"
        " scope Monitoring, grant Client Credentials.",
        kind="secret",
        variable="NINJAONE_CLIENT_ID",
    ),
    Field(
        "client_secret",
        "NinjaOne client secret; shown once, when the client app is made.",
        kind="secret",
        variable="NINJAONE_CLIENT_SECRET",
    ),
    Field(
        "billable_statuses",
        "Approval statuses whose devices are counted: PENDING, STAGED, APPROVED, DECOMMISSIONED.",
        kind="list",
        default=("APPROVED",),
        example='["APPROVED"]',
    ),
    Field(
        "count_virtual_guests",
        "Count virtual machines as servers; false if their hosts' records already stand for them.",
        kind="flag",
        default=True,
        example="true",
    ),
    Field(
        "count_ipados",
        "Count iPads as mobile devices.",
        kind="flag",
        default=True,
        example="true",
    ),
    Field(
        "page_size",
        "Records per call; NinjaOne publishes no maximum.",
        kind="number",
        default=1000,
        example="1000",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return NinjaOne's own words for a refusal."""
    return first_text(
        at(data, "message"),
        at(data, "errorMessage"),
        at(data, "error_description"),
        at(data, "resultCode"),
    )


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    client_id, client_secret = account.secret("client_id"), account.secret("client_secret")
    base_url = account.text("base_url")
    auth = ClientCredentials(
        account.text("token_url") or f"{base_url}/ws/oauth/token",
        {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            # The smallest scope that shows devices: this client could not change one.
            "scope": "monitoring",
        },
        "form",
    )
    return ApiClient(
        system=account.name,
        base_url=base_url,
        auth=auth,
        limits=Limits(concurrency=4),
        secrets=(client_id, client_secret),
        explain=explain,
    )


def counting_rules(account: Account) -> Record:
    """Return the rules that turn devices into counts, as they are landed with each pull.

    Shape: `{id, billable_statuses: [text], count_virtual_guests: bool, count_ipados: bool}`.
    """
    statuses = sorted({status.upper() for status in account.items("billable_statuses")})
    if not statuses or not set(statuses) <= set(APPROVAL_STATUSES):
        raise unfit(account, "billable_statuses", f"Choose from: {', '.join(APPROVAL_STATUSES)}.")
    return {
        "id": "counting_rules",
        "billable_statuses": statuses,
        "count_virtual_guests": account.flag("count_virtual_guests"),
        "count_ipados": account.flag("count_ipados"),
    }


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the counting rules, the organizations and all devices: never a call per customer."""
    size = whole_number(account, "page_size", 1, 10_000)
    rules = counting_rules(account)

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    return [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        Stream(
            name="organizations",
            request=Request("/v2/organizations"),
            paginator=lambda: AfterId(size=size),
            records=bare_list,
            required=("name",),
            may_be_empty=False,
            empty_hint="Give the NinjaOne client app the scope Monitoring, made by a system"
            " administrator who sees all organizations.",
        ),
        Stream(
            name="devices",
            request=Request("/v2/devices"),
            paginator=lambda: AfterId(size=size),
            records=bare_list,
            required=("organizationId", "nodeClass", "approvalStatus"),
            account="organizationId",
        ),
    ]


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a NinjaOne login failure usually is: the right keys at the wrong region."""
    if not isinstance(error, PipelineError) or error.category is not Category.CREDENTIALS:
        return error
    return advised(
        error,
        account,
        "Check that base_url is the region you log in to, then the client id and secret;"
        " the client app must allow the grant Client Credentials and the scope Monitoring.",
    )


NINJAONE = System(
    kind="ninjaone",
    title="NinjaOne",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts devices of each organization by class: servers, workstations, network"
        " and mobile devices.",
        "entities": "Lists the device behind every count.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "write_back": "Nothing is ever written to NinjaOne.",
    },
)
