"""Exported, filled in, handed in: which cards a file holds, and what becomes of its rows."""

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reconcile_pipeline.ledger.decisions import read_decisions as recorded
from reconcile_pipeline.ledger.decisions import withdraw_decision
from reconcile_pipeline.model import ChangeState, Decision, PipelineError
from reconcile_pipeline.review.decision_files import export_cards, read_decisions
from reconcile_pipeline.review.reading import read_open_cards

Rows = dict[str, tuple[str, str, str]]
"""Decision, target and note by card id."""


def export(desk: Any, path: Path) -> list[str]:
    """Fill the tables, write the file, and return the companies in it, in their order."""
    desk.build("2026-11", "recon.discrepancies")
    desk.fill()
    rows = read_open_cards(desk.connection, "2026-11")
    export_cards(rows, path)
    return [row["company_id"] for row in rows]


def fill_csv(path: Path, rows: Rows) -> None:
    text = io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
    header, *records = csv.reader(text)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    for record in records:
        said = rows.get(record[0].removeprefix("'"))
        writer.writerow([*record[:-3], *said] if said else record)
    path.write_text(out.getvalue(), encoding="utf-8", newline="")


def fill_xlsx(path: Path, rows: Rows) -> None:
    book = openpyxl.load_workbook(path)
    sheet = book["Cards"]
    for number in range(2, sheet.max_row + 1):
        said = rows.get(sheet.cell(number, 1).value)
        for column, value in enumerate(said or (), start=15):
            sheet.cell(number, column).value = value or None
    book.save(path)


FILLERS = {".csv": fill_csv, ".xlsx": fill_xlsx}


@pytest.fixture
def five(desk: Any) -> Any:
    """Five differences, the dearest first: c9 down to c5; and one card without any."""
    desk.open()
    for used in (9, 8, 7, 6):
        desk.customer(f"c{used}", 5, used)
    desk.customer("c5", 5, 5)
    desk.customer("new", None, 1)
    desk.cards()
    return desk


def test_only_cards_that_wait_for_a_decision_are_exported(five: Any, tmp_path: Path) -> None:
    """Decided, quiet and applied cards are gone from the next file; open ones stay in it."""
    path = tmp_path / "cards.csv"
    assert export(five, path) == ["c9", "c8", "c7", "c6", "new"]
    cards = five.cards()
    note = {"note": "asked"}
    five.decide(
        five.wanted(cards["c9"]),
        five.wanted(cards["c8"], Decision.NO_CHANGE, **note),
        five.wanted(cards["new"], Decision.DISMISS, **note),
    )
    assert export(five, path) == ["c7", "c6"]
    five.write(*five.changes())
    assert export(five, path) == ["c7", "c6"]


def test_a_reopened_card_is_exported_again(five: Any, tmp_path: Path) -> None:
    """A card whose numbers moved, and one whose decision was taken back, wait for people again."""
    path = tmp_path / "cards.csv"
    cards = five.cards()
    note = {"note": "asked"}
    five.decide(five.wanted(cards["c9"], Decision.NO_CHANGE, **note))
    (second,) = five.decide(five.wanted(cards["c8"])).new
    assert export(five, path) == ["c7", "c6", "new"]
    five.use("ac9", 12)
    withdraw_decision(five.ledger, second, reason="mistake", stamp=five.stamp())
    assert export(five, path) == ["c9", "c8", "c7", "c6", "new"]


def test_what_somebody_has_to_look_at_is_no_decision_to_make(five: Any, tmp_path: Path) -> None:
    """A change that was refused is not asked for once more in a file."""
    five.decide(five.wanted(five.cards()["c9"]))
    five.write(*five.changes(), ChangeState.REJECTED)
    assert "c9" not in export(five, tmp_path / "cards.csv")


@pytest.mark.parametrize("suffix", FILLERS)
def test_a_filled_in_export_is_recorded_as_it_says(five: Any, tmp_path: Path, suffix: str) -> None:
    """Each filled row becomes its decision with the line changes; the rest waits in the next."""
    path = tmp_path / f"cards{suffix}"
    export(five, path)
    cards = five.cards()
    said = {
        cards["c9"]["card_id"]: ("reconcile", "", ""),
        cards["c8"]["card_id"]: ("Reconcile", "6", "as agreed"),
        cards["c7"]["card_id"]: ("no change", "", "the owner's laptop"),
    }
    FILLERS[suffix](path, said)
    wanted = read_decisions(path, "Ann Lee")
    taken = five.decide(*wanted)
    assert len(taken.new) == 3
    found = {item.basis.company_id: item for item in recorded(five.ledger)}
    assert {name: (str(item.decision), item.qty_target) for name, item in found.items()} == {
        "c9": ("reconcile", 9),
        "c8": ("reconcile", 6),
        "c7": ("no_change", None),
    }
    assert {item.reviewer for item in found.values()} == {"Ann Lee"}
    assert found["c7"].note == "the owner's laptop"
    assert {each.line_id: each.qty_to for each in five.changes()} == {"lc9": 9, "lc8": 6}
    assert five.decide(*read_decisions(path, "Ann Lee")).repeated == taken.new
    assert export(five, path) == ["c6", "new"]


def test_a_file_from_before_the_pull_is_refused_whole(five: Any, tmp_path: Path) -> None:
    """One stale row keeps the good ones out, and both of its numbers stand in the refusal."""
    path = tmp_path / "cards.csv"
    export(five, path)
    cards = five.cards()
    fill_csv(path, {cards[name]["card_id"]: ("reconcile", "", "") for name in ("c9", "c8")})
    five.use("ac8", 11)
    five.build()
    with pytest.raises(PipelineError) as caught:
        five.decide(*read_decisions(path, "Ann"))
    assert "1 of 2 decisions can't be taken, so none was recorded" in caught.value.message
    assert "cards.csv, line 3: Company c8, Product pc8 has changed" in caught.value.message
    assert "used 8 → 11" in caught.value.message
    assert recorded(five.ledger) == []
