"""Names come from outside: whatever they hold, wherever they are shown, they do nothing."""

import csv
import io
import json
import re
import runpy
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from reconcile_pipeline.assets.common import markdown_table
from reconcile_pipeline.assets.discrepancies import facts
from reconcile_pipeline.cli.app import Terminal, without_commands
from reconcile_pipeline.cli.summary import print_summary
from reconcile_pipeline.digest.content import Content, NamedCard, Numbers
from reconcile_pipeline.digest.email import as_html
from reconcile_pipeline.digest.slack import slack_message
from reconcile_pipeline.digest.teams import teams_message
from reconcile_pipeline.digest.words import plain_text, write_letter
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.review.cells import unguard
from reconcile_pipeline.review.decision_export import export_cards
from reconcile_pipeline.review.reading import read_open_cards
from reconcile_pipeline.settings_notify import Event
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.web.pages import review

BENCH = runpy.run_path(str(Path(__file__).parents[1] / "web" / "card_bench.py"))
REVIEW, PERIOD, TOML = BENCH["REVIEW"], BENCH["PERIOD"], BENCH["TOML"]
office = BENCH["office"]
NAMES = (
    "Acme",
    "Acme",
    "ACME",
    " Acme ",
    "Cafe\u0301",
    "Caf\u00e9",
    "Ac\u200bme",
    "",
    "x" * 10_000,
    "\u202egnp.exe",
    "שלום עולם",
    "👩\u200d🚒 Ltd",
    "'; DROP TABLE recon.cards; --",
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "line\nbreak | pipe",
    "[red]markup[/red] {{ 7 * 7 }} %s $period",
    "[click](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "<!channel> @here <https://evil.example|you>",
    "\x1b[2J\x1b]0;title\x07bell",
)
"""Two alike, some but for case, space, form, an invisible sign; none, long, backwards; commands."""
Office = Any


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An office with one customer, service, account and line of each name."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    (folder / "reconcile.toml").write_text(TOML, encoding="utf-8")
    ledger = Ledger(folder / "ledger.db")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        create_tables(connection)
        books = REVIEW["BOOKS"](connection)
        desk = REVIEW["Desk"](books, ledger)
        desk.open(PERIOD)
        for number in range(len(NAMES)):
            desk.customer(str(number), 5, 8)
        for number, name in enumerate(NAMES):
            for table, column, key, value in (
                ("core.companies", "name", "company_id", f"{number}"),
                ("core.products", "name", "product_id", f"p{number}"),
                ("core.accounts", "name", "account_id", f"a{number}"),
                ("core.agreement_lines", "description", "line_id", f"l{number}"),
            ):
                books.connection.execute(
                    f"update {table} set {column} = ? where {key} = ?",  # noqa: S608 - ours
                    [name, value],
                )
        desk.build(PERIOD, *BENCH["MORE"], "recon.discrepancies")
        desk.fill(PERIOD)
        connection.execute(f"attach '{folder / 'version.duckdb'}' as out")
        connection.execute("copy from database memory to out")
        connection.execute("detach out")
    ledger.engine.dispose()
    return folder


