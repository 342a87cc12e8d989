"""A decision file on disk into a header and numbered rows: CSV here, workbooks next door.

Which file is accepted, its encoding, its separator. What the cells mean is decided in
`decision_files`.
"""

import csv
import io
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.workbooks import Cell

NEEDED = ("card_id", "card_version", "decision", "qty_target", "note")
MOST_BYTES = 10 * 2**20
MOST_ROWS = 200_000
_SEPARATORS = ",;"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK"


@dataclass(frozen=True)
class Record:
    """One row of the file: how people find it there, and its cells by column name."""

    place: str
    cells: Mapping[str, Cell]
    trouble: str = ""
    """Why the row can't be trusted as a whole; "" if it can."""


def read_bytes(path: Path) -> bytes:
    """Return a regular file's content, at most 10 MB of it; `input` error otherwise."""
    try:
        # Not blocking: opening a pipe nobody writes to would wait for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise refused(f"{path} is not a regular file", "Name the CSV or XLSX file itself.")
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise refused(
            f"{path} can't be read: {error.strerror}", "Check the file's name, place and rights."
        ) from error
    if len(content) > MOST_BYTES:
        raise refused(f"{path.name} is larger than 10 MB", "Hand in the decisions in parts.")
    return content


def check_kind(path: Path, content: bytes) -> None:
    """Make sure that the content is what the file's name says: CSV text or an XLSX workbook."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".xlsx"):
        raise refused(
            f"{path.name} is neither a .csv nor an .xlsx file",
            "Save it as XLSX or as “CSV UTF-8” and hand that in; files with macros are not read.",
        )
    if content.startswith(_OLD_OFFICE):
        raise refused(
            f"{path.name} is encrypted or in an old Excel format",
            "Save it as XLSX without a password.",
        )
    is_zip = content.startswith(_ZIP)
    if suffix == ".csv" and is_zip:
        raise refused(f"{path.name} is a workbook, not CSV text", "Give it its name .xlsx back.")
    if suffix == ".xlsx" and not is_zip:
        raise refused(
            f"{path.name} is not an XLSX workbook",
            "Save it as XLSX, or name it .csv if it is text.",
        )


def read_csv(content: bytes, name: str) -> Iterator[Record]:
    """Give the rows of a CSV file below its header, blank ones left out.

    Raises:
        PipelineError: `input`, if it isn't UTF-8, has no usable header, or breaks off.
    """
    text = _decode(content, name)
    separator, start, header = _find_header(text, name)
    is_cut = bool(text) and not text.endswith(("\n", "\r"))
    count = 0
    for line, cells, is_last in _lines(text, separator, name):
        if line <= start or not any(cells):
            continue
        count += 1
        if count > MOST_ROWS:
            raise too_many_rows(name)
        trouble = ""
        if any(cells[len(header) :]):
            trouble = "has more cells than the header; put “…” around text with a separator in it"
        elif is_last and is_cut and len(cells) < len(header):
            trouble = "breaks off; the file seems to be cut"
        named = zip(header, cells, strict=False)
        yield Record(f"line {line}", {key: cell for key, cell in named if key}, trouble)


def header_of(cells: Sequence[Cell], name: str) -> list[str] | None:
    """Return the columns' names as we write them; None if this row is no header of ours.

    Raises:
        PipelineError: `input`, if a column we need stands twice or is missing beside others.
    """
    names = ["_".join(str(cell).split()).casefold() for cell in cells]
    found = [column for column in NEEDED if column in names]
    if "card_id" not in found and "decision" not in found:
        return None
    missing = [column for column in NEEDED if column not in found]
    if missing:
        raise refused(
            f"The header of {name} lacks {', '.join(missing)}",
            "Keep the exported columns; leave qty_target and note empty where not needed.",
        )
    for column in (*NEEDED, "qty_psa", "qty_vendor", "company_name", "service_name"):
        if names.count(column) > 1:
            raise refused(f"{name} has two columns called {column}", "Remove one of them.")
    return names


def no_header(name: str) -> PipelineError:
    """Build the error for a file without our header."""
    return refused(
        f"{name} does not begin with a header of {', '.join(NEEDED)}",
        "Fill in a file made by `reconcile export` and keep its header; the separator of a CSV"
        " file may be a comma or a semicolon.",
    )


def too_many_rows(name: str) -> PipelineError:
    """Build the error for a file that is too long."""
    return refused(
        f"{name} has more than {MOST_ROWS:,} rows", "Hand in only the rows with a decision."
    )


def refused(what: str, next_step: str) -> PipelineError:
    """Build the error for a file or a row that can't be used."""
    return PipelineError(f"{what}.", next_step=next_step, category=Category.INPUT)


def _decode(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(f"{name} is not UTF-8 text", "Save it as “CSV UTF-8”.") from error
    if "\0" in text:
        raise refused(f"{name} holds NUL bytes", "Save it as “CSV UTF-8”.")
    return text


def _find_header(text: str, name: str) -> tuple[str, int, list[str]]:
    for separator in _SEPARATORS:
        first = next((each for each in _lines(text, separator, name) if any(each[1])), None)
        header = None if first is None else header_of(first[1], name)
        # With the wrong separator the whole header is one cell, and no column is found.
        if first is not None and header is not None:
            return separator, first[0], header
    raise no_header(name)


def _lines(text: str, separator: str, name: str) -> Iterator[tuple[int, list[str], bool]]:
    """Give the line a record starts on, its trimmed cells, and whether it is the last."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    start = 1
    try:
        cells = next(reader, None)
        while cells is not None:
            after = reader.line_num + 1
            following = next(reader, None)
            yield start, [cell.strip() for cell in cells], following is None
            start, cells = after, following
    except csv.Error as error:
        raise refused(
            f"{name} is broken at line {reader.line_num}: {error}",
            "Look for a quotation mark that is not closed or not doubled.",
        ) from error
