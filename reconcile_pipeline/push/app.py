"""The door of the push API: who may come in, how often and with how much; then to the handler.

`push_app` makes one application that can be served alone or mounted. Keys go in headers only and
are never logged; a stranger learns nothing but that the key is wrong.
"""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from reconcile_pipeline.http.strict_json import StrictJsonError, decode_text, parse
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.push import gradient, openapi
from reconcile_pipeline.push.answers import Refusal, refused
from reconcile_pipeline.push.call import Call, Clock, Integration
from reconcile_pipeline.push.guard import Guard
from reconcile_pipeline.push.keys import owner_of
from reconcile_pipeline.push.limiter import Limiter
from reconcile_pipeline.push.published import Published
from reconcile_pipeline.push.reading import get_counts
from reconcile_pipeline.push.snapshot import push_snapshot
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.vendors.push import KIND, inbox_of
from reconcile_pipeline.systems.vendors.push_inbox import API, STARTED

logger = logging.getLogger(__name__)

MOST_BYTES = 5 * 1024 * 1024
DEEPEST = 8
Handler = Callable[[Call], Response]


class Site(Protocol):
    """The part of an installation that the push API needs."""

    @property
    def settings(self) -> Settings:
        """Its reconcile.toml."""

    @property
    def state(self) -> State:
        """Its state folder."""


@dataclass
class Door:
    """What all requests share: integrations, clocks, limits, the published tables."""

    settings: Settings
    integrations: dict[str, Integration]
    published: Published
    limiter: Limiter
    now: Clock
    sleep: Callable[[float], Awaitable[None]]
    noted: set[str] = field(default_factory=set)
    """Integrations with a refused count in their inbox since their last stored one."""

    async def admit(self, request: Request) -> Call:
        """Let a request in by its key, in its turn; its body is not read yet."""
        found = await run_in_threadpool(self._owner, _token(request))
        if found is None:
            raise Refusal(401, "The key is missing, wrong or revoked.")
        integration, key_id = found
        if request.path_params.get("integration", integration.name) != integration.name:
            raise Refusal(401, "The key is missing, wrong or revoked.")
        return Call(
            settings=self.settings,
            published=self.published,
            integration=integration,
            key_id=key_id,
            now=self.now(),
            path=request.path_params,
            query=dict(request.query_params),
        )

    async def take_turn(self, call: Call) -> None:
        """Wait for the integration's turn, or refuse with 429."""
        seconds = self.limiter.wait(call.integration.name)
        if seconds is None:
            refusal = Refusal(429, "Too many requests: send them one after the other.")
            refusal.headers["Retry-After"] = str(self.limiter.retry_after())
            raise refusal
        if seconds:
            await self.sleep(seconds)

    def _owner(self, token: str) -> tuple[Integration, str] | None:
        found = owner_of(token, [each.inbox for each in self.integrations.values()])
        if found is None:
            return None
        inbox, key_id = found
        owner = next(each for each in self.integrations.values() if each.inbox == inbox)
        return owner, key_id

    def note_refused_count(self, call: Call, refusal: Refusal) -> None:
        """Remember that a count was not stored: its run must not be taken for a whole one."""
        name = call.integration.name
        if name in self.noted:
            return
        with call.integration.inbox.writing(API, call.now, call.key_id) as batch:
            batch.add("refusals", http_status=refusal.status, reason=refusal.message[:200])
        self.noted.add(name)

    def note_start(self) -> None:
        """Remember the start: what a script pushed while nobody listened is missing in its run."""
        for integration in self.integrations.values():
            if integration.inbox.exists:
                with integration.inbox.writing(API, self.now()) as batch:
                    batch.add("refusals", http_status=503, reason=STARTED)


