"""What Autotask has to be told: settings, the zone its API lives in, and the clients made of both.

No lists and no records here. The day that counts is worked out here, because a setting decides it.
"""

import re
from datetime import date, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from reconcile_pipeline.http import (
    ApiClient,
    ApiError,
    CallStats,
    HeaderAuth,
    Limits,
    Request,
    WritingClient,
)
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Field
from reconcile_pipeline.systems.psa.autotask_refusals import explain
from reconcile_pipeline.systems.reading import at, choice, unfit

FIELDS = (
    Field(
        "user",
        "Autotask API user, an e-mail address: Admin > Resources/Users > New API User.",
        kind="secret",
        variable="AUTOTASK_USER",
    ),
    Field(
        "secret",
        "Autotask API user's password (secret); shown once, when it is generated.",
        kind="secret",
        variable="AUTOTASK_SECRET",
    ),
    Field(
        "integration_code",
        "Autotask tracking identifier, from the API user's page.",
        kind="secret",
        variable="AUTOTASK_INTEGRATION_CODE",
    ),
    Field(
        "zone_url",
        "Any Autotask web services host; it is asked, without the password, which one is yours.",
        kind="url",
        default="https://webservices.autotask.net",
        example="https://webservices.autotask.net",
    ),
    Field(
        "database",
        "A name for your Autotask database, shown before anything is written to it.",
        default="",
        example="yourcompany",
    ),
    Field(
        "currency",
        "The currency your Autotask database keeps its own prices in, as a three-letter code.",
        default="",
        example="USD",
    ),
    Field(
        "count_on",
        "next_month counts what is under contract on the 1st of the month after the pull, as"
        " billing in advance needs it; today counts the day of the pull.",
        default="next_month",
        example="next_month",
    ),
    Field(
        "customer_types",
        "Numbers of the company types that are customers; 1 is Customer.",
        kind="list",
        default=("1",),
        example='["1"]',
    ),
    Field(
        "active_statuses",
        "Numbers of the contract statuses that are active; 1 is Active unless it was changed.",
        kind="list",
        default=("1",),
        example='["1"]',
    ),
    Field(
        "bundles_only",
        "true if your contracts hold service bundles and no single services: an empty list of"
        " contract services is then believed.",
        kind="flag",
        default=False,
        example="false",
    ),
)

_ClientT = TypeVar("_ClientT", bound=ApiClient)
_UNKNOWN_USER = (400, 401, 404)
_SERVER_ERRORS = range(500, 600)
# The limit is 10,000 calls an hour, shared by all integrations of the database, and from half of
# it on every call is slowed down. So we never take more than that half for ourselves.
_CALLS_PER_HOUR = 5000
_HOUR_SECONDS = 3600.0
# Documented: three calls at once per integration and list. Kept over all lists together.
_THREADS = 3


def make_client(account: Account) -> ApiClient:
    """Build the client; secrets are looked up here, no call is made."""
    return _build(ApiClient, account)


def make_writer(account: Account) -> WritingClient:
    """Build the client that can change units; no call is made."""
    return _build(WritingClient, account)


def _build(kind: type[_ClientT], account: Account) -> _ClientT:
    user, secret = account.secret("user"), account.secret("secret")
    code = account.secret("integration_code")

    async def locate(stats: CallStats) -> str:
        return await find_zone(account, user, stats)

    return kind(
        system=account.name,
        base_url=account.text("zone_url"),
        auth=HeaderAuth({"ApiIntegrationCode": code, "UserName": user, "Secret": secret}),
        limits=Limits(
            concurrency=_THREADS, per_window=_CALLS_PER_HOUR, window_seconds=_HOUR_SECONDS
        ),
        headers={"Content-Type": "application/json"},
        secrets=(user, secret, code),
        explain=explain,
        locate=locate,
    )


async def find_zone(account: Account, user: str, stats: CallStats) -> str:
    """Ask, without password or integration code, where the user's API lives.

    Raises:
        PipelineError: `credentials` for a user nobody knows, `shape` for an address elsewhere,
            else what the call ended with.
    """
    zone_url = account.text("zone_url")
    request = Request("/ATServicesRest/v1.0/zoneInformation", params={"user": user})
    asker = ApiClient(
        system=account.name,
        base_url=zone_url,
        limits=Limits(concurrency=1, attempts=3),
        secrets=(user,),
        explain=explain,
        stats=stats,
    )
    async with asker:
        try:
            url = at((await asker.get(request)).data, "url")
        except ApiError as error:
            if error.status in _UNKNOWN_USER:
                raise _unknown_user(account) from error
            if error.status in _SERVER_ERRORS:
                raise _no_zone(account, error) from error
            raise
    if url is None or url == "":
        raise _unknown_user(account)
    if not isinstance(url, str) or _house(url) != _house(zone_url):
        raise _elsewhere(account)
    # Some zones answer with two slashes in a row.
    tidy = re.sub(r"(?<!:)/{2,}", "/", url.rstrip("/"))
    return f"{tidy}/V1.0"


def _house(url: str) -> str:
    """The part of the host name that all zones share: credentials must not leave it."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # no host at all, so none that is shared
        return ""
    # An address in numbers shares nothing with its neighbours.
    return host if re.fullmatch(r"[0-9.]+|.*:.*", host) else ".".join(host.split(".")[-2:])


def _unknown_user(account: Account) -> PipelineError:
    return PipelineError(
        f"Autotask does not know the API user of {account.name}.",
        next_step="Correct the address in the variable that 'user' names (AUTOTASK_USER): Admin >"
        " Resources/Users, the API user's user name.",
        category=Category.CREDENTIALS,
        system=account.name,
    )


def _no_zone(account: Account, error: ApiError) -> PipelineError:
    return PipelineError(
        f"Autotask did not tell in which zone the API user of {account.name} lives. "
        f"{error.message}",
        next_step="Check the address of the API user (AUTOTASK_USER); if it is right, pull again"
        " later.",
        category=error.category,
        system=account.name,
    )


def _elsewhere(account: Account) -> PipelineError:
    return PipelineError(
        f"The zone look-up of {account.name} named an address that is not Autotask's; no"
        " credentials were sent there.",
        next_step=f"Check zone_url in [systems.{account.name}].",
        category=Category.SHAPE,
        system=account.name,
    )


def reconciliation_day(account: Account, on: date) -> date:
    """Return the day whose units count; raises `settings` for an unknown `count_on`."""
    if choice(account, "count_on", ("next_month", "today")) == "today":
        return on
    return (on.replace(day=1) + timedelta(days=32)).replace(day=1)


def numbers(account: Account, name: str) -> list[str]:
    """Return a list setting of picklist numbers; `settings` error if it holds anything else."""
    values = account.items(name)
    if not values or not all(value.isascii() and value.isdigit() for value in values):
        raise unfit(account, name, 'Write numbers of the picklist, for example ["1"].')
    return list(values)


def currency(account: Account) -> str | None:
    """Return the currency code; None when it is not set."""
    code = account.text("currency")
    if not code:
        return None
    if not re.fullmatch("[A-Z]{3}", code):
        raise unfit(account, "currency", "Write a code of three capitals, for example USD.")
    return code


def tenant(account: Account) -> str:
    """Name the database that changes go to; never a secret.

    Raises:
        PipelineError: `settings`, while it has no name: all databases share one address, and a
            copied settings file must not write into another one.
    """
    name = account.text("database")
    if not name:
        raise unfit(account, "database", "Name your Autotask database before writing into it.")
    return f"{name} at {urlsplit(account.text('zone_url')).hostname or ''}"
