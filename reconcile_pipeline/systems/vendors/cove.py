"""Cove Data Protection: partners and device statistics, read only.

Everything is asked by POST at one address, in JSON-RPC (Cove: Authorization). What a device's
columns make it count as is decided in SQL; the rules in force are landed beside the devices as
`counting_rules`. A device's password is a column, too: it is never asked for.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from reconcile_pipeline.http import ApiClient, ApiError, Limits, Request, SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import (
    at,
    bare_list,
    choice,
    first_text,
    unfit,
    whole_number,
)
from reconcile_pipeline.systems.vendors.cove_login import OWN_PARTNER, CoveLogin
from reconcile_pipeline.systems.vendors.cove_questions import (
    DEVICES,
    PATH,
    RecordNumber,
    ask,
    ask_devices,
    result_rows,
    stands_for,
)
from reconcile_pipeline.systems.vendors.cove_report import read_report

REPORT = "/statistics-reporting/high-watermark-usage-report"
LIVE, MONTH_MAXIMUM = "live", "month_maximum"
NEEDED_COLUMNS = ("I59", "I32", "I81", "I10", "TM")
"""Account type, OS type, physicality, product, billable Microsoft 365 users: no count without."""
OTHER_COLUMNS = ("I1", "I18", "I6", "I72", "I80", "I14", "D9F03")
"""Device and computer name, last contact, demo, recovery testing, used and selected bytes."""
PARTNER_FIELDS = tuple(range(23))
"""All of them, read by name: what each number stands for is not documented."""

FIELDS = (
    Field(
        "base_url",
        "Address of the Cove API; the same for all regions.",
        kind="url",
        default="https://api.backup.management",
        example="https://api.backup.management",
    ),
    Field(
        "partner",
        "Name of your top-level customer exactly as Cove shows it, often with an e-mail address.",
        example="Example MSP (owner@example.com)",
    ),
    Field("username", "Login name of the API user.", example="reconcile"),
    Field(
        "token",
        "Cove API token: Management > Users > API Users > Add API user, for your top-level"
        " customer, role Supporter; shown once.",
        kind="secret",
        variable="COVE_API_TOKEN",
    ),
    Field(
        "count",
        "live: what there is at the moment of the pull. month_maximum: the highest of the month,"
        " devices deleted in it included, as N-able invoices it.",
        default=LIVE,
        example=LIVE,
    ),
    Field(
        "count_trials",
        "Also count customers in trial.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "fair_use_gb_server",
        "Selected size that is included with each server, in GB.",
        kind="number",
        default=2000,
        example="2000",
    ),
    Field(
        "fair_use_gb_workstation",
        "Selected size that is included with each workstation, in GB.",
        kind="number",
        default=500,
        example="500",
    ),
    Field(
        "columns_left_out",
        "Columns that Cove refuses your API user; what they count is not counted then.",
        kind="list",
        default=(),
        example="[]",
    ),
    Field(
        "page_size",
        "Devices per call; Cove states no maximum, 15000 has been seen working.",
        kind="number",
        default=5000,
        example="5000",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Cove's own words for a refusal."""
    return first_text(at(data, "error.message"), at(data, "error"))


def make_client(account: Account) -> ApiClient:
    """Build the client; the token is looked up here, no call is made."""
    token, base_url = account.secret("token"), account.text("base_url")
    return ApiClient(
        system=account.name,
        base_url=base_url,
        auth=CoveLogin(
            f"{base_url}{PATH}",
            partner=account.text("partner"),
            username=account.text("username"),
            password=token,
        ),
        # One after the other: each answer brings the visa of the next question.
        limits=Limits(concurrency=1),
        secrets=(token,),
        explain=explain,
        stands_for=stands_for,
        reads_by_post={PATH},
    )


def columns_of(account: Account) -> tuple[str, ...]:
    """Return the columns to ask for; `settings` error if a needed one is to be left out."""
    left_out = set(account.items("columns_left_out"))
    if not left_out <= set(OTHER_COLUMNS):
        raise unfit(account, "columns_left_out", f"Choose from: {', '.join(OTHER_COLUMNS)}.")
    return tuple(code for code in (*NEEDED_COLUMNS, *OTHER_COLUMNS) if code not in left_out)


