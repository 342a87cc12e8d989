"""What became, or would become, of each decision of a preview, for a page and for a CSV."""

import csv
import io
from collections.abc import Iterator

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.reconciling.cards import number
from reconcile_pipeline.review.cells import guard
from reconcile_pipeline.review.foresight import Foreseen, Outcome
from reconcile_pipeline.web import words
from reconcile_pipeline.web.previews import Preview

MOST_SHOWN = 250
"""Rows of a table on the page; all of them are in the CSV."""
COLUMNS = (
    *("place", "card_id", "company_name", "service_name", "decision", "qty_before", "qty_after"),
    *("currency", "money_moved", "result", "reason", "next_step"),
)
Row = dict[str, str]
_NUMBERS = ("qty_before", "qty_after", "money_moved")


def csv_of(preview: Preview) -> bytes:
    """Every card of the preview with what became of it; text that a spreadsheet won't run."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in _rows(preview):
        writer.writerow({name: row[name] if name in _NUMBERS else guard(row[name]) for name in row})
    # The mark: without it, Excel reads UTF-8 as the machine's old code page.
    return text.getvalue().encode("utf-8-sig")


def shown(preview: Preview) -> list[Row]:
    """What fits on the page, refusals first; before the confirmation only they, or a file's."""
    is_all = bool(preview.file) or preview.result is not None
    found = [row for row in _rows(preview) if is_all or row["reason"]]
    return sorted(found, key=lambda row: not row["reason"])[:MOST_SHOWN]


def _rows(preview: Preview) -> Iterator[Row]:
    """Each card, and each row that was not understood, in words and plain numbers."""
    for unread in preview.unread:
        empty = dict.fromkeys(COLUMNS, "")
        yield empty | {"place": unread.place, "result": "Not understood", "reason": unread.why}
    for item in preview.rows:
        result, error = _became(preview, item)
        yield {
            "place": item.wanted.row.rpartition(", ")[2],
            "card_id": item.wanted.card_id,
            "company_name": item.company_name,
            "service_name": item.service_name,
            "decision": str(item.wanted.decision),
            "qty_before": number(item.qty_before),
            "qty_after": number(item.qty_after),
            "currency": item.currency or "",
            "money_moved": number(item.money_moved),
            "result": result,
            "reason": error.message if error else "",
            "next_step": error.next_step if error else "",
        }


def _became(preview: Preview, item: Foreseen) -> tuple[str, PipelineError | None]:
    """The result in words, and why it was refused."""
    result = preview.result
    if result is None or not item.outcome.is_recorded:
        return words.OUTCOMES[item.outcome], item.error
    late = result.refused.get(item.wanted.card_id)
    if late is not None:
        return "Not taken: changed or decided since the preview", late
    if item.wanted.card_id in result.again:
        return words.OUTCOMES[Outcome.AGAIN], None
    return words.OUTCOMES[item.outcome], None
