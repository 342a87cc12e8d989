"""Veeam Service Provider Console: answers that come later.

A slow list is queued: the console answers 202 and names an action. That is asked until it has
ended, and then holds the list. Who reads the 202 itself as a list sees no customer at all.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from reconcile_pipeline.http import ApiClient, ApiError, Reply, Request
from reconcile_pipeline.model import Category
from reconcile_pipeline.systems.reading import at

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 900.0
_ACTION = re.compile(r"/asyncActions/(?P<action>[0-9A-Za-z-]+)/?$")
_GIVEN_UP = frozenset({"canceled", "failed"})


async def fetch_later(client: ApiClient, request: Request, headers: Mapping[str, str]) -> Reply:
    """Wait for a queued list and return it as if it had come at once.

    Raises:
        ApiError: `shape` where nothing says which action it is, `unreachable` when it failed or
            did not end in time.
    """
    action = _action(client.system, request, headers.get("location", ""))
    waited, pause = 0.0, FIRST_PAUSE_SECONDS
    while (status := await _status(client, action)) != "succeed":
        if status in _GIVEN_UP:
            told = f"ended the preparation as {status!r}"
            raise _unprepared(client.system, request, told, is_transient=True)
        if waited >= LONGEST_WAIT_SECONDS:
            minutes = LONGEST_WAIT_SECONDS / 60
            told = f"had nothing after {minutes:.0f} minutes"
            raise _unprepared(client.system, request, told)
        await client.pause(pause)
        waited += pause
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    reply = await _ask(client, f"{action}/result", "/asyncActions/{actionId}/result")
    return replace(reply, request=request)


def _action(system: str, request: Request, location: str) -> str:
    """Return the action's path on the configured host: a console may know itself by another."""
    match = _ACTION.search(location)
    if match is None:
        raise ApiError(
            f"{system}: {request.method} {request.template} was queued, and the answer does not"
            " say where to ask for it.",
            next_step="Pull again later; if it stays, report it to this project.",
            category=Category.SHAPE,
            system=system,
        )
    return f"/asyncActions/{match['action']}"


async def _status(client: ApiClient, action: str) -> str:
    """Return how far it is; a status nobody knows is waited for like a running one."""
    reply = await _ask(client, action, "/asyncActions/{actionId}")
    status = at(reply.data, "data.status")
    if not isinstance(status, str):
        raise ApiError(
            f"{client.system}: a queued list does not say how far it is.",
            next_step="Check the base URL; if it is right, the API has changed: report it.",
            category=Category.SHAPE,
            system=client.system,
        )
    return status


async def _ask(client: ApiClient, path: str, template: str) -> Reply:
    try:
        return await client.get(Request(path, template=template))
    except ApiError as error:
        # Asked often enough here: the list itself must not be queued anew as many times.
        error.is_transient = False
        raise


def _unprepared(
    system: str, request: Request, what: str, *, is_transient: bool = False
) -> ApiError:
    return ApiError(
        f"{system}: {request.method} {request.template} was queued, and the console {what}.",
        next_step="Pull again at a quieter hour; if it stays, look at the console's own health.",
        category=Category.UNREACHABLE,
        system=system,
        is_transient=is_transient,
    )
