"""Filled-in decision files: what is read from them, and how wrong ones are refused."""

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.cards import Seen, Wanted
from reconcile_pipeline.review.decision_files import export_cards, read_decisions

ID, OTHER, VERSION = "00112233445566aa", "ffffffffffffffff", "0123456789ab"
HEADER = "card_id,card_version,decision,qty_target,note"


def read(path: Path) -> list[Wanted]:
    return read_decisions(path, " Ann ")


def refusal(path: Path) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        read(path)
    error = caught.value
    assert error.category is Category.INPUT
    assert path.name in error.message
    assert error.next_step.endswith(".")
    return error


def text_file(folder: Path, *rows: str, header: str = HEADER, name: str = "june.csv") -> Path:
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in (header, *rows)), encoding="utf-8", newline="")
    return path


def wanted(decision: Decision = Decision.RECONCILE, **fields: Any) -> Wanted:
    usual: dict[str, Any] = {
        "card_id": ID,
        "card_version": VERSION,
        "decision": decision,
        "qty_target": None,
        "reviewer": "Ann",
        "note": None,
        "row": "june.csv, line 2",
    }
    return Wanted(**(usual | fields))


def exported(folder: Path, name: str, **fields: Any) -> Path:
    row = {
        "card_id": ID,
        "card_version": VERSION,
        "period": "2026-11",
        "company_name": "Acme",
        "service_name": "Backup",
        "finding": "under_billed",
        "qty_psa": None,
        "qty_vendor": Decimal("12.5000"),
        "qty_delta": None,
        "unit_price": None,
        "currency": None,
        "amount_delta": Decimal("-1.5"),
        "reason": "r",
        "next_step": "n",
    }
    export_cards([row | fields], folder / name)
    return folder / name


def fill_csv(path: Path) -> None:
    text = path.read_bytes().decode("utf-8-sig")
    assert text.endswith(",,,\r\n")
    path.write_text(
        text.removesuffix(",,,\r\n") + ",Reconcile,11,'=why\r\n", encoding="utf-8", newline=""
    )


def fill_xlsx(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    sheet = book["Cards"]
    sheet["O2"], sheet["P2"] = "Reconcile", 11
    sheet["Q2"].value, sheet["Q2"].data_type = "=why", "s"
    book.save(path)


FILLERS: dict[str, Callable[[Path], None]] = {"june.csv": fill_csv, "june.xlsx": fill_xlsx}


@pytest.mark.parametrize("name", FILLERS)
def test_an_export_filled_in_comes_back(name: str, tmp_path: Path) -> None:
    """An export is no decision; filled in, it gives the decision and what the reviewer saw."""
    path = exported(tmp_path, name, company_name="=Acme", card_version="000000012345")
    assert read(path) == []
    FILLERS[name](path)
    (got,) = read(path)
    assert got == wanted(
        card_version="000000012345",
        qty_target=Decimal(11),
        note="=why",
        row=got.row,
        seen=Seen(None, Decimal("12.5"), "=Acme", "Backup"),
    )
    assert got.row in ("june.csv, line 2", "june.xlsx, row 2")


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(sorted(FILLERS)),
    company=names.filter(lambda text: text.isprintable() and text.strip() == text),
    version=st.text("0123456789abcdef", min_size=12, max_size=12),
    qty=st.decimals(0, 10**9, places=4),
)
def test_every_card_survives_the_round_trip(
    kind: str, company: str, version: str, qty: Decimal, tmp_path: Path
) -> None:
    """Names, ids that look like numbers, and quantities come back exactly from both files."""
    path = exported(tmp_path, kind, company_name=company, card_version=version, qty_psa=qty)
    FILLERS[kind](path)
    (got,) = read(path)
    assert got.card_version == version
    assert got.seen is not None
    assert got.seen.qty_psa == qty
    assert got.seen.company_name in (company, company.removeprefix("'"))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"{ID},{VERSION},reconcile,,", wanted()),
        (f"{ID},{VERSION},RECONCILE, 12.0 ,", wanted(qty_target=Decimal(12))),
        (f"{ID},{VERSION},No change,,paid", wanted(Decision.NO_CHANGE, note="paid")),
        (f"{ID},{VERSION}, no_CHANGE ,,paid", wanted(Decision.NO_CHANGE, note="paid")),
        (f"'{ID.upper()},{VERSION},approve,,", None),
        (f"{ID.upper()},{VERSION},approve,,", wanted(Decision.APPROVE)),
        (f'{ID},{VERSION},dismiss,,"a, b\nc"', wanted(Decision.DISMISS, note="a, b\nc")),
        (f"{ID},{VERSION},reconcile", wanted()),
        (f"{ID},{VERSION},reconcile,,,,", wanted()),
    ],
)
@pytest.mark.fault(79)
def test_rows_are_read_as_people_write_them(
    row: str, expected: Wanted | None, tmp_path: Path
) -> None:
    """Case and spaces of words don't matter; numbers may have zeros; trailing cells may lack."""
    path = text_file(tmp_path, row)
    if expected is None:
        refusal(path)
    else:
        assert read(path) == [expected]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("note,decision,card_version,card_id,qty_target", f"x,dismiss,{VERSION},{ID},"),
        ("Mine,Card ID,card_version,DECISION,qty_target,note", f"?,{ID},{VERSION},dismiss,,x"),
        ("card_id;card_version;decision;qty_target;note", f"{ID};{VERSION};dismiss;;x"),
        ("\ufeff" + HEADER, f"{ID},{VERSION},dismiss,,x"),
        ("\n,,\n" + HEADER, f"{ID},{VERSION},dismiss,,x"),
        (HEADER + ",,", f"{ID},{VERSION},dismiss,,x,ignored,"),
    ],
)
@pytest.mark.fault(79)
def test_headers_may_be_reordered_and_extended(header: str, row: str, tmp_path: Path) -> None:
    """Columns are found by name, with comma or semicolon, mark or none, others beside them."""
    (got,) = read(text_file(tmp_path, row, header=header))
    assert (got.card_id, got.decision, got.note) == (ID, Decision.DISMISS, "x")


