"""The preview of an import file: what a pull would make of it, and nothing stored."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reconcile_pipeline.cli.previewing import preview, write_report
from reconcile_pipeline.ledger.mappings import Mapping
from reconcile_pipeline.model import PipelineError

ON = date(2026, 11, 22)
TEXT = """customer,product,qty,status
Acme,EDR,42,active
Globex,EDR,,active
Initech,Storage,1.25,active
Old,EDR,3,gone
"""
ACME = Mapping(
    kind="account",
    system="our_csv",
    item_id="Acme",
    item_name="Acme",
    target_id="1",
    target_name="Acme",
    state="mapped",
    method="manual",
    decided_by="dana",
    decided_at=datetime(2026, 11, 1, tzinfo=UTC),
)


def show(account: Any, path: Path) -> tuple[str, Any]:
    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        report = preview(console, account, path, ON, [ACME])
    return " ".join(capture.get().split()), report


def test_every_row_is_accounted_for(make_account: Any, tmp_path: Path) -> None:
    """Matched columns, units by service, the rows left out with reasons, and what is unmapped."""
    path = tmp_path / "november.csv"
    path.write_text(TEXT, encoding="utf-8")
    told, report = show(make_account("csv", counted_statuses=["active"]), path)
    assert "the header is in line 1" in told
    assert "quantity is column 3" in told
    assert "4 rows: 2 counted, 1 rejected, 1 ignored." in told
    assert "EDR 1 42 Storage 1 1.25" in told
    assert "Rejected: line 3: quantity is missing" in told
    assert "Ignored: line 5: status 'gone'" in told
    assert "1 customers nobody mapped yet: Initech." in told
    assert "A pull would refuse this file: 1 rows can't be used." in told
    write_report(tmp_path / "rows.csv", report)
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig") as file:
        outcomes = [(row["line"], row["outcome"]) for row in csv.DictReader(file)]
    assert outcomes == [("2", "counted"), ("3", "rejected"), ("4", "counted"), ("5", "ignored")]
    assert {entry.name for entry in tmp_path.iterdir()} == {"november.csv", "rows.csv"}


def test_a_good_file_would_be_taken(make_account: Any, tmp_path: Path) -> None:
    """And the preview says so."""
    path = tmp_path / "november.csv"
    path.write_text("customer,product,qty\nAcme,EDR,0\n", encoding="utf-8")
    told, _ = show(make_account("csv"), path)
    assert "A pull would take this file. Nothing was stored now." in told


def test_only_files_have_a_preview(make_account: Any, tmp_path: Path) -> None:
    """For another kind of system the sentence says what to name."""
    with pytest.raises(PipelineError, match="is Pax8, not a file"):
        show(make_account("pax8"), tmp_path / "x")
