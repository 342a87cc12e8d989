"""How an answer of Kaseya BMS or Pulseway PSA is opened: its envelope, and names however cased.

The published description writes names with a capital, the API itself has been seen to write them
without: both are read. Functions on parsed values; nothing is asked.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record


def named(value: object, name: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return what an object holds under a name, written with a capital or without."""
    if not isinstance(value, dict):
        return None
    if name in value:
        return value[name]
    return value.get(name[:1].upper() + name[1:])


def result_list(data: object) -> list[Record]:
    """Return the records of an answer; `shape` unless `result` is a list of objects."""
    return _records(named(data, "result"), "result")


def lines_of_invoice(data: object) -> list[Record]:
    """Return the lines of one invoice; `shape` unless each has a number as its qty."""
    invoice = named(data, "result")
    rows = _records(named(invoice, "lineItems"), "result.lineItems")
    for row in rows:
        # The lines may leave it out, and the plan that follows has to know whose they are.
        row["invoiceId"] = named(invoice, "id")
        # Hours of labour stand here too and may have any number of decimals, but never none.
        qty = row.get("qty", 0)
        if qty is not None and (
            isinstance(qty, bool) or not isinstance(qty, int | float | Decimal)
        ):
            raise _shape(f"an invoice line (id {row.get('id')}) whose qty is no number")
    return rows


def total(data: object) -> int | None:
    """Return the announced total of a list; None if it announces none."""
    value = named(data, "totalRecords")
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def pages(size: int) -> Callable[[Any], int | None]:
    """Return a reader of the number of pages that follows from the announced total."""

    def count(data: object) -> int | None:
        records = total(data)
        return None if records is None else max(1, -(-records // size))

    return count


def _records(rows: object, where: str) -> list[Record]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _shape(f"an answer without a list of records in {where}")
    return [_plain(row) for row in rows] if any(map(_has_capitals, rows)) else rows


def _has_capitals(record: Record) -> bool:
    return any(name[:1].isupper() for name in record)


def _plain(record: Record) -> Record:
    return {name[:1].lower() + name[1:]: value for name, value in record.items()}


def _shape(what: str) -> PipelineError:
    return PipelineError(
        f"The PSA sent {what}.",
        next_step="Check that the address in the settings is the API's; if it is, its format has"
        " changed: report it to this project.",
        category=Category.SHAPE,
    )
