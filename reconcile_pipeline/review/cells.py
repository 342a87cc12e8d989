"""What stands in the cells of a decision file, and how it survives a spreadsheet.

The columns, text that must not run as a formula, numbers exactly. No files, no rules.
"""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["id", "text", "quantity", "money", "decision", "target", "note"]

COLUMNS: dict[str, Kind] = {
    "card_id": "id",
    "card_version": "id",
    "period": "text",
    "company_name": "text",
    "service_name": "text",
    "finding": "text",
    "qty_psa": "quantity",
    "qty_vendor": "quantity",
    "qty_delta": "quantity",
    "unit_price": "money",
    "currency": "text",
    "amount_delta": "money",
    "reason": "text",
    "next_step": "text",
    "decision": "decision",
    "qty_target": "target",
    "note": "note",
}
TO_FILL = ("decision", "qty_target", "note")

_FORMULA_LEADS = ("=", "+", "-", "@", "'")
_NUMBER_LIKE = re.compile(r"[0-9][0-9.,]*(?:[eE][0-9]+)?")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")


def value_of(name: str, row: Mapping[str, Any]) -> Decimal | str | None:
    """What a row says in a column; None for nothing, and for the columns a person fills in."""
    if name in TO_FILL or row[name] is None:
        return None
    if COLUMNS[name] in ("quantity", "money"):
        return Decimal(row[name])
    return str(row[name]).replace("\0", "")


def guard(text: str) -> str:
    """Return text that a spreadsheet opening a CSV file leaves alone.

    A leading apostrophe goes before everything it would run (a formula) or rewrite (an id that
    looks like a number, 000012345678 or 1234567890e4).
    """
    return f"'{text}" if _needs_guard(text) else text


def unguard(text: str) -> str:
    """Take away what `guard` put there, and nothing else."""
    return text[1:] if text.startswith("'") and _needs_guard(text[1:]) else text


def decimal_of(text: str) -> Decimal | None:
    """Read a plain number, 12 or 12.5; None if it is written in any other way."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def plain_number(value: Decimal) -> str:
    """Write a decimal without exponent and without needless zeros."""
    return f"{value.normalize() + 0:f}"


def _needs_guard(text: str) -> bool:
    if text[:1].isascii() and text[:1].isalpha():
        return False  # nearly every text, at a fraction of the work
    bare = text.lstrip()
    if set(text[: len(text) - len(bare)]) & set("\t\r\n"):
        return True
    # Full-width forms and leading spaces: spreadsheets differ in whether they see through these.
    start = unicodedata.normalize("NFKC", bare[:1])
    return start.startswith(_FORMULA_LEADS) or _NUMBER_LIKE.fullmatch(text) is not None
