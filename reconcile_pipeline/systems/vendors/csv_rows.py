"""What a row of counts must be, and what becomes of a file whose rows are not.

Pure functions from lines to records. A cell that is missing is never zero; a row that can't be
used refuses the whole file unless the settings say otherwise. Reads no files.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.vendors.csv_header import Line, Sheet, refuse
from reconcile_pipeline.systems.vendors.csv_numbers import decimal_of, plain_text

_LISTED_ROWS = 5
_SHOWN_LENGTH = 30
_MISSING = ("", "-")
_MANGLED = re.compile(r"[0-9]+(?:[.,][0-9]+E[+-]?|E[+-])[0-9]+", re.IGNORECASE)
DAYS = {
    "iso": re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"),
    "dmy": re.compile(r"(?P<day>\d{1,2})[./-](?P<month>\d{1,2})[./-](?P<year>\d{4})"),
    "mdy": re.compile(r"(?P<month>\d{1,2})[./-](?P<day>\d{1,2})[./-](?P<year>\d{4})"),
}
"""How days are written; the first is understood everywhere."""
_MONTH = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})|(?P<m>\d{1,2})[-/.](?P<y>\d{4})")
_TOTAL = re.compile(r"(?:grand |sub)?totals? ?:?|sum ?:?", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """How one file is to be read; `on` is a day of the month being pulled."""

    on: date
    decimal: str = "."
    columns: dict[str, str] = field(default_factory=dict)
    dates: str = "iso"
    counted_statuses: frozenset[str] = frozenset()
    """In lower case; empty means that every row counts."""
    is_aggregating: bool = False
    is_partial: bool = False
    allows_negative: bool = False
    allows_empty: bool = False


@dataclass(frozen=True)
class Report:
    """What became of a file's rows."""

    rows: list[Record]
    """`{row_no, account_id, account_name, service_key, service_name, quantity, unit_price,
    unit_cost, period_start, period_end, status, notes, row_count}`; quantity and prices are
    decimal text, missing prices, days, status and notes null."""
    rejected: list[Record]
    """`{row_no, reason}`."""
    ignored: list[Record]
    """`{row_no, reason}` of blank rows, totals at the end, and rows whose status does not count."""
    rows_read: int
    rows_accepted: int


class _BadRow(Exception):  # noqa: N818 - becomes a line of the report
    """Why one row can't be used."""


def read_rows(sheet: Sheet, rules: Rules) -> Report:
    """Turn a sheet's lines into records.

    Raises:
        PipelineError: `input`, if a row can't be used (with `is_partial`: if none can), if there
            is no row at all, or if a row is for another month.
    """
    body, ignored = _set_aside(sheet)
    records: list[Record] = []
    rejected: list[Record] = []
    for line in body:
        try:
            record = _record(line, sheet, rules)
            if _is_counted(record, rules):
                records.append(record)
            else:
                ignored.append({"row_no": line.row_no, "reason": f"status {record['status']!r}"})
        except _BadRow as bad:
            rejected.append({"row_no": line.row_no, "reason": str(bad)})
    if rules.is_aggregating:
        rows = _aggregated(records)
    else:
        rows, repeated = _without_repeats(records)
        rejected = sorted([*rejected, *repeated], key=lambda row: int(row["row_no"]))
    if rejected and not (rules.is_partial and rows):
        raise _refused(sheet, rejected, len(body), is_partial=rules.is_partial)
    if not rows and not rules.allows_empty:
        raise refuse(
            f"The file {sheet.name} has a header and no rows.",
            "Export it again: an empty file is not taken for zero. If no customer has anything"
            " any more, set allow_empty = true.",
        )
    accepted = sum(int(row["row_count"]) for row in rows)
    ignored.sort(key=lambda row: int(row["row_no"]))
    return Report(rows, rejected, ignored, len(sheet.lines), accepted)


def _is_counted(record: Record, rules: Rules) -> bool:
    """Whether the row's status is one that counts; a row without a status has none of them."""
    return not rules.counted_statuses or (
        (record["status"] or "").casefold() in rules.counted_statuses
    )


def _set_aside(sheet: Sheet) -> tuple[list[Line], list[Record]]:
    """Part the rows from blank lines, and from totals below the last row."""
    lines = list(sheet.lines)
    ignored: list[Record] = []
    while lines and (lines[-1].is_blank or _is_total(lines[-1], sheet)):
        line = lines.pop()
        reason = "blank row" if line.is_blank else "total at the end of the file"
        ignored.append({"row_no": line.row_no, "reason": reason})
    ignored += [{"row_no": line.row_no, "reason": "blank row"} for line in lines if line.is_blank]
    return [line for line in lines if not line.is_blank], ignored


def _is_total(line: Line, sheet: Sheet) -> bool:
    """Recognise a total by its label, and by lacking a customer or a service."""
    label = next(cell for cell in line.cells if cell)
    has_account = sheet.cell(line, "account_id") or sheet.cell(line, "account_name")
    has_service = sheet.cell(line, "service_key") or sheet.cell(line, "service_name")
    return _TOTAL.fullmatch(label) is not None and not (has_account and has_service)


