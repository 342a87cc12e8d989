"""Cards into a file a person fills in: CSV or XLSX with three empty columns.

Only writes; `decision_files` reads the file back. An existing file is replaced whole or not at
all.
"""

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.review.cells import COLUMNS, guard, plain_number, value_of
from reconcile_pipeline.review.decision_sheets import write_xlsx

Row = Mapping[str, Any]


def export_cards(rows: Iterable[Row], path: Path) -> None:
    """Write cards as .csv or .xlsx, by the file's name, with columns to fill in.

    Args:
        rows: `recon.discrepancies` or `recon.cards` rows; every column of `COLUMNS` but the
            three to fill in, quantities and money as Decimal or None.
        path: the file to write; one that exists is replaced.

    Raises:
        PipelineError: `input`, if the name ends otherwise or the file can't be written.
    """
    writers: dict[str, Callable[[Iterable[Row], BinaryIO], None]] = {
        ".csv": write_csv,
        ".xlsx": write_xlsx,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise PipelineError(
            f"Cards can't be exported as {path.name}.",
            next_step="Name a file that ends in .xlsx or .csv.",
            category=Category.INPUT,
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            writer(rows, file)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise PipelineError(
            f"{path} can't be written: {error.strerror}.",
            next_step="Close it where it is open, or name a folder you may write to.",
            category=Category.INPUT,
        ) from error


def write_csv(rows: Iterable[Row], file: BinaryIO) -> None:
    """Write cards as CSV, row by row. No totals: whoever sums a column would count them twice."""
    # Without the mark, Excel reads UTF-8 as the machine's old code page.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_csv_cell(name, row) for name in COLUMNS)
    text.detach()


def _csv_cell(name: str, row: Row) -> str:
    value = value_of(name, row)
    if value is None:
        return ""
    return plain_number(value) if isinstance(value, Decimal) else guard(value)
