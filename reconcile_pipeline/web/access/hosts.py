"""By which names the app may be called, and which pages may send it forms.

A page on another site can make a browser call us, by a name that it lets point here; the Host and
the Origin give that away. Pure functions of a request's headers.
"""

import re
from ipaddress import ip_address

from starlette.datastructures import Headers

from reconcile_pipeline.settings_review import ReviewSettings

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_OWN_SITES = ("same-origin", "none")


def is_our_host(headers: Headers, settings: ReviewSettings) -> bool:
    """Whether there is one Host, and it is a name of ours."""
    given = headers.getlist("host")
    match = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
    if match is None:
        return False
    name = match[1].strip("[]")
    if name == "localhost" or name in settings.names:
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or settings.allow_remote


def is_our_origin(headers: Headers, settings: ReviewSettings) -> bool:
    """Whether a form comes from a page of ours, as far as the browser says."""
    origins = headers.getlist("origin")
    sites = headers.getlist("sec-fetch-site")
    if any(site not in _OWN_SITES for site in sites):
        return False
    scheme = "https" if settings.is_tls else "http"
    own = f"{scheme}://{headers['host'].lower()}"
    # Browsers leave out the usual port of a scheme, proxies may add it.
    usual = ":443" if settings.is_tls else ":80"
    return len(origins) <= 1 and all(origin in (own, own.removesuffix(usual)) for origin in origins)
