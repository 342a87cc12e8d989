"""`/export.xlsx` and `/export.csv`: the cards of the list's filter, all pages of it, to fill in.

Written row by row into a file without a name, which is gone when it is sent; columns and looks are
those of `reconcile export`.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO

from starlette.responses import Response, StreamingResponse

from reconcile_pipeline.review.decision_export import write_csv
from reconcile_pipeline.review.decision_sheets import write_xlsx
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.filters import Filter

PIECE = 256 * 1024
AT_ONCE = 5_000
LONG = 5_000
"""Cards from which a workbook is written row by row; below, it fits in a few megabytes."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
Write = Callable[[Iterable[Mapping[str, Any]], BinaryIO], None]


def workbook(call: Call) -> Response:
    """Send the cards as a workbook, with totals per currency."""
    totals = call.books.ask("review_totals", **Filter.of(call.query).parameters)
    is_long = sum(row["cards"] for row in totals) > LONG
    return _send(call, partial(write_xlsx, has_totals=True, is_long=is_long), "xlsx", XLSX)


def text(call: Call) -> Response:
    """Send the cards as CSV."""
    return _send(call, write_csv, "csv", CSV)


def _send(call: Call, write: Write, suffix: str, media_type: str) -> Response:
    # Whole before it is sent: a trouble half-way must not look like a short list.
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the last piece is sent
    try:
        write(_cards(call), file)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return StreamingResponse(
        _pieces(file),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="cards-{call.period}.{suffix}"',
            "Content-Length": str(size),
        },
    )


def _cards(call: Call) -> Iterator[Mapping[str, Any]]:
    """Every card of the filter in its order, a few thousand in memory at a time."""
    every = {**Filter.of(call.query).parameters, "limit": 2**31, "offset": 0}
    ids = [str(row["card_id"]) for row in call.books.ask("review_ids", **every)]
    for start in range(0, len(ids), AT_ONCE):
        yield from call.books.cards(ids[start : start + AT_ONCE])


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