def counting_rules(account: Account) -> Record:
    """Return the rules that turn devices into counts, as they are landed with each pull.

    Shape: `{id, count, count_trials, fair_use_gb_server, fair_use_gb_workstation, columns}`.
    """
    return {
        "id": "counting_rules",
        "count": choice(account, "count", (LIVE, MONTH_MAXIMUM)),
        "count_trials": account.flag("count_trials"),
        "fair_use_gb_server": whole_number(account, "fair_use_gb_server", 0, 1_000_000),
        "fair_use_gb_workstation": whole_number(account, "fair_use_gb_workstation", 0, 1_000_000),
        "columns": list(columns_of(account)),
    }


def streams(account: Account, on: date) -> list[Stream]:
    """Declare the rules, all partners, all devices, and the month's maximum where it counts."""
    size = whole_number(account, "page_size", 1, 15_000)
    rules = counting_rules(account)

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    declared = [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        Stream(
            name="partners",
            request=ask(
                "EnumeratePartners",
                parentPartnerId=OWN_PARTNER,
                fetchRecursively=True,
                fields=list(PARTNER_FIELDS),
            ),
            paginator=SinglePage,
            records=result_rows,
            key="Id",
            required=("ParentId", "Name", "Level", "State"),
            withheld=("visa",),
            may_be_empty=False,
            empty_hint="Make the Cove API user for your top-level customer: one that is made for a"
            " customer sees only that customer.",
        ),
        Stream(
            name="devices",
            request=ask_devices(columns_of(account)),
            paginator=partial(RecordNumber, size),
            records=result_rows,
            key="AccountId",
            required=("PartnerId", "Settings"),
            account="PartnerId",
            withheld=("visa",),
        ),
    ]
    if rules["count"] == MONTH_MAXIMUM:
        declared.append(_maximum(on))
    return declared


def _maximum(on: date) -> Stream:
    span = {
        "dateFrom": f"{on:%Y-%m}-01T00:00:00Z",
        "dateTo": f"{on:%Y-%m-%d}T23:59:59Z",
        "exportOutput": "OneXlsxFile",
        "partnerId": OWN_PARTNER,
    }
    return Stream(
        name="maximum",
        request=Request(REPORT, params=span, reads=read_report),
        paginator=SinglePage,
        records=bare_list,
        required=("CustomerId", "DeviceId"),
        may_be_empty=False,
        empty_hint="Open the Maximum Value report in the Cove console as the API user's role would"
        ' see it, or set count = "live".',
    )


async def diagnose(client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refusal usually is: the name of the partner, the role, or a single column."""
    if not isinstance(error, ApiError):
        # Not an answer of Cove's: it says itself what to do.
        return error
    if error.category is Category.CREDENTIALS:
        return _advised(
            account,
            error,
            "Copy the partner's name exactly as Cove shows it, capitals and e-mail address"
            " included; check the login name; a lost token needs a new API user.",
        )
    if error.category is not Category.PERMISSION:
        return error
    if DEVICES in error.message:
        refused = await _refused_columns(client, account)
        if refused:
            return _advised(
                account,
                error,
                f"Cove refuses your API user the columns {', '.join(refused)}. Ask N-able for"
                " them, or write them in columns_left_out to pull without what they count.",
            )
    return _advised(
        account,
        error,
        "Give the API user the role Supporter (or higher) at your top-level customer; a customer's"
        " own API user may not read this.",
    )


async def _refused_columns(client: ApiClient, account: Account) -> list[str]:
    """Ask for one device with each column alone: one bad column spoils a whole question."""
    refused: list[str] = []
    columns = columns_of(account)
    for code in columns:
        try:
            await client.get(RecordNumber(1).first(ask_devices([code])))
        except PipelineError as error:
            if error.category is not Category.PERMISSION or len(refused) > len(columns) // 2:
                # Not a matter of columns.
                return []
            refused.append(code)
    return refused


def _advised(account: Account, error: PipelineError, next_step: str) -> PipelineError:
    return PipelineError(
        error.message, next_step=next_step, category=error.category, system=account.name
    )


COVE = System(
    kind="cove",
    title="Cove Data Protection",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts each customer's backed-up servers, workstations and Documents devices,"
        " Microsoft 365 users, recovery testing and storage; sites count with their customer.",
        "entities": "Lists the device, or the Microsoft 365 tenant, behind every count.",
        "history": "Counts the moment of the pull, or the highest of the month up to then.",
        "unverified": "Whether the month's maximum tells a deleted device's physicality; what an"
        " ended visa is answered; one address for all regions (base_url).",
        "write_back": "Nothing is ever written to Cove.",
    },
)
