"""recon.conservation: every unit pulled is in exactly one place, and a lost one is noticed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

Pair = Callable[..., Any]


def sums(books: Any) -> dict[tuple[str, str], dict[str, Any]]:
    books.build()
    return {(row["system"], row["measure"]): row for row in books.rows("recon.conservation")}


def busy(pair: Pair) -> Any:
    """Mapped, unmapped and excluded accounts and services, each with units of its own."""
    books = pair(5, "1")
    books.line("1", "p", 4, line_id="l2", excluded="cancelled")
    books.left_out("agreement_line", "l2", 4, "psa")
    for service in ("free", "out"):
        books.service(service)
        books.usage("a", service, 10 if service == "free" else 100)
    books.map("service", "out", None)
    for number, account in enumerate(("nobody", "ours")):
        books.account(account)
        books.usage(account, "s", 1000 * 10**number)
        books.usage(account, "out", "0.0001")
    books.map("account", "ours", None)
    books.left_out("subscription", "trial", 7)
    books.control("psa", "agreement_line", 2, 9)
    books.control("pax8", "subscription", 8, Decimal("11118.0002"))
    return books


def test_every_unit_is_in_one_place(pair: Pair) -> None:
    """Cards, unmapped lists and exclusions together hold exactly what was read."""
    found = sums(busy(pair))
    assert all(row["is_conserved"] for row in found.values())
    assert len(found) == 4
    usage = found["pax8", "sorted:usage"]
    assert (usage["qty_in"], usage["qty_cards"]) == (Decimal("11111.0002"), 1)
    assert usage["qty_unmapped"] == 10 + Decimal("1000.0001")
    assert usage["qty_excluded"] == 100 + Decimal("10000.0001")
    lines = found["psa", "sorted:agreement_line"]
    assert (lines["qty_in"], lines["qty_cards"], lines["qty_excluded"]) == (9, 5, 4)
    read = found["pax8", "read:subscription"]
    assert (read["qty_in"], read["qty_cards"], read["qty_excluded"]) == (
        Decimal("11118.0002"),
        Decimal("11111.0002"),
        7,
    )


def test_exclusions_say_what_and_why(pair: Pair) -> None:
    """Each left-out record stands once with its units: the system's rule, or the person's word."""
    books = busy(pair)
    books.build()
    found = {
        (row["record_kind"], row["record_id"]): (row["qty"], row["reason"])
        for row in books.rows("recon.exclusions")
    }
    assert found == {
        ("agreement_line", "l2"): (4, "a_rule"),
        ("subscription", "trial"): (7, "a_rule"),
        ("account", "ours"): (Decimal("10000.0001"), "excluded_by_mapping"),
        ("service", "out"): (100, "excluded_by_mapping"),
    }


TWICE = (
    "insert into core.left_out select * replace ('twice' as record_id) from core.left_out"
    " where qty = 7"
)
MORE = "update core.control_totals set records = records + 1 where system = 'pax8'"


@pytest.mark.parametrize(
    ("harm", "place", "qty", "records"),
    [
        ("delete from core.usage where qty = 100", "read:subscription", 100, 1),
        ("delete from core.left_out where qty = 7", "read:subscription", 7, 1),
        ("delete from core.agreement_lines where qty = 5", "read:agreement_line", 5, 1),
        ("update core.usage set qty = 100.0001 where qty = 100", "read:subscription", None, 0),
        (TWICE, "read:subscription", -7, -1),
        (MORE, "read:subscription", 0, 1),
        ("delete from core.companies", "sorted:agreement_line", 5, 1),
        ("delete from core.accounts where account_id = 'nobody'", "sorted:usage", None, 0),
    ],
)
def test_a_lost_unit_or_record_is_noticed(
    pair: Pair, harm: str, place: str, qty: int | None, records: int
) -> None:
    """One record too few or too many anywhere, or a ten-thousandth of a unit, breaks the sum."""
    books = busy(pair)
    books.connection.execute(harm)
    lost = {row["measure"]: row for row in books.lost()}
    assert lost[place]["records_missing"] == records
    assert qty is None or lost[place]["qty_missing"] == qty


def test_excluded_accounts_without_use_are_listed(pair: Pair) -> None:
    """A person's exclusion is shown with zero units too, but not of an account that is gone."""
    books = pair(5, 5)
    books.account("quiet")
    books.map("account", "quiet", None)
    books.map("account", "gone", None)
    assert books.lost() == []
    found = [(row["record_id"], row["qty"]) for row in books.rows("recon.exclusions")]
    assert found == [("quiet", 0)]


def test_unmapped_lists_carry_cost_and_advice(pair: Pair) -> None:
    """Unmapped units show what they cost at the vendor, unknown where it does not say."""
    books = pair(5, 5)
    for account, cost in (("b", "2.5"), ("c", None)):
        books.account(account)
        books.usage(account, "s", 4, cost=cost)
        books.service(f"of-{account}")
        books.usage("a", f"of-{account}", 4, cost=cost)
    assert books.lost() == []
    for table in ("recon.unmapped_accounts", "recon.unmapped_services"):
        rows = books.rows(table)
        assert [row["cost"] for row in rows] == [10, None]
        assert all(row["next_step"].startswith("Map the ") for row in rows)


def test_a_service_only_strangers_use_is_not_unmapped_yet(pair: Pair) -> None:
    """Units of an unmapped account are in its list alone, never counted twice."""
    books = pair(5, 5)
    books.account("stranger")
    books.service("new")
    books.usage("stranger", "new", 6)
    assert books.lost() == []
    assert books.rows("recon.unmapped_services") == []
    assert [row["qty"] for row in books.rows("recon.unmapped_accounts")] == [6]
