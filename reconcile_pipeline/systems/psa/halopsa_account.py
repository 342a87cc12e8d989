"""What HaloPSA has to be told: settings, where its tokens come from, and the clients made of both.

No lists and no records here.
"""

import re
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx

from reconcile_pipeline.http import (
    ApiClient,
    ApiError,
    CallStats,
    Limits,
    Request,
    TokenAuth,
    WritingClient,
)
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Field
from reconcile_pipeline.systems.psa.halopsa_refusals import explain, stands_for
from reconcile_pipeline.systems.reading import at, choice, unfit, whole_number

SCOPE = (
    "read:customers read:contracts edit:contracts read:items edit:items read:invoices edit:invoices"
)

FIELDS = (
    Field(
        "resource_url",
        "Resource server, as Configuration > Integrations > HaloPSA API > API Details shows it.",
        kind="url",
        example="https://yourcompany.halopsa.com/api",
    ),
    Field(
        "client_id",
        "HaloPSA client id: Configuration > Integrations > HaloPSA API > View Applications.",
        kind="secret",
        variable="HALOPSA_CLIENT_ID",
    ),
    Field(
        "client_secret",
        "HaloPSA client secret of the same application; shown once, when it is made.",
        kind="secret",
        variable="HALOPSA_CLIENT_SECRET",
    ),
    Field(
        "auth_url",
        "Authorisation server of the same page; left out, the resource server is asked for it.",
        kind="url",
        default="",
        example="https://yourcompany.halopsa.com/auth",
    ),
    Field(
        "tenant",
        "Tenant of the same page; leave it out where the page shows none or 'Not set'.",
        default="",
        example="yourcompany",
    ),
    Field(
        "scope",
        "Permissions the token asks for. Asking for one that the application lacks is refused.",
        default=SCOPE,
        example=SCOPE,
    ),
    Field(
        "currency",
        "The currency of your recurring invoices, as a three-letter code.",
        default="",
        example="USD",
    ),
    Field(
        "internal_client_ids",
        "Numbers of clients that are yourself or a placeholder, such as 'Unknown'; never counted.",
        kind="list",
        default=(),
        example='["1"]',
    ),
    Field(
        "count_bundles",
        "What counts of a bundle on a recurring invoice: its children or its parent line.",
        default="children",
        example="children",
    ),
    Field(
        "requests_per_5_minutes",
        "Calls in five minutes that are never exceeded. Hosted Halo refuses more than 300; other"
        " programs of the same Halo share them.",
        kind="number",
        default=300,
        example="300",
    ),
    Field(
        "page_size",
        "Records a page; recurring invoices, which are long, come 50 at a time at most.",
        kind="number",
        default=100,
        example="100",
    ),
)

_ClientT = TypeVar("_ClientT", bound=ApiClient)
_WINDOW_SECONDS = 300.0
_CONCURRENCY = 4
"""No limit is published; integrations get along with two to four calls at once."""
_NO_TENANT = ("", "not set")


@dataclass
class _Issuer:
    """Who hands out tokens; without an address until the resource server has named it."""

    url: str
    tenant: str

    def request(self, form: dict[str, str]) -> httpx.Request:
        query = f"?{urlencode({'tenant': self.tenant})}" if self.tenant else ""
        return httpx.Request("POST", f"{self.url}/token{query}", data=form)


def make_client(account: Account) -> ApiClient:
    """Build the client that reads; secrets are looked up here, no call is made."""
    return _build(ApiClient, account)


def make_writer(account: Account) -> WritingClient:
    """Build the client that can also change a line.

    It takes an answer with a warning for no success: part of the change may be missing.
    """
    return _build(WritingClient, account, stands_for=stands_for)


