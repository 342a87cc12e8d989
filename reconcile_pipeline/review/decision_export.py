"""Cards into a file a person fills in: CSV or XLSX with three empty columns.

Only writes; `decision_files` reads the file back. An existing file is replaced whole or not at
all.
"""

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from reconcile_pipeline.model import Category, Decision, Finding, PipelineError
from reconcile_pipeline.reconciling.decide import MOST_UNITS
from reconcile_pipeline.review.cells import COLUMNS, TO_FILL, guard, plain_number

SHEET = "Cards"
Row = Mapping[str, Any]

_WIDTHS = {
    "card_id": 19,
    "card_version": 15,
    "period": 10,
    "company_name": 30,
    "service_name": 36,
    "finding": 20,
    "currency": 10,
    "reason": 46,
    "next_step": 60,
    "decision": 14,
    "note": 40,
}
_USUAL_WIDTH = 12
_FILLS = {
    Finding.UNDER_BILLED: "#FBE9D9",
    Finding.OVER_BILLED: "#E3ECF7",
    Finding.NEW_REVENUE: "#E6F2E1",
    Finding.MATCH: "#FFFFFF",
}
_UNPROVEN_FILL = "#EFEFEF"
_TO_FILL_FILL = "#FFF9DB"
_HEADER_FILL = "#24435C"


def export_cards(rows: Sequence[Row], path: Path) -> None:
    """Write cards as .csv or .xlsx, by the file's name, with columns to fill in.

    Args:
        rows: `recon.discrepancies` or `recon.cards` rows; every column of `COLUMNS` but the
            three to fill in, quantities and money as Decimal or None.
        path: the file to write; one that exists is replaced.

    Raises:
        PipelineError: `input`, if the name ends otherwise or the file can't be written.
    """
    writers: dict[str, Callable[[Sequence[Row]], bytes]] = {".csv": _csv, ".xlsx": _xlsx}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise PipelineError(
            f"Cards can't be exported as {path.name}.",
            next_step="Name a file that ends in .xlsx or .csv.",
            category=Category.INPUT,
        )
    _replace(path, writer(rows))


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise PipelineError(
            f"{path} can't be written: {error.strerror}.",
            next_step="Close it where it is open, or name a folder you may write to.",
            category=Category.INPUT,
        ) from error


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_csv_cell(name, row) for name in COLUMNS)
    # Without the mark, Excel reads UTF-8 as the machine's old code page.
    return text.getvalue().encode("utf-8-sig")


def _csv_cell(name: str, row: Row) -> str:
    value = _value(name, row)
    if value is None:
        return ""
    return plain_number(value) if isinstance(value, Decimal) else guard(value)


def _value(name: str, row: Row) -> Decimal | str | None:
    if name in TO_FILL or row[name] is None:
        return None
    if COLUMNS[name] in ("quantity", "money"):
        return Decimal(row[name])
    return str(row[name]).replace("\0", "")


def _xlsx(rows: Sequence[Row]) -> bytes:
    import xlsxwriter  # noqa: PLC0415 - Dagster imports this module at every start

    content = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(content, options) as book:
        sheet = book.add_worksheet(SHEET)
        styles = _Styles(book)
        for column, name in enumerate(COLUMNS):
            sheet.set_column(column, column, _WIDTHS.get(name, _USUAL_WIDTH))
            sheet.write_string(0, column, name, styles.header)
        for number, row in enumerate(rows, start=1):
            for column, name in enumerate(COLUMNS):
                _write(sheet, number, column, _value(name, row), styles.of(name, row))
        _furnish(sheet, last_row=max(len(rows), 1))
    return content.getvalue()


def _write(
    sheet: Any,  # noqa: ANN401 - xlsxwriter's worksheet
    number: int,
    column: int,
    value: Decimal | str | None,
    style: object,
) -> None:
    if value is None:
        sheet.write_blank(number, column, None, style)
    elif isinstance(value, Decimal):
        # A spreadsheet's number is a double; one that doesn't fit is kept exactly, as text.
        if Decimal(repr(float(value))) == value:
            sheet.write_number(number, column, float(value), style)
        else:
            sheet.write_string(number, column, plain_number(value), style)
    else:
        sheet.write_string(number, column, value, style)


class _Styles:
    """The few formats of the sheet, made once."""

    def __init__(self, book: Any) -> None:  # noqa: ANN401 - xlsxwriter's workbook
        base = {"font_size": 10, "valign": "top"}
        fill = {"bg_color": _TO_FILL_FILL, "border": 1, "border_color": "#E5DCA8"}
        header = {"bold": True, "font_color": "#FFFFFF", "bg_color": _HEADER_FILL}
        self.header = book.add_format(base | header)
        self._kinds = {
            "id": book.add_format(base | {"num_format": "@", "font_color": "#808080"}),
            "text": book.add_format(base | {"num_format": "@"}),
            "quantity": book.add_format(base | {"num_format": "General"}),
            "money": book.add_format(base | {"num_format": "#,##0.00;[Red]-#,##0.00"}),
            "decision": book.add_format(base | fill | {"bold": True}),
            "target": book.add_format(base | fill | {"num_format": "General"}),
            # Text, so that a note may begin with = or -.
            "note": book.add_format(base | fill | {"num_format": "@"}),
        }
        self._findings = {
            str(finding): book.add_format(
                base | {"num_format": "@", "bg_color": _FILLS.get(finding, _UNPROVEN_FILL)}
            )
            for finding in Finding
        }

    def of(self, name: str, row: Row) -> object:
        if name == "finding":
            return self._findings[str(row["finding"])]
        return self._kinds[COLUMNS[name]]


def _furnish(sheet: Any, last_row: int) -> None:  # noqa: ANN401 - xlsxwriter's worksheet
    """Everything that only helps the person: filters, choices, print layout."""
    names = list(COLUMNS)
    decision, target = names.index("decision"), names.index("qty_target")
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, last_row, len(names) - 1)
    # Excel would offer to turn the ids into numbers, and lose digits.
    sheet.ignore_errors({"number_stored_as_text": f"A1:D{last_row + 1}"})
    sheet.data_validation(
        1,
        decision,
        last_row,
        decision,
        {
            "validate": "list",
            "source": [str(word) for word in Decision],
            "input_title": "Decision",
            "input_message": "Leave empty what is not decided yet. All but approve and reconcile"
            " need a note.",
            "error_title": "Not a decision",
            "error_message": "Choose one of the list, or leave the cell empty.",
        },
    )
    sheet.data_validation(
        1,
        target,
        last_row,
        target,
        {
            "validate": "decimal",
            "criteria": "between",
            "minimum": 0,
            "maximum": MOST_UNITS,
            "input_title": "Units to invoice",
            "input_message": "Only with reconcile. Empty means the vendor's count.",
            "error_title": "Not a quantity",
            "error_message": f"Write a number between 0 and {MOST_UNITS:,}.",
        },
    )
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
