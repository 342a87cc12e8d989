"""Rows of counts: what is counted, what is refused, and that nothing vanishes between."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.csv_numbers import decimal_of, plain_text
from reconcile_pipeline.systems.vendors.csv_rows import Report, Rules, read_rows
from reconcile_pipeline.systems.vendors.csv_text import open_sheet

HEADER = (
    "account_id,account_name,service_key,service_name,quantity,unit_price,period_start,period_end,"
    "notes"
)
ON = date(2026, 11, 22)


def report(*rows: str, header: str = HEADER, **rules: Any) -> Report:
    sheet = open_sheet("\n".join([header, *rows]).encode(), "counts.csv", {})
    return read_rows(sheet, Rules(on=ON, **rules))


def refusal(*rows: str, header: str = HEADER, **rules: Any) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        report(*rows, header=header, **rules)
    assert caught.value.category is Category.INPUT
    assert "counts.csv" in caught.value.message
    return caught.value


def row(**cells: str) -> str:
    usual = {"account_id": "1201", "account_name": "Acme", "service_key": "edr", "quantity": "42"}
    return ",".join((usual | cells).get(name, "") for name in HEADER.split(","))


def test_a_row_becomes_a_record() -> None:
    """Ids stay text, numbers become plain decimals, empty optional cells become null."""
    cells = row(account_id="00123", quantity="42.50", unit_price="1.10", period_start="2026-11-01")
    assert report(cells).rows == [
        {
            "row_no": 2,
            "account_id": "00123",
            "account_name": "Acme",
            "service_key": "edr",
            "service_name": "edr",
            "quantity": "42.5",
            "unit_price": "1.1",
            "unit_cost": None,
            "period_start": "2026-11-01",
            "period_end": None,
            "status": None,
            "notes": None,
            "row_count": 1,
        }
    ]


def test_names_stand_in_for_missing_ids() -> None:
    """A file without ids is told apart by names; both spellings of an accent are one customer."""
    both = report("Cafe\u0301  Inc,EDR,1", "Caf\u00e9 Inc,AV,2", header="customer,product,qty").rows
    assert {record["account_id"] for record in both} == {"Caf\u00e9 Inc"}
    assert both[0]["account_name"] == "Cafe\u0301  Inc"
    assert both[0]["service_key"] == "EDR"


def test_zero_is_a_count() -> None:
    """A zero that is written down is taken; only a missing one is not."""
    assert report(row(quantity="0")).rows[0]["quantity"] == "0"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (row(quantity=""), "quantity is missing"),
        (row(quantity="-"), "quantity is missing"),
        (row(quantity="five"), "'five' is not a number"),
        (row(quantity="1E+3"), "'1E+3' is not a number"),
        (row(quantity="NaN"), "not a number"),
        (row(quantity='"4,2"'), "not a number"),
        (row(quantity="-1"), "negative"),
        (row(quantity="0.00001"), "more than 4 decimals"),
        (row(quantity="100000000000000"), "too large"),
        (row(unit_price="x"), "unit_price"),
        (row(account_id="1.39205E+18"), "mangled"),
        (row(account_id="1E+18"), "mangled"),
        (row(service_key="1e+18"), "mangled"),
        (row(account_id="", account_name=""), "account_id and account_name are missing"),
        (row(service_key=""), "service_key and service_name are missing"),
        (row(period_start="11/01/2026"), "not a day"),
        ("1201,Acme,edr,EDR,42", "5 of 9 columns"),
        (row() + ",extra", "more than 9 columns"),
    ],
)
@pytest.mark.fault(97)
def test_one_bad_row_refuses_the_file_with_line_and_reason(cells: str, reason: str) -> None:
    """All or nothing: what can't be counted is named, and no other row is used."""
    error = refusal(row(account_id="1"), cells)
    assert "1 of 2 rows" in error.message
    assert "line 3: " in error.message
    assert reason in error.message
    assert "partial = true" in error.next_step


