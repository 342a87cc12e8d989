"""Pax8: the marketplace's companies and subscriptions, read only.

A subscription row carries its product's name, so the catalogue is not needed for counts. Which
subscriptions count is decided in SQL, from the statuses landed here; nothing is filtered away
at the source, because a filter takes one status and what is left out could not be explained.
"""

from datetime import date
from typing import Any

from reconcile_pipeline.http import ApiClient, ClientCredentials, Limits, PageNumber, Request
from reconcile_pipeline.model import Category, PipelineError, Role
from reconcile_pipeline.systems.base import Account, Field, Record, Stream, System
from reconcile_pipeline.systems.reading import at, count_at, first_text, list_under, whole_number

PAGE_SIZE = 200
"""The documented maximum; asking for more has been seen to return less without an error."""

FIELDS = (
    Field(
        "base_url",
        "Address of the Pax8 API; the same for all partners.",
        kind="url",
        default="https://api.pax8.com/v1",
        example="https://api.pax8.com/v1",
    ),
    Field(
        "token_url",
        "Where tokens are issued; left out, it is base_url followed by /token.",
        kind="url",
        default="",
        example="https://api.pax8.com/v1/token",
    ),
    Field(
        "audience",
        "Audience the token is asked for; older clients used api://p8p.client.",
        default="https://api.pax8.com",
        example="https://api.pax8.com",
    ),
    Field(
        "client_id",
        "Pax8 client id: Settings > Integrations > Credentials, as a Partner Admin.",
        kind="secret",
        variable="PAX8_CLIENT_ID",
    ),
    Field(
        "client_secret",
        "Pax8 client secret, from the same page.",
        kind="secret",
        variable="PAX8_CLIENT_SECRET",
    ),
    Field(
        "read_catalogue",
        "Also read the product catalogue; counts don't need it, and it costs many calls.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "requests_per_minute",
        "Calls per minute that are never exceeded. Pax8 publishes no figure; this one is"
        " reported by users of its API.",
        kind="number",
        default=1000,
        example="1000",
    ),
)

_content = list_under("content")


def page_records(data: object) -> list[Record]:
    """Return a page's records; `shape` error if the page does not say how many there are."""
    records = _content(data)
    if total_pages(data) is None or announced(data) is None:
        raise PipelineError(
            "Pax8 sent a page that does not say how many pages and records there are.",
            next_step="Nothing of this pull is used, as it can't be proven whole. Run it again; if"
            " it stays, Pax8's format has changed: report it to this project.",
            category=Category.SHAPE,
        )
    return records


def total_pages(data: object) -> int | None:
    """Return how many pages the list has, as a page tells."""
    return count_at(data, "page.totalPages")


def announced(data: object) -> int | None:
    """Return how many records the whole list has, as a page tells."""
    return count_at(data, "page.totalElements")


def explain(_status: int, data: Any, _text: str) -> str | None:  # noqa: ANN401 - a JSON value
    """Return Pax8's own words for a refusal, in any of the three shapes it uses."""
    details = at(data, "details")
    errors = at(data, "errors")
    return first_text(
        at(data, "message"),
        at(details[0], "message") if isinstance(details, list) and details else None,
        errors[0] if isinstance(errors, list) and errors else None,
        at(data, "error_description"),
    )


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    client_id, client_secret = account.secret("client_id"), account.secret("client_secret")
    base_url = account.text("base_url")
    auth = ClientCredentials(
        account.text("token_url") or f"{base_url}/token",
        {
            "client_id": client_id,
            "client_secret": client_secret,
            "audience": account.text("audience"),
            "grant_type": "client_credentials",
        },
        "json",
    )
    return ApiClient(
        system=account.name,
        base_url=base_url,
        auth=auth,
        limits=Limits(per_window=whole_number(account, "requests_per_minute", 1, 100_000)),
        secrets=(client_id, client_secret),
        explain=explain,
    )


def streams(account: Account, _on: date) -> list[Stream]:
    """Declare companies and subscriptions, and products where asked for."""
    declared = [
        _stream(
            "companies",
            # No filter on status: why a company is missing from the mapping must be answerable.
            Request("/companies", params={"sort": "name,asc"}),
            required=("name", "status"),
            empty_hint="Create the Pax8 credentials as a Partner Admin of the account that holds"
            " your customers.",
        ),
        _stream(
            "subscriptions",
            # The order of creation is the one that does not move while pages are being read.
            Request("/subscriptions", params={"sort": "createdDate,asc"}),
            required=("companyId", "productId", "quantity", "status", "billingTerm"),
            numbers=("quantity",),
            account="companyId",
        ),
    ]
    if account.flag("read_catalogue"):
        declared.append(
            _stream("products", Request("/products", params={"sort": "name,asc"}), ("name",))
        )
    return declared


def _stream(
    name: str,
    request: Request,
    required: tuple[str, ...],
    *,
    numbers: tuple[str, ...] = (),
    account: str | None = None,
    empty_hint: str = "",
) -> Stream:
    return Stream(
        name=name,
        request=request,
        paginator=lambda: PageNumber(size=PAGE_SIZE, first=0, total_pages=total_pages),
        records=page_records,
        announced=announced,
        required=required,
        numbers=numbers,
        account=account,
        may_be_empty=not empty_hint,
        empty_hint=empty_hint,
    )


PAX8 = System(
    kind="pax8",
    title="Pax8",
    role=Role.VENDOR,
    fields=FIELDS,
    streams=streams,
    client=make_client,
    capabilities={
        "counts": "Reads the licences of every subscription, by product, billing term and"
        " commitment.",
        "history": "Tells the counts of this moment only; past months can't be pulled.",
        "changes": "Has no list of what changed since a day; every pull reads all of it.",
        "usage": "Does not read products billed by usage in arrears.",
        "write_back": "Nothing is ever written to Pax8.",
    },
)
