"""A letter as a Teams workflow takes it: an Adaptive Card in the envelope of a message.

Lines are text runs, in which Teams reads no markdown and no mention. Builds the body;
sends nothing.
"""

import json
from collections.abc import Iterator
from typing import Any

from reconcile_pipeline.digest.words import Letter, Part

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
VERSION = "1.4"
MOST_BYTES = 28_000
"""Teams refuses larger messages."""
_ROOM = 24_000
"""Bytes for the lines; the rest is for the envelope and the link."""


def teams_message(letter: Letter) -> dict[str, Any]:
    """The body of a request to a workflow that waits for a Teams webhook request."""
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "msteams": {"width": "Full"},
        "fallbackText": letter.subject,
        "body": list(_fitting(letter)),
    }
    if letter.link:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": "Open the review", "url": letter.link}
        ]
    attachment = {"contentType": CONTENT_TYPE, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _fitting(letter: Letter) -> Iterator[dict[str, Any]]:
    """Subject and parts, as far as a message may hold them."""
    yield _line(letter.subject, size="Medium", weight="Bolder")
    room = _ROOM
    for line in (line for part in letter.parts for line in _part(part)):
        room -= len(json.dumps(line, ensure_ascii=False).encode())
        if room < 0:
            yield _line("…")
            return
        yield line


def _part(part: Part) -> list[dict[str, Any]]:
    return [
        _line(part.title, weight="Bolder") | {"spacing": "Medium"},
        *(_line(line) | {"spacing": "Small"} for line in part.lines),
    ]


def _line(text: str, **look: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}
