"""The table [review] of reconcile.toml: where the review app is served, and who may come in.

What is checked here is whether the keys fit together: an address that others reach needs a login.
Who a request comes from is told in `web/access`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings_checks import SecretName, Table, Value, is_loopback
from reconcile_pipeline.settings_systems import SecretSource
from reconcile_pipeline.systems.base import Field

_HIGHEST_PORT = 65_535
_MOST_SESSION_HOURS = 744
_MOST_IDLE_MINUTES = 1_440
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
LINKED = ("agreement_id", "company_id", "line_id")
"""What may stand in braces in `psa_link`."""
PROXY_ROLES = ("", "viewer", "reviewer", "approver", "admin")

REVIEW_FIELDS = (
    Field(
        "host",
        "Address that `reconcile review` listens on.",
        default="127.0.0.1",
        example="127.0.0.1",
    ),
    Field("port", "Its port; 0 takes a free one.", kind="number", default=8231, example="8231"),
    Field(
        "allow_remote",
        "Whether host may be an address that other machines reach; needs users_file or"
        " proxy_header. Passwords then travel over the network: put a proxy with TLS in front.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "base_url",
        "The address people use, for links in digests and in Dagster. With https, cookies are"
        " sent over TLS only.",
        kind="url",
        default="",
        example="https://review.yourmsp.example",
    ),
    Field(
        "names",
        "Host names by which browsers may call it, besides localhost and the one in base_url.",
        kind="list",
        default=(),
        example='["review.yourmsp.example"]',
    ),
    Field(
        "is_tls",
        "Whether people reach it over TLS only; an https base_url says that too.",
        kind="flag",
        default=False,
        example="false",
    ),
    Field(
        "users_file",
        "Who may log in, relative to this file; written by `reconcile users add`. Empty: nobody"
        " logs in, and whoever uses this computer may do everything.",
        default="",
        example="users.toml",
    ),
    Field(
        "session_hours",
        "Hours after which everybody logs in anew.",
        kind="number",
        default=8,
        example="8",
    ),
    Field(
        "idle_minutes",
        "Minutes without a request after which somebody logs in anew.",
        kind="number",
        default=60,
        example="60",
    ),
    Field(
        "proxy_header",
        "Header in which a proxy with a login of its own names the user; empty: no such proxy.",
        default="",
        example="X-Forwarded-User",
    ),
    Field(
        "proxy_secret",
        "What that proxy sends in X-Proxy-Secret, so that nobody else can name a user: 32 random"
        " characters or more.",
        kind="secret",
        default="",
        variable="RECONCILE_PROXY_SECRET",
    ),
    Field(
        "proxy_peers",
        "Addresses or networks that the proxy calls from, besides this machine.",
        kind="list",
        default=(),
        example='["10.0.0.5"]',
    ),
    Field(
        "proxy_role",
        "Role of a user whom the proxy names and users_file does not: viewer, reviewer, approver"
        " or admin; empty: such a user is not let in.",
        default="",
        example="viewer",
    ),
    Field(
        "dagster_url",
        "Where the Dagster UI is served, for links; empty: no links.",
        default="",
        example="http://127.0.0.1:3000",
    ),
    Field(
        "psa_link",
        "Address of a line in the PSA's own pages, with {agreement_id}, {company_id} or {line_id}"
        " in it, for links on cards: copy the address of an agreement there. Empty: no links.",
        default="",
        example="https://psa.yourmsp.example/agreements/{agreement_id}",
    ),
)


@dataclass(frozen=True)
class ReviewSettings:
    """Where the review app is served and how people come in; `users_file` is as written."""

    host: str = "127.0.0.1"
    port: int = 8231
    allow_remote: bool = False
    base_url: str = ""
    names: tuple[str, ...] = ()
    """Lower case; the host of `base_url` is among them."""
    is_tls: bool = False
    users_file: str = ""
    session_seconds: float = 8 * 3600.0
    idle_seconds: float = 3600.0
    proxy_header: str = ""
    proxy_secret: SecretName | None = None
    proxy_peers: tuple[IPv4Network | IPv6Network, ...] = ()
    proxy_role: str = ""
    dagster_url: str = ""
    psa_link: str = ""
    """With the names of LINKED in braces."""

    @property
    def address(self) -> str:
        """Where people open it: `base_url`, or else where it listens."""
        return self.base_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def has_login(self) -> bool:
        """Whether people are told apart; otherwise everybody is who runs the app."""
        return bool(self.users_file or self.proxy_header)

    def secret_values(self, secrets: SecretSource) -> set[str]:
        """Return the proxy's secret for redaction; nothing when it can't be found now."""
        try:
            value = secrets.find(self.proxy_secret.variable) if self.proxy_secret else None
        except PipelineError:
            # Nothing to mask then; whoever serves the app gets the same error, loudly.
            return set()
        return {value} if value else set()


def read_review(table: Table, values: Mapping[str, Value]) -> ReviewSettings:
    """Check what the fields alone can't; raises the `settings` error of the first mistake."""
    base_url = str(values["base_url"])
    secret = values["proxy_secret"]
    found = ReviewSettings(
        host=str(values["host"]),
        port=_whole(table, values, "port", 0, _HIGHEST_PORT),
        allow_remote=bool(values["allow_remote"]),
        base_url=base_url,
        names=_names(table, values["names"], base_url),
        is_tls=bool(values["is_tls"]) or base_url.startswith("https://"),
        users_file=str(values["users_file"]),
        session_seconds=_whole(table, values, "session_hours", 1, _MOST_SESSION_HOURS) * 3600.0,
        idle_seconds=_whole(table, values, "idle_minutes", 1, _MOST_IDLE_MINUTES) * 60.0,
        proxy_header=_header(table, str(values["proxy_header"])),
        proxy_secret=secret if isinstance(secret, SecretName) else None,
        proxy_peers=_networks(table, values["proxy_peers"]),
        proxy_role=_role(table, str(values["proxy_role"])),
        dagster_url=str(values["dagster_url"]),
        psa_link=_psa_link(table, str(values["psa_link"])),
    )
    _check_together(table, found)
    return found


