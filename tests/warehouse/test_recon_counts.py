"""How a vendor's count becomes units to invoice: each rule, alone and together, with equation."""

import re
from collections.abc import Callable
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pytest

Pair = Callable[..., Any]
NOV = [date(2026, 11, day) for day in (3, 14, 20)]

# (used, multiplier, rule, units on the card, equation; None: one plain count)
CASES: list[tuple[str, str, str, str, str | None]] = [
    ("24", "1", "", "24", None),
    ("0", "1", "", "0", None),
    ("0.25", "1", "", "0.25", None),
    ("24", "1", "count=latest", "24", None),
    # multiplier
    ("10", "2", "", "20", "10; × 2 = 20"),
    ("10", "0.25", "", "2.5", "10; × 0.25 = 2.5"),
    ("3", "0.3333", "", "0.9999", "3; × 0.3333 = 0.9999"),
    ("0", "5", "", "0", "0; × 5 = 0"),
    ("1024", "0.001", "", "1.024", "1024; × 0.001 = 1.024"),
    # free units
    ("24", "1", "free=5", "19", "24; - 5 free = 19"),
    ("5", "1", "free=5", "0", "5; - 5 free = 0"),
    ("3", "1", "free=5", "0", "3; - 5 free = 0"),
    ("0", "1", "free=5", "0", "0; - 5 free = 0"),
    ("24", "1", "free=0.5", "23.5", "24; - 0.5 free = 23.5"),
    # blocks
    ("24", "1", "blocks_of=10", "3", "24; in blocks of 10 = 3"),
    ("30", "1", "blocks_of=10", "3", "30; in blocks of 10 = 3"),
    ("30.0001", "1", "blocks_of=10", "4", "30.0001; in blocks of 10 = 4"),
    ("1", "1", "blocks_of=10", "1", "1; in blocks of 10 = 1"),
    ("0", "1", "blocks_of=10", "0", "0; in blocks of 10 = 0"),
    ("0.9", "1", "blocks_of=0.3", "3", "0.9; in blocks of 0.3 = 3"),
    ("0.6", "1", "blocks_of=0.2", "3", "0.6; in blocks of 0.2 = 3"),
    ("0.61", "1", "blocks_of=0.2", "4", "0.61; in blocks of 0.2 = 4"),
    ("7", "1", "blocks_of=1", "7", "7; in blocks of 1 = 7"),
    ("24", "10", "blocks_of=10", "30", "24; in blocks of 10 = 3; × 10 = 30"),
    ("100000", "1", "blocks_of=7", "14286", "100000; in blocks of 7 = 14286"),
    # rounding
    ("2.1", "1", "rounding=up", "3", "2.1; rounded up = 3"),
    ("2.0001", "1", "rounding=up", "3", "2.0001; rounded up = 3"),
    ("2", "1", "rounding=up", "2", "2; rounded up = 2"),
    ("2.9", "1", "rounding=down", "2", "2.9; rounded down = 2"),
    ("0.9", "1", "rounding=down", "0", "0.9; rounded down = 0"),
    ("2.5", "1", "rounding=nearest", "3", "2.5; rounded nearest = 3"),
    ("3.5", "1", "rounding=nearest", "4", "3.5; rounded nearest = 4"),
    ("2.4999", "1", "rounding=nearest", "2", "2.4999; rounded nearest = 2"),
    ("10", "0.25", "rounding=up", "3", "10; × 0.25 = 2.5; rounded up = 3"),
    ("0.25", "1", "rounding=up", "1", "0.25; rounded up = 1"),
    # minimum
    ("3", "1", "minimum=10", "10", "3; at least 10 = 10"),
    ("10", "1", "minimum=10", "10", "10; at least 10 = 10"),
    ("14", "1", "minimum=10", "14", "14; at least 10 = 14"),
    ("0", "1", "minimum=10", "10", "0; at least 10 = 10"),
    ("3", "1", "minimum=2.5", "3", "3; at least 2.5 = 3"),
    # together, in their one order whatever the order of writing
    ("24", "1", "free=4; blocks_of=10", "2", "24; - 4 free = 20; in blocks of 10 = 2"),
    ("24", "1", "blocks_of=10; free=4", "2", "24; - 4 free = 20; in blocks of 10 = 2"),
    ("24", "1", "free=4; minimum=25", "25", "24; - 4 free = 20; at least 25 = 25"),
    ("3", "1", "free=5; minimum=1", "1", "3; - 5 free = 0; at least 1 = 1"),
    ("2.2", "1", "rounding=up; minimum=5", "5", "2.2; rounded up = 3; at least 5 = 5"),
    ("2.2", "1", "free=1; rounding=up", "2", "2.2; - 1 free = 1.2; rounded up = 2"),
    (
        "31",
        "4",
        "free=5; blocks_of=10; rounding=up; minimum=15",
        "15",
        "31; - 5 free = 26; in blocks of 10 = 3; × 4 = 12; rounded up = 12; at least 15 = 15",
    ),
    (
        "1536",
        "0.001",
        "free=512; rounding=up",
        "2",
        "1536; - 512 free = 1024; × 0.001 = 1.024; rounded up = 2",
    ),
]
# (devices as (name, class), rule, units left, how many the rule leaves out)
DEVICES = [("LAB-1", "server"), ("lab-2", "laptop"), ("FRONT", "laptop"), ("a.b", "printer")]
EXCLUSIONS = [
    ("exclude=name:lab-*", 2, 2),
    ("exclude=name:LAB-*", 2, 2),
    ("exclude=name:lab-?", 2, 2),
    ("exclude=name:lab-??", 4, 0),
    ("exclude=name:front", 3, 1),
    ("exclude=name:fron", 4, 0),
    ("exclude=name:a.b", 3, 1),
    ("exclude=name:a?b", 3, 1),
    ("exclude=class:laptop", 2, 2),
    ("exclude=class:printer|name:lab-1", 2, 2),
    ("exclude=class:server|name:lab-1", 3, 1),
    ("exclude=class:*er", 2, 2),
    ("exclude=class:laptop|class:server|class:printer", 0, 4),
    ("exclude=name:(", 4, 0),
    ("exclude=name:*b*|class:laptop", 0, 4),
]
# (units at earlier pulls, units now, rule, units on the card, equation)
MAXIMA = [
    ((12, 31, 20), 18, "", 31, "31 on 2026-11-14, the highest of the month"),
    ((12, 20, 20), 18, "", 20, "20 on 2026-11-14, the highest of the month"),
    ((12, 15, 17), 18, "", 18, "18 now, the highest of the month"),
    ((), 18, "", 18, "18 now, the highest of the month"),
    ((7,), 0, "", 7, "7 on 2026-11-03, the highest of the month"),
    ((12, 31), 18, "; free=5", 26, "31 on 2026-11-14, the highest of the month; - 5 free = 26"),
    (
        (12, 31),
        18,
        "; blocks_of=10",
        4,
        "31 on 2026-11-14, the highest of the month; in blocks of 10 = 4",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_a_rule_gives_its_units_and_says_how(
    pair: Pair, case: tuple[str, str, str, str, str | None]
) -> None:
    """The card shows the units after the rule, and the equation that leads there."""
    used, multiplier, rule, units, equation = case
    books = pair(4, used)
    books.mappings[-1]["multiplier"] = Decimal(multiplier)
    books.rule("s", rule)
    card = books.card()
    assert (card["qty_vendor"], card["equation"]) == (Decimal(units), equation)
    assert card["qty_delta"] == Decimal(units) - 4
    assert_adds_up(books.rows("recon.counts")[0])


@pytest.mark.parametrize(("rule", "left", "excluded"), EXCLUSIONS)
def test_devices_are_left_out_by_name_or_class(
    pair: Pair, rule: str, left: int, excluded: int
) -> None:
    """Whatever the case of the letters; a device that two patterns name is left out once."""
    books = pair(4, len(DEVICES))
    for name, kind in DEVICES:
        books.entity("a", "s", name, kind)
    books.rule("s", rule)
    assert books.card()["qty_vendor"] == left
    (count,) = books.rows("recon.counts")
    assert count["qty_excluded"] == excluded
    assert_adds_up(count)


@pytest.mark.parametrize("case", MAXIMA)
def test_the_highest_of_the_month_is_invoiced(
    pair: Pair, case: tuple[tuple[int, ...], int, str, int, str]
) -> None:
    """Of several equal days the first is named; what is highest now needs no earlier pull."""
    before, now, rule, units, equation = case
    books = pair(4, now)
    for day, qty in zip(NOV, before, strict=False):
        books.used_at(day, "a", "s", qty)
    books.rule("s", f"count=monthly_maximum{rule}")
    card = books.card()
    assert (card["qty_vendor"], card["equation"]) == (units, equation)


def test_a_device_that_moved_between_sites_is_one(pair: Pair) -> None:
    """The highest is of the company's sum at one pull, not a sum of each account's highest."""
    books = pair(4, 5)
    books.account("b")
    books.map("account", "b", "1")
    books.used_at(NOV[0], "a", "s", 10)
    books.used_at(NOV[1], "b", "s", 10)
    books.rule("s", "count=monthly_maximum")
    assert books.card()["qty_vendor"] == 10


def test_earlier_pulls_count_only_where_the_rule_says_so(pair: Pair) -> None:
    """Without the rule the latest complete pull is all there is."""
    books = pair(4, 5)
    books.used_at(NOV[0], "a", "s", 99)
    assert books.card()["qty_vendor"] == 5


def test_a_minimum_needs_a_line_or_any_use(pair: Pair) -> None:
    """A customer who has nothing of the service gets no card from somebody else's commitment."""
    books = pair(None, None)
    books.rule("s", "minimum=10")
    assert books.cards() == {}


def test_a_minimum_is_owed_when_the_vendor_lists_nothing_any_more(pair: Pair) -> None:
    """The line says that there is a contract; the vendor's zero does not end it."""
    books = pair(10, None)
    books.rule("s", "minimum=10")
    assert (books.card()["finding"], books.card()["qty_vendor"]) == ("match", 10)


def test_the_counts_of_several_services_add_up(pair: Pair) -> None:
    """Each service follows its own rule, and the card shows how the sum came about."""
    books = pair(4, "7")
    books.service("t")
    books.map("service", "t", "p")
    books.usage("a", "t", 12)
    books.rule("t", "free=2")
    card = books.card()
    assert card["qty_vendor"] == 17
    assert card["equation"] == "7 (Service s) + 10 (Service t: 12; - 2 free = 10) = 17"


def test_another_rule_is_another_question(pair: Pair) -> None:
    """A decision made under the old rule is not one under the new, even at equal counts."""
    books = pair(4, 4)
    before = books.card()["card_version"]
    books.rule("s", "minimum=2")
    assert books.card()["card_version"] != before


def test_unknown_stays_unknown_under_any_rule(pair: Pair) -> None:
    """A minimum gives no count to a vendor whose account is not in the pull."""
    books = pair(10, None)
    books.mappings = [item for item in books.mappings if item["kind"] != "account"]
    books.rule("s", "minimum=10")
    card = books.card()
    assert (card["finding"], card["qty_vendor"], card["equation"]) == (
        "no_vendor_figure",
        None,
        None,
    )


def test_bought_and_invoiced_stand_beside_the_use(pair: Pair) -> None:
    """Only the usage leg is compared; the other two are shown, with their own multipliers."""
    books = pair(21, 21)
    for service, leg, qty in (("bought", "purchased", 25), ("billed", "invoiced", 24)):
        books.service(service)
        books.map("service", service, "p", leg=leg)
        books.usage("a", service, qty)
    card = books.card()
    assert (card["finding"], card["qty_vendor"]) == ("match", 21)
    assert (card["qty_purchased"], card["qty_vendor_invoiced"]) == (25, 24)
    assert card["reason"] == "Both sides count 21. Purchased 25. The vendor invoices 24."


def test_legs_nobody_mapped_are_unknown(pair: Pair) -> None:
    """Not 0: nobody said what was purchased."""
    card = pair(21, 21).card()
    assert (card["qty_purchased"], card["qty_vendor_invoiced"]) == (None, None)


def assert_adds_up(count: dict[str, Any]) -> None:
    """Walk the equation as a reader would: every step follows from the one before."""
    first, *steps = count["equation"].split("; ")
    value = Decimal(first)
    for step in steps:
        said, result = step.rsplit(" = ", 1)
        found = re.search(r"[\d.]+", said)
        operand = Decimal(found[0]) if found else Decimal(0)
        if said.startswith("- "):
            value = max(value - operand, Decimal(0))
        elif said.startswith("in blocks"):
            value = (value / operand).to_integral_value(ROUND_CEILING)
        elif said.startswith("×"):
            value *= operand
        elif said.startswith("at least"):
            value = max(value, operand)
        else:
            modes = {"up": "ROUND_CEILING", "down": "ROUND_FLOOR", "nearest": "ROUND_HALF_UP"}
            value = value.quantize(Decimal(1), modes[said.split()[1]])
        assert value == Decimal(result), step
    assert value == count["qty_counted"]
