"""What a request is answered with: JSON, the refusals, and the checked reads of a body's fields.

A refusal tells what is wrong in one sentence and repeats nothing of the body but short ids.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from starlette.responses import Response

MOST_UNITS = 10**9
MOST_DECIMALS = 4
ID_LENGTH, NAME_LENGTH, TEXT_LENGTH = 200, 500, 2_000
_STEP = Decimal(1).scaleb(-MOST_DECIMALS)


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """A request that is answered with an error, in the form scripts of the compatible API read."""

    def __init__(self, status: int, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.headers: dict[str, str] = {}


def answer(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """One JSON answer."""
    body = json.dumps(data, ensure_ascii=False, default=str).encode()
    return Response(body, status, headers, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    """The answer to a refused request."""
    body = {"statusCode": refusal.status, "message": refusal.message, **refusal.details}
    return answer(body, refusal.status, refusal.headers)


def an_object(body: object, what: str = "The body") -> dict[str, Any]:
    """A JSON object, or a refusal."""
    if not isinstance(body, dict):
        raise Refusal(422, f"{what} must be a JSON object.")
    return body


def a_list(body: object, what: str) -> list[Any]:
    """A JSON array, or a refusal."""
    if not isinstance(body, list):
        raise Refusal(422, f"{what} must be a JSON array.")
    return body


def only(record: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    """Refuse a field nobody knows: a misspelt one would silently mean its default."""
    for name in record:
        if name not in known:
            raise Refusal(422, f"{what} has an unknown field {shown(name)}.")


def an_id(record: Mapping[str, Any], name: str, what: str) -> str:
    """A foreign id: text, or a whole number that is taken as text."""
    value = record.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return _text(value, f"{what}: {name}", ID_LENGTH)


def a_text(record: Mapping[str, Any], name: str, what: str, most: int = NAME_LENGTH) -> str:
    """A text that must be there and not be empty."""
    return _text(record.get(name), f"{what}: {name}", most)


def a_note(record: Mapping[str, Any], name: str, what: str, default: str | None) -> str | None:
    """A text that may be missing, null or empty."""
    value = record.get(name)
    if value is None or value == "":
        return default if value is None else ""
    return _text(value, f"{what}: {name}", TEXT_LENGTH)


def a_flag(record: Mapping[str, Any], name: str, what: str) -> bool:
    """A true or false; false when it is missing."""
    value = record.get(name, False)
    if not isinstance(value, bool):
        raise Refusal(422, f"{what}: {name} must be true or false.")
    return value


def one_of(value: object, known: Sequence[str], what: str) -> str:
    """One of the known words, exactly as written."""
    if not isinstance(value, str) or value not in known:
        listed = ", ".join(known)
        raise Refusal(422, f"{what} must be one of: {listed}.")
    return value


def checked(
    record: Mapping[str, Any], reads: Mapping[str, Callable[[Mapping[str, Any]], str | None]]
) -> dict[str, str | None]:
    """The fields of a record that are there, each read by its own function."""
    return {name: read(record) for name, read in reads.items() if name in record}


def a_count(value: object, what: str) -> Decimal:
    """A JSON number >= 0; what is finer than four decimals is rounded."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refusal(422, f"{what} must be a JSON number, not {_kind(value)}.")
    return _in_range(Decimal(value), what).quantize(_STEP, ROUND_HALF_UP).normalize() + 0


def a_quantity(value: object, what: str) -> Decimal:
    """A decimal number >= 0 written as text, with four decimals at most."""
    if not isinstance(value, str):
        raise Refusal(422, f'{what} must be a decimal number in quotes, like "42" or "0.5".')
    whole, _point, fraction = value.partition(".")
    digits = whole + fraction
    is_plain = digits.isascii() and digits.isdigit() and whole and not value.endswith(".")
    if not is_plain or len(value) > ID_LENGTH:
        raise Refusal(422, f'{what} must be a decimal number >= 0, like "42" or "0.5".')
    if len(fraction.rstrip("0")) > MOST_DECIMALS:
        raise Refusal(422, f"{what} has more than {MOST_DECIMALS} decimals.")
    return _in_range(Decimal(value), what).normalize() + 0


def shown(text: str) -> str:
    """A short form of a text from outside, for a message."""
    short = "".join(letter if letter.isprintable() else "?" for letter in text[:40])
    return f"“{short}”"


def _in_range(number: Decimal, what: str) -> Decimal:
    if number < 0:
        raise Refusal(422, f"{what} is negative.")
    if number >= MOST_UNITS:
        raise Refusal(422, f"{what} is too large.")
    return number


def _text(value: object, what: str, most: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Refusal(422, f"{what} must be a text that is not empty.")
    text = value.strip()
    if len(text) > most:
        raise Refusal(422, f"{what} is longer than {most} characters.")
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise Refusal(422, f"{what} holds a control character.")
    return text


def _kind(value: object) -> str:
    kinds = {str: "text", bool: "true or false", type(None): "null", list: "a list"}
    return kinds.get(type(value), "an object")