class Seen(HTMLParser):
    """What a browser makes of a page: its text, and what might do something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.within, self.acting = "", "", list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag
        given = {name: value or "" for name, value in attrs}
        self.acting += [f"{tag} {name}" for name in given if name.startswith("on")]
        self.acting += [f"{tag} {v}" for v in given.values() if v.lower().startswith("javascript")]
        if tag in ("img", "iframe", "object") or (tag == "script" and "src" not in given):
            self.acting.append(tag)
        self.text += " ".join(value for name, value in given.items() if name == "title")

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> str:
    return " ".join(text.split())


def published(office: Office) -> Any:
    return office.call(f"period={PERIOD}").books.connection()


def open_cards(office: Office) -> list[dict[str, Any]]:
    with duckdb.connect(str((office.folder / "published.duckdb").resolve()), read_only=True) as own:
        return read_open_cards(own, PERIOD)


def in_tables(office: Office) -> None:
    """Kept to the letter, and told apart by id alone: two of one name are two."""
    rows = published(office).execute(
        "select company_id, company_name, service_name, qty_psa, qty_vendor"
        " from published.recon.cards"
    )
    found = {int(row[0]): row[1:] for row in rows.fetchall()}
    assert found == {n: (name, name, 5, 8) for n, name in enumerate(NAMES)}


def on_card_pages(office: Office) -> None:
    for number, name in enumerate(NAMES):
        page = Seen(office.page(str(number)))
        assert page.acting == [], name
        assert words(name) in words(page.text)


def in_the_list(office: Office) -> None:
    answer = review.show(office.call(f"period={PERIOD}&status=all&size=250"))
    page = Seen(bytes(answer.body).decode())
    assert page.acting == []
    for name in NAMES:
        assert words(name) in words(page.text)


def in_csv(office: Office) -> None:
    """No cell begins as a formula does, and what is read back is the name."""
    file = office.folder / "cards.csv"
    export_cards(open_cards(office), file)
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))
    assert len(rows) == len(NAMES)
    assert not [row for row in rows if row["company_name"].lstrip().startswith(tuple("=+-@"))]
    assert sorted(unguard(row["company_name"]) for row in rows) == sorted(NAMES)


def in_workbooks(office: Office) -> None:
    """Texts, not formulas; a sign that no workbook can hold is written as its number."""
    file = office.folder / "cards.xlsx"
    export_cards(open_cards(office), file)
    sheet = openpyxl.load_workbook(file)["Cards"]
    column = next(cell.column for cell in sheet[1] if cell.value == "company_name")
    cells = [sheet.cell(number, column) for number in range(2, len(NAMES) + 2)]
    assert {cell.data_type for cell in cells if cell.value} == {"s"}
    found = sorted(unguard(str(cell.value or "")) for cell in cells)
    assert found == sorted(re.sub(r"[\x00-\x08\x0b-\x1f]", numbered, name) for name in NAMES)


def numbered(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def in_dagster(office: Office) -> None:
    """One row of the table each, no markup, no link and no picture."""
    for name in NAMES:
        [_head, _line, row] = markdown_table(["company", "next"], [(name, "n")]).value.split("\n")
        assert len(re.findall(r"(?<!\\)\|", row)) == 3, row
        assert not re.search(r"<|(?<!\\)[\[\]!`]|[\x00-\x1f\x7f]", row), row
    with duckdb.connect(str((office.folder / "published.duckdb").resolve()), read_only=True) as own:
        table = facts(own, PERIOD)["top_ten"].value  # type: ignore[union-attr]
    assert len(str(table).split("\n")) == 2 + 10


def in_digests(office: Office) -> None:
    """Slack, Teams and mail: one line, plain text, nobody is mentioned and nothing is linked."""
    del office
    for name in NAMES:
        card = NamedCard(name, name, "under_billed", Decimal(30), "USD")
        numbers = Numbers(cards_open=1, dearest=(card,))
        today = date(2026, 11, 28)
        content = Content(Event.REVIEW_READY, PERIOD, today, numbers, has_names=True)
        letter = write_letter(content, "UTC")
        [line] = letter.parts[-1].lines
        assert not re.search(r"[\x00-\x1f\x7f\u202e]", line), line
        assert len(line) < 400
        assert Seen(as_html(letter)).acting == []
        slack = slack_message(letter)
        assert {block["text"]["type"] for block in slack["blocks"]} == {"plain_text"}
        assert not re.search(r"[<>]|https?://", json.dumps(slack)), slack
        [body] = [each["content"]["body"] for each in teams_message(letter)["attachments"]]
        assert {run["type"] for row in body for run in row["inlines"]} == {"TextRun"}
        assert plain_text(letter).count("\n") == plain_text(write_letter(content, "UTC")).count(
            "\n"
        )


def on_terminals(office: Office) -> None:
    """No command to the terminal, no markup of our own: the letters, as far as there is room."""
    file = office.folder / "own.duckdb"
    shutil.copy((office.folder / "published.duckdb").resolve(), file)
    with duckdb.connect(str(file)) as own:
        for number, name in enumerate(NAMES):
            own.execute(
                "update recon.discrepancies set rank = if(company_id = ?, 1, 100)", [str(number)]
            )
            told = io.StringIO()
            console = Terminal(file=told, width=200, force_terminal=True, color_system=None)
            print_summary(console, own, PERIOD)
            # The console's own look is of this form.
            letters = re.sub(r"\x1b\[[0-9;]*m", "", told.getvalue())
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", letters), name
            first = next(iter(without_commands(name).strip().splitlines()), "")
            assert words(first)[:15].strip() in words(letters)


SINKS: tuple[Callable[[Office], None], ...] = (
    in_tables,
    on_card_pages,
    in_the_list,
    in_csv,
    in_workbooks,
    in_dagster,
    in_digests,
    on_terminals,
)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.fault(45, cases=25)
def test_a_name_is_a_name_everywhere(
    office: Any, request: pytest.FixtureRequest, sink: Callable[[Office], None]
) -> None:
    """Each of 25 names, in each of eight places, is shown and does nothing."""
    sink(office)
    [mark] = request.node.iter_markers("fault")
    assert len(NAMES) == mark.kwargs["cases"]
    assert len(NAMES) * len(SINKS) == 200
