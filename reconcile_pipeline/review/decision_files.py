"""Decision files there and back: cards out, decisions in, through CSV or XLSX.

Says what a filled-in row means. All rows are good, or the whole file is refused with every wrong
row named; whether a decision may be taken is asked elsewhere (`reconciling.decide`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.cards import Seen, Wanted
from reconcile_pipeline.review.cells import decimal_of, plain_number, unguard
from reconcile_pipeline.review.decision_export import export_cards
from reconcile_pipeline.review.decision_tables import (
    Record,
    check_kind,
    read_bytes,
    read_csv,
    refused,
)
from reconcile_pipeline.review.decision_workbooks import read_xlsx
from reconcile_pipeline.workbooks import Cell

__all__ = ["export_cards", "read_decisions"]

MOST_ERRORS_SHOWN = 10
_HEX_DIGITS = {"card_id": 16, "card_version": 12}
_SHOWN_LENGTH = 30


class _RowError(Exception):
    """What is wrong with a row, as the end of a sentence that begins with its place."""


@dataclass
class Filled:
    """The decisions of a file, and what was wrong with its rows."""

    file: str
    reviewer: str
    wanted: dict[str, Wanted] = field(default_factory=dict)
    """By card."""
    places: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)
    """(place of the row, what is wrong with it)"""
    periods: set[str] = field(default_factory=set)
    """The months that rows with a decision name, as far as a spreadsheet left them readable."""


def read_decisions(path: Path, reviewer: str) -> list[Wanted]:
    """Read a filled-in export; rows without a decision are skipped.

    Args:
        path: the .csv or .xlsx file.
        reviewer: who decided; recorded with each decision.

    Raises:
        PipelineError: `input`, naming up to ten wrong rows; then nothing was read.
    """
    if not reviewer.strip():
        raise refused(f"Nobody is named as the reviewer of {path.name}", "Say who decided.")
    filled = read_rows(path, read_bytes(path), reviewer.strip())
    if filled.errors:
        raise _all_of(path.name, [f"{place} {what}" for place, what in filled.errors])
    return list(filled.wanted.values())


def read_rows(path: Path, content: bytes, reviewer: str) -> Filled:
    """Read a filled-in export row by row; wrong rows are named beside the good ones.

    Args:
        path: what the file is called; nothing is opened.
        content: the .csv or .xlsx file.
        reviewer: who decided.

    Raises:
        PipelineError: `input`, when the file as a whole can't be used.
    """
    check_kind(path, content)
    is_csv = path.suffix.lower() == ".csv"
    records = read_csv(content, path.name) if is_csv else read_xlsx(content, path.name)
    filled = Filled(path.name, reviewer)
    for record in records:
        try:
            _take(filled, record)
        except _RowError as error:
            filled.errors.append((record.place, str(error)))
    return filled


def _take(reading: Filled, record: Record) -> None:
    if record.trouble:
        raise _RowError(f"{record.trouble}.")
    cells = record.cells
    word = _text(cells, "decision")
    target = _target(cells)
    if not word:
        if target is not None:
            raise _RowError("has a qty_target but no decision; write reconcile beside it.")
        return
    wanted = Wanted(
        card_id=_id(cells, "card_id"),
        card_version=_id(cells, "card_version"),
        decision=_decision(word),
        qty_target=target,
        reviewer=reading.reviewer,
        note=_text(cells, "note") or None,
        row=f"{reading.file}, {record.place}",
        seen=_seen(cells),
    )
    period = _text(cells, "period")
    if re.fullmatch("[0-9]{4}-[0-9]{2}", period):
        reading.periods.add(period)
    first = reading.wanted.setdefault(wanted.card_id, wanted)
    place = reading.places.setdefault(wanted.card_id, record.place)
    if _content(first) != _content(wanted):
        raise _RowError(
            f"decides card {wanted.card_id} differently than {place}; keep one of the two."
        )


def _content(wanted: Wanted) -> tuple[object, ...]:
    return (wanted.card_version, wanted.decision, wanted.qty_target, wanted.note)


def _id(cells: Mapping[str, Cell], column: str) -> str:
    value = cells.get(column, "")
    digits = _HEX_DIGITS[column]
    text = unguard(value).lower() if isinstance(value, str) else ""
    if re.fullmatch(f"[0-9a-f]{{{digits}}}", text):
        return text
    if value == "":
        raise _RowError(f"has no {column}; copy it from the export.")
    if not isinstance(value, str) or re.fullmatch(r"[0-9.,]+(?:e[+-]?[0-9]+)?", text):
        raise _RowError(
            f"has a {column} that the spreadsheet turned into a number or date"
            f" ({_shown(value)}); export again, keep that column as text, or use XLSX."
        )
    raise _RowError(
        f"has the {column} {_shown(value)}, which is not one of {digits} digits 0-9 and letters"
        " a-f; copy it from the export."
    )


def _decision(text: str) -> Decision:
    word = "_".join(text.casefold().replace("_", " ").split())
    if word not in set(Decision):
        raise _RowError(f"has the decision {_shown(text)}; write one of {', '.join(Decision)}.")
    return Decision(word)


def _target(cells: Mapping[str, Cell]) -> Decimal | None:
    value = cells.get("qty_target", "")
    if value == "" or isinstance(value, Decimal):
        return value if isinstance(value, Decimal) else None
    number = decimal_of(unguard(value)) if isinstance(value, str) else None
    if number is None:
        raise _RowError(
            f"has the qty_target {_shown(value)}; write a plain number like 12 or 12.5, without"
            " thousands marks or a decimal comma."
        )
    return number


def _seen(cells: Mapping[str, Cell]) -> Seen | None:
    if "qty_psa" not in cells or "qty_vendor" not in cells:
        return None
    return Seen(
        qty_psa=_seen_number(cells, "qty_psa"),
        qty_vendor=_seen_number(cells, "qty_vendor"),
        company_name=_text(cells, "company_name") or None,
        service_name=_text(cells, "service_name") or None,
    )


def _seen_number(cells: Mapping[str, Cell], column: str) -> Decimal | None:
    value = cells[column]
    if value == "" or isinstance(value, Decimal):
        return value if isinstance(value, Decimal) else None
    # A spreadsheet set to another country saves the exported 12.5 as 12,5.
    number = decimal_of(value.replace(",", ".")) if isinstance(value, str) else None
    if number is None:
        raise _RowError(
            f"has {_shown(value)} in {column}, which is no number; leave the exported columns as"
            " they are."
        )
    return number


def _text(cells: Mapping[str, Cell], column: str) -> str:
    value = cells.get(column, "")
    if isinstance(value, Decimal):
        return plain_number(value)
    return value.isoformat() if isinstance(value, date) else unguard(value)


def _shown(value: Cell) -> str:
    text = value if isinstance(value, str) else str(value)
    printable = "".join(each if each.isprintable() else " " for each in text)
    return f"“{printable[:_SHOWN_LENGTH]}{'…' if len(printable) > _SHOWN_LENGTH else ''}”"


def _all_of(name: str, errors: list[str]) -> PipelineError:
    if len(errors) == 1:
        message = f"{name} was not taken: {errors[0]}"
    else:
        shown = "\n".join(f"- {error}" for error in errors[:MOST_ERRORS_SHOWN])
        more = len(errors) - MOST_ERRORS_SHOWN
        rest = f"\n- and {more} more" if more > 0 else ""
        message = f"{name} was not taken, because of {len(errors)} rows:\n{shown}{rest}\n"
    return PipelineError(
        message,
        next_step="Correct this and hand in the whole file again; none of it was recorded.",
        category=Category.INPUT,
    )
