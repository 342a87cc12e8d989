"""Datto RMM: sites and devices, read only.

The account-wide list of devices is known to lack some. So each site's own total is the control: a
site that shows another number is read once more by itself, and SQL counts the larger list.
"""

import base64
from datetime import date
from typing import Any

import httpx

from reconcile_pipeline.http import ApiClient, Limits, PageNumber, Request, SinglePage, TokenAuth
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import (
    advised,
    at,
    bare_list,
    count_at,
    first_text,
    list_under,
    unfit,
    whole_number,
)
from reconcile_pipeline.systems.vendors.datto_rmm_sites import ask_sites, check_sites, find_missing

PAGE_SIZE = 250
"""Datto RMM: default and maximum."""
RATE_LIMIT = 600
"""Datto RMM: calls in any 60 s, shared by every user and tool of the account."""
WINDOW_SECONDS = 60.0
PRIVATE_FIELDS = tuple(f"udf{number}" for number in range(1, 301))
"""MSPs keep recovery keys and passwords in the user-defined fields."""

FIELDS = (
    Field(
        "base_url",
        "The API URL that Datto RMM shows beside your API key.",
        kind="url",
        example="https://merlot-api.centrastage.net",
    ),
    Field(
        "api_key",
        "Datto RMM API key: Setup > Users > the user > Generate API Keys.",
        kind="secret",
        variable="DATTO_RMM_API_KEY",
    ),
    Field(
        "api_secret",
        "Datto RMM API secret key; shown once, when the key is generated.",
        kind="secret",
        variable="DATTO_RMM_API_SECRET",
    ),
    Field(
        "count_suspended",
        "Count suspended devices; Datto does not say whether it bills them.",
        kind="flag",
        default=True,
        example="true",
    ),
    Field(
        "count_antivirus",
        "Count antivirus seats too: a service for each antivirus product found on managed devices.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "missing_share",
        "Part of the account's devices that may be missing from what the API user is shown, before"
        " a pull is refused; 1 switches this control off.",
        kind="number",
        default=0.02,
        example="0.02",
    ),
    Field(
        "requests_per_minute",
        "Calls per minute that are never exceeded. Datto RMM allows 600 to all tools together.",
        kind="number",
        default=300,
        example="300",
    ),
)


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Datto RMM's own words for a refusal; their shape is documented nowhere."""
    return first_text(
        at(data, "error_description"),
        at(data, "message"),
        at(data, "errorMessage"),
        at(data, "error"),
    )


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    api_key, api_secret = account.secret("api_key"), account.secret("api_secret")
    # People copy the address with and without the path of the API.
    host = account.text("base_url").rstrip("/").removesuffix("/api")
    return ApiClient(
        system=account.name,
        base_url=f"{host}/api",
        auth=_auth(f"{host}/auth/oauth/token", api_key, api_secret),
        limits=Limits(
            concurrency=4,
            per_window=whole_number(account, "requests_per_minute", 1, RATE_LIMIT),
            window_seconds=WINDOW_SECONDS,
            # Whoever goes on after a 429 is locked out for minutes.
            silent_wait_seconds=WINDOW_SECONDS,
        ),
        secrets=(api_key, api_secret),
        explain=explain,
    )


def _auth(url: str, api_key: str, api_secret: str) -> TokenAuth:
    # Datto RMM: the client's name and password are the same for everybody and no secret.
    client = base64.b64encode(b"public-client:public").decode()
    form = {"grant_type": "password", "username": api_key, "password": api_secret}

    def token_request() -> httpx.Request:
        return httpx.Request("POST", url, data=form, headers={"Authorization": f"Basic {client}"})

    return TokenAuth(token_request, secrets=frozenset({api_key, api_secret}))


def has_more(data: object) -> bool:
    """Tell whether a page names a next one.

    The link itself is not followed: it may lack what was asked for (Datto RMM, pagination).
    """
    following = at(data, "pageDetails.nextPageUrl")
    if following is not None and not isinstance(following, str):
        raise _no_page()
    return bool(following)


def page_of(name: str) -> Any:  # noqa: ANN401 - a reader of records
    """Return a reader of a page's records; `shape` if the page does not say how it goes on."""
    read = list_under(name)

    def records(data: object) -> list[Record]:
        rows = read(data)
        if not isinstance(at(data, "pageDetails"), dict):
            raise _no_page()
        return rows

    return records


