"""N-able N-central: customers, sites and devices, read only; device filters where chosen.

Which devices make up which service, and whose they are, is decided in SQL from the lists landed
here; `select` is never used, because it filters rows and some of its operators end the server.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from math import ceil
from typing import Any

from reconcile_pipeline.http import ApiClient, Limits, PageNumber, Request, SinglePage
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Child, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import (
    bare_list,
    choice,
    count_at,
    list_under,
    unfit,
    whole_number,
)
from reconcile_pipeline.systems.vendors.nable_ncentral_login import (
    NCentralLogin,
    explain,
    stands_for,
)
from reconcile_pipeline.systems.vendors.nable_ncentral_refusals import diagnose

ACCOUNTS = ("customer", "site")
DEVICES = "/api/devices"
LARGEST_PAGE = 1000

FIELDS = (
    Field(
        "base_url",
        "Address of your N-central server, without /api and without a slash at its end.",
        kind="url",
        example="https://ncentral.yourcompany.com",
    ),
    Field(
        "user_api_token",
        "N-central User-API token (JWT) of an API-only user: Administration > User Management >"
        " Users > the user > API Access > Generate JSON Web Token.",
        kind="secret",
        variable="NABLE_NCENTRAL_USER_API_TOKEN",
    ),
    Field(
        "account",
        "What you map to PSA companies: customer, or site.",
        default="customer",
        example="customer",
    ),
    Field(
        "filters",
        "Ids of device filters to count besides, each as a service of its own.",
        kind="list",
        default=(),
        example='["75"]',
    ),
    Field(
        "page_size",
        "Records per call; set 200 if your server refuses 500.",
        kind="number",
        default=500,
        example="500",
    ),
)

_data = list_under("data")


def make_client(account: Account) -> ApiClient:
    """Build the client; the token is looked up here, no call is made."""
    token = account.secret("user_api_token")
    base_url = account.text("base_url")
    return ApiClient(
        system=account.name,
        base_url=base_url,
        auth=NCentralLogin(base_url, token),
        # N-central: five calls under way on devices, shared by all integrations of the MSP.
        limits=Limits(concurrency=1),
        secrets=(token,),
        explain=explain,
        stands_for=stands_for,
    )


def announced(data: object) -> int | None:
    """Return how many records the whole list has, as a page tells."""
    return count_at(data, "totalItems")


def page_records(data: object) -> list[Record]:
    """Return a page's records; `shape` error if the page does not say how many there are."""
    records = _data(data)
    if announced(data) is None:
        raise PipelineError(
            "N-central sent a page that does not say how many records there are.",
            next_step="Nothing of this pull is used, as it can't be proven whole. Run it again; if"
            " it stays, report the version of your N-central to this project.",
            category=Category.SHAPE,
        )
    return records


def total_pages(data: object, size: int) -> int | None:
    """Return how many pages the list has: some lists say so, of others it is worked out."""
    pages = count_at(data, "totalPages")
    total = announced(data)
    if pages is not None or total is None:
        return pages
    # A server that gives less than it is asked for says so, where it says anything.
    return ceil(total / (count_at(data, "pageSize") or size))


def chosen_filters(account: Account) -> list[str]:
    """Return the ids of the chosen device filters, each once; `settings` error for no number."""
    chosen = sorted({item.strip() for item in account.items("filters")})
    if not all(item.isascii() and item.isdigit() for item in chosen):
        raise unfit(account, "filters", 'Write the filters\' numbers, like ["75", "112"].')
    return chosen


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare the rules, the org units, all devices, and the devices of each chosen filter."""
    size = whole_number(account, "page_size", 1, LARGEST_PAGE)
    filters = chosen_filters(account)
    rules = {
        "id": "counting_rules",
        "account": choice(account, "account", ACCOUNTS),
        "filters": filters,
    }

    def plan(_earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
        return [rules]

    return [
        Stream(name="counting_rules", paginator=SinglePage, records=bare_list, plan=plan),
        _stream(
            "customers",
            "customerId",
            size,
            request=Request("/api/customers"),
            required=("customerName",),
            may_be_empty=False,
            empty_hint="Give the API user an access group with all customers, and its role the"
            " right to read Customers; then generate a new User-API token.",
        ),
        _stream(
            "sites",
            "siteId",
            size,
            request=Request("/api/sites"),
            required=("siteName", "parentId"),
        ),
        *([_filter_names(size)] if filters else []),
        _stream(
            "devices",
            "deviceId",
            size,
            request=Request(DEVICES),
            required=("deviceClass",),
            # Customers are missing from some records; the org unit is what tells them all.
            account="orgUnitId",
            may_be_empty=False,
            empty_hint="Let the role of the API user read Devices > Network Devices; then generate"
            " a new User-API token.",
        ),
        *(_filtered(account, number, size) for number in filters),
    ]


def _filter_names(size: int) -> Stream:
    return _stream(
        "device_filters",
        "filterId",
        size,
        request=Request("/api/device-filters", params={"viewScope": "ALL"}),
        required=("filterName",),
        is_needed_later=True,
    )


def _filtered(account: Account, number: str, size: int) -> Stream:
    """Declare the devices of one filter, asked for only if the filter is really there."""

    def children(earlier: Mapping[str, Sequence[Record]]) -> list[Child]:
        # Not left to the server: one that ignores an unknown filter would answer all devices.
        if number not in {str(row["filterId"]) for row in earlier["device_filters"]}:
            raise unfit(
                account,
                "filters",
                f"N-central has no device filter {number} that the API user may see: correct the"
                " list, or share the filter with that user.",
            )
        return [Child(number, Request(DEVICES, params={"filterId": number}))]

    # What a filter holds may change at will; that the devices did not vanish is seen on their list.
    return _stream(
        f"filtered_devices_{number}", "deviceId", size, children=children, is_guarded=False
    )


def _stream(name: str, key: str, size: int, **how: Any) -> Stream:  # noqa: ANN401 - Stream's own
    return Stream(
        name=name,
        key=key,
        paginator=lambda: PageNumber(
            page_param="pageNumber",
            size_param="pageSize",
            size=size,
            first=1,
            total_pages=lambda data: total_pages(data, size),
        ),
        records=page_records,
        announced=announced,
        **how,
    )


NABLE_NCENTRAL = System(
    kind="nable_ncentral",
    title="N-able N-central",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts devices of each customer by licence mode and class: servers,"
        " workstations, network and other devices; and the device filters you choose.",
        "entities": "Lists the device behind every count.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "unverified": "Where a server does not tell a device's licence mode, the device counts as"
        " Professional and is listed once more as 'Devices (licence mode unknown)'.",
        "backup": "Does not read seats of N-able Backup, EDR or antivirus: this API has none.",
        "write_back": "Nothing is ever written to N-central.",
    },
)