@pytest.mark.fault(79)
def test_blank_and_undecided_rows_are_skipped(tmp_path: Path) -> None:
    """Only rows with a decision count; their line numbers stay those of the file."""
    rows = ["", ",,,,", f"{OTHER},{VERSION},,,still thinking", f"{ID},{VERSION},reconcile,,"]
    assert read(text_file(tmp_path, *rows)) == [wanted(row="june.csv, line 5")]


@pytest.mark.fault(79)
def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    """Identical duplicates collapse, also when a number is written differently."""
    rows = [f"{ID},{VERSION},reconcile,12,", f"{ID},{VERSION},Reconcile,12.0,"]
    assert read(text_file(tmp_path, *rows)) == [wanted(qty_target=Decimal(12))]


@pytest.mark.parametrize(
    "other",
    [
        f"{ID},{VERSION},reconcile,13,",
        f"{ID},{VERSION},dismiss,,x",
        f"{ID},ffffffffffff,reconcile,12,",
        f"{ID},{VERSION},reconcile,12,x",
    ],
)
@pytest.mark.fault(79)
def test_two_rows_that_disagree_are_both_named(other: str, tmp_path: Path) -> None:
    """No row silently wins over another one on the same card."""
    error = refusal(text_file(tmp_path, f"{ID},{VERSION},reconcile,12,", other))
    assert "line 3 decides card" in error.message
    assert "differently than line 2" in error.message


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"1.2E+15,{VERSION},dismiss,,x", "turned into a number or date (“1.2E+15”)"),
        (f"112233445566,{VERSION},dismiss,,x", "turned into a number"),
        (f"{ID},1.23457E+11,dismiss,,x", "card_version that the spreadsheet turned"),
        (f"{ID},12345678901,dismiss,,x", "card_version that the spreadsheet turned"),
        (f"{ID},,dismiss,,x", "has no card_version"),
        (f",{VERSION},dismiss,,x", "has no card_id"),
        (f"{ID}0,{VERSION},dismiss,,x", "not one of 16 digits"),
        (f"=A1,{VERSION},dismiss,,x", "not one of 16 digits"),
        (f"{ID},{VERSION},yes,,x", "the decision “yes”; write one of approve, reconcile"),
        (f"{ID},{VERSION},#REF!,,x", "the decision “#REF!”"),
        (f'{ID},{VERSION},reconcile,"1,234",', "the qty_target “1,234”; write a plain number"),
        (f'{ID},{VERSION},reconcile,"12,5",', "a decimal comma"),
        (f"{ID},{VERSION},reconcile,12 units,", "the qty_target “12 units”"),
        (f"{ID},{VERSION},reconcile,1e3,", "the qty_target “1e3”"),
        (f"{ID},{VERSION},reconcile,NaN,", "the qty_target “NaN”"),
        (f"{ID},{VERSION},reconcile,١٢,", "the qty_target"),
        (f"{ID},{VERSION},reconcile,{'9' * 40},", "the qty_target"),
        (f"{ID},{VERSION},,12,", "a qty_target but no decision"),
        (f"{ID},{VERSION},dismiss,,a,b", "more cells than the header"),
    ],
)
@pytest.mark.fault(79)
def test_a_wrong_row_is_named_with_what_is_wrong(row: str, said: str, tmp_path: Path) -> None:
    """Mangled ids, unknown words and odd numbers are refused, never guessed."""
    error = refusal(text_file(tmp_path, f"{OTHER},{VERSION},reconcile,,", row))
    assert "line 3 " in error.message
    assert said in error.message


