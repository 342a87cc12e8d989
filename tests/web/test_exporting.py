"""Exports of the list: every card of the filter, none else, in files that can come back."""

import asyncio
import csv
import io
import runpy
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reconcile_pipeline.review.cells import COLUMNS
from reconcile_pipeline.review.decision_files import read_decisions
from reconcile_pipeline.web.pages import exporting

BENCH = runpy.run_path(str(Path(__file__).parent / "files_bench.py"))
template, office = BENCH["template"], BENCH["office"]


def content_of(answer: Any) -> bytes:
    async def collect() -> bytes:
        return b"".join([piece async for piece in answer.body_iterator])

    content = asyncio.run(collect())
    assert int(answer.headers["content-length"]) == len(content)
    return content


def sheet_of(content: bytes) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(io.BytesIO(content))["Cards"].iter_rows(values_only=True))


def test_csv_holds_every_page_of_the_filter(office: Any) -> None:
    """The size of a page limits nothing, the filter does, and the list's order is kept."""
    answer = exporting.text(office.call("type=over_billed&size=50&page=1"))
    rows = list(csv.DictReader(io.StringIO(content_of(answer).decode("utf-8-sig"))))
    wanted = [row for row in office.cards() if row["finding"] == "over_billed"]
    by_money = sorted(wanted, key=lambda row: -abs(row["amount_delta"]))
    assert [float(row["amount_delta"]) for row in rows] == [
        float(row["amount_delta"]) for row in by_money
    ]
    assert list(rows[0]) == list(COLUMNS)


def test_the_file_is_named_after_the_month_only(office: Any) -> None:
    """No customer gets into the name of the file, whatever was searched for."""
    answer = exporting.text(office.call("q=acme&customer=10"))
    content_of(answer)
    assert answer.headers["content-disposition"] == 'attachment; filename="cards-2026-11.csv"'


def test_a_workbook_ends_in_totals_per_currency(office: Any) -> None:
    """Below an empty row stand the sums that the list shows; the filter leaves them out."""
    content = content_of(exporting.workbook(office.call("status=all")))
    _header, *rows = sheet_of(content)
    cards, empty, under, over = rows[:-3], rows[-3], rows[-2], rows[-1]
    assert len(cards) == len(office.cards())
    assert not any(empty)
    amounts = [row["amount_delta"] or 0 for row in office.cards()]
    place = list(COLUMNS).index("amount_delta")
    assert under[3:4] + under[10:12] == (
        "Total not invoiced",
        "USD",
        sum(each for each in amounts if each > 0),
    )
    assert (over[3], over[place]) == (
        "Total invoiced in excess",
        sum(each for each in amounts if each < 0),
    )
    sheet = openpyxl.load_workbook(io.BytesIO(content))["Cards"]
    assert sheet.auto_filter.ref == f"A1:Q{len(cards) + 1}"


def test_ids_refuse_to_be_typed_over(office: Any) -> None:
    """The id columns carry a rule that takes no other value, for every row."""
    content = content_of(exporting.workbook(office.call("status=all")))
    sheet = openpyxl.load_workbook(io.BytesIO(content))["Cards"]
    rules = {str(each.sqref): each for each in sheet.data_validations.dataValidation}
    assert rules[f"A2:B{len(office.cards()) + 1}"].formula1 == "FALSE()"


def test_a_long_workbook_says_the_same(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written row by row, every cell and the totals are those of a short one."""
    short = sheet_of(content_of(exporting.workbook(office.call("status=all"))))
    monkeypatch.setattr(exporting, "LONG", 1)
    assert sheet_of(content_of(exporting.workbook(office.call("status=all")))) == short


@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
def test_an_untouched_export_decides_nothing(office: Any, suffix: str, tmp_path: Path) -> None:
    """What was exported and not filled in comes back as no decision, totals and all."""
    show = exporting.workbook if suffix == "xlsx" else exporting.text
    path = tmp_path / f"cards.{suffix}"
    path.write_bytes(content_of(show(office.call("status=all"))))
    assert read_decisions(path, "ann") == []


def test_nothing_found_is_a_header(office: Any) -> None:
    """A filter that finds nothing exports a header without totals."""
    assert len(sheet_of(content_of(exporting.workbook(office.call("q=nobody"))))) == 1