def _no_page() -> PipelineError:
    return PipelineError(
        "Datto RMM sent a page that does not say whether others follow.",
        next_step="Nothing of this pull is used. Run it again; if it stays, Datto RMM's format has"
        " changed: report it to this project.",
        category=Category.SHAPE,
    )


def read_account(data: object) -> list[Record]:
    """Return the account itself as the only record."""
    return bare_list([data])


def counting_rules(account: Account) -> Record:
    """Return the rules that turn devices into counts, as they are landed with each pull.

    Shape: `{id, count_suspended: bool, count_antivirus: bool}`.
    """
    return {
        "id": "counting_rules",
        "count_suspended": account.flag("count_suspended"),
        "count_antivirus": account.flag("count_antivirus"),
    }


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare account, sites and devices, and the second look at sites whose totals differ."""
    rules = counting_rules(account)
    missing_share = account.number("missing_share")
    if not 0 <= missing_share <= 1:
        raise unfit(account, "missing_share", "Write a number from 0 to 1.")
    return [
        Stream(
            name="counting_rules",
            paginator=SinglePage,
            records=bare_list,
            plan=lambda _earlier: [rules],
        ),
        Stream(
            name="account",
            request=Request("/v2/account"),
            paginator=SinglePage,
            records=read_account,
            key="uid",
            required=("devicesStatus.numberOfDevices",),
            is_needed_later=True,
        ),
        Stream(
            name="sites",
            request=Request("/v2/account/sites"),
            paginator=_pages,
            records=page_of("sites"),
            announced=lambda data: count_at(data, "pageDetails.totalCount"),
            key="uid",
            required=("name",),
            may_be_empty=False,
            empty_hint="Give the user of the Datto RMM API key a security level that sees all"
            " sites.",
            # A proxy's login.
            withheld=("username", "password"),
            is_needed_later=True,
        ),
        # No announced total: how many of its sites' devices this list lacks, the sites tell.
        _devices(
            "devices", Request("/v2/account/devices"), account="siteUid", is_needed_later=True
        ),
        Stream(
            name="site_checks",
            paginator=SinglePage,
            records=bare_list,
            plan=lambda earlier: check_sites(earlier, missing_share),
            is_guarded=False,
            is_needed_later=True,
        ),
        # Every pull may need others, or none.
        _devices("site_devices", children=ask_sites, is_guarded=False, is_needed_later=True),
        Stream(
            name="missing_devices",
            paginator=SinglePage,
            records=bare_list,
            plan=lambda earlier: find_missing(earlier, missing_share),
            is_guarded=False,
        ),
    ]


def _pages() -> PageNumber:
    return PageNumber(size_param="max", size=PAGE_SIZE, first=0, has_more=has_more)


def _devices(name: str, request: Request | None = None, **others: Any) -> Stream:  # noqa: ANN401
    return Stream(
        name=name,
        request=request,
        paginator=_pages,
        records=page_of("devices"),
        key="uid",
        required=("siteUid",),
        withheld=PRIVATE_FIELDS,
        # Each site tells how many devices it has.
        is_proven_elsewhere=True,
        **others,
    )


async def diagnose(_client: ApiClient, account: Account, error: Exception) -> Exception:
    """Say what a refusal of Datto RMM usually is."""
    steps = {
        Category.CREDENTIALS: "Check that base_url is the API URL shown beside the key, then the"
        " key and its secret: generating new ones ends the old. API access must be enabled in"
        " Setup > Global Settings > Access Control.",
        Category.PERMISSION: "Give the user of the API key a security level that sees everything:"
        " sites and site devices that it hides can't be counted. If that is so already, Datto RMM"
        " may have locked this address out for too many calls: pull again in ten minutes.",
    }
    is_refusal = isinstance(error, PipelineError) and getattr(error, "status", None) is not None
    if not isinstance(error, PipelineError) or not is_refusal or error.category not in steps:
        return error
    return advised(error, account, steps[error.category])


DATTO_RMM = System(
    kind="datto_rmm",
    title="Datto RMM",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    diagnose=diagnose,
    capabilities={
        "counts": "Counts devices of each site by class: servers, workstations, ESXi hosts, network"
        " devices, printers; devices of OnDemand sites apart.",
        "control": "Compares each site's own total with the list of devices and reads a site again"
        " where they differ.",
        "entities": "Lists the device behind every count.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "unverified": "How Datto RMM bills suspended devices and which category it gives to macOS"
        " and Linux are not documented: see count_suspended and the service Other Devices.",
        "write_back": "Nothing is ever written to Datto RMM.",
    },
)
