"""An XLSX workbook into numbered rows: values only, from files that are safe to open.

The package is examined before anything parses it. What the cells mean is decided in
`decision_files`.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from reconcile_pipeline import workbooks
from reconcile_pipeline.review.decision_sheets import SHEET
from reconcile_pipeline.review.decision_tables import (
    MOST_ROWS,
    NEEDED,
    Record,
    header_of,
    no_header,
    too_many_rows,
)
from reconcile_pipeline.workbooks import cell_of

_MOST_COLUMNS = 256
_HEADER_WITHIN = 30


def read_xlsx(content: bytes, name: str) -> Iterator[Record]:
    """Give the rows of the sheet of cards below its header, blank ones left out.

    The sheet is the one called Cards, else the first.

    Raises:
        PipelineError: `input`, if it isn't a plain workbook, or has no usable header.
    """
    has_formulas = workbooks.examine(content, name)
    names = workbooks.sheets(content, name)
    sheet = SHEET if SHEET in names else names[0]
    header_row, header = _find_header(content, name, sheet)
    first = header_row + 1
    below = partial(workbooks.rows, content, name, sheet=sheet, width=len(header), first=first)
    values = below()
    rows = (
        zip(values, below(is_values=False), strict=True)
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
            {key: cell_of(value) for key, value in zip(header, row, strict=False) if key},
            _without_value(header, row, source),
        )


def _find_header(content: bytes, name: str, sheet: str) -> tuple[int, list[str]]:
    rows = workbooks.rows(content, name, sheet=sheet, width=_MOST_COLUMNS, last=_HEADER_WITHIN)
    for number, row in enumerate(rows, start=1):
        if any(cell is not None for cell in row):
            header = header_of([cell_of(value) for value in row], name)
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
