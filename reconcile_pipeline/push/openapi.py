"""The extension described for machines and for people: OpenAPI 3.1 and one page without scripts.

The compatible API is Gradient's; only what this project adds is described here.
"""

import html
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from reconcile_pipeline.push.answers import answer
from reconcile_pipeline.push.snapshot import FULL, PARTIAL
from reconcile_pipeline.push.words import CATEGORIES, OTHER, SUBCATEGORIES

_TEXT = {"type": "string", "minLength": 1, "maxLength": 500}
_ID = {"type": "string", "minLength": 1, "maxLength": 200}
_QUANTITY = {
    "type": "string",
    "pattern": r"^[0-9]+(\.[0-9]{1,4})?$",
    "description": "A decimal number >= 0 in quotes, four decimals at most.",
}
_REFUSALS = {
    "401": "The key is missing, wrong, revoked, or another integration's.",
    "409": "The idempotency_key is another snapshot's; a newer snapshot is stored; or more than"
    " half of the customers are gone.",
    "413": "The body is larger than 5 MB.",
    "422": "The body can't be used; message says why. Nothing was stored.",
    "429": "Too many requests; wait for the seconds in Retry-After.",
}


def _strict(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


_SNAPSHOT = _strict(
    {
        "schema": {"const": 1},
        "mode": {
            "enum": [FULL, PARTIAL],
            "description": "full: what is not named is zero. partial: it stays as it is.",
        },
        "as_of": {
            "type": "string",
            "format": "date-time",
            "description": "When the counts were taken; now, if left out.",
        },
        "period": {
            "type": "string",
            "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$",
            "description": "The month they are for; the open one, if left out.",
        },
        "idempotency_key": {
            **_ID,
            "maxLength": 2000,
            "description": "The same key and content again is answered as the first time.",
        },
        "accounts": {
            "type": "array",
            "items": _strict({"id": _ID, "name": _TEXT, "description": _TEXT}, ["id", "name"]),
            "description": "Your customers; those known already may be left out.",
        },
        "services": {
            "type": "array",
            "items": _strict(
                {
                    "key": _ID,
                    "name": _TEXT,
                    "description": {"type": "string"},
                    "category": {"enum": list(CATEGORIES), "default": OTHER},
                    "subcategory": {"enum": list(SUBCATEGORIES), "default": OTHER},
                },
                ["key", "name"],
            ),
        },
        "counts": {
            "type": "array",
            "items": _strict(
                {"account_id": _ID, "service_key": _ID, "quantity": _QUANTITY, "unit": _TEXT},
                ["account_id", "service_key", "quantity"],
            ),
        },
        "aggregate": {
            "type": "boolean",
            "default": False,
            "description": "Add up counts of the same account and service.",
        },
        "allow_empty": {
            "type": "boolean",
            "default": False,
            "description": "A full snapshot without counts is meant.",
        },
        "allow_drop": {
            "type": "boolean",
            "default": False,
            "description": "More than half of the customers are really gone.",
        },
    },
    ["schema", "mode", "counts"],
)
_STORED = {
    "type": "object",
    "properties": {
        "batch_id": {"type": "string"},
        "received_at": {"type": "string", "format": "date-time"},
        "period": {"type": "string"},
        "mode": {"enum": [FULL, PARTIAL]},
        **{
            name: {"type": "integer"}
            for name in (
                "accounts",
                "services",
                "counts",
                "became_zero",
                "unmapped_accounts",
                "unmapped_services",
            )
        },
        "is_open_period": {"type": "boolean"},
        "replayed": {"type": "boolean"},
    },
}
_COUNTS = {
    "type": "object",
    "properties": {
        "integration": {"type": "string"},
        "period": {"type": "string"},
        "status": {"type": "string"},
        "last_pushed_at": {"type": ["string", "null"], "format": "date-time"},
        "is_usable": {"type": "boolean"},
        "problem": {"type": ["object", "null"]},
        "counts": {"type": "array", "items": {"type": "object"}},
    },
}


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    integration = {
        "name": "integration",
        "in": "path",
        "required": True,
        "description": "The integration's name in reconcile.toml; the key must be its own.",
        "schema": {"type": "string"},
    }
    refusals = {status: {"description": text} for status, text in _REFUSALS.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "reconcile_pipeline push API",
            "version": "1",
            "description": "Send all counts of a vendor in one call, and ask what became of them.",
        },
        "security": [{"token": []}, {"bearer": []}],
        "paths": {
            "/api/v1/ingest/{integration}/snapshot": {
                "parameters": [integration],
                "post": {
                    "operationId": "pushSnapshot",
                    "summary": "Store all counts, or some, in one call: whole or not at all.",
                    "requestBody": {"required": True, "content": _json(_SNAPSHOT)},
                    "responses": {
                        "200": {
                            "description": "Stored before; nothing new.",
                            "content": _json(_STORED),
                        },
                        "201": {"description": "Stored.", "content": _json(_STORED)},
                        **refusals,
                    },
                },
            },
            "/api/v1/ingest/{integration}/counts": {
                "parameters": [integration],
                "get": {
                    "operationId": "getCounts",
                    "summary": "What was pushed, when last, and whether it reaches a card.",
                    "parameters": [{"name": "period", "in": "query", "schema": {"type": "string"}}],
                    "responses": {
                        "200": {"description": "The counts.", "content": _json(_COUNTS)},
                        **{status: refusals[status] for status in ("401", "422", "429")},
                    },
                },
            },
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Gradient-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            }
        },
    }


def page() -> str:
    """The same for people: plain HTML, nothing loaded from anywhere."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Push API</title>"]
    parts.append("<h1>Push API</h1><p>For machines: <a href=openapi.json>openapi.json</a>.</p>")
    parts.append("<p>Scripts written for Gradient's vendor API call /api/vendor-api as ever.</p>")
    for path, methods in document()["paths"].items():
        for verb in ("post", "get"):
            if verb in methods:
                parts += _operation(verb, path, methods[verb])
    return "\n".join([*parts, "<h2>Fields of a snapshot</h2>", *_fields(_SNAPSHOT), "</html>"])


def _operation(verb: str, path: str, operation: dict[str, Any]) -> list[str]:
    parts = [f"<h2>{verb.upper()} {html.escape(path)}</h2>"]
    parts.append(f"<p>{html.escape(operation['summary'])}</p><dl>")
    parts += [
        f"<dt>{status}</dt><dd>{html.escape(told['description'])}</dd>"
        for status, told in operation["responses"].items()
    ]
    return [*parts, "</dl>"]


def _fields(schema: dict[str, Any]) -> list[str]:
    parts = ["<ul>"]
    for name, field in schema["properties"].items():
        need = ", required" if name in schema["required"] else ""
        told = html.escape(str(field.get("description", "")))
        parts.append(f"<li><code>{name}</code>{need} {told}")
        if "items" in field:
            parts += _fields(field["items"])
        parts.append("</li>")
    return [*parts, "</ul>"]


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


async def get_document(_request: Request) -> Response:
    """Answer with the OpenAPI document; needs no key."""
    return answer(document())


async def get_page(_request: Request) -> Response:
    """Answer with the page; needs no key."""
    return HTMLResponse(page())
