"""What is answered instead of a page: one sentence, one next step, and what was typed.

Rendered without any figure: who is refused may be a stranger.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Scope

from reconcile_pipeline.web.access.identities import Identities, Who
from reconcile_pipeline.web.access.paths import LOGOUT, asked_for, login_for, own_path
from reconcile_pipeline.web.access.refusals import Fields, Refusal
from reconcile_pipeline.web.access.users import User
from reconcile_pipeline.web.render import SEE_OTHER, environment

UNKEPT = frozenset({"csrf", "password", "kept", "kept_to", "next"})
"""Fields that are not shown again."""
_SHELL: Callable[[object], None] = lambda _call: None  # noqa: E731 - base.html asks it for figures


@dataclass(frozen=True)
class Visit:
    """What base.html needs to know of a request, and nothing of the installation."""

    path: str
    user: User
    csrf: str = field(default="", repr=False)
    tenant: str = ""


@cache
def _templates() -> Environment:
    """The templates of this room, over those of the pages."""
    own = PackageLoader("reconcile_pipeline.web.access")
    pages = PackageLoader("reconcile_pipeline.web")
    return environment().overlay(loader=ChoiceLoader([own, pages]))


def show(template: str, visit: Visit, status: int, **values: object) -> HTMLResponse:
    """Render a page around which no figures stand."""
    text = (
        _templates().get_template(template).render(call=visit, shell_of=_SHELL, now=None, **values)
    )
    return HTMLResponse(text, status)


def refused(scope: Scope, refusal: Refusal) -> Response:
    """Make the answer to a refused request."""
    headers = Headers(scope=scope)
    answer: Response
    if refusal.is_plain:
        text = f"{refusal.message} {refusal.next_step}".strip()
        answer = PlainTextResponse(f"{text}\n", refusal.status)
    elif refusal.needs_login and scope["method"] != "POST":
        answer = _way_in(scope, headers)
    elif refusal.needs_login and scope["path"] == LOGOUT:
        answer = RedirectResponse(login_for("/"), SEE_OTHER)
    elif refusal.needs_login:
        kept = kept_of(scope, refusal.fields)
        answer = show_login(scope, 401, message=refusal.message, kept=kept)
    else:
        answer = show(
            "refused.html",
            _visit(scope),
            refusal.status,
            refusal=refusal,
            typed=_visible(refusal.fields.texts),
        )
    if "hx-request" in headers and answer.status_code >= 400:  # noqa: PLR2004 - HTTP's
        # A whole page, where the script expected the row it had asked for.
        answer.headers.update(
            {"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML"}
        )
    answer.headers.update(refusal.headers)
    return answer


@dataclass(frozen=True)
class Kept:
    """A form that could not be taken, on its way through the login."""

    to: str
    texts: tuple[tuple[str, str], ...] = ()
    has_files: bool = False

    @property
    def packed(self) -> str:
        """As one field of the login form."""
        return json.dumps([self.texts, self.has_files])

    @property
    def visible(self) -> list[tuple[str, str]]:
        """What a person may have typed."""
        return _visible(self.texts)


def kept_of(scope: Scope, fields: Fields) -> Kept | None:
    """Keep what a refused form held; None when that was nothing."""
    texts = tuple((name, value) for name, value in fields.texts if name not in UNKEPT)
    return Kept(asked_for(scope), texts, fields.has_files) if texts else None


def unpacked(packed: str, to: str) -> Kept | None:
    """Take what the login form carried; None when it is nothing of ours."""
    try:
        pairs, has_files = json.loads(packed)
        texts = tuple((str(name), str(value)) for name, value in pairs)
    except (TypeError, ValueError, RecursionError):
        return None
    path = own_path(to)
    return Kept(path, texts, bool(has_files)) if texts and path == to else None


def show_login(
    scope: Scope,
    status: int,
    *,
    message: str = "",
    name: str = "",
    path: str = "/",
    kept: Kept | None = None,
) -> Response:
    """Show the login form, with what was typed before it was needed."""
    identities: Identities = scope["state"]["identities"]
    who: Who = scope["state"]["who"]
    start_id = who.start_id or secrets.token_urlsafe(16)
    answer = show(
        "login.html",
        _visit(scope),
        status,
        has_accounts=identities.users is not None,
        token=identities.token(f"start:{start_id}"),
        message=message,
        name=name,
        path=path,
        kept=kept,
    )
    if start_id != who.start_id:
        set_cookie(answer, identities.start_cookie, start_id, is_tls=identities.settings.is_tls)
    return answer


def set_cookie(answer: Response, name: str, value: str, *, is_tls: bool) -> None:
    """Give the browser a cookie that no script reads and no other site sends."""
    answer.set_cookie(name, value, path="/", httponly=True, samesite="strict", secure=is_tls)


def _way_in(scope: Scope, headers: Headers) -> Response:
    path = asked_for(scope)
    if "hx-request" in headers:
        current = urlsplit(headers.get("hx-current-url", "/"))
        page = own_path(current.path + (f"?{current.query}" if current.query else ""))
        return Response(status_code=401, headers={"HX-Redirect": login_for(page)})
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        # Behind a link in a mail or a chat, browsers hold back a strict cookie. The page that
        # asks again is ours, so the cookie comes along, if there is one.
        return show("come_back.html", _visit(scope), 401, path=path)
    return RedirectResponse(login_for(path), SEE_OTHER)


def _visit(scope: Scope) -> Visit:
    state: Mapping[str, Any] = scope["state"]
    return Visit(path=scope["path"], user=state["user"], csrf=state["csrf"])


def _visible(texts: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in texts if name not in UNKEPT and value.strip()]
