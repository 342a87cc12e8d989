"""Cove's JSON-RPC: how a question is written, how a long list goes on, what an answer holds.

One address takes every question by POST; each of those sent here only reads. Which questions are
asked, and what their answers count, is said in `cove` and in SQL.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reconcile_pipeline.http import Reply, Request
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import at, list_under
from reconcile_pipeline.systems.vendors.cove_login import (
    FORBIDDEN,
    OWN_PARTNER,
    is_about_the_visa,
)

PATH = "/jsonapi"
DEVICES = "EnumerateAccountStatistics"


class RecordNumber:
    """Pages that begin at a record number inside the question; ends at a page shorter than asked.

    A last page that is full costs one more call: the answer says nothing of the end.
    """

    is_by_place = True

    def __init__(self, size: int) -> None:
        """`size` is the number of records to ask for."""
        self._size = size
        self._read = 0

    def first(self, request: Request) -> Request:
        """Ask from the first record."""
        self._read = 0
        return self._from_here(request)

    def next(self, request: Request, reply: Reply, count: int) -> Request | None:  # noqa: ARG002
        """Go on after the records received."""
        self._read += count
        return None if count < self._size else self._from_here(request)

    def expected_pages(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Say nothing: no total is announced."""
        return None

    def _from_here(self, request: Request) -> Request:
        params = request.body["params"]
        query = {
            **params["query"],
            "StartRecordNumber": self._read,
            "RecordsCount": self._size,
        }
        return replace(request, body={**request.body, "params": {**params, "query": query}})


def ask(method: str, **params: Any) -> Request:  # noqa: ANN401 - JSON values
    """Build a question: a POST that only reads."""
    body = {"jsonrpc": "2.0", "id": "1", "method": method, "params": params}
    return Request(PATH, body=body, template=f"{PATH} {method}")


def ask_devices(columns: Sequence[str]) -> Request:
    """Ask for the statistics of every device below the login's partner, one row for each."""
    query = {
        "PartnerId": OWN_PARTNER,
        # Not PerInstallation: a device that was installed again would come twice.
        "SelectionMode": "Merged",
        "Filter": "",
        "OrderBy": "CD DESC",
        "Columns": list(columns),
    }
    return ask(DEVICES, query=query)


def result_rows(data: object) -> list[Record]:
    """Return the rows of an answer, which come two results deep; `shape` error if they don't."""
    return list_under("result")(at(data, "result"))


def stands_for(data: object) -> int:
    """Tell the status that an answer stands for: refusals come with 200."""
    error = at(data, "error")
    if error is None:
        return 200
    if at(error, "code") == FORBIDDEN:
        return 403
    return 401 if is_about_the_visa(error) else 400
