"""Excel workbooks as import files: the same rows as from text, and nothing that could do harm."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.systems.vendors.csv_files import read

ON = date(2026, 11, 22)
HEADER = ["account_id", "account_name", "service_name", "quantity", "period_start"]
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """(rows, sheets by name, …) -> a workbook where the settings expect it."""

    def write(rows: list[list[Any]], **more: list[list[Any]]) -> Path:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = "Usage"
        for row in rows:
            sheet.append(row)
        for title, others in more.items():
            other = book.create_sheet(title)
            for row in others:
                other.append(row)
        path = tmp_path / "imports" / "backup.csv"
        path.parent.mkdir(exist_ok=True)
        book.save(path)
        book.close()
        return path

    return write


def rows_of(account: Any) -> list[dict[str, Any]]:
    return read(account, ON)[0].records


def refusal(account: Any) -> str:
    with pytest.raises(PipelineError) as caught:
        read(account, ON)
    assert caught.value.next_step
    return caught.value.message


def repacked(path: Path, **parts: bytes | None) -> None:
    """The workbook with parts replaced, added, or left out."""
    kept: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as package:
        kept = {name: package.read(name) for name in package.namelist()}
    for name, content in parts.items():
        if content is None:
            kept.pop(name, None)
        else:
            kept[name] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in kept.items():
            package.writestr(name, content)


def test_a_workbook_gives_the_rows_of_its_text(make_account: Any, save: Save) -> None:
    """Ids stay text, numbers are exact, days are read; a title above the header is skipped."""
    save(
        [
            ["Backup usage"],
            [],
            HEADER,
            ["001201", "Acme Inc", "EDR", 42, date(2026, 11, 1)],
            [1202, "Globex, Ltd", "EDR", 0.1 + 0.2, date(2026, 11, 30)],
            ["1203", "Zero", "EDR", 0, None],
        ]
    )
    found = [
        (
            row["account_id"],
            row["account_name"],
            row["quantity"],
            row["period_start"],
            row["row_no"],
        )
        for row in rows_of(make_account("csv"))
    ]
    assert found == [
        ("001201", "Acme Inc", "42", "2026-11-01", 4),
        ("1202", "Globex, Ltd", "0.3", "2026-11-30", 5),
        ("1203", "Zero", "0", None, 6),
    ]


def test_numbers_of_a_workbook_do_not_care_how_text_writes_decimals(
    make_account: Any, save: Save
) -> None:
    """Where the profile says comma, a number cell is still the number, and text has a comma."""
    save([HEADER[:4], ["1", "A", "GB", 1234.5], ["2", "B", "GB", "1.234,5"]])
    found = [row["quantity"] for row in rows_of(make_account("csv", decimal=","))]
    assert found == ["1234.5", "1234.5"]


@pytest.mark.fault(43)
def test_an_id_that_a_spreadsheet_rounded_is_refused(make_account: Any, save: Save) -> None:
    """Its last digits are gone: it would be somebody else's."""
    save([HEADER[:4], [1392053568582758390, "A", "EDR", 1]])
    assert "was mangled by a spreadsheet" in refusal(make_account("csv"))


@pytest.mark.parametrize("empty", [None, "", "-", " "])
def test_an_empty_quantity_is_not_zero(make_account: Any, save: Save, empty: str | None) -> None:
    """The row refuses the file, with its number."""
    save([HEADER[:4], ["1", "A", "EDR", empty]])
    assert "line 2: quantity is missing" in refusal(make_account("csv"))


def test_the_sheet_has_to_be_said_where_there_are_several(make_account: Any, save: Save) -> None:
    """A guess could read last year's; hidden sheets don't matter."""
    table = [HEADER[:4], ["1", "A", "EDR", 7]]
    save([["notes"]], Counts=table)
    assert "has several sheets: Usage, Counts" in refusal(make_account("csv"))
    assert "no sheet 'Costs'" in refusal(make_account("csv", sheet="Costs"))
    assert rows_of(make_account("csv", sheet="Counts"))[0]["quantity"] == "7"


@pytest.mark.fault(100)
def test_a_formula_without_a_value_is_refused(make_account: Any, save: Save) -> None:
    """No spreadsheet program has computed it yet: what it would show is unknown."""
    save([HEADER[:4], ["1", "A", "EDR", "=40+2"]])
    assert "formula without a value in row 2" in refusal(make_account("csv"))


@pytest.mark.fault(100)
def test_an_error_in_a_cell_is_refused(make_account: Any, save: Save) -> None:
    """#REF! is no count."""
    save([HEADER[:4], ["1", "A", "EDR", "#REF!"]])
    assert "'#REF!' is not a number" in refusal(make_account("csv"))


@pytest.mark.slow
@pytest.mark.fault(100)
def test_a_stray_cell_far_below_is_no_reason_to_read_a_million_rows(
    make_account: Any, save: Save
) -> None:
    """Rows without anything are refused as too many, before they fill the memory."""
    path = save([HEADER[:4], ["1", "A", "EDR", 1]])
    book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()))
    book["Usage"].cell(row=1_048_576, column=1, value="x")
    book.save(path)
    assert "more than 200,000 rows" in refusal(make_account("csv"))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"xl/vbaProject.bin": b"macro"}, "carries macros"),
        ({"xl/workbook.xml": None}, "can't be opened as a workbook"),
        ({"xl/workbook.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>"}, "XML no spreadsheet writes"),
        ({"xl/worksheets/sheet1.xml": b"<not"}, "can't be opened as a workbook"),
        ({"xl/big.bin": b"\0" * (101 * 2**20)}, "unpacks to more than a list can be"),
    ],
)
@pytest.mark.fault(100)
def test_what_could_do_harm_is_refused_unopened(
    make_account: Any, save: Save, parts: dict[str, bytes | None], told: str
) -> None:
    """Macros, entities, bombs and broken packages end in one sentence each."""
    repacked(save([HEADER[:4], ["1", "A", "EDR", 1]]), **parts)
    assert told in refusal(make_account("csv"))


@pytest.mark.fault(100)
def test_links_to_other_workbooks_are_not_followed(make_account: Any, save: Save) -> None:
    """The values count, as they were last computed; nothing is fetched."""
    path = save([HEADER[:4], ["1", "A", "EDR", 9]])
    repacked(path, **{"xl/externalLinks/externalLink1.xml": b"<externalLink/>"})
    assert rows_of(make_account("csv"))[0]["quantity"] == "9"


@pytest.mark.fault(100)
def test_a_locked_workbook_says_so(make_account: Any, tmp_path: Path) -> None:
    """Encrypted workbooks and those of the old format begin alike."""
    path = tmp_path / "imports" / "backup.csv"
    path.parent.mkdir()
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 512)
    assert "locked with a password" in refusal(make_account("csv"))


@pytest.mark.fault(100)
def test_text_that_only_looks_like_a_workbook_is_refused(make_account: Any, tmp_path: Path) -> None:
    """A file that begins as a ZIP archive does and is none."""
    path = tmp_path / "imports" / "backup.csv"
    path.parent.mkdir()
    path.write_bytes(b"PK-Number,customer,product,qty\n")
    assert "can't be opened as a workbook" in refusal(make_account("csv"))
