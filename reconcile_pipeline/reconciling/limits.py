"""How much one change may do before somebody has to say so twice, and what is never possible.

Pure rules over quantities and money; who confirms, and where it is recorded, is the ledger's.
"""

from dataclasses import dataclass
from decimal import Decimal

MOST_UNITS = 1_000_000
ZERO = "zero"
LARGE = "large"
SECOND_PERSON = "second_person"
CONFIRMATIONS = (ZERO, LARGE, SECOND_PERSON)


@dataclass(frozen=True)
class Limits:
    """The blast radius of write-back, from [write_back] in reconcile.toml."""

    most_changes: int = 200
    """Changes in one batch; a larger one stops before its first write."""
    large_units: Decimal = Decimal(10)
    large_percent: Decimal = Decimal(50)
    """A change is large when it moves more units than both of these allow …"""
    large_money: Decimal = Decimal(500)
    """… or more money per billing cycle than this."""
    four_eyes_above: Decimal = Decimal(0)
    """Money per billing cycle above which a second person must confirm; 0: never."""


def confirmations_needed(
    qty_from: Decimal, qty_to: Decimal, unit_price: Decimal | None, limits: Limits
) -> frozenset[str]:
    """Say what has to be confirmed before one line may be changed like this."""
    units = abs(qty_to - qty_from)
    allowed = max(limits.large_units, qty_from * limits.large_percent / 100)
    money = units * unit_price if unit_price is not None else None
    needed = set()
    if qty_to == 0:
        needed.add(ZERO)
    if units > allowed or (money is not None and abs(money) > limits.large_money):
        needed.add(LARGE)
    if limits.four_eyes_above and (money is None or abs(money) > limits.four_eyes_above):
        needed.add(SECOND_PERSON)
    return frozenset(needed)


def why_impossible(qty: Decimal, *, is_whole_units: bool) -> str:
    """Say why a quantity can never be written; "" when it can."""
    if not qty.is_finite():
        return f"{qty} is no number"
    if qty < 0:
        return f"{qty:f} is below zero"
    if qty > MOST_UNITS:
        return f"{qty:f} is more than {MOST_UNITS:,} units"
    if is_whole_units and qty != qty.to_integral_value():
        return f"this PSA takes whole numbers only, and {qty.normalize():f} is none"
    if qty != qty.quantize(Decimal("0.0001")):
        return f"{qty:f} has more than four decimals"
    return ""
