"""Where a client may send its credentials: to the host it was set up for, encrypted.

Pure functions on URLs. Messages name hosts, never a query or a user name.
"""

import ipaddress

import httpx

from reconcile_pipeline.http.errors import ApiError
from reconcile_pipeline.http.exchange import Request
from reconcile_pipeline.model import Category

_STANDARD_PORTS = {"http": 80, "https": 443}


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Name what two URLs must share to be the same host: scheme, host and port."""
    return url.scheme, url.host, url.port or _STANDARD_PORTS.get(url.scheme)


def is_loopback(host: str) -> bool:
    """Tell whether a host name means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: never resolved here, so never trusted
        return False


def checked_url(text: str, *, system: str, what: str) -> httpx.URL:
    """Accept a configured URL: https, or http on this machine; no user, query or fragment.

    Raises `ApiError` with category settings.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise _refused(system, f"the {what} is not a valid URL") from None
    if not url.host or url.scheme not in _STANDARD_PORTS:
        raise _refused(system, f"the {what} must begin with https:// and name a host")
    if url.userinfo or url.query or url.fragment:
        raise _refused(system, f"the {what} must not carry a user name, a query or a fragment")
    if url.scheme == "http" and not is_loopback(url.host):
        raise _refused(
            system, f"the {what} for {url.host} is not encrypted; only https is allowed there"
        )
    return url


def resolve(base: httpx.URL, request: Request, *, system: str) -> httpx.URL:
    """Build the URL of a request, and pin it to the base URL's host.

    Raises `ApiError` (shape) when an absolute URL leads to another scheme, host or port.
    """
    try:
        if request.path.lower().startswith(("http://", "https://", "//")):
            url = base.join(request.path)
        else:
            # Not joined: a base URL's own path ("/v1") has to stay in front.
            path = f"{str(base).rstrip('/')}/{request.path.lstrip('/')}"
            url = httpx.URL(path)
        if request.params:
            url = url.copy_merge_params(dict(request.params))
    except httpx.InvalidURL:
        raise _led_away(system, request, "an address that is not valid") from None
    if origin(url) != origin(base) or url.userinfo:
        raise _led_away(system, request, f"another address, {url.host or 'without a host'}")
    return url


def _refused(system: str, reason: str) -> ApiError:
    return ApiError(
        f"{system}: {reason}.",
        next_step=f"Correct the settings of {system}.",
        category=Category.SETTINGS,
        system=system,
    )


def _led_away(system: str, request: Request, where: str) -> ApiError:
    return ApiError(
        f"{system}: {request.method} {request.template} was told to continue at {where}; "
        "credentials are sent only to the configured host.",
        next_step=f"Check the base URL of {system}; if it is right, report this to its vendor.",
        category=Category.SHAPE,
        system=system,
    )
