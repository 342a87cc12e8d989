"""How a vendor's count becomes units to invoice: the rule of one mapped service, as written.

A rule is a line of text, `count=monthly_maximum; free=5; blocks_of=10`, checked here and applied
in sql/recon/counts.sql, always in the order in which the parts stand below. Pure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

MOST_DECIMALS = 4
TOO_LARGE = 10**9
COUNTS = ("latest", "monthly_maximum")
ROUNDINGS = ("up", "down", "nearest")
_SPECIAL = frozenset(".^$+()[]{}|\\")


class CountRuleError(ValueError):
    """Why a rule can't be used, as the end of a sentence, and what to write instead."""

    def __init__(self, what: str, next_step: str) -> None:
        """Keep both parts for whoever knows where the rule stands."""
        super().__init__(what)
        self.what = what
        self.next_step = next_step


@dataclass(frozen=True)
class CountRule:
    """What is done with a company's count of one service, part after part."""

    count: str = "latest"
    """`latest`, or `monthly_maximum`: the highest of the month's complete pulls."""
    exclude: tuple[str, ...] = ()
    """Devices or seats that don't count: `name:lab-*`, `class:printer`; * and ? stand for any."""
    free: Decimal = Decimal(0)
    """Units included without charge; never leads below 0."""
    blocks_of: Decimal | None = None
    """Sold in blocks of so many units; begun blocks count whole."""
    rounding: str | None = None
    """`up`, `down` or `nearest` whole unit, after the multiplier of the mapping."""
    minimum: Decimal = Decimal(0)
    """Invoiced at least, wherever there is a line or any use."""

    @classmethod
    def parse(cls, text: str) -> "CountRule":
        """Read a rule; an empty text is no rule. Raises `CountRuleError`."""
        values: dict[str, Any] = {}
        for part in filter(None, (part.strip() for part in text.split(";"))):
            name, sign, value = (piece.strip() for piece in part.partition("="))
            if not sign or name not in _READERS:
                raise CountRuleError(
                    f"its rule has “{part}”", f"Write name=value with {', '.join(_READERS)}."
                )
            if name in values:
                raise CountRuleError(f"its rule says {name} twice", "Keep one of the two.")
            values[name] = _READERS[name](name, value)
        rule = cls(**values)
        if rule.exclude and rule.count != "latest":
            raise CountRuleError(
                "its rule excludes devices from the month's maximum",
                "Devices are known for the latest pull only: use count=latest, or drop exclude.",
            )
        return rule

    @property
    def text(self) -> str | None:
        """The rule as it is kept: every part that does something, in order; None for none."""
        parts = {
            "count": self.count if self.count != "latest" else "",
            "exclude": "|".join(self.exclude),
            "free": _plain(self.free),
            "blocks_of": _plain(self.blocks_of),
            "rounding": self.rounding or "",
            "minimum": _plain(self.minimum),
        }
        return "; ".join(f"{name}={value}" for name, value in parts.items() if value) or None

    @property
    def columns(self) -> dict[str, Any]:
        """The rule as the warehouse takes it; patterns as regular expressions of lower case."""
        return {
            "count_from": self.count,
            "exclude_names": _pattern(self.exclude, "name:"),
            "exclude_classes": _pattern(self.exclude, "class:"),
            "free_units": self.free,
            "blocks_of": self.blocks_of,
            "rounding": self.rounding,
            "minimum_units": self.minimum,
            "rule": self.text,
        }


def _one_of(options: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value not in options:
            raise CountRuleError(
                f"its rule has {name}={value}", f"Write one of {', '.join(options)}."
            )
        return value

    return read


def _units(name: str, value: str) -> Decimal:
    try:
        units = Decimal(value)
    except InvalidOperation:
        units = Decimal(-1)
    is_fit = units.is_finite() and 0 < units < TOO_LARGE
    if not is_fit or units != round(units, MOST_DECIMALS):
        raise CountRuleError(
            f"its rule has {name}={value}", "Write a number above 0 with at most four decimals."
        )
    return units


def _patterns(name: str, value: str) -> tuple[str, ...]:
    patterns = tuple(sorted({pattern.strip() for pattern in value.split("|")}))
    for pattern in patterns:
        kind, sign, what = pattern.partition(":")
        if kind not in {"name", "class"} or not sign or not what.strip("*? "):
            raise CountRuleError(
                f"its rule has {name}={value}",
                "Write patterns like name:lab-* or class:printer, with | between them.",
            )
    return patterns


_READERS: dict[str, Callable[[str, str], Any]] = {
    "count": _one_of(COUNTS),
    "exclude": _patterns,
    "free": _units,
    "blocks_of": _units,
    "rounding": _one_of(ROUNDINGS),
    "minimum": _units,
}


def _plain(units: Decimal | None) -> str:
    return "" if not units else f"{units.normalize():f}"


def _pattern(patterns: tuple[str, ...], kind: str) -> str | None:
    found = [p.removeprefix(kind).lower() for p in patterns if p.startswith(kind)]
    return f"^({'|'.join(_as_regex(pattern) for pattern in found)})$" if found else None


def _as_regex(pattern: str) -> str:
    """A glob in the subset of regular expressions that every SQL engine reads alike."""
    escaped = "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in pattern)
    return re.sub(r"[*?]", lambda found: ".*" if found[0] == "*" else ".", escaped)
