"""The envelope of ConnectWise's `/system/bundles`: questions in, one result for each out.

Names of the envelope's fields are documented; how a resource is called, and how many questions one
call may hold, is not.
"""

import json
from http import HTTPStatus
from typing import Any

from reconcile_pipeline.simulators.server import Refusal


def questions(body: bytes, most: int) -> list[dict[str, Any]]:
    """The questions of a bundle; 400 for another body, or for more than the server takes."""
    try:
        asked = json.loads(body)["requests"]
    except (ValueError, LookupError, TypeError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Body must hold requests.") from error
    if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
        raise Refusal(HTTPStatus.BAD_REQUEST, "requests must be a list.", fields="requests")
    if len(asked) > most:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"At most {most} requests.", fields="requests")
    return asked


def expect_type(question: dict[str, Any], known: str) -> None:
    """400 for a resource that bundles don't know by this name."""
    asked = question.get("resourceType")
    if asked != known:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"Unknown resource type {asked}.")


def page_of(question: dict[str, Any], largest: int) -> tuple[int, int, int]:
    """Parent, number and size of the page that is asked for; 400 for any that can't be."""
    asked = question.get("apiRequest") or {}
    page = asked.get("page") or {}
    found: list[Any] = [asked.get("parentId"), page.get("page", 1), page.get("pageSize", 25)]
    if not all(type(value) is int and value > 0 for value in found) or found[2] > largest:
        raise Refusal(HTTPStatus.BAD_REQUEST, "apiRequest is not valid.")
    return found[0], found[1], found[2]


def part_of(
    question: dict[str, Any],
    entities: list[dict[str, Any]],
    status: HTTPStatus = HTTPStatus.OK,
    message: str = "",
) -> dict[str, Any]:
    """The result of one question."""
    return {
        "sequenceNumber": question.get("sequenceNumber"),
        "resourceType": question.get("resourceType"),
        "success": status == HTTPStatus.OK,
        "statusCode": int(status),
        "count": len(entities),
        "entities": entities,
        "error": {"code": status.phrase, "message": message} if message else None,
    }
