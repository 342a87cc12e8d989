"""From an XLSX workbook to numbered lines under a known header, as if it were text.

Numbers become text with the decimal sign that the settings say, days become YYYY-MM-DD. What the
cells mean is decided in `csv_rows`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from reconcile_pipeline import workbooks
from reconcile_pipeline.systems.vendors.csv_header import (
    Line,
    Sheet,
    Source,
    find_header,
    no_header,
    refuse,
    under_header,
)

ZIP = b"PK"
_MOST_COLUMNS = 256
_MOST_LINES = 200_000
_DIGITS_A_SPREADSHEET_KEEPS = 15


def open_workbook(
    content: bytes, name: str, columns: Mapping[str, str], *, sheet: str, decimal: str
) -> Sheet:
    """Examine a workbook and find the header of one of its sheets.

    Args:
        content: the file's bytes.
        name: the file's name, for messages.
        columns: the file's own names for some of our columns.
        sheet: the sheet's name; "" for the only one.
        decimal: how decimals are written in cells that are text.

    Raises:
        PipelineError: `input`, naming the file, the sheet or the row.
    """
    has_formulas = workbooks.examine(content, name)
    title = _the_sheet(workbooks.sheets(content, name), name, sheet)
    lines = list(_lines(content, name, title, decimal))
    header = find_header(lines, name, columns)
    if header is None:
        raise no_header(name)
    if has_formulas:
        _refuse_uncomputed(content, name, title, lines)
    width = len(header.cells)
    # A workbook leaves out the empty cells at the end of a row; in text their absence is damage.
    whole = [Line(line.row_no, line.cells + ("",) * (width - len(line.cells))) for line in lines]
    return under_header(Source(name, "xlsx", f"sheet {title}"), header, whole, columns)


def _the_sheet(titles: list[str], name: str, wanted: str) -> str:
    if wanted and wanted not in titles:
        raise refuse(
            f"The workbook {name} has no sheet {wanted!r}.",
            f"Correct 'sheet' in reconcile.toml; it has: {', '.join(titles)}.",
        )
    if not wanted and len(titles) > 1:
        raise refuse(
            f"The workbook {name} has several sheets: {', '.join(titles)}.",
            'Say in reconcile.toml which one counts: sheet = "its name".',
        )
    return wanted or titles[0]


def _lines(content: bytes, name: str, title: str, decimal: str) -> Iterator[Line]:
    rows = workbooks.rows(content, name, sheet=title, width=_MOST_COLUMNS)
    for number, row in enumerate(rows, start=1):
        if number > _MOST_LINES:
            raise refuse(
                f"The workbook {name} has more than {_MOST_LINES:,} rows.",
                "Delete the empty rows below the table, or export less.",
            )
        cells = [_text(workbooks.cell_of(value), decimal) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        yield Line(number, tuple(cells) or ("",))


def _text(cell: workbooks.Cell, decimal: str) -> str:
    if isinstance(cell, Decimal):
        # Beyond these digits a spreadsheet has rounded: written as it would be in a CSV file.
        is_rounded = cell.adjusted() >= _DIGITS_A_SPREADSHEET_KEEPS
        return f"{cell:.14E}" if is_rounded else f"{cell:f}".replace(".", decimal)
    return cell.isoformat() if isinstance(cell, date) else cell


def _refuse_uncomputed(content: bytes, name: str, title: str, lines: list[Line]) -> None:
    """A formula that no spreadsheet computed yet shows nothing, and nothing is not zero."""
    written = workbooks.rows(content, name, sheet=title, width=_MOST_COLUMNS, is_values=False)
    for line, row in zip(lines, written, strict=False):
        for place, source in enumerate(row):
            shown = line.cells[place] if place < len(line.cells) else ""
            if isinstance(source, str) and source.startswith("=") and not shown:
                raise refuse(
                    f"The workbook {name} has a formula without a value in row {line.row_no}.",
                    "Open it in the spreadsheet program, save it, and put it in place again.",
                )
