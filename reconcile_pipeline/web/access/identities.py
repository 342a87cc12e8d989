"""Who asks: the user of a session, the one whom a trusted proxy names, or who runs this computer.

Asked once per request by the guard; nothing is refused here but a forged identity. Passwords are
checked in `login`.
"""

import getpass
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.settings_review import ReviewSettings
from reconcile_pipeline.web.access.sessions import Sessions
from reconcile_pipeline.web.access.users import (
    NOBODY,
    Role,
    User,
    UsersFile,
    clean_name,
    users_file_of,
)
from reconcile_pipeline.web.access.waiting import Waiting

logger = logging.getLogger(__name__)

SECRET_HEADER = "x-proxy-secret"  # noqa: S105 - the header's name
SHORTEST_SECRET = 32
_MOST_COOKIE = 4_096
_PROXY_TRACES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class ForgedError(Exception):
    """A request names a user in a way that only our proxy may."""


@dataclass(frozen=True)
class Who:
    """What is known of who asks."""

    user: User
    address: str
    """Where the request comes from: the peer's, or what our own proxy says."""
    csrf: str = field(default="", repr=False)
    session_id: str = field(default="", repr=False)
    start_id: str = field(default="", repr=False)
    """What the browser was given with the login form."""


class Identities:
    """Everything that tells people apart in one running app. For the event loop's thread only."""

    def __init__(
        self,
        settings: ReviewSettings,
        *,
        users: UsersFile | None = None,
        proxy_secret: str = "",
        local_name: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.users = users
        self.waiting = Waiting(clock)
        self.sessions = Sessions(
            longest=settings.session_seconds, idle=settings.idle_seconds, clock=clock
        )
        prefix = "__Host-" if settings.is_tls else ""
        # Browsers send a computer's cookies to all of its ports: two apps must not share a name.
        self.cookie = f"{prefix}reconcile-{settings.port}"
        self.start_cookie = f"{prefix}reconcile-start-{settings.port}"
        self._proxy_secret = proxy_secret
        self._local_name = local_name
        self._key = secrets.token_bytes(32)

    def who(self, headers: Headers, peer: str) -> Who:
        """Tell who makes a request that came from the address `peer`.

        Raises:
            ForgedError: it names a user without being the proxy.
            PipelineError: `settings`, when the users file can't be used now.
        """
        if not self.settings.has_login:
            return self._local(headers, peer)
        address = peer
        if self.settings.proxy_header and self._is_from_proxy(headers, peer):
            address = _last_address(headers) or peer
            named = headers.get(self.settings.proxy_header, "")
            if named:
                return self._named_by_proxy(named, address)
        return self._logged_in(headers, address)

    def token(self, subject: str) -> str:
        """Make the token that forms of `subject` carry; this process alone can make it."""
        return hmac.new(self._key, subject.encode(), hashlib.sha256).hexdigest()

    def _local(self, headers: Headers, peer: str) -> Who:
        # A proxy may call us by our own name: then everybody whom it lets in would be the admin.
        if not _is_loopback(peer) or any(name in headers for name in _PROXY_TRACES):
            raise ForgedError("came from another computer, and nobody has to log in here")
        user = User(self._local_name, Role.ADMIN, "local")
        return Who(user, peer, csrf=self.token(f"local:{user.name}"))

    def _is_from_proxy(self, headers: Headers, peer: str) -> bool:
        """Tell a request of the proxy from a direct one; a mixture of both is forged."""
        name = self.settings.proxy_header
        if name not in headers and SECRET_HEADER not in headers:
            return False
        given = headers.getlist(SECRET_HEADER)
        if len(given) != 1 or len(headers.getlist(name)) > 1:
            raise ForgedError("names a user without the proxy's secret, or several users")
        if not hmac.compare_digest(given[0].encode(), self._proxy_secret.encode()):
            raise ForgedError("has a wrong proxy secret")
        if not self._is_proxys_address(peer):
            raise ForgedError("has the proxy's secret and comes from elsewhere")
        return True

    def _is_proxys_address(self, peer: str) -> bool:
        found = _address(peer)
        if found is None:
            return False
        return found.is_loopback or any(found in net for net in self.settings.proxy_peers)

    def _named_by_proxy(self, named: str, address: str) -> Who:
        name = clean_name(named)
        if name is None:
            raise ForgedError("names a user with a name that can't be used")
        account = self.users.find(name) if self.users else None
        role = account.role if account else Role(self.settings.proxy_role or Role.NOBODY)
        return Who(User(name, role, "proxy"), address, csrf=self.token(f"proxy:{name}"))

    def _logged_in(self, headers: Headers, address: str) -> Who:
        cookies = _cookies(headers)
        start_id = cookies.get(self.start_cookie, "")
        session_id = cookies.get(self.cookie, "")
        session = self.sessions.find(session_id) if session_id else None
        if session is None:
            return Who(NOBODY, address, start_id=start_id)
        account = self.users.find(session.name) if self.users else None
        if account is None or not hmac.compare_digest(account.password, session.password):
            self.sessions.end(session_id)
            logger.info("session of %s ended: the account was changed", session.name)
            return Who(NOBODY, address, start_id=start_id)
        user = User(account.name, account.role, "login")
        return Who(user, address, session.csrf, session_id, start_id)


def identities_of(settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> Identities:
    """Open what tells people apart in an installation.

    Raises:
        PipelineError: `settings`, when the users file or the proxy's secret can't be used.
    """
    # Who came in and who did not is told whatever else is not.
    logging.getLogger(__package__).setLevel(logging.INFO)
    review = settings.review
    users = users_file_of(settings) if review.users_file else None
    if users is not None and not users.accounts() and not review.proxy_header:
        raise PipelineError(
            f"The users file {users.path.name} holds no account.",
            next_step="Make the first one: reconcile users add NAME --role admin",
            category=Category.SETTINGS,
        )
    return Identities(
        review,
        users=users,
        proxy_secret=_proxy_secret(settings),
        local_name=getpass.getuser(),
        clock=clock,
    )


def _proxy_secret(settings: Settings) -> str:
    name = settings.review.proxy_secret
    if name is None:
        return ""
    found = settings.secrets.find(name.variable)
    if found is None or len(found) < SHORTEST_SECRET:
        what = "is not set" if found is None else f"has fewer than {SHORTEST_SECRET} characters"
        raise PipelineError(
            f"The variable {name.variable}, which holds the proxy's secret, {what}.",
            next_step=f"Put 32 random characters or more into {settings.path.parent / '.env'} and"
            " into the proxy: openssl rand -hex 32",
            category=Category.SETTINGS,
        )
    return found


def _cookies(headers: Headers) -> dict[str, str]:
    text = headers.get("cookie", "")[:_MOST_COOKIE]
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(text)
    except CookieError:
        # Nobody of ours sent this: whoever did is not logged in.
        logger.debug("a cookie header that can't be read")
    return {name: morsel.value for name, morsel in jar.items()}


def _last_address(headers: Headers) -> str:
    """What our proxy added; the addresses before it are whatever the browser claimed."""
    last = ",".join(headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    found = _address(last)
    return str(found) if found else ""


def _is_loopback(peer: str) -> bool:
    found = _address(peer)
    return found is not None and found.is_loopback


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
