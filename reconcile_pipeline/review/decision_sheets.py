"""Cards as an XLSX workbook that is pleasant to fill in and safe to open.

Looks and helps only: which columns there are and what their cells say is `cells`' business, where
the workbook goes is `decision_export`'s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.reconciling.decide import MOST_UNITS
from reconcile_pipeline.review.cells import COLUMNS, TO_FILL, plain_number, value_of

SHEET = "Cards"
Row = Mapping[str, Any]

_WIDTHS = {
    "card_id": 19,
    "card_version": 15,
    "period": 10,
    "company_name": 30,
    "service_name": 36,
    "finding": 20,
    "currency": 10,
    "reason": 46,
    "next_step": 60,
    "decision": 14,
    "note": 40,
}
_USUAL_WIDTH = 12
_FILLS = {
    Finding.UNDER_BILLED: "#FBE9D9",
    Finding.OVER_BILLED: "#E3ECF7",
    Finding.NEW_REVENUE: "#E6F2E1",
    Finding.MATCH: "#FFFFFF",
}
_UNPROVEN_FILL = "#EFEFEF"
_TO_FILL_FILL = "#FFF9DB"
_HEADER_FILL = "#24435C"


def write_xlsx(
    rows: Iterable[Row], file: BinaryIO, *, has_totals: bool = False, is_long: bool = False
) -> None:
    """Write cards as a workbook.

    Args:
        rows: as `export_cards` takes them.
        file: where it goes.
        has_totals: sums per currency below the table.
        is_long: write row by row, so that memory does not grow with their number. Texts then
            stand in the cells themselves, where openpyxl leaves escapes such as _x0041_ alone.
    """
    import xlsxwriter  # noqa: PLC0415 - Dagster imports this module at every start

    options = {
        "constant_memory": is_long,
        "in_memory": not is_long,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet(SHEET)
        styles = _Styles(book)
        for column, name in enumerate(COLUMNS):
            sheet.set_column(column, column, _WIDTHS.get(name, _USUAL_WIDTH))
            sheet.write_string(0, column, name, styles.header)
        totals = Totals()
        number = 0
        for number, row in enumerate(rows, start=1):
            totals.add(row)
            for column, name in enumerate(COLUMNS):
                value = value_of(name, row)
                # Only what is to be filled in shows its colour while it is empty.
                if value is not None or name in TO_FILL:
                    _write(sheet, number, column, value, styles.of(name, row))
        if has_totals:
            _write_totals(sheet, number + 2, totals, styles)
        _furnish(sheet, last_row=max(number, 1))


@dataclass
class Totals:
    """Money of the rows, per currency: what is not invoiced and what is invoiced in excess."""

    under: dict[str, Decimal] = field(default_factory=dict)
    over: dict[str, Decimal] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Take a row in; one without a known amount adds nothing."""
        amount = row["amount_delta"]
        if amount:
            side = self.under if amount > 0 else self.over
            currency = str(row["currency"] or "")
            side[currency] = side.get(currency, Decimal(0)) + Decimal(amount)

    @property
    def rows(self) -> list[tuple[str, str, Decimal]]:
        """(what, currency, amount) for each row below the table."""
        found = []
        for currency in sorted({*self.under, *self.over}):
            for what, side in (("not invoiced", self.under), ("invoiced in excess", self.over)):
                if currency in side:
                    found.append((f"Total {what}", currency, side[currency]))
        return found


def _write_totals(sheet: Any, first: int, totals: Totals, styles: "_Styles") -> None:  # noqa: ANN401
    """Write sums below the table and outside its filter: they say nothing that could be decided."""
    names = list(COLUMNS)
    for number, (what, currency, amount) in enumerate(totals.rows, start=first):
        sheet.write_string(number, names.index("company_name"), what, styles.total)
        sheet.write_string(number, names.index("currency"), currency, styles.total)
        _write(sheet, number, names.index("amount_delta"), amount, styles.total)


def _write(
    sheet: Any,  # noqa: ANN401 - xlsxwriter's worksheet
    number: int,
    column: int,
    value: Decimal | str | None,
    style: object,
) -> None:
    if value is None:
        sheet.write_blank(number, column, None, style)
    elif isinstance(value, Decimal):
        # A spreadsheet's number is a double; one that doesn't fit is kept exactly, as text.
        if Decimal(repr(float(value))) == value:
            sheet.write_number(number, column, float(value), style)
        else:
            sheet.write_string(number, column, plain_number(value), style)
    else:
        sheet.write_string(number, column, value, style)


class _Styles:
    """The few formats of the sheet, made once."""

    def __init__(self, book: Any) -> None:  # noqa: ANN401 - xlsxwriter's workbook
        base = {"font_size": 10, "valign": "top"}
        fill = {"bg_color": _TO_FILL_FILL, "border": 1, "border_color": "#E5DCA8"}
        header = {"bold": True, "font_color": "#FFFFFF", "bg_color": _HEADER_FILL}
        money = {"num_format": "#,##0.00;[Red]-#,##0.00"}
        self.total = book.add_format(base | money | {"bold": True})
        self.header = book.add_format(base | header)
        self._kinds = {
            "id": book.add_format(base | {"num_format": "@", "font_color": "#808080"}),
            "text": book.add_format(base | {"num_format": "@"}),
            "quantity": book.add_format(base | {"num_format": "General"}),
            "money": book.add_format(base | money),
            "decision": book.add_format(base | fill | {"bold": True}),
            "target": book.add_format(base | fill | {"num_format": "General"}),
            # Text, so that a note may begin with = or -.
            "note": book.add_format(base | fill | {"num_format": "@"}),
        }
        self._findings = {
            str(finding): book.add_format(
                base | {"num_format": "@", "bg_color": _FILLS.get(finding, _UNPROVEN_FILL)}
            )
            for finding in Finding
        }

    def of(self, name: str, row: Row) -> object:
        if name == "finding":
            return self._findings[str(row["finding"])]
        return self._kinds[COLUMNS[name]]


def _furnish(sheet: Any, last_row: int) -> None:  # noqa: ANN401 - xlsxwriter's worksheet
    """Everything that only helps the person: filters, choices, print layout."""
    names = list(COLUMNS)
    decision, target = names.index("decision"), names.index("qty_target")
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, last_row, len(names) - 1)
    # Excel would offer to turn the ids into numbers, and lose digits.
    sheet.ignore_errors({"number_stored_as_text": f"A1:D{last_row + 1}"})
    # Typing over an id is refused; protecting the sheet would refuse sorting, too.
    sheet.data_validation(
        1,
        0,
        last_row,
        1,
        {
            "validate": "custom",
            "value": "=FALSE()",
            "error_title": "Leave the ids as they are",
            "error_message": "They tell which card the row is about, and which numbers you saw.",
        },
    )
    sheet.data_validation(
        1,
        decision,
        last_row,
        decision,
        {
            "validate": "list",
            "source": [str(word) for word in Decision],
            "input_title": "Decision",
            "input_message": "Leave empty what is not decided yet. All but approve and reconcile"
            " need a note.",
            "error_title": "Not a decision",
            "error_message": "Choose one of the list, or leave the cell empty.",
        },
    )
    sheet.data_validation(
        1,
        target,
        last_row,
        target,
        {
            "validate": "decimal",
            "criteria": "between",
            "minimum": 0,
            "maximum": MOST_UNITS,
            "input_title": "Units to invoice",
            "input_message": "Only with reconcile. Empty means the vendor's count.",
            "error_title": "Not a quantity",
            "error_message": f"Write a number between 0 and {MOST_UNITS:,}.",
        },
    )
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
