"""Filled-in workbooks: typed cells, formulas, and files that are unsafe to open."""

import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.cells import COLUMNS
from reconcile_pipeline.review.decision_files import export_cards, read_decisions

ID, OTHER, VERSION = "00112233445566aa", "ffffffffffffffff", "0123456789ab"
HEADER = "card_id,card_version,decision,qty_target,note"


def read(path: Path) -> list[Wanted]:
    return read_decisions(path, " Ann ")


def refusal(path: Path) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        read(path)
    assert caught.value.category is Category.INPUT
    assert path.name in caught.value.message
    assert caught.value.next_step.endswith(".")
    return caught.value


def workbook(folder: Path, *rows: list[Any], name: str = "june.xlsx") -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADER.split(","))
    for row in rows:
        sheet.append(row)
    book.save(folder / name)
    return folder / name


def wanted(decision: Decision = Decision.RECONCILE, **fields: Any) -> Wanted:
    usual: dict[str, Any] = {
        "card_id": ID,
        "card_version": VERSION,
        "decision": decision,
        "qty_target": None,
        "reviewer": "Ann",
        "note": None,
        "row": "june.xlsx, row 2",
    }
    return Wanted(**(usual | fields))


@pytest.mark.parametrize(
    ("target", "expected"),
    [(12, "12"), (12.0, "12"), ("12.50", "12.50"), (0.1 + 0.2, "0.3"), (None, None), (0, "0")],
)
@pytest.mark.fault(79)
def test_numbers_of_a_workbook_are_what_the_person_sees(
    target: Any, expected: str | None, tmp_path: Path
) -> None:
    """Whole numbers stay whole, and binary dust of computed cells is gone."""
    path = workbook(tmp_path, [ID, VERSION, "reconcile", target, None])
    qty = None if expected is None else Decimal(expected)
    assert read(path) == [wanted(qty_target=qty)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([1200000000000000, VERSION, "dismiss", None, "x"], "turned into a number"),
        ([ID, 123456789012, "dismiss", None, "x"], "turned into a number"),
        ([ID, datetime(2026, 12, 1), "dismiss", None, "x"], "date (“2026-12-01”)"),  # noqa: DTZ001
        ([ID, VERSION, "reconcile", date(2026, 5, 12), None], "qty_target “2026-05-12”"),
        ([ID, VERSION, "reconcile", True, None], "qty_target “True”"),
        ([ID, VERSION, True, None, None], "decision “True”"),
        ([ID, VERSION, "=IF(1,2)", None, None], "formula without a value in decision"),
        ([ID, VERSION, None, "=1+1", None], "formula without a value in qty_target"),
    ],
)
@pytest.mark.fault(79)
def test_a_wrong_workbook_row_is_named(row: list[Any], said: str, tmp_path: Path) -> None:
    """Numbers, dates and formulas where text belongs are refused with the row's number."""
    error = refusal(workbook(tmp_path, [OTHER, VERSION, "reconcile", None, None], row))
    assert "row 3 " in error.message
    assert said in error.message


def test_the_sheet_of_cards_is_read_among_others(tmp_path: Path) -> None:
    """A person's own sheets don't matter, gaps keep the row numbers right."""
    book = openpyxl.Workbook()
    book.active.append(["my", "notes"])
    sheet = book.create_sheet("Cards")
    sheet.append(HEADER.split(","))
    for column, value in enumerate((ID, VERSION, "Dismiss", None, date(2026, 1, 2)), start=1):
        sheet.cell(9, column, value)
    book.save(tmp_path / "june.xlsx")
    assert read(tmp_path / "june.xlsx") == [
        wanted(Decision.DISMISS, note="2026-01-02", row="june.xlsx, row 9")
    ]


@pytest.mark.parametrize("name", ["a\x07b", "_x0041_", "Tab\tbed"])
def test_characters_a_workbook_escapes_come_back(name: str, tmp_path: Path) -> None:
    """Control characters and text that looks like an escape survive the workbook."""
    path = tmp_path / "june.xlsx"
    card = dict.fromkeys(COLUMNS) | {
        "card_id": ID,
        "card_version": VERSION,
        "company_name": name,
        "finding": "match",
    }
    export_cards([card], path)
    book = openpyxl.load_workbook(path)
    book["Cards"]["O2"] = "approve"
    book.save(path)
    (got,) = read(path)
    assert got.seen is not None
    assert got.seen.company_name == name


def repacked(path: Path, changes: dict[str, Callable[[bytes], bytes]], **added: bytes) -> Path:
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in (parts | added).items():
            package.writestr(name, changes.get(name, bytes)(content))
    return path


SHEET_XML = "xl/worksheets/sheet1.xml"
BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>'
DAMAGES: dict[str, tuple[dict[str, Callable[[bytes], bytes]], dict[str, bytes], str]] = {
    "macros": ({}, {"xl/vbaProject.bin": b"x"}, "carries macros"),
    "macro type": (
        {"[Content_Types].xml": lambda text: text.replace(b"sheet.main", b"macroEnabled.main")},
        {},
        "carries macros",
    ),
    "entities": ({SHEET_XML: lambda text: BOMB + text}, {}, "XML no spreadsheet writes"),
    "bomb": ({}, {"xl/media/x": bytes(101 * 2**20)}, "unpacks to more"),
    "parts": ({}, {f"x/{number}": b"" for number in range(1001)}, "unpacks to more"),
    "cut xml": ({SHEET_XML: lambda text: text[:-40]}, {}, "can't be opened"),
    "nonsense": ({"xl/workbook.xml": lambda _text: b"<x/>"}, {}, "can't be opened"),
}


@pytest.mark.parametrize("case", DAMAGES)
@pytest.mark.fault(100)
def test_a_dangerous_or_broken_workbook_is_refused(case: str, tmp_path: Path) -> None:
    """Macros, entities, bombs and damage end in one sentence, not in a crash or a full memory."""
    changes, added, said = DAMAGES[case]
    path = workbook(tmp_path, [ID, VERSION, "reconcile", None, None])
    assert said in refusal(repacked(path, changes, **added)).message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 but no more", "can't be opened"),
        (f"{HEADER}\n".encode(), "not an XLSX workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 EncryptedPackage", "encrypted"),
        (b"", "not an XLSX workbook"),
    ],
)
@pytest.mark.fault(100)
def test_what_is_no_workbook_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    """Content that isn't what the name says is told apart from a broken workbook."""
    path = tmp_path / "june.xlsx"
    path.write_bytes(content)
    assert said in refusal(path).message


@pytest.mark.parametrize("announced", ["A1:XFD1048576", "A1", "A1:E1"])
def test_a_sheet_is_read_by_its_cells_and_not_by_its_announced_size(
    announced: str, tmp_path: Path
) -> None:
    """A sheet that claims to be huge costs nothing, one that claims to be tiny loses nothing."""
    path = workbook(tmp_path, [ID, VERSION, "reconcile", None, None])
    stray = b'<row r="100000"><c r="XFD100000"><v>1</v></c></row></sheetData>'

    def change(text: bytes) -> bytes:
        assert b'ref="A1:E2"' in text
        changed = text.replace(b'ref="A1:E2"', f'ref="{announced}"'.encode())
        return changed.replace(b"</sheetData>", stray)

    assert read(repacked(path, {SHEET_XML: change})) == [wanted()]
