"""What Syncro has to be told: settings, the address made of them, and the clients.

No lists and no records here.
"""

import re
from typing import TypeVar
from urllib.parse import urlsplit

from reconcile_pipeline.http import ApiClient, HeaderAuth, Limits, WritingClient
from reconcile_pipeline.systems.base import Account, Field
from reconcile_pipeline.systems.psa.syncro_refusals import explain
from reconcile_pipeline.systems.reading import unfit, whole_number

FIELDS = (
    Field(
        "subdomain",
        "The first part of your Syncro address: Admin > Account Profile > Subdomain.",
        example="yourcompany",
    ),
    Field(
        "api_token",
        "Syncro API token: Admin > API Tokens > New Token > Custom Permissions.",
        kind="secret",
        variable="SYNCRO_API_TOKEN",
    ),
    Field(
        "base_url",
        "Only if your Syncro is reached elsewhere than at https://SUBDOMAIN.syncromsp.com/api/v1.",
        kind="url",
        default="",
        example="https://yourcompany.syncromsp.com/api/v1",
    ),
    Field(
        "currency",
        "The currency of your Syncro account, as a three-letter code.",
        default="",
        example="USD",
    ),
    Field(
        "requests_per_minute",
        "Calls in a minute that are never exceeded. Syncro allows 180 for one internet address:"
        " other programs behind the same address share them.",
        kind="number",
        default=180,
        example="180",
    ),
)

_ClientT = TypeVar("_ClientT", bound=ApiClient)
_SUBDOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-]*")
_CONCURRENCY = 4


def make_client(account: Account) -> ApiClient:
    """Build the client that reads; the token is looked up here, no call is made."""
    return _build(ApiClient, account)


def make_writer(account: Account) -> WritingClient:
    """Build the client that can also change a line."""
    return _build(WritingClient, account)


def _build(kind: type[_ClientT], account: Account) -> _ClientT:
    token = account.secret("api_token")
    return kind(
        system=account.name,
        base_url=api_base(account),
        auth=HeaderAuth({"Authorization": f"Bearer {token}"}),
        limits=Limits(
            concurrency=_CONCURRENCY,
            per_window=whole_number(account, "requests_per_minute", 1, 1_000_000),
        ),
        secrets=(token,),
        explain=explain,
    )


def api_base(account: Account) -> str:
    """Return the API's address; `settings` error for a subdomain that is none."""
    if account.text("base_url"):
        return account.text("base_url").rstrip("/")
    name = account.text("subdomain")
    if not _SUBDOMAIN.fullmatch(name):
        raise unfit(account, "subdomain", "Write the first part of your address only: yourcompany.")
    return f"https://{name}.syncromsp.com/api/v1"


def tenant(account: Account) -> str:
    """Name the account whose schedules would be changed, and where it is."""
    return f"{account.text('subdomain')} at {urlsplit(api_base(account)).netloc}"


def currency(account: Account) -> str | None:
    """Return the currency code; None when it is not set."""
    code = account.text("currency")
    if not code:
        return None
    if not re.fullmatch("[A-Z]{3}", code):
        raise unfit(account, "currency", "Write a code of three capitals, for example USD.")
    return code
