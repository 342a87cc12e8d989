"""Logging in and out, and keeping people to their role.

Accounts are `users`'s, sessions are `sessions`'s; no form of another site reaches this,
because the guard stands before it.
"""

import logging

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from reconcile_pipeline.web.access import refusals
from reconcile_pipeline.web.access.answers import (
    Kept,
    Visit,
    refused,
    set_cookie,
    show,
    show_login,
    unpacked,
)
from reconcile_pipeline.web.access.bodies import MOST_FIELDS
from reconcile_pipeline.web.access.identities import Identities, Who
from reconcile_pipeline.web.access.passwords import is_password
from reconcile_pipeline.web.access.paths import LOGIN, LOGOUT, is_open, login_for, own_path
from reconcile_pipeline.web.access.refusals import Fields
from reconcile_pipeline.web.access.users import NOBODY, Account, Role, User, clean_name
from reconcile_pipeline.web.render import SEE_OTHER

logger = logging.getLogger(__name__)

WRONG = "The name or the password is wrong."


def login_routes(identities: Identities) -> list[Route]:
    """Return the pages of logging in and out."""

    async def show_form(request: Request) -> Response:
        path = own_path(request.query_params.get("next", "/"))
        if request.state.user != NOBODY:
            return RedirectResponse(path, SEE_OTHER)
        return show_login(request.scope, 200, path=path)

    async def log_in(request: Request) -> Response:
        return await _log_in(request, identities)

    async def log_out(request: Request) -> Response:
        who: Who = request.state.who
        if who.user.how != "login":
            return RedirectResponse("/", SEE_OTHER)
        identities.sessions.end(who.session_id)
        logger.info("logout: %s from %s", who.user.name, who.address)
        answer = RedirectResponse(login_for("/"), SEE_OTHER)
        answer.delete_cookie(
            identities.cookie,
            path="/",
            secure=identities.settings.is_tls,
            httponly=True,
            samesite="strict",
        )
        return answer

    return [
        Route(LOGIN, show_form, methods=["GET"]),
        Route(LOGIN, log_in, methods=["POST"]),
        Route(LOGOUT, log_out, methods=["POST"]),
    ]


async def refuse_role(request: Request, role: Role) -> Response | None:
    """Return what somebody without this role is answered; None: go on."""
    user: User = request.state.user
    if user.role >= role or is_open(request.url.path):
        return None
    refusal = refusals.stranger() if user == NOBODY else refusals.too_low(user, role)
    if request.method == "POST":
        refusal = refusal.keeping(await _fields(request))
    logger.info("%s may not %s %.200r", user.name, request.method, request.url.path)
    return refused(request.scope, refusal)


async def _log_in(request: Request, identities: Identities) -> Response:
    if identities.users is None:
        return show_login(request.scope, 403)
    who: Who = request.state.who
    fields = dict((await _fields(request)).texts)
    typed, password = fields.get("name", ""), fields.get("password", "")
    kept = unpacked(fields.get("kept", ""), fields.get("kept_to", ""))
    path = own_path(fields.get("next", "/"))
    name = clean_name(typed) or ""
    keys = (f"user:{name}", f"address:{who.address}")
    seconds = identities.waiting.admit(*keys)
    if seconds:
        logger.warning("login refused for %s s: %s", seconds, _from(name, identities, who))
        told = f"Too many wrong passwords. Try again in {_words(seconds)}."
        answer = show_login(request.scope, 429, message=told, name=typed, path=path, kept=kept)
        answer.headers["Retry-After"] = str(seconds)
        return answer
    account = identities.users.find(name)
    is_right = await run_in_threadpool(is_password, password, account.password if account else "")
    if account is None or not is_right:
        logger.warning("login failed: %s", _from(name, identities, who))
        return show_login(request.scope, 401, message=WRONG, name=typed, path=path, kept=kept)
    identities.waiting.forgive(*keys)
    logger.info("login: %s (%s) from %s", account.name, account.role, who.address)
    return _let_in(identities, who, account, path, kept)


def _let_in(
    identities: Identities, who: Who, account: Account, path: str, kept: Kept | None
) -> Response:
    # An id from before the login is worth nothing after it, whoever gave it to the browser.
    identities.sessions.end(who.session_id)
    session_id = identities.sessions.begin(account)
    session = identities.sessions.find(session_id)
    answer: Response = RedirectResponse(path, SEE_OTHER)
    if kept is not None and session is not None:
        visit = Visit(LOGIN, User(account.name, account.role, "login"), session.csrf)
        answer = show("send_again.html", visit, 200, kept=kept)
    set_cookie(answer, identities.cookie, session_id, is_tls=identities.settings.is_tls)
    return answer


async def _fields(request: Request) -> Fields:
    async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
        items = form.multi_items()
    texts = tuple((name, value) for name, value in items if isinstance(value, str))
    return Fields(texts, has_files=len(texts) < len(items))


def _from(name: str, identities: Identities, who: Who) -> str:
    # A name that no account has may be a password, typed one field too early.
    is_known = identities.users is not None and identities.users.find(name) is not None
    return f"{name if is_known else 'an unknown name'} from {who.address}"


def _words(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} second{'s' if seconds > 1 else ''}"
    minutes = -(-seconds // 60)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"
