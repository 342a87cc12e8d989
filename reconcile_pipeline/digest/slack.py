"""A letter as Slack takes it: Block Kit, with a plain `text` for notifications.

Every text is escaped as Slack asks for, and what comes from outside stands in plain_text only,
where no markup and no mention is read. Builds the body; sends nothing.
"""

from collections.abc import Iterator
from typing import Any

from reconcile_pipeline.digest.words import Letter, Part, plain_text

MOST_BLOCKS = 50
LONGEST_TEXT = 3000
LONGEST_HEADER = 150
MOST_CHARACTERS = 12_000
"""Of all blocks together: beyond about 13,000 Slack refuses a message, documented nowhere."""
_CUT = "…"


def slack_message(letter: Letter) -> dict[str, Any]:
    """The body of a request to an incoming webhook."""
    blocks = [_block("header", letter.subject, LONGEST_HEADER)]
    room = MOST_CHARACTERS
    for text in _texts(letter):
        room -= len(text)
        if room < 0 or len(blocks) == MOST_BLOCKS - 2:
            blocks.append(_plain("section", _CUT))
            break
        blocks.append(_plain("section", text))
    if letter.link:
        link = escaped(letter.link).replace("|", "%7C")
        shown = {"type": "mrkdwn", "text": f"<{link}|Open the review>"}
        blocks.append({"type": "section", "text": shown})
    return {"text": _clipped(escaped(plain_text(letter)), LONGEST_TEXT), "blocks": blocks}


def escaped(text: str) -> str:
    """Replace the three signs that Slack reads as control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _texts(letter: Letter) -> Iterator[str]:
    for part in letter.parts:
        yield from _chunks(part)


def _chunks(part: Part) -> Iterator[str]:
    """One part in texts that Slack takes, split between lines."""
    text = escaped(part.title)
    for line in part.lines:
        longer = f"{text}\n• {_clipped(escaped(line), LONGEST_TEXT // 2)}"
        if len(longer) > LONGEST_TEXT:
            yield text
            longer = f"• {_clipped(escaped(line), LONGEST_TEXT // 2)}"
        text = longer
    yield text


def _block(kind: str, text: str, longest: int) -> dict[str, Any]:
    return _plain(kind, _clipped(escaped(text), longest))


def _plain(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": {"type": "plain_text", "text": text, "emoji": False}}


def _clipped(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    cut = text[: longest - len(_CUT)]
    # Half an entity would be shown as it stands: cut before it.
    start = cut.rfind("&", -len("&amp;"))
    return f"{cut if start < 0 or ';' in cut[start:] else cut[:start]}{_CUT}"