def test_all_wrong_rows_are_told_at_once(tmp_path: Path) -> None:
    """Ten wrong rows are listed, the rest counted, and good rows are not taken either."""
    rows = [f"{ID},{VERSION},reconcile,,"] + [f"{OTHER},{VERSION},maybe,,"] * 13
    error = refusal(text_file(tmp_path, *rows))
    assert "13 rows" in error.message
    assert error.message.count("\n- line ") == 10
    assert "- and 3 more" in error.message


def test_seen_numbers_are_read_in_either_notation(tmp_path: Path) -> None:
    """A spreadsheet may have saved 12.5 as 12,5; what can't be read is refused."""
    header = "card_id;card_version;qty_psa;qty_vendor;decision;qty_target;note"
    path = text_file(tmp_path, f"{ID};{VERSION};12,5;;reconcile;;", header=header)
    assert read(path)[0].seen == Seen(Decimal("12.5"), None)
    path = text_file(tmp_path, f"{ID};{VERSION};#####;;reconcile;;", header=header)
    assert "“#####” in qty_psa" in refusal(path).message


CONTENTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "does not begin with a header"),
    "no header": (f"{ID},{VERSION},dismiss,,x\n".encode(), "does not begin with a header"),
    "lacking": (b"card_id,card_version,decision,quantity\n", "lacks qty_target, note"),
    "twice": (f"{HEADER},Decision\n".encode(), "two columns called decision"),
    "tabs": (HEADER.replace(",", "\t").encode(), "does not begin with a header"),
    "utf-16": (HEADER.encode("utf-16"), "not UTF-8"),
    "cp1252": (f"{HEADER}\n{ID},{VERSION},dismiss,,caf\xe9\n".encode("cp1252"), "not UTF-8"),
    "nul": (f"{HEADER}\n{ID},\0\n".encode(), "NUL"),
    "open quote": (f'{HEADER}\n{ID},{VERSION},dismiss,,"x\n'.encode(), "broken at line"),
    "cut": (f"{HEADER}\n{ID},{VERSION},reconcile,1".encode(), "line 2 breaks off"),
    "zip": (b"PK\x03\x04", "is a workbook"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "encrypted or in an old Excel format"),
    "too large": (b"x" * (10 * 2**20 + 1), "larger than 10 MB"),
    "too long": (f"{HEADER}\n".encode() + b"x,,,,\n" * 200_001, "more than 200,000 rows"),
}


@pytest.mark.parametrize("case", CONTENTS)
@pytest.mark.fault(79)
def test_an_unusable_csv_file_is_refused(case: str, tmp_path: Path) -> None:
    """Damaged, cut, foreign and oversized text ends in one sentence."""
    content, said = CONTENTS[case]
    path = tmp_path / "june.csv"
    path.write_bytes(content)
    assert said in refusal(path).message


def test_a_file_without_last_line_end_is_whole(tmp_path: Path) -> None:
    """Editors may leave out the last line end; a row with all its cells is not cut."""
    path = tmp_path / "june.csv"
    path.write_text(f"{HEADER}\n{ID},{VERSION},reconcile,12,")
    assert read(path) == [wanted(qty_target=Decimal(12))]


@pytest.mark.parametrize("name", ["june.xlsm", "june.xls", "june.txt", "june"])
@pytest.mark.fault(98)
def test_other_kinds_of_file_are_refused(name: str, tmp_path: Path) -> None:
    """Only .csv and .xlsx are read."""
    assert "neither a .csv nor an .xlsx" in refusal(text_file(tmp_path, name=name)).message


@pytest.mark.fault(98)
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A pipe, a folder and a missing file are refused at once, without waiting."""
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in refusal(tmp_path / "pipe.csv").message
    (tmp_path / "folder.csv").mkdir()
    refusal(tmp_path / "folder.csv")
    assert "can't be read" in refusal(tmp_path / "missing.csv").message


def test_a_reviewer_is_needed(tmp_path: Path) -> None:
    """Nobody's decisions are not read."""
    with pytest.raises(PipelineError, match="Nobody is named"):
        read_decisions(text_file(tmp_path), "  ")