def test_five_rows_are_shown_and_all_are_counted() -> None:
    """Long lists of faults stay readable."""
    message = refusal(*[row(account_id=str(n), quantity="") for n in range(7)]).message
    assert "7 of 7 rows" in message
    assert "line 6: " in message
    assert "line 7: " not in message
    assert "and 2 more" in message


def test_a_partial_file_keeps_good_rows_and_lists_the_others() -> None:
    """With partial, each row read is either a record or a rejection."""
    done = report(row(), row(account_id="2", quantity=""), is_partial=True)
    assert [record["row_no"] for record in done.rows] == [2]
    assert done.rejected == [{"row_no": 3, "reason": "quantity is missing"}]
    assert (done.rows_read, done.rows_accepted) == (2, 1)


def test_a_partial_file_without_one_good_row_is_refused() -> None:
    """Nothing usable is not the same as nothing there, whatever is allowed."""
    error = refusal(row(quantity=""), is_partial=True, allows_empty=True)
    assert "1 of 1 rows" in error.message
    assert "partial = true" not in error.next_step


@pytest.mark.fault(43)
def test_an_id_that_only_looks_scientific_is_kept() -> None:
    """Product codes like 12E5 are not mistaken for mangled numbers."""
    assert report(row(service_key="12E5")).rows[0]["service_key"] == "12E5"


@pytest.mark.fault(97)
def test_a_file_without_rows_is_not_zero() -> None:
    """A header alone is refused unless the settings accept it."""
    assert "no rows" in refusal().message
    assert "no rows" in refusal(",,,,,,,,", "Total,,,,0,,,,").message
    assert report(allows_empty=True).rows == []


@pytest.mark.fault(97)
def test_the_same_pair_twice_is_refused_with_both_lines() -> None:
    """Which of two counts is right is not guessed."""
    error = refusal(row(), row(account_id="2"), row(quantity="1"))
    assert "line 2: same customer and service in lines 2 and 4" in error.message
    assert "line 4: same customer" in error.message
    assert "aggregate = true" in error.next_step


def test_a_partial_file_drops_every_row_of_a_repeated_pair() -> None:
    """Taking the first of two counts would be a guess as well."""
    done = report(row(), row(account_id="2"), row(quantity="1"), is_partial=True)
    assert [record["account_id"] for record in done.rows] == ["2"]
    assert [record["row_no"] for record in done.rejected] == [2, 4]


def test_aggregating_adds_up_a_pair() -> None:
    """Sums are exact; a value on which the rows differ is unknown in the sum."""
    rows = [
        row(quantity="0.1", unit_price="2", notes="a"),
        row(quantity="0.2", unit_price="3", notes="a"),
        row(account_id="2", quantity="5"),
    ]
    done = report(*rows, is_aggregating=True)
    assert [record["quantity"] for record in done.rows] == ["0.3", "5"]
    first = done.rows[0]
    assert (first["row_no"], first["row_count"]) == (2, 2)
    assert (first["unit_price"], first["notes"]) == (None, "a")
    assert done.rows_accepted == 3


def test_credit_lines_count_when_allowed() -> None:
    """Negative rows are added up like any other once the settings allow them."""
    done = report(row(), row(quantity="-2"), is_aggregating=True, allows_negative=True)
    assert done.rows[0]["quantity"] == "40"


def test_blank_rows_and_totals_at_the_end_are_ignored_and_listed() -> None:
    """What is left out of a file is landed with its reason."""
    done = report(row(), "", ",,,,,,,,", row(account_id="2"), "Grand Total:,,,,84")
    assert len(done.rows) == 2
    assert done.ignored == [
        {"row_no": 3, "reason": "blank row"},
        {"row_no": 4, "reason": "blank row"},
        {"row_no": 6, "reason": "total at the end of the file"},
    ]
    assert (done.rows_read, done.rows_accepted) == (5, 2)


@pytest.mark.parametrize(
    "rows",
    [
        [row(account_id="Total", account_name="")],
        [row(account_id="", account_name="Total")],
    ],
)
def test_a_customer_called_total_is_counted(rows: list[str]) -> None:
    """A row with customer and service is a count, whatever the customer's name."""
    assert len(report(*rows).rows) == 1