def _check_together(table: Table, found: ReviewSettings) -> None:
    login = 'users_file = "users.toml" and make accounts with `reconcile users add NAME`'
    if not is_loopback(found.host) and not found.allow_remote:
        raise table.refuse(
            f"key 'host' is an address that other machines may reach: {found.host!r}",
            f'Write host = "127.0.0.1"; or allow_remote = true, {login}.',
        )
    away = [name for name in found.names if not is_loopback(name)]
    if (away or found.allow_remote) and not found.has_login:
        what = f"is called {away[0]!r} by other machines" if away else "allows other machines"
        raise table.refuse(f"{what}, and nobody has to log in", f"Add {login}.")
    if bool(found.proxy_header) != (found.proxy_secret is not None):
        raise table.refuse(
            "has only one of 'proxy_header' and 'proxy_secret'",
            "Give both, or neither: a name without the secret could come from anybody.",
        )


def _names(table: Table, names: Value, base_url: str) -> tuple[str, ...]:
    written = names if isinstance(names, tuple) else ()
    for name in written:
        if not _NAME.fullmatch(name):
            raise table.refuse(
                f"key 'names' holds what is no host name: {name!r}",
                "Write it without https://, port and path: review.yourmsp.example",
            )
    own = urlsplit(base_url).hostname or ""
    return tuple(dict.fromkeys(name.lower() for name in (*written, own) if name))


def _header(table: Table, name: str) -> str:
    if name and not _HEADER.fullmatch(name):
        raise table.refuse(
            f"key 'proxy_header' is no name of a header: {name!r}",
            'Write proxy_header = "X-Forwarded-User", or as your proxy calls it.',
        )
    return name.lower()


def _networks(table: Table, items: Value) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(item) for item in items) if isinstance(items, tuple) else ()
    except ValueError as error:
        raise table.refuse(
            f"key 'proxy_peers' holds what is no address: {error}",
            'Write proxy_peers = ["10.0.0.5"], or a network such as "10.0.0.0/28".',
        ) from None


def _psa_link(table: Table, address: str) -> str:
    example = 'Write psa_link = "https://psa.yourmsp.example/agreements/{agreement_id}".'
    if address and not address.startswith(("https://", "http://")):
        raise table.refuse(f"key 'psa_link' is no web address: {address!r}", example)
    try:
        # A stray brace, or a name that no card has, would break every card's page.
        address.format_map(dict.fromkeys(LINKED, ""))
    except (KeyError, ValueError, IndexError, AttributeError):
        known = ", ".join(f"{{{name}}}" for name in LINKED)
        raise table.refuse(f"key 'psa_link' may name {known} and nothing else", example) from None
    return address


def _role(table: Table, name: str) -> str:
    if name not in PROXY_ROLES:
        raise table.refuse(
            f"key 'proxy_role' is no role: {name!r}",
            "Write viewer, reviewer, approver or admin, or leave it out.",
        )
    return name


def _whole(table: Table, values: Mapping[str, Value], name: str, least: int, most: int) -> int:
    value = values[name]
    if not isinstance(value, float) or not value.is_integer() or not least <= value <= most:
        raise table.refuse(
            f"key {name!r} is not a whole number from {least} to {most}",
            "Correct it, or leave it out.",
        )
    return int(value)
