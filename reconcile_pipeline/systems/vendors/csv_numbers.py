"""Numbers as people and spreadsheets write them, read exactly or not at all.

Pure functions between text and Decimal; never a float.
"""

import re
from decimal import Decimal

_SHOWN_LENGTH = 30
_DIGITS = 14
_DECIMALS = 4
"""Quantities and money are DECIMAL(18,4) from here to the card."""
_SPACES = " \u00a0\u202f'\u2019"


def decimal_of(text: str, decimal: str) -> Decimal:
    """Read a number written with a point or comma for decimals, thousands separated or not.

    Raises:
        ValueError: saying what is wrong with it.
    """
    shown = repr(text[:_SHOWN_LENGTH])
    thousands = "." if decimal == "," else ","
    for separator in rf"[{re.escape(thousands)}]", f"[{_SPACES}]":
        pattern = rf"(-?)([0-9]{{1,3}}(?:{separator}[0-9]{{3}})+|[0-9]+)?(?:[{decimal}]([0-9]+))?"
        match = re.fullmatch(pattern, text)
        if match and (match[2] or match[3]):
            whole = re.sub(r"[^0-9]", "", match[2] or "0")
            fraction = (match[3] or "").rstrip("0")
            break
    else:
        raise ValueError(f'{shown} is not a number (decimal = "{decimal}")')
    if len(fraction) > _DECIMALS:
        raise ValueError(f"{shown} has more than {_DECIMALS} decimals")
    if len(whole.lstrip("0")) > _DIGITS:
        raise ValueError(f"{shown} is too large")
    return Decimal(f"{match[1]}{whole}.{fraction or '0'}") + 0


def plain_text(value: Decimal) -> str:
    """Write a decimal without exponent and without needless zeros."""
    return f"{value.normalize():f}"
