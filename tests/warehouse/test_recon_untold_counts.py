"""Counts a vendor told only in part: an account without one is unknown there, never zero."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

Pair = Callable[..., Any]
UNKNOWN = "update core.services set is_absence_unknown = true"


def test_an_absent_count_of_a_partial_vendor_is_unknown(pair: Pair) -> None:
    """Without a whole list, silence is no zero: the card asks for the count."""
    books = pair(5, None)
    assert books.card()["qty_vendor"] == 0
    books.connection.execute(UNKNOWN)
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("no_vendor_figure", None)
    assert card["reason"].endswith("the vendor does not tell the count of an account.")
    assert "zeros too" in card["next_step"]


@pytest.mark.parametrize(("used", "finding"), [(8, "under_billed"), (0, "over_billed")])
def test_a_count_that_was_told_counts(pair: Pair, used: int, finding: str) -> None:
    """Where the pair itself was told, zero included, nothing is unknown."""
    books = pair(5, used)
    books.connection.execute(UNKNOWN)
    assert (books.card()["finding"], books.card()["qty_vendor"]) == (finding, Decimal(used))


def test_half_a_sum_is_no_sum(pair: Pair) -> None:
    """A company with two accounts of which one was told: its sum is unknown, not too small."""
    books = pair(5, 3)
    account = books.connection.execute("select company_id from core.companies").fetchone()[0]
    books.account("second")
    books.map("account", "second", account)
    books.connection.execute(UNKNOWN)
    assert books.card()["qty_vendor"] is None
