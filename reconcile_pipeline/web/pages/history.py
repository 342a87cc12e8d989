"""`/history`: what people and rules said and what we did, newest first; filters, proof, export.

The filter is the address. The chain is checked when somebody presses the button, never by looking.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from reconcile_pipeline.ledger.trail import Asked, count_entries, every_entry, read_entries
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.review.cells import guard
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.pages.history_words import ACTIONS, Line, line_of
from reconcile_pipeline.web.render import moved_on, page

SIZE = 100
LONGEST, MOST_PAGES = 200, 10**6
COLUMNS = ("entry", "at", "by", "through", "what", "before", "after", "customer", "service")
MORE_COLUMNS = ("period", "card_id", "note")


def show(call: Call) -> Response:
    """Show one page of the filtered list."""
    asked = _asked(call)
    found = count_entries(call.desk.site.ledger, asked)
    last = max(1, -(-found // SIZE))
    number = min(_page(call), last)
    entries = read_entries(call.desk.site.ledger, asked, limit=SIZE, offset=(number - 1) * SIZE)
    return page(
        call,
        "history.html",
        asked=asked,
        query=_query(asked),
        lines=[line_of(entry) for entry in entries],
        found=found,
        number=number,
        last_page=last,
        actions=ACTIONS,
        proof=call.desk.proof.latest,
        newest=call.desk.site.ledger.head()[0],
    )


def check(call: Call) -> Response:
    """Check the chain and go back to the list."""
    call.desk.proof.check(call.desk.site.ledger, by=call.user.name, at=call.desk.now())
    query = _query(_asked(call))
    return moved_on(f"/history{'?' if query else ''}{query}")


def export(call: Call) -> Response:
    """Hand out the filtered list as CSV, safe to open in a spreadsheet."""
    asked = _asked(call)
    return StreamingResponse(
        _csv(call, asked),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="history.csv"'},
    )


def _csv(call: Call, asked: Asked) -> Iterator[str]:
    # The mark tells spreadsheets that this is UTF-8.
    yield "\ufeff" + _row([*COLUMNS, *MORE_COLUMNS])
    for entry in every_entry(call.desk.site.ledger, asked):
        yield _row(_cells(line_of(entry)))


def _cells(line: Line) -> list[str]:
    entry = line.entry
    said = (entry.by, entry.origin, line.what, line.before, line.after, line.customer, line.service)
    texts = (*said, line.period, line.card_id, line.note)
    return [str(entry.seq), entry.at.isoformat(), *(guard(text) for text in texts)]


def _row(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _asked(call: Call) -> Asked:
    action = _text(call, "action")
    if action and action not in ACTIONS:
        raise PipelineError(
            f"{action[:40]!r} is no kind of entry.",
            next_step=f"Use one of: {', '.join(ACTIONS)}.",
            category=Category.INPUT,
        )
    return Asked(
        who=_text(call, "who"),
        since=_day(call, "from"),
        until=_day(call, "to"),
        customer=_text(call, "customer"),
        action=action,
    )


def _query(asked: Asked) -> str:
    said = {
        "who": asked.who,
        "from": asked.since.isoformat() if asked.since else "",
        "to": asked.until.isoformat() if asked.until else "",
        "customer": asked.customer,
        "action": asked.action,
    }
    return urlencode({name: value for name, value in said.items() if value})


def _text(call: Call, name: str) -> str:
    return str(call.query.get(name) or "").strip()[:LONGEST]


def _day(call: Call, name: str) -> date | None:
    text = _text(call, name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise PipelineError(
            f"“{text[:40]}” is no date.",
            next_step="Enter it as YYYY-MM-DD.",
            category=Category.INPUT,
        ) from error


def _page(call: Call) -> int:
    text = _text(call, "page") or "1"
    if text.isascii() and text.isdigit() and 1 <= int(text[:8]) <= MOST_PAGES:
        return int(text[:8])
    raise PipelineError(
        f"{text[:40]!r} is no page.",
        next_step="Use a whole number from 1.",
        category=Category.INPUT,
    )