def test_a_total_in_the_middle_refuses_the_file() -> None:
    """Only trailing totals are safe to ignore."""
    assert "line 2" in refusal("Total,,,,42,,,,", row()).message


@pytest.mark.parametrize(
    "cells",
    [
        {"period_start": "2026-10-01"},
        {"period_end": "2026-12-01"},
        {"period_start": "2025-11-01", "period_end": "2025-11-30"},
    ],
)
@pytest.mark.parametrize("is_partial", [True, False])
@pytest.mark.fault(99)
def test_a_file_for_another_month_is_refused(cells: dict[str, str], *, is_partial: bool) -> None:
    """Last month's export is never taken for this month's, not even in part."""
    error = refusal(row(account_id="1"), row(**cells), is_partial=is_partial)
    assert "line 3" in error.message
    assert "2026-11 is being pulled" in error.message


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1234", ".", "1234"),
        ("1,234", ".", "1234"),
        ("1,234,567.8", ".", "1234567.8"),
        ("1 234.5", ".", "1234.5"),
        ("1\u00a0234", ".", "1234"),
        ("1'234", ".", "1234"),
        (".5", ".", "0.5"),
        ("007", ".", "7"),
        ("0.50000", ".", "0.5"),
        ("-0", ".", "0"),
        ("1.234", ",", "1234"),
        ("1.234,5", ",", "1234.5"),
        ("1234,5", ",", "1234.5"),
        ("99999999999999.9999", ".", "99999999999999.9999"),
    ],
)
def test_numbers_are_read_exactly(text: str, decimal: str, value: str) -> None:
    """Thousands separators and decimal signs are read as the settings say."""
    assert plain_text(decimal_of(text, decimal)) == value


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("1,5", "."),
        ("1,23", "."),
        ("12,34,567", "."),
        ("1.5", ","),
        ("1.234.5", "."),
        ("1,234 567", "."),
        ("1e3", "."),
        ("inf", "."),
        ("+5", "."),
        ("5.", "."),
        (".", "."),
        ("-", "."),
        ("0x10", "."),
        ("\u0663", "."),
        ("$5", "."),
        ("(5)", "."),
        ("5 %", "."),
    ],
)
@pytest.mark.fault(40, 41, 97)
def test_doubtful_numbers_are_refused(text: str, decimal: str) -> None:
    """What could mean two numbers, or none, is not read as one."""
    with pytest.raises(ValueError, match="not a number"):
        decimal_of(text, decimal)


@given(
    st.decimals(min_value=0, max_value=Decimal("99999999999999.9999"), places=4, allow_nan=False),
    st.sampled_from([(".", ","), (",", "."), (".", " "), (",", "\u202f"), (".", "")]),
)
def test_every_written_number_reads_back_as_itself(value: Decimal, style: tuple[str, str]) -> None:
    """No digit is lost or moved, whichever separators wrote the number."""
    decimal, thousands = style
    text = f"{value:,f}".replace(".", "#").replace(",", thousands).replace("#", decimal)
    assert decimal_of(text, decimal) == value


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "3"]),
            st.sampled_from(["edr", "av"]),
            st.one_of(st.just(""), st.just("x"), st.integers(0, 99).map(str)),
        ),
        min_size=1,
        max_size=8,
    ),
    is_aggregating=st.booleans(),
)
def test_no_row_and_no_unit_vanishes(
    rows: list[tuple[str, str, str]], *, is_aggregating: bool
) -> None:
    """Each row ends as accepted or rejected, and accepted units add up to the file's."""
    lines = [row(account_id=a, service_key=s, quantity=q) for a, s, q in rows]
    try:
        done = report(*lines, is_partial=True, is_aggregating=is_aggregating)
    except PipelineError:
        return
    assert done.rows_accepted + len(done.rejected) == len(rows)
    rejected = {record["row_no"] for record in done.rejected}
    expected = sum(int(q) for n, (_a, _s, q) in enumerate(rows, start=2) if n not in rejected)
    assert sum(Decimal(record["quantity"]) for record in done.rows) == expected
