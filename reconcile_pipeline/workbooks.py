"""Opens XLSX workbooks that somebody sent: examined before anything parses them, values only.

What the cells mean is the business of whoever asked for them.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import ParseError

from reconcile_pipeline.model import Category, PipelineError

Cell = str | Decimal | date
"""A cell as read: text, or what a spreadsheet made of it."""

_MOST_PARTS = 1_000
_MOST_UNPACKED_BYTES = 100 * 2**20
_ESCAPED = re.compile("_x00([01][0-9A-Fa-f])_")
"""How a workbook writes a control character; openpyxl undoes the other escapes itself."""
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_OLD_OR_LOCKED = b"\xd0\xcf\x11\xe0"
"""How a file begins that is encrypted with a password, or of the format before XLSX."""
_BROKEN_PACKAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
# What openpyxl raises for parts that are missing or not what they should be.
_BROKEN_PARTS = (
    *(ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError),
    *_BROKEN_PACKAGE,
)


def examine(content: bytes, name: str) -> bool:
    """Refuse packages that are unsafe or no workbook; tell whether there are formulas.

    Raises:
        PipelineError: `input`, naming the file and what to do.
    """
    refuse_locked(content, name)
    has_formulas = False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            size = sum(part.file_size for part in parts)
            if len(parts) > _MOST_PARTS or size > _MOST_UNPACKED_BYTES:
                raise _refused(
                    f"{name} unpacks to more than a list can be",
                    "Copy the rows into a fresh workbook.",
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


def refuse_locked(content: bytes, name: str) -> None:
    """Raise `PipelineError` for what a spreadsheet program writes and nobody else can read."""
    if content.startswith(_OLD_OR_LOCKED):
        raise _refused(
            f"{name} is locked with a password, or in the format before XLSX",
            "Save it as a plain XLSX workbook without a password.",
        )


def sheets(content: bytes, name: str) -> list[str]:
    """Return the names of the visible sheets, in order; `input` error if it can't be opened."""
    import openpyxl  # noqa: PLC0415 - a third of a second that Dagster's start need not pay

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        with closing(book):
            found = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    except _BROKEN_PARTS as error:
        raise _broken(name) from error
    if not found:
        raise _broken(name)
    return found


def rows(
    content: bytes,
    name: str,
    *,
    sheet: str,
    width: int,
    first: int = 1,
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
            table = book[sheet]
            # What a file says about its size is not believed: it may say a million columns. Rows
            # are filled up to `width`, so a narrow one keeps a stray cell in the last row cheap.
            table.reset_dimensions()
            yield from table.iter_rows(min_row=first, max_row=last, max_col=width, values_only=True)
    except _BROKEN_PARTS as error:
        raise _broken(name) from error


def cell_of(value: Any) -> Cell:  # noqa: ANN401 - whatever a spreadsheet holds
    """Return what a cell says, "" for an empty one; numbers as the person sees them."""
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


def _check_part(part: str, text: bytes, name: str) -> None:
    is_macro = part.lower().endswith("vbaproject.bin") or (
        part == "[Content_Types].xml" and b"macroenabled" in text.lower()
    )
    if is_macro:
        raise _refused(f"{name} carries macros", "Save it as a plain XLSX workbook.")
    # Workbooks never define entities; files made to exhaust memory do. NULs: UTF-16 hides nothing.
    if part.endswith((".xml", ".rels")) and b"<!DOCTYPE" in text.replace(b"\0", b""):
        raise _refused(
            f"{name} holds XML no spreadsheet writes", "Copy the rows into a fresh workbook."
        )


def _broken(name: str) -> PipelineError:
    return _refused(
        f"{name} can't be opened as a workbook",
        "Open it in the spreadsheet program and save it again as XLSX.",
    )


def _refused(what: str, next_step: str) -> PipelineError:
    return PipelineError(f"{what}.", next_step=next_step, category=Category.INPUT)
