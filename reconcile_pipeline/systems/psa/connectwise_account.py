"""What ConnectWise has to be told: settings, the API's address, and the client made from them.

No lists and no records here.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from reconcile_pipeline.http import ApiClient, BasicAuth, Limits, WritingClient
from reconcile_pipeline.systems.base import Account, Field
from reconcile_pipeline.systems.psa.connectwise_bundles import PATH as BUNDLES
from reconcile_pipeline.systems.psa.connectwise_bundles import BundlingClient, size_of
from reconcile_pipeline.systems.psa.connectwise_refusals import explain
from reconcile_pipeline.systems.reading import unfit

FIELDS = (
    Field(
        "base_url",
        "Your ConnectWise API site, host only. In the cloud: api-na, api-eu, api-au, api-aus or"
        " api-za, then .myconnectwise.net.",
        kind="url",
        example="https://api-na.myconnectwise.net",
    ),
    Field("company_id", "The company id you type at the ConnectWise login.", example="yourcompany"),
    Field(
        "public_key",
        "ConnectWise public key: System > Members > API Members > API Keys.",
        kind="secret",
        variable="CONNECTWISE_PUBLIC_KEY",
    ),
    Field(
        "private_key",
        "ConnectWise private key; shown once, when the key is made.",
        kind="secret",
        variable="CONNECTWISE_PRIVATE_KEY",
    ),
    Field(
        "client_id",
        "ConnectWise client id of your integration, from developer.connectwise.com.",
        kind="secret",
        variable="CONNECTWISE_CLIENT_ID",
    ),
    Field(
        "agreement_types",
        "Agreement types to reconcile, by name or id; empty means all.",
        kind="list",
        default=(),
        example='["Managed Services"]',
    ),
    Field(
        "codebase",
        "First part of the API's path; the cloud changes it on upgrades.",
        default="v4_6_release/",
        example="v4_6_release/",
    ),
    Field(
        "api_version",
        "Version of the API that is asked for, so that an upgrade changes nothing by surprise.",
        default="2022.1",
        example="2022.1",
    ),
    Field(
        "paging",
        "forward-only, or navigable for a server that refuses it. Forward-only can't skip a"
        " record when another is deleted meanwhile.",
        default="forward-only",
        example="forward-only",
    ),
    Field(
        "bundle_size",
        "How many agreements' additions are asked for in one call; 0: one call each. Switch it on"
        " when `reconcile check` says that your server's bundles give the same.",
        kind="number",
        default=0,
        example="0",
    ),
    Field(
        "bundle_resource_type",
        "What your server's bundles call additions; not documented.",
        default="addition",
        example="addition",
    ),
)

_VERSION = re.compile(r"[0-9]{4}\.[0-9]{1,2}")
_CODEBASE = re.compile(r"/?[A-Za-z0-9_.\-]+/?")
_CLOUD_LOGIN = re.compile(r"(?:na|eu|au|aus|za)\.myconnectwise\.net")


def make_client(account: Account) -> ApiClient:
    """Build the client that reads; secrets are looked up here, no call is made."""
    size = size_of(account)
    return make_bundling(account, size) if size else ApiClient(**_options(account))


def make_bundling(account: Account, size: int) -> BundlingClient:
    """Build the client that asks for the additions of `size` agreements together."""
    return BundlingClient(
        size=size,
        resource_type=account.text("bundle_resource_type"),
        version=account.text("api_version"),
        # A bundle can change records too: ours hold questions only.
        reads_by_post={BUNDLES},
        **_options(account),
    )


def make_writer(account: Account) -> WritingClient:
    """Build the client that can also change a line."""
    return WritingClient(**_options(account))


def _options(account: Account) -> dict[str, Any]:
    public, private = account.secret("public_key"), account.secret("private_key")
    client_id = account.secret("client_id")
    user = f"{account.text('company_id')}+{public}"
    version = account.text("api_version")
    if not _VERSION.fullmatch(version):
        raise unfit(account, "api_version", "Write a year and a number, for example 2022.1.")
    return {
        "system": account.name,
        "base_url": api_base(account),
        "auth": BasicAuth(user, private),
        # No limit is published; four at once is what agreement scanners get along with.
        "limits": Limits(concurrency=4),
        "headers": {
            "clientId": client_id,
            "Accept": f"application/vnd.connectwise.com+json; version={version}",
        },
        # The pair as well: encoded together it looks like none of its parts.
        "secrets": (public, private, client_id, f"{user}:{private}"),
        "explain": explain,
    }


def api_base(account: Account) -> str:
    """Return the address all API paths start from.

    Raises:
        PipelineError: `settings`, if base_url is more than a site or is a login page's site.
    """
    site, codebase = account.text("base_url"), account.text("codebase")
    parts = urlsplit(site)
    if parts.path:
        raise unfit(account, "base_url", "Write the site only, without a path.")
    if _CLOUD_LOGIN.fullmatch(parts.hostname or ""):
        raise unfit(account, "base_url", f"Write the API's site: https://api-{parts.hostname}")
    if not _CODEBASE.fullmatch(codebase):
        raise unfit(account, "codebase", "Write one path part, for example v4_6_release/.")
    return f"{site}/{codebase.strip('/')}/apis/3.0"
