"""Stands before the whole app: refuses what no page should ever see, and marks every answer.

In this order: the Host, the method, who asks; then for a POST the origin, the kind and size of its
body, and the token of its form. What somebody may do with a page is `login.refuse_role`'s.
"""

import hmac
import logging
from collections.abc import Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.web.access import refusals
from reconcile_pipeline.web.access.answers import refused
from reconcile_pipeline.web.access.bodies import FORM_TYPES, fields_of, read_body, replayed
from reconcile_pipeline.web.access.hosts import is_our_host, is_our_origin
from reconcile_pipeline.web.access.identities import ForgedError, Identities, Who, identities_of
from reconcile_pipeline.web.access.paths import KEYED, LOGIN, is_open
from reconcile_pipeline.web.access.refusals import Fields, Refusal
from reconcile_pipeline.web.access.users import NOBODY, Role

__all__ = ["Guard", "GuardedApp", "Identities", "identities_of"]

logger = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024
MOST_UPLOADED = 10 * 1024 * 1024
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none';"
    " base-uri 'none'; object-src 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Pure ASGI middleware; sets `request.state.user`, `.csrf` and `.who`."""

    def __init__(
        self, app: ASGIApp, identities: Identities, uploads: Collection[str] = ("/import",)
    ) -> None:
        """`uploads` are the addresses that take files of up to MOST_UPLOADED bytes."""
        self._app = app
        self._identities = identities
        self._uploads = frozenset(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(message, scope["path"])
            await send(message)

        state: dict[str, Any] = scope.setdefault("state", {})
        state.update(user=NOBODY, csrf="", who=None, identities=self._identities)
        try:
            receive = await self._pass(scope, receive)
        except Refusal as refusal:
            logger.log(
                refusal.level,
                "%d %s (%s): %s %.200r from %s",
                refusal.status,
                refusal.title,
                refusal.logged or "-",
                scope["method"],
                scope["path"],
                _peer(scope),
            )
            await refused(scope, refusal)(scope, receive, send_marked)
            return
        await self._app(scope, receive, send_marked)

    async def _pass(self, scope: Scope, receive: Receive) -> Receive:
        """Return where the app reads the body from; raises what the request is refused with."""
        headers = Headers(scope=scope)
        if not is_our_host(headers, self._identities.settings):
            raise refusals.wrong_host()
        if scope["path"].startswith(KEYED):
            return receive
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise refusals.wrong_method()
        who = self._who(headers, _peer(scope))
        scope["state"].update(user=who.user, csrf=who.csrf, who=who)
        is_shut_out = who.user.role == Role.NOBODY and not is_open(scope["path"])
        if scope["method"] != "POST":
            if is_shut_out:
                raise refusals.shut_out(who.user)
            return receive
        self._check_sender(headers)
        try:
            body = await read_body(headers, receive, self._most(scope, who))
        except Refusal as refusal:
            # Too large for a stranger may be just right after the login.
            raise refusals.shut_out(who.user) if is_shut_out else refusal from None
        fields = await fields_of(scope, body)
        if is_shut_out:
            raise refusals.shut_out(who.user).keeping(fields)
        if not self._is_token_right(scope, who, headers.get(CSRF_HEADER) or _csrf(fields)):
            raise refusals.wrong_token().keeping(fields)
        return replayed(body, receive)

    def _who(self, headers: Headers, peer: str) -> Who:
        try:
            return self._identities.who(headers, peer)
        except ForgedError as error:
            raise refusals.forged(str(error)) from error
        except PipelineError as error:
            raise refusals.not_ready(str(error)) from error

    def _check_sender(self, headers: Headers) -> None:
        if not is_our_origin(headers, self._identities.settings):
            raise refusals.foreign()
        kinds = headers.getlist("content-type")
        if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() not in FORM_TYPES:
            raise refusals.no_form()

    def _most(self, scope: Scope, who: Who) -> int:
        is_upload = scope["path"] in self._uploads and who.user.role > Role.NOBODY
        return MOST_UPLOADED if is_upload else MOST_BYTES

    def _is_token_right(self, scope: Scope, who: Who, given: str) -> bool:
        expected = [who.csrf]
        if scope["path"] == LOGIN and who.start_id:
            expected.append(self._identities.token(f"start:{who.start_id}"))
        return any(hmac.compare_digest(given.encode(), each.encode()) for each in expected if each)


class GuardedApp(Starlette):
    """An application with the guard before everything, also before the answer to our own mistakes.

    Middleware that an application is given stands behind that answer, which then has no headers.
    """

    def __init__(
        self,
        identities: Identities,
        *,
        uploads: Sequence[str] = ("/import",),
        **options: Any,  # noqa: ANN401 - Starlette's
    ) -> None:
        self._identities = identities
        self._uploads = uploads
        super().__init__(**options)

    def build_middleware_stack(self) -> ASGIApp:
        """Put the guard around Starlette's own layers."""
        return Guard(super().build_middleware_stack(), self._identities, self._uploads)


def _mark(message: Message, path: str) -> None:
    headers = MutableHeaders(scope=message)
    headers.update(HEADERS)
    if not (path.startswith("/static/") and "cache-control" in headers):
        headers["Cache-Control"] = "no-store"


def _csrf(fields: Fields) -> str:
    return next((value for name, value in fields.texts if name == CSRF_FIELD), "")


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
