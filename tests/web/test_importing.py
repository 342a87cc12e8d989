"""Files of decisions in the browser: a verdict per row, and one sentence when it can't be read."""

import io
import runpy
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from starlette.datastructures import UploadFile

from reconcile_pipeline.web.pages import importing
from reconcile_pipeline.web.previews import Unread

BENCH = runpy.run_path(str(Path(__file__).parent / "files_bench.py"))
template, office = BENCH["template"], BENCH["office"]
HEADER = ("card_id", "card_version", "period", "qty_psa", "qty_vendor", "company_name")
HEADER += ("service_name", "decision", "qty_target", "note")


def hand_in(office: Any, content: bytes, name: str = "june.csv", user: str = "ann") -> Any:
    upload = UploadFile(io.BytesIO(content), filename=name)
    return importing.prepare(office.call(form=[("file", upload)], user=user))


def text_of(*rows: dict[str, Any]) -> bytes:
    lines = [",".join(HEADER)]
    lines += [
        ",".join("" if row.get(name) is None else str(row.get(name)) for name in HEADER)
        for row in rows
    ]
    return ("\n".join(lines) + "\n").encode()


def filled(card: dict[str, Any], decision: str, note: str = "", **more: Any) -> dict[str, Any]:
    return {**card, "decision": decision, "note": note, "qty_target": None, **more}


def refusal(answer: Any) -> str:
    assert answer.status_code == 422
    text = bytes(answer.body).decode()
    assert text.count('role="alert"') == 1
    assert "<strong>Next:</strong>" in text
    return text


def frozen(answer: Any) -> str:
    assert answer.status_code == 303, bytes(answer.body).decode()
    return str(answer.headers["location"].partition("?")[0].rpartition("/")[2])


def test_each_row_gets_its_verdict(office: Any) -> None:
    """Recorded, refused with the row's place, not understood: all of it before anything is."""
    cards = office.cards()
    rows = (
        filled(cards[0], "reconcile"),
        filled(cards[1], "approve"),
        filled(cards[2], "agree"),
        filled(cards[3], ""),
    )
    preview_id = frozen(hand_in(office, text_of(*rows)))
    preview = office.kept(preview_id)
    assert [str(row.outcome) for row in preview.rows] == ["written", "unfit"]
    assert [item.place for item in preview.unread] == ["line 4"]
    assert isinstance(preview.unread[0], Unread)
    page = office.shown(preview_id)
    assert "line 3" in page
    assert "has the decision “agree”" in page
    assert office.recorded() == {}


def test_the_one_who_is_logged_in_decides(office: Any) -> None:
    """A reviewer named in the file counts for nothing, and the rest of the file is recorded."""
    card = office.cards()[0]
    content = text_of(filled(card, "reconcile")).replace(b"card_id", b"reviewer,card_id", 1)
    content = content.replace(
        f"\n{card['card_id']}".encode(), f"\nmallory,{card['card_id']}".encode()
    )
    preview_id = frozen(hand_in(office, content))
    answer = importing.confirm(office.call(form=[("preview", preview_id)]))
    assert answer.headers["location"].startswith(f"/import/{preview_id}?")
    assert office.recorded() == {card["card_id"]: ("reconcile", "ann")}


def test_the_same_file_again_changes_nothing(office: Any) -> None:
    """What one recorded before is told apart, and confirming is not even offered."""
    content = text_of(filled(office.cards()[0], "reconcile"))
    importing.confirm(office.call(form=[("preview", frozen(hand_in(office, content)))]))
    said = office.recorded()
    preview_id = frozen(hand_in(office, content))
    assert [str(row.outcome) for row in office.kept(preview_id).rows] == ["again"]
    assert 'action="/import/confirm' not in office.shown(preview_id)
    assert office.recorded() == said


@pytest.mark.fault(79)
def test_columns_that_were_sorted_apart_are_refused(office: Any) -> None:
    """A row whose names and counts are not those of its card id is not taken."""
    one, other = office.cards()[:2]
    row = filled(one, "reconcile", qty_psa=other["qty_psa"], qty_vendor=other["qty_vendor"])
    (told,) = office.kept(frozen(hand_in(office, text_of(row)))).rows
    assert "The row shows" in str(told.error)


@pytest.mark.fault(79)
def test_another_months_file_is_named(office: Any) -> None:
    """A file of October is refused whole, with both months in the sentence."""
    row = filled(office.cards()[0], "reconcile", period="2026-10")
    text = refusal(hand_in(office, text_of(row)))
    assert "holds decisions of 2026-10" in text
    assert "about 2026-11" in text


def macros(content: bytes) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(content), "a") as package:
        package.writestr("xl/vbaProject.bin", b"x")
    return file.getvalue()


def bomb(content: bytes) -> bytes:
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/big.xml", b"0" * (101 * 2**20))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("june.xlsx", macros, "carries macros"),
        ("june.xlsx", bomb, "unpacks to more"),
        ("june.xlsx", lambda _content: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9, "encrypted"),
        ("june.xlsx", lambda content: content[:500], "can&#39;t be opened"),
        ("june.csv", lambda _content: b"name,decision\nx,approve\n", "lacks card_id"),
        ("june.csv", lambda _content: text_of(), "holds no decision"),
        ("june.csv", lambda _content: b"x" * (10 * 2**20 + 1), "larger than 10 MB"),
        ("june.pdf", lambda _content: b"%PDF", "neither a .csv nor an .xlsx"),
        ("", lambda _content: b"", "No file was chosen"),
        ("../<b>x.txt", lambda _content: b"", "&lt;b&gt;x.txt is neither"),
    ],
)
@pytest.mark.fault(79)
def test_a_file_that_cant_be_used_is_one_sentence(
    office: Any, name: str, change: Any, said: str
) -> None:
    """Unsafe, locked, cut, foreign, empty and too large: one sentence with a next step."""
    book = openpyxl.Workbook()
    book.active.append(list(HEADER))
    book.save(file := io.BytesIO())
    assert said in refusal(hand_in(office, change(file.getvalue()), name))
    assert office.recorded() == {}


def test_no_file_at_all_is_one_sentence(office: Any) -> None:
    """A form without the field is answered like a form without a file."""
    answer = importing.prepare(office.call(form=[("file", "text")]))
    assert "No file was chosen" in refusal(answer)


def test_a_forgotten_import_asks_for_the_file(office: Any) -> None:
    """After two hours neither the page nor the button of a preview does anything but say so."""
    preview_id = frozen(hand_in(office, text_of(filled(office.cards()[0], "reconcile"))))
    office.later(hours=3)
    for answer in (
        importing.look(office.call(preview_id=preview_id)),
        importing.confirm(office.call(form=[("preview", preview_id)])),
    ):
        assert answer.status_code == 409
        assert 'type="file"' in bytes(answer.body).decode()
    assert office.recorded() == {}
