"""Exported cards: what stands in the file, and that a spreadsheet can't be harmed by it."""

import csv
import io
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reconcile_pipeline.model import Category, Finding, PipelineError
from reconcile_pipeline.review.cells import COLUMNS
from reconcile_pipeline.review.decision_files import export_cards

LEADS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]  # noqa: RUF001
TEXTS = ["company_name", "service_name", "reason", "next_step", "currency", "period"]


def card(**fields: Any) -> dict[str, Any]:
    usual = {
        "card_id": "00112233445566aa",
        "card_version": "0123456789ab",
        "period": "2026-11",
        "company_name": "Acme",
        "service_name": "Backup",
        "finding": "over_billed",
        "qty_psa": Decimal("10.0000"),
        "qty_vendor": Decimal("7.5000"),
        "qty_delta": Decimal("-2.5000"),
        "unit_price": Decimal("3.1000"),
        "currency": "USD",
        "amount_delta": Decimal("-7.7500"),
        "reason": "Invoiced 10, used 7.5.",
        "next_step": "Reconcile.",
        "first_seen_period": "2026-10",
    }
    return usual | fields


def csv_rows(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def sheet_of(path: Path) -> Any:
    book = openpyxl.load_workbook(path)
    return book["Cards"]


def xlsx_rows(path: Path) -> list[dict[str, Any]]:
    header, *rows = sheet_of(path).iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_csv_has_every_column_and_plain_numbers(tmp_path: Path) -> None:
    """CSV starts with the UTF-8 mark; negative numbers stay numbers; unknown is empty."""
    path = tmp_path / "cards.csv"
    export_cards([card(qty_psa=None, company_name="Ünï, Ltd")], path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = csv_rows(path)
    assert list(row) == list(COLUMNS)
    numbers = {name: row[name] for name in ("qty_psa", "qty_vendor", "qty_delta", "amount_delta")}
    assert numbers == {
        "qty_psa": "",
        "qty_vendor": "7.5",
        "qty_delta": "-2.5",
        "amount_delta": "-7.75",
    }
    assert row["company_name"] == "Ünï, Ltd"
    assert (row["decision"], row["qty_target"], row["note"]) == ("", "", "")


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("column", TEXTS)
@pytest.mark.fault(101)
def test_no_text_becomes_a_formula(column: str, lead: str, tmp_path: Path) -> None:
    """Text that begins like a formula is text in both kinds of file, in every text column."""
    text = f"{lead}cmd|calc"
    rows = [card(**{column: text})]
    export_cards(rows, tmp_path / "cards.csv")
    assert csv_rows(tmp_path / "cards.csv")[0][column] == f"'{text}"
    export_cards(rows, tmp_path / "cards.xlsx")
    with zipfile.ZipFile(tmp_path / "cards.xlsx") as package:
        assert b"<f" not in package.read("xl/worksheets/sheet1.xml").replace(b"<formula", b"")


@pytest.mark.fault(102)
def test_xlsx_keeps_ids_as_text_and_numbers_as_numbers(tmp_path: Path) -> None:
    """Ids keep leading zeros as text cells; quantities and money can be summed."""
    path = tmp_path / "cards.xlsx"
    export_cards([card(card_version="000123456789", qty_vendor=None)], path)
    (row,) = xlsx_rows(path)
    assert list(row) == list(COLUMNS)
    assert (row["card_version"], row["qty_vendor"]) == ("000123456789", None)
    assert (row["qty_psa"], row["qty_delta"], row["amount_delta"]) == (10, -2.5, -7.75)
    assert sheet_of(path)["B2"].number_format == "@"


@pytest.mark.fault(102)
def test_a_number_too_long_for_a_spreadsheet_stays_exact(tmp_path: Path) -> None:
    """What a double can't hold is written as text instead of being rounded."""
    path = tmp_path / "cards.xlsx"
    export_cards([card(qty_psa=Decimal("12345678901234.5678"))], path)
    assert xlsx_rows(path)[0]["qty_psa"] == "12345678901234.5678"


def test_xlsx_is_pleasant_to_fill_in(tmp_path: Path) -> None:
    """The header stays in sight and filters; decisions are chosen from a list."""
    path = tmp_path / "cards.xlsx"
    export_cards([card(finding=str(finding)) for finding in Finding], path)
    sheet = sheet_of(path)
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:Q9"
    assert all(cell.font.bold for cell in sheet[1])
    choices = {str(each.sqref): each.formula1 for each in sheet.data_validations.dataValidation}
    assert choices["O2:O9"] == '"approve,reconcile,no_change,dismiss,exclude"'
    fills = {sheet.cell(row, 6).value: sheet.cell(row, 6).fill.fgColor.rgb for row in range(2, 10)}
    assert len({fills[name] for name in ("under_billed", "over_billed", "new_revenue")}) == 3


@pytest.mark.parametrize("name", ["cards.csv", "cards.XLSX"])
def test_no_cards_make_a_file_with_a_header(name: str, tmp_path: Path) -> None:
    """A month without discrepancies still exports."""
    export_cards([], tmp_path / name)
    rows = csv_rows if name.endswith("csv") else xlsx_rows
    assert rows(tmp_path / name) == []


@pytest.mark.parametrize(
    ("place", "said"),
    [("cards.xls", "cards.xls"), ("cards", "cards"), ("missing/cards.csv", "can't be written")],
)
def test_a_place_that_cant_be_written_is_named(place: str, said: str, tmp_path: Path) -> None:
    """Other kinds of file and missing folders end in a sentence, and leave nothing behind."""
    with pytest.raises(PipelineError, match=said) as caught:
        export_cards([card()], tmp_path / place)
    assert caught.value.category is Category.INPUT
    assert list(tmp_path.iterdir()) == []


def test_an_older_export_is_replaced_whole(tmp_path: Path) -> None:
    """The new file takes the old one's place and no partial file stays."""
    path = tmp_path / "cards.csv"
    path.write_text("old")
    export_cards([card()], path)
    assert [each.name for each in tmp_path.iterdir()] == ["cards.csv"]
    rows: list[Mapping[str, str]] = [*csv_rows(path)]
    assert rows[0]["card_id"] == "00112233445566aa"
