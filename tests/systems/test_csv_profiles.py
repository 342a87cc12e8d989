"""What an import profile says of a file: statuses, days, months; and how a file may change."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.systems.vendors import csv_paths
from reconcile_pipeline.systems.vendors.csv_files import read

ON = date(2026, 11, 22)


def put(folder: Path, text: str) -> Path:
    path = folder / "imports" / "backup.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def documents(account: Any) -> dict[str, list[dict[str, Any]]]:
    return {document.stream: document.records for document in read(account, ON)}


def test_only_counted_statuses_count(make_account: Any, tmp_path: Path) -> None:
    """Rows of another status, or of none, are left out by line and status, whatever the case."""
    put(
        tmp_path,
        "customer,product,qty,status\nA,EDR,1,Active\nB,EDR,2,cancelled\nC,EDR,3,\nD,EDR,4,ACTIVE\n",
    )
    found = documents(make_account("csv", counted_statuses=["active"]))
    assert [row["quantity"] for row in found["rows"]] == ["1", "4"]
    assert found["ignored"] == [
        {"row_no": 3, "reason": "status 'cancelled'"},
        {"row_no": 4, "reason": "status None"},
    ]
    assert len(documents(make_account("csv"))["rows"]) == 4


@pytest.mark.parametrize(
    ("style", "written"),
    [("iso", "2026-11-03"), ("dmy", "03.11.2026"), ("dmy", "3/11/2026"), ("mdy", "11/3/2026")],
)
@pytest.mark.fault(54)
def test_days_are_read_as_the_profile_says(
    make_account: Any, tmp_path: Path, style: str, written: str
) -> None:
    """3 November, however it is written."""
    put(tmp_path, f"customer,product,qty,period_start\nA,EDR,1,{written}\n")
    (row,) = documents(make_account("csv", dates=style))["rows"]
    assert row["period_start"] == "2026-11-03"


@pytest.mark.parametrize("written", ["31.11.2026", "2026/11", "yesterday", "11/13/26"])
@pytest.mark.fault(54)
def test_a_day_that_is_none_is_refused(make_account: Any, tmp_path: Path, written: str) -> None:
    """With the line, and how the profile says days are written."""
    put(tmp_path, f"customer,product,qty,period_start\nA,EDR,1,{written}\n")
    with pytest.raises(PipelineError, match='is not a day written like as dates = "dmy" says'):
        read(make_account("csv", dates="dmy"), ON)


@pytest.mark.parametrize("written", ["2026-11", "2026/11", "11/2026", "2026-11-30"])
@pytest.mark.fault(99)
def test_a_month_column_is_held_against_the_pull(
    make_account: Any, tmp_path: Path, written: str
) -> None:
    """A file that says its month is used for that month only."""
    put(tmp_path, f"customer,product,qty,month\nA,EDR,1,{written}\n")
    assert len(documents(make_account("csv"))["rows"]) == 1
    with pytest.raises(PipelineError, match=r"is for 2026-11 \(line 2\), and 2026-12 is"):
        read(make_account("csv"), date(2026, 12, 2))


@pytest.mark.fault(99)
def test_a_file_replaced_while_it_is_read_is_not_used(
    make_account: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one export and half of the next would be neither."""
    path = put(tmp_path, "customer,product,qty\nA,EDR,1\n")
    right = csv_paths.os.fstat

    def and_replaced(number: int) -> Any:
        seen = right(number)
        path.with_suffix(".new").write_text("customer,product,qty\nA,EDR,2\n", encoding="utf-8")
        path.with_suffix(".new").replace(path)
        return seen

    monkeypatch.setattr(csv_paths.os, "fstat", and_replaced)
    with pytest.raises(PipelineError, match="was replaced while it was being read"):
        read(make_account("csv"), ON)