def _record(line: Line, sheet: Sheet, rules: Rules) -> Record:
    if len(line.cells) < sheet.width:
        raise _BadRow(f"has {len(line.cells)} of {sheet.width} columns")
    if any(line.cells[sheet.width :]):
        raise _BadRow(f"has more than {sheet.width} columns")
    account_id, account_name = _identity(line, sheet, "account_id", "account_name")
    service_key, service_name = _identity(line, sheet, "service_key", "service_name")
    quantity = _number(line, sheet, "quantity", rules)
    if quantity is None:
        raise _BadRow("quantity is missing")
    price, cost = (_number(line, sheet, name, rules) for name in ("unit_price", "unit_cost"))
    start, end = (_day(line, sheet, name, rules) for name in ("period_start", "period_end"))
    _check_month(line, sheet, rules, (_month(line, sheet, rules), start, end))
    return {
        "row_no": line.row_no,
        "account_id": account_id,
        "account_name": account_name,
        "service_key": service_key,
        "service_name": service_name,
        "quantity": plain_text(quantity),
        "unit_price": None if price is None else plain_text(price),
        "unit_cost": None if cost is None else plain_text(cost),
        "period_start": None if start is None else start.isoformat(),
        "period_end": None if end is None else end.isoformat(),
        "status": sheet.cell(line, "status") or None,
        "notes": sheet.cell(line, "notes") or None,
        "row_count": 1,
    }


def _identity(line: Line, sheet: Sheet, id_column: str, name_column: str) -> tuple[str, str]:
    """Return id and name, each standing in for the other where one is missing."""
    identifier, name = sheet.cell(line, id_column), sheet.cell(line, name_column)
    if _MANGLED.fullmatch(identifier):
        raise _BadRow(
            f"{id_column} {identifier[:_SHOWN_LENGTH]!r} was mangled by a spreadsheet; format that"
            " column as text"
        )
    if not identifier and not name:
        raise _BadRow(f"{id_column} and {name_column} are missing")
    # Composed and decomposed accents look alike and must be one customer; the name is kept as is.
    return identifier or " ".join(unicodedata.normalize("NFC", name).split()), name or identifier


def _number(line: Line, sheet: Sheet, column: str, rules: Rules) -> Decimal | None:
    text = sheet.cell(line, column)
    if text in _MISSING:
        return None
    try:
        value = decimal_of(text, rules.decimal)
    except ValueError as error:
        raise _BadRow(f"{column} {error}") from None
    if value < 0 and not rules.allows_negative:
        raise _BadRow(f"{column} is negative")
    return value


def _day(line: Line, sheet: Sheet, column: str, rules: Rules) -> date | None:
    text = sheet.cell(line, column)
    if text in _MISSING:
        return None
    # A cell that is a day in a workbook comes as ISO, whatever the profile says of text.
    found = DAYS[rules.dates].fullmatch(text) or DAYS["iso"].fullmatch(text)
    try:
        if found is not None:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        found = None
    example = rules.on.isoformat() if rules.dates == "iso" else f'as dates = "{rules.dates}" says'
    raise _BadRow(f"{column} {text[:_SHOWN_LENGTH]!r} is not a day written like {example}")


def _month(line: Line, sheet: Sheet, rules: Rules) -> date | None:
    """The first day of the month that a row says it is for, as 2026-11 or 11/2026 or a day."""
    text = sheet.cell(line, "period")
    if text in _MISSING:
        return None
    found = _MONTH.fullmatch(text)
    if found is None:
        return _day(line, sheet, "period", rules)
    try:
        return date(int(found["year"] or found["y"]), int(found["month"] or found["m"]), 1)
    except ValueError:
        raise _BadRow(f"period {text[:_SHOWN_LENGTH]!r} is not a month YYYY-MM") from None


def _check_month(line: Line, sheet: Sheet, rules: Rules, days: Iterable[date | None]) -> None:
    month = f"{rules.on:%Y-%m}"
    for day in days:
        if day is not None and f"{day:%Y-%m}" != month:
            raise refuse(
                f"The file {sheet.name} is for {day:%Y-%m} (line {line.row_no}), and {month} is"
                " being pulled.",
                f"Put the export for {month} in its place.",
            )


def _pairs(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    pairs: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        pairs.setdefault((record["account_id"], record["service_key"]), []).append(record)
    return pairs


def _without_repeats(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Part the pairs that stand alone from those that don't: which count is right is unknown."""
    rows, rejected = [], []
    for group in _pairs(records).values():
        if len(group) == 1:
            rows.append(group[0])
            continue
        lines = " and ".join(str(record["row_no"]) for record in group)
        reason = f"same customer and service in lines {lines}"
        rejected += [{"row_no": record["row_no"], "reason": reason} for record in group]
    return rows, rejected


def _aggregated(records: Sequence[Record]) -> list[Record]:
    """Add up each pair's quantities; other values stay where all its rows agree."""
    rows = []
    for group in _pairs(records).values():
        total = sum((Decimal(record["quantity"]) for record in group), Decimal(0))
        row = {
            name: value if all(other[name] == value for other in group) else None
            for name, value in group[0].items()
        }
        first = group[0]
        kept = {name: first[name] for name in ("row_no", "account_name", "service_name")}
        rows.append(row | kept | {"quantity": plain_text(total), "row_count": len(group)})
    return rows


def _refused(
    sheet: Sheet, rejected: Sequence[Record], rows: int, *, is_partial: bool
) -> PipelineError:
    listed = "; ".join(f"line {row['row_no']}: {row['reason']}" for row in rejected[:_LISTED_ROWS])
    more = len(rejected) - _LISTED_ROWS
    tail = f"; and {more} more" if more > 0 else ""
    advice = "" if is_partial else ", or set partial = true to use the others"
    repeats = any(str(row["reason"]).startswith("same customer") for row in rejected)
    summing = "; aggregate = true adds up rows of the same customer and service" if repeats else ""
    return refuse(
        f"The file {sheet.name} has {len(rejected)} of {rows} rows that can't be used: {listed}"
        f"{tail}.",
        f"Correct these rows in the file and pull again{advice}{summing}.",
    )
