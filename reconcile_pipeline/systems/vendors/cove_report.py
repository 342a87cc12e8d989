"""Cove's Maximum Value report: a workbook of the month, read as rows of texts.

It is what N-able invoices: the highest value of each device in the month, with the devices that
were deleted during it. What its columns mean for a count is said in SQL.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import ParseError  # only the error's name: nothing is parsed with it

from reconcile_pipeline.http import StrictJsonError
from reconcile_pipeline.systems.base import Record

DEVICE = "DeviceId"
_HEADER_WITHIN = 20
_MOST_COLUMNS = 100
_MOST_UNPACKED_BYTES = 256 * 2**20
# What openpyxl raises for parts that are missing or not what they should be.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ParseError),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, OSError),
)


def read_report(content: bytes, _max_depth: int) -> tuple[str, list[Record]]:
    """Turn the workbook into JSON: one object per device, every value a text or null.

    Each object has an `id` besides its columns, because a device that moved from one customer to
    another has a row for each. Raises `StrictJsonError` for anything but such a workbook.
    """
    try:
        _refuse_bombs(content)
        rows = list(_devices(content))
    except _BROKEN as error:
        if isinstance(error, StrictJsonError):
            raise
        raise StrictJsonError("something that is not an Excel workbook") from error
    return json.dumps(rows, ensure_ascii=False), rows


def _refuse_bombs(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        if sum(part.file_size for part in package.infolist()) > _MOST_UNPACKED_BYTES:
            raise StrictJsonError("a workbook that is too large to unpack")


def _devices(content: bytes) -> Iterator[Record]:
    rows = _rows(content)
    header: list[str | None] = []
    for _, row in zip(range(_HEADER_WITHIN), rows, strict=False):
        if DEVICE in (names := [_text(cell) for cell in row]):
            header = names
            break
    if not header:
        raise StrictJsonError(f"a workbook without a column {DEVICE}")
    for row in rows:
        # Whatever stands below the table, like a sum, is no device.
        named = dict(zip(header, map(_text, row), strict=False))
        if named.get(DEVICE):
            device = {name: value for name, value in named.items() if name}
            yield {"id": f"{device.get('CustomerId')}/{device[DEVICE]}", **device}


def _rows(content: bytes) -> Iterator[tuple[Any, ...]]:
    import openpyxl  # noqa: PLC0415 - a third of a second that other systems need not pay

    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    with closing(book):
        sheet = book.worksheets[0]
        # What a file says about its size is not believed: it may say a million columns.
        sheet.reset_dimensions()
        yield from sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True)


def _text(cell: Any) -> str | None:  # noqa: ANN401 - whatever a spreadsheet holds
    if cell is None:
        return None
    if isinstance(cell, float):
        # Spreadsheets compute with doubles and show 15 digits; 175.0 is a plain 175.
        return f"{cell:.15g}"
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return str(cell).strip() or None
