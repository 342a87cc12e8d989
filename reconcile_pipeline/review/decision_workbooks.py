"""An XLSX workbook into numbered rows: values only, from files that are safe to open.

The package is examined before anything parses it. What the cells mean is decided in
`decision_files`.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import ParseError

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.review.cells import Cell
from reconcile_pipeline.review.decision_export import SHEET
from reconcile_pipeline.review.decision_tables import (
    MOST_ROWS,
    NEEDED,
    Record,
    header_of,
    no_header,
    refused,
    too_many_rows,
)

_MOST_COLUMNS = 256
_HEADER_WITHIN = 30
_MOST_PARTS = 1_000
_MOST_UNPACKED_BYTES = 100 * 2**20
_ESCAPED = re.compile("_x00([01][0-9A-Fa-f])_")
"""How a workbook writes a control character; openpyxl undoes the other escapes itself."""
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_BROKEN_PACKAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
# What openpyxl raises for parts that are missing or not what they should be.
_BROKEN_PARTS = (
    *(ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError),
    *_BROKEN_PACKAGE,
)


def read_xlsx(content: bytes, name: str) -> Iterator[Record]:
    """Give the rows of the sheet of cards below its header, blank ones left out.

    The sheet is the one called Cards, else the first.

    Raises:
        PipelineError: `input`, if it isn't a plain workbook, or has no usable header.
    """
    has_formulas = _examine(content, name)
    header_row, header = _find_header(content, name)
    first, width = header_row + 1, len(header)
    values = _rows(content, name, first=first, width=width)
    rows = (
        zip(values, _rows(content, name, first=first, width=width, is_values=False), strict=True)
        if has_formulas
        else ((row, row) for row in values)
    )
    count = 0
    for number, (row, source) in enumerate(rows, start=first):
        if all(cell is None for cell in source):
            continue
        count += 1
        if count > MOST_ROWS:
            raise too_many_rows(name)
        yield Record(
            f"row {number}",
            {key: _cell(value) for key, value in zip(header, row, strict=False) if key},
            _without_value(header, row, source),
        )


def _find_header(content: bytes, name: str) -> tuple[int, list[str]]:
    rows = _rows(content, name, first=1, width=_MOST_COLUMNS, last=_HEADER_WITHIN)
    for number, row in enumerate(rows, start=1):
        if any(cell is not None for cell in row):
            header = header_of([_cell(value) for value in row], name)
            if header is None:
                break
            while not header[-1]:
                header.pop()
            return number, header
    raise no_header(name)


def _without_value(header: Sequence[str], row: Sequence[Any], source: Sequence[Any]) -> str:
    for column, value, written in zip(header, row, source, strict=False):
        if column in NEEDED and value is None and written is not None:
            return f"has a formula without a value in {column}; put in the value"
    return ""


def _rows(
    content: bytes,
    name: str,
    *,
    first: int,
    width: int,
    last: int | None = None,
    is_values: bool = True,
) -> Iterator[tuple[Any, ...]]:
    """Give the rows from `first` on; computed values, or formulas as they are written."""
    import openpyxl  # noqa: PLC0415 - a third of a second that Dagster's start need not pay

    try:
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=is_values, keep_links=False
        )
        with closing(book):
            sheet = book[SHEET] if SHEET in book.sheetnames else book.worksheets[0]
            # What a file says about its size is not believed: it may say a million columns. Rows
            # are filled up to `width`, so a narrow one keeps a stray cell in the last row cheap.
            sheet.reset_dimensions()
            yield from sheet.iter_rows(min_row=first, max_row=last, max_col=width, values_only=True)
    except _BROKEN_PARTS as error:
        raise _broken(name) from error


def _cell(value: Any) -> Cell:  # noqa: ANN401 - whatever a spreadsheet holds
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Spreadsheets compute with doubles and show 15 digits: 0.1+0.2 is 0.3 to the person.
        return Decimal(value) if isinstance(value, int) else Decimal(f"{value:.15g}")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, time | timedelta):
        return f"the time {value}"
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(value)).strip()


def _examine(content: bytes, name: str) -> bool:
    """Refuse packages that are unsafe or no workbook; tell whether there are formulas."""
    has_formulas = False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            size = sum(part.file_size for part in parts)
            if len(parts) > _MOST_PARTS or size > _MOST_UNPACKED_BYTES:
                raise refused(
                    f"{name} unpacks to more than a list of decisions can be",
                    "Copy the rows into a fresh export.",
                )
            for part in parts:
                text = package.read(part)
                has_formulas |= "worksheets/" in part.filename and bool(_FORMULA.search(text))
                _check_part(part.filename, text, name)
            if "xl/workbook.xml" not in package.namelist():
                raise _broken(name)
    except _BROKEN_PACKAGE as error:
        raise _broken(name) from error
    return has_formulas


def _check_part(part: str, text: bytes, name: str) -> None:
    is_macro = part.lower().endswith("vbaproject.bin") or (
        part == "[Content_Types].xml" and b"macroenabled" in text.lower()
    )
    if is_macro:
        raise refused(f"{name} carries macros", "Save it as a plain XLSX workbook.")
    # Workbooks never define entities; files made to exhaust memory do. NULs: UTF-16 hides nothing.
    if part.endswith((".xml", ".rels")) and b"<!DOCTYPE" in text.replace(b"\0", b""):
        raise refused(
            f"{name} holds XML no spreadsheet writes", "Copy the rows into a fresh export."
        )


def _broken(name: str) -> PipelineError:
    return refused(
        f"{name} can't be opened as a workbook",
        "Open it in the spreadsheet program and save it again as XLSX.",
    )
