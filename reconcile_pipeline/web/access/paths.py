"""Addresses of our own: which need no login, where a request was going, where one may be sent next.

Pure functions of texts and scopes.
"""

from urllib.parse import quote, urlsplit

from starlette.types import Scope

LOGIN, LOGOUT = "/login", "/logout"
OPEN = ("/static/", LOGIN, "/healthz")
"""Pages that need no login: everything else does, whoever forgets to say so."""
KEYED = "/push/"
"""The push API has a door of its own: keys in headers, which no browser sends by itself."""
_LONGEST = 4_000


def is_open(path: str) -> bool:
    """Whether a page is shown to people who are not logged in."""
    return any(path == item or (item.endswith("/") and path.startswith(item)) for item in OPEN)


def own_path(text: str) -> str:
    r"""Return `text` if it is an address inside this app, else "/".

    `//evil`, `/\evil` and a tab between the slashes all lead browsers to another host.
    """
    is_plain = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    if not is_plain or not text.startswith("/") or text.startswith("//") or len(text) > _LONGEST:
        return "/"
    # Back to the login right after the login would be a circle.
    return "/" if urlsplit(text).path in (LOGIN, LOGOUT) else text


def asked_for(scope: Scope) -> str:
    """Return path and query of a request, as they stood in its address."""
    query = scope.get("query_string", b"").decode("latin-1")
    return own_path(quote(scope["path"]) + (f"?{query}" if query else ""))


def login_for(path: str) -> str:
    """Return the address of the login that leads on to `path`."""
    return LOGIN if path == "/" else f"{LOGIN}?next={quote(path, safe='/')}"
