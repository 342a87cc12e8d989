"""How much one change may do before somebody has to say so twice, and what is never possible."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_pipeline.reconciling.limits import (
    CONFIRMATIONS,
    ZERO,
    Limits,
    confirmations_needed,
    why_impossible,
)

FOUR_EYES = Limits(four_eyes_above=Decimal(100))


@pytest.mark.parametrize(
    ("before", "after", "price", "limits", "needed"),
    [
        ("20", "30", "1", Limits(), ""),
        ("20", "31", "1", Limits(), "large"),
        ("20", "10", "1", Limits(), ""),
        ("20", "9", "1", Limits(), "large"),
        ("100", "150", "1", Limits(), ""),
        ("100", "150.0001", "1", Limits(), "large"),
        ("100", "50", "1", Limits(), ""),
        ("100", "49", "1", Limits(), "large"),
        ("0", "10", "1", Limits(), ""),
        ("0", "11", "1", Limits(), "large"),
        ("5", "0", "1", Limits(), "zero"),
        ("100", "0", "1", Limits(), "zero large"),
        ("20", "25", "100", Limits(), ""),
        ("20", "25", "100.01", Limits(), "large"),
        ("20", "15", "100.01", Limits(), "large"),
        ("20", "25", "-100.01", Limits(), "large"),
        ("20", "25", None, Limits(), ""),
        ("20", "25", "20", FOUR_EYES, ""),
        ("20", "25", "20.01", FOUR_EYES, "second_person"),
        ("20", "15", "20.01", FOUR_EYES, "second_person"),
        ("20", "21", None, FOUR_EYES, "second_person"),
        ("20", "21", None, Limits(), ""),
        ("20", "0", "1000", FOUR_EYES, "zero large second_person"),
    ],
)
def test_what_has_to_be_confirmed(
    before: str, after: str, price: str | None, limits: Limits, needed: str
) -> None:
    """Zero, many units, much money and four eyes: each by its own rule, none at its very limit."""
    unit_price = None if price is None else Decimal(price)
    found = confirmations_needed(Decimal(before), Decimal(after), unit_price, limits)
    assert found == frozenset(needed.split())
    assert found <= frozenset(CONFIRMATIONS)


def test_what_holds_when_nothing_is_set() -> None:
    """Without [write_back] in reconcile.toml these limits hold: tight ones, and no four eyes."""
    assert Limits() == Limits(
        most_changes=200,
        large_units=Decimal(10),
        large_percent=Decimal(50),
        large_money=Decimal(500),
        four_eyes_above=Decimal(0),
    )


@settings(deadline=None)
@given(
    before=st.decimals(0, 5000, places=4),
    after=st.decimals(0, 5000, places=4),
    further=st.decimals(0, 5000, places=4),
    price=st.none() | st.decimals(0, 1000, places=2),
)
def test_a_larger_step_never_needs_less(
    before: Decimal, after: Decimal, further: Decimal, price: Decimal | None
) -> None:
    """Going further the same way asks for as much or more; zero is asked about at zero only."""
    beyond = after + further if after >= before else max(Decimal(0), after - further)
    less = confirmations_needed(before, after, price, FOUR_EYES)
    assert less - {ZERO} <= confirmations_needed(before, beyond, price, FOUR_EYES)
    assert (ZERO in less) is (after == 0)


@pytest.mark.parametrize(
    ("qty", "is_whole", "says"),
    [
        ("0", True, ""),
        ("-0", True, ""),
        ("1000000", True, ""),
        ("5.0000", True, ""),
        ("5.0001", False, ""),
        ("1E+3", True, ""),
        ("-0.0001", False, "below zero"),
        ("-5", True, "below zero"),
        ("1000000.0001", False, "more than 1,000,000"),
        ("1E+40", True, "more than 1,000,000"),
        ("2.5", True, "whole numbers only, and 2.5 is none"),
        ("2.50", True, "whole numbers only, and 2.5 is none"),
        ("2.00001", False, "more than four decimals"),
        ("NaN", False, "no number"),
        ("-Infinity", True, "no number"),
        ("Infinity", True, "no number"),
    ],
)
def test_what_is_never_possible(qty: str, is_whole: bool, says: str) -> None:  # noqa: FBT001
    """Below zero, beyond a million, no number, or finer than the PSA can hold: refused in words."""
    found = why_impossible(Decimal(qty), is_whole_units=is_whole)
    assert (says in found) if says else found == ""
