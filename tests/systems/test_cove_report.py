"""Cove's Maximum Value report: a workbook becomes rows of texts, or is refused."""

import io
import json
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pytest

from reconcile_pipeline.http import StrictJsonError
from reconcile_pipeline.systems.vendors import cove_report
from reconcile_pipeline.systems.vendors.cove_report import read_report

HEADER = ["CustomerId", "DeviceId", "OsType", "UsedStorageGb", "CreationDate", None]


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_rows_are_texts_below_the_header() -> None:
    """A title above and a sum below are no devices; numbers keep their digits, dates are ISO."""
    day = date(2026, 11, 3)
    content = workbook(
        ["Maximum Value report"],
        HEADER,
        [2000101, 990001, "Server", 175.25, day, "stray"],
        ["2000102", "990002", " ", 175.0, None, None],
        ["Total", None, None, 350.25, None, None],
    )
    text, rows = read_report(content, 64)
    assert json.loads(text) == rows
    assert rows == [
        {
            "id": "2000101/990001",
            "CustomerId": "2000101",
            "DeviceId": "990001",
            "OsType": "Server",
            "UsedStorageGb": "175.25",
            "CreationDate": "2026-11-03T00:00:00",
        },
        {
            "id": "2000102/990002",
            "CustomerId": "2000102",
            "DeviceId": "990002",
            "OsType": None,
            "UsedStorageGb": "175",
            "CreationDate": None,
        },
    ]


def test_a_device_that_moved_has_two_rows_with_ids_of_their_own() -> None:
    """One per customer: neither contradicts the other."""
    rows = read_report(workbook(HEADER, [1, 9], [2, 9]), 64)[1]
    assert [row["id"] for row in rows] == ["1/9", "2/9"]


@pytest.mark.parametrize(
    "content",
    [b"", b'{"error": 1}', b"<html>", workbook(["Nothing", "here"]), workbook(HEADER)[:99]],
    # A workbook holds the instant it was made: as a name of a test it would differ by process.
    ids=["empty", "error", "page", "other sheet", "half a file"],
)
def test_what_is_no_such_workbook_is_refused(content: bytes) -> None:
    """An error page, half a file or another sheet never passes as a month without devices."""
    with pytest.raises(StrictJsonError):
        read_report(content, 64)


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file can hold gigabytes: its size is looked at before it is opened."""
    monkeypatch.setattr(cove_report, "_MOST_UNPACKED_BYTES", 1000)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", bytes(1001))
    with pytest.raises(StrictJsonError, match="too large"):
        read_report(content.getvalue(), 64)