def _build(kind: type[_ClientT], account: Account, **settings: Any) -> _ClientT:  # noqa: ANN401
    client_id, client_secret = account.secret("client_id"), account.secret("client_secret")
    issuer = _Issuer(account.text("auth_url").rstrip("/"), _tenant(account.text("tenant")))
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "scope": account.text("scope"),
    }

    async def locate(stats: CallStats) -> str:
        await find_issuer(account, issuer, stats)
        return account.text("resource_url")

    return kind(
        system=account.name,
        base_url=account.text("resource_url"),
        auth=TokenAuth(lambda: issuer.request(form), secrets=frozenset({client_secret})),
        limits=Limits(
            concurrency=_CONCURRENCY,
            # One less: who issues tokens is asked by a client of its own.
            per_window=whole_number(account, "requests_per_5_minutes", 2, 1_000_000) - 1,
            window_seconds=_WINDOW_SECONDS,
        ),
        secrets=(client_id, client_secret),
        explain=explain,
        locate=None if issuer.url else locate,
        **settings,
    )


async def find_issuer(account: Account, issuer: _Issuer, stats: CallStats) -> None:
    """Ask the resource server, without credentials, who hands out tokens for which tenant.

    Raises:
        PipelineError: `shape` for no address, or one elsewhere: the secret must not go there;
            else what the call ended with.
    """
    asker = ApiClient(
        system=account.name,
        base_url=account.text("resource_url"),
        limits=Limits(concurrency=1, attempts=3),
        explain=explain,
        stats=stats,
    )
    async with asker:
        try:
            info = (await asker.get(Request("/authinfo"))).data
        except ApiError as error:
            if error.is_transient:
                raise
            raise _no_issuer(account, error.category) from error
    url = at(info, "auth_url")
    if not isinstance(url, str) or not url:
        raise _no_issuer(account, Category.SHAPE)
    if _origin(url) != _origin(account.text("resource_url")):
        raise _elsewhere(account)
    issuer.url = url.rstrip("/")
    issuer.tenant = issuer.tenant or _tenant(at(info, "tenant_id"))


def _tenant(value: object) -> str:
    """A tenant's name; "" where there is none, which on-premise installations call 'Not set'."""
    text = value.strip() if isinstance(value, str) else ""
    return "" if text.casefold() in _NO_TENANT else text


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all, so nobody's
        return "", ""
    return parts.scheme, parts.netloc.casefold()


def _no_issuer(account: Account, category: Category) -> PipelineError:
    return PipelineError(
        f"The resource server of {account.name} did not tell where its tokens come from.",
        next_step=f"Check resource_url in [systems.{account.name}]: it usually ends in /api. If it"
        " is right, set auth_url and tenant as the page API Details shows them.",
        category=category,
        system=account.name,
    )


def _elsewhere(account: Account) -> PipelineError:
    return PipelineError(
        f"The resource server of {account.name} named an authorisation server on another host; no"
        " secret was sent there.",
        next_step=f"If the page API Details shows the same address, set it as auth_url in"
        f" [systems.{account.name}].",
        category=Category.SHAPE,
        system=account.name,
    )


def page_size(account: Account) -> int:
    """Return how many records to ask for at a time; `settings` error if it can't be used."""
    return whole_number(account, "page_size", 1, 1000)


def counting_rules(account: Account) -> dict[str, Any]:
    """Return what people decided about counting, to be landed with the pull."""
    return {
        "currency": _currency(account),
        "internal_client_ids": _client_numbers(account),
        "count_bundles": choice(account, "count_bundles", ("children", "parent")),
    }


def _currency(account: Account) -> str | None:
    code = account.text("currency")
    if not code:
        return None
    if not re.fullmatch("[A-Z]{3}", code):
        raise unfit(account, "currency", "Write a code of three capitals, for example USD.")
    return code


def _client_numbers(account: Account) -> list[str]:
    values = account.items("internal_client_ids")
    if not all(re.fullmatch("-?[0-9]+", value) for value in values):
        raise unfit(account, "internal_client_ids", 'Write numbers of clients, such as ["1"].')
    return list(values)


def tenant(account: Account) -> str:
    """Name the Halo that changes go to; never a secret."""
    host = urlsplit(account.text("resource_url")).netloc
    name = _tenant(account.text("tenant"))
    return f"{name} at {host}" if name else host