def push_app(
    site: Site,
    *,
    now: Clock = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Starlette:
    """Build the application of an installation.

    Raises:
        PipelineError: `settings`, when no system of kind push is configured, or two share a file.
    """
    settings = site.settings
    door = Door(
        settings=settings,
        integrations=integrations_of(settings),
        published=Published(site.state.published),
        limiter=Limiter(settings.push.requests_per_minute, clock),
        now=now,
        sleep=sleep,
    )
    door.note_start()
    return Starlette(
        routes=_routes(door),
        middleware=[Middleware(Guard, allows=lambda name: _may_be_called(name, settings))],
        exception_handlers={HTTPException: _plain_refusal, Exception: _unexpected},
    )


def integrations_of(settings: Settings) -> dict[str, Integration]:
    """Every configured integration by its name."""
    found: dict[str, Integration] = {}
    for account in settings.systems:
        if account.kind != KIND:
            continue
        inbox = inbox_of(account)
        for other in found.values():
            if other.inbox.path.resolve() == inbox.path.resolve():
                raise PipelineError(
                    f"{settings.path.name}: {other.name} and {account.name} have one inbox.",
                    next_step="Give each integration an inbox of its own.",
                    category=Category.SETTINGS,
                )
        found[account.name] = Integration(account, inbox)
    if not found:
        raise PipelineError(
            f"{settings.path.name} configures no system of kind push.",
            next_step='Add one: [systems.my_edr] with kind = "push" and inbox ='
            ' "inbox/my_edr.sqlite".',
            category=Category.SETTINGS,
        )
    return found


def _routes(door: Door) -> list[Route]:
    root = "/api/vendor-api"
    service = f"{root}/service"
    own = f"{root}/organization"
    table: list[tuple[str, str, Handler]] = [
        ("GET", root, gradient.get_vendor),
        ("PATCH", root, gradient.update_vendor),
        ("GET", f"{root}/", gradient.get_vendor),
        ("PATCH", f"{root}/", gradient.update_vendor),
        ("GET", own, gradient.get_organization),
        ("PATCH", f"{own}/status/{{status}}", gradient.update_status),
        ("GET", f"{own}/accounts", gradient.get_accounts),
        ("POST", f"{own}/accounts", gradient.create_accounts),
        ("PATCH", f"{own}/accounts/{{account_id:path}}", gradient.update_account),
        ("GET", f"{own}/clients", gradient.get_clients),
        ("POST", service, gradient.create_service),
        ("POST", f"{service}/{{service_id:path}}/count", gradient.create_count),
        ("GET", f"{service}/{{service_id:path}}", gradient.get_service),
        ("PATCH", f"{service}/{{service_id:path}}", gradient.update_service),
        ("POST", f"{root}/alerting/{{account_id:path}}", gradient.not_offered),
        ("GET", f"{root}/alerting/debug/{{message_id:path}}", gradient.not_offered),
        ("POST", "/api/v1/ingest/{integration}/snapshot", push_snapshot),
        ("GET", "/api/v1/ingest/{integration}/counts", get_counts),
    ]
    routes = [Route(path, _keyed(door, run), methods=[verb]) for verb, path, run in table]
    return [
        *routes,
        Route("/api/v1/openapi.json", openapi.get_document, methods=["GET"]),
        Route("/api/v1/docs", openapi.get_page, methods=["GET"]),
    ]


def _keyed(door: Door, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a handler: key, turn, body, then the handler in a thread of its own."""
    is_count = handler is gradient.create_count

    async def endpoint(request: Request) -> Response:
        call: Call | None = None
        try:
            call = await door.admit(request)
            await door.take_turn(call)
            body = await _read_body(request)
            response = await run_in_threadpool(_handle, handler, replace(call, body=body))
        except (Refusal, PipelineError) as problem:
            refusal = problem if isinstance(problem, Refusal) else _of_ours(problem)
            if is_count and call is not None:
                await run_in_threadpool(door.note_refused_count, call, refusal)
            return refused(refusal)
        except Exception:
            if is_count and call is not None:
                lost = Refusal(500, "unexpected")
                await run_in_threadpool(door.note_refused_count, call, lost)
            raise
        if is_count:
            door.noted.discard(call.integration.name)
        return response

    return endpoint


def _handle(handler: Handler, call: Call) -> Response:
    raw = call.body
    if raw:
        try:
            body = parse(decode_text(raw), max_depth=DEEPEST)
        except StrictJsonError as error:
            raise Refusal(422, f"The body is not usable JSON: {error.reason}.") from error
        call = replace(call, body=body)
    else:
        call = replace(call, body=None)
    return handler(call)


async def _read_body(request: Request) -> bytes:
    """Read a body up to the cap, and not one byte more than that."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "Send the body as it is, not compressed.")
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise _too_large()
    except ClientDisconnect as error:
        raise Refusal(400, "The connection ended before the body did.") from error
    return bytes(body)


def _too_large() -> Refusal:
    return Refusal(413, f"The body is larger than {MOST_BYTES // 1024 // 1024} MB.")


def _token(request: Request) -> str:
    token = request.headers.get("gradient-token", "")
    scheme, _space, bearer = request.headers.get("authorization", "").partition(" ")
    return token or (bearer.strip() if scheme.lower() == "bearer" else "")


def _may_be_called(name: str, settings: Settings) -> bool:
    """A page on another site can make a browser call us by a name, never by an address."""
    if name == "localhost" or name in settings.push.names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _of_ours(error: PipelineError) -> Refusal:
    # Paths and settings are for the log; the script's author can only tell whose matter it is.
    logger.error("push: %s", error)
    return Refusal(503, "The server can't take this now; its log says why. Nothing was stored.")


async def _plain_refusal(_request: Request, error: Any) -> Response:  # noqa: ANN401
    return refused(Refusal(error.status_code, str(error.detail)))


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return refused(Refusal(500, "Something unexpected happened; the server's log says what."))
