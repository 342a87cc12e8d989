"""Assembles the review app: routes, the guard in front of them, and what is answered on trouble."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.web.access.guard import GuardedApp, Identities
from reconcile_pipeline.web.access.login import login_routes, refuse_role
from reconcile_pipeline.web.books import NothingPublishedError
from reconcile_pipeline.web.desk import Call, Desk
from reconcile_pipeline.web.render import page
from reconcile_pipeline.web.routes import PAGES, Page
from reconcile_pipeline.web.static_files import FOLDER, KeptFiles

logger = logging.getLogger(__name__)

MOST_FIELDS = 20_000
STATUS = {
    Category.INPUT: 422,
    Category.CONFLICT: 409,
    Category.STORAGE: 507,
    Category.SETTINGS: 409,
    Category.PERMISSION: 403,
    Category.RATE_LIMIT: 503,
    Category.INCOMPLETE: 503,
    Category.CANCELLED: 503,
    Category.UNREACHABLE: 502,
}
"""Any other category is a system's trouble: 502."""
TITLES = {
    404: "This page does not exist",
    405: "This page takes no such request",
    409: "That is not possible now",
    413: "That is too large",
    422: "That was not taken",
    500: "Something went wrong here",
    502: "A system did not answer as it should",
    503: "Not ready yet",
}


def review_app(desk: Desk, identities: Identities) -> Starlette:
    """Make the application for one installation."""
    routes: list[Route | Mount] = [
        Mount("/static", KeptFiles(directory=FOLDER)),
        *login_routes(identities),
    ]
    for item in PAGES:
        if item.show is not None:
            routes.append(Route(item.path, _endpoint(desk, item, "GET"), methods=["GET"]))
        if item.do is not None:
            routes.append(Route(item.path, _endpoint(desk, item, "POST"), methods=["POST"]))
    return GuardedApp(
        identities,
        routes=routes,
        exception_handlers={
            PipelineError: partial(_told, desk),
            HTTPException: partial(_refused, desk),
            Exception: partial(_broken, desk),
        },
    )


def _endpoint(desk: Desk, item: Page, method: str) -> Callable[[Request], Awaitable[Response]]:
    answer = item.show if method == "GET" else item.do
    role = item.may_see if method == "GET" else item.may_do

    async def endpoint(request: Request) -> Response:
        refusal = await refuse_role(request, role)
        if refusal is not None:
            return refusal
        if method == "GET":
            return await run_in_threadpool(_shown, answer, _call(desk, request))  # type: ignore[arg-type]
        async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
            return await run_in_threadpool(answer, _call(desk, request, form))  # type: ignore[arg-type]

    return endpoint


def _shown(show: Callable[[Call], Response], call: Call) -> Response:
    """Show a page; all of what it reads in the ledger is of one instant."""
    with call.desk.site.ledger.one_look():
        return show(call)


def _call(desk: Desk, request: Request, form: FormData | None = None) -> Call:
    return Call(
        desk=desk,
        user=request.state.user,
        path=request.url.path,
        query=request.query_params,
        values=request.path_params,
        form=form or FormData(),
        csrf=request.state.csrf,
        wants_fragment="hx-request" in request.headers,
    )


async def _told(desk: Desk, request: Request, error: Exception) -> Response:
    """A trouble the pipeline has a sentence for."""
    if not isinstance(error, PipelineError):
        raise TypeError(error)
    status = STATUS.get(error.category, 502)
    if isinstance(error, NothingPublishedError):
        status = 503
    return await _page(
        desk, request, status, error.message, error.next_step, category=str(error.category)
    )


async def _refused(desk: Desk, request: Request, error: Exception) -> Response:
    """A request that fits no page."""
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    return await _page(
        desk,
        request,
        error.status_code,
        "" if error.status_code == 404 else error.detail,  # noqa: PLR2004 - HTTP's
        "Go back, or start again from the overview.",
    )


async def _broken(desk: Desk, request: Request, error: Exception) -> Response:
    """A mistake of ours: a number to find it in the log, and nothing of its inside."""
    number = secrets.token_hex(4)
    logger.error("request %s: %s %s", number, request.method, request.url.path, exc_info=error)
    return await _page(
        desk,
        request,
        500,
        f"The request {number} could not be answered; nothing was changed by this page.",
        "Try again; if it stays, give that number to whoever runs this installation.",
    )


async def _page(
    desk: Desk, request: Request, status: int, message: str, next_step: str, *, category: str = ""
) -> Response:
    return await run_in_threadpool(
        page,
        _call(desk, request),
        "trouble.html",
        status=status,
        title=TITLES.get(status, "That did not work"),
        message=message,
        next_step=next_step,
        category=category,
    )
