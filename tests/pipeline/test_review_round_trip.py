"""Cards out to a spreadsheet, decisions back in, action items in the published tables."""

import csv
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

Row = dict[str, Any]
RowsOf = Callable[..., list[Row]]
ONE_LINE = """
select cards.*, lines.record_id as line_id
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding in ('under_billed', 'over_billed') and cards.qty_vendor is not null
qualify count(*) over (partition by cards.card_id) = 1
order by abs(cards.amount_delta) desc, cards.card_id
"""
LATEST_LINE = """
-- Cards with the line that takes whatever is added: the one with the latest effective date.
select cards.*, lines.record_id as line_id, lines.qty as line_qty
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding in ('under_billed', 'over_billed')
qualify row_number() over (
    partition by cards.card_id order by lines.effective_on desc, lines.record_id desc
) = 1
order by cards.card_id
"""
WITHOUT_LINE = "select * from recon.cards where finding = 'new_revenue' order by card_id"
WITHOUT_FIGURE = "select * from recon.cards where finding = 'no_vendor_figure' order by card_id"
ITEMS = "select * exclude (action_item_id, decision_id) from review.action_items order by action"
DECISIONS = "select card_id, decision, qty_target, reviewer, note, is_current from review.decisions"


def fill_xlsx(file: Path, decisions: dict[str, tuple[str, Any, str]]) -> None:
    """Write decisions (word, target, note) by card id, as a person would."""
    book = openpyxl.load_workbook(file)
    sheet = book["Cards"]
    column = {cell.value: cell.column for cell in sheet[1]}
    left = dict(decisions)
    for number in range(2, sheet.max_row + 1):
        card_id = sheet.cell(number, column["card_id"]).value
        if card_id in left:
            word, target, note = left.pop(card_id)
            sheet.cell(number, column["decision"]).value = word
            sheet.cell(number, column["qty_target"]).value = target
            sheet.cell(number, column["note"]).value = note
    assert not left, "the export lacks these cards"
    book.save(file)
    book.close()


def fill_csv(file: Path, decisions: dict[str, tuple[str, Any, str]]) -> None:
    with file.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    for row in rows:
        if row["card_id"] in decisions:
            row["decision"], target, row["note"] = decisions[row["card_id"]]
            row["qty_target"] = "" if target is None else str(target)
    with file.open("w", encoding="utf-8-sig", newline="") as target_file:
        writer = csv.DictWriter(target_file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def first_of_next_month(today: date) -> date:
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


@pytest.mark.parametrize("kind", ["xlsx", pytest.param("csv", marks=pytest.mark.slow)])
def test_decisions_become_action_items(
    installed: Any,
    own_folder: Path,
    reconcile: Any,
    rows_of: RowsOf,
    *,
    today: date,
    period: str,
    kind: str,
) -> None:
    """Each decided card gives exactly the lines to change, add or leave; a repeat gives no more."""
    published = installed.state.published
    billed = rows_of(published, ONE_LINE)[0]
    cards = rows_of(published, LATEST_LINE)
    other = next(card for card in cards if card["card_id"] != billed["card_id"])
    new = rows_of(published, WITHOUT_LINE)[0]
    quiet = rows_of(published, WITHOUT_FIGURE)[0]
    file = own_folder / f"cards.{kind}"
    exported = reconcile("export", file, "--config", installed.config)
    assert exported.code == 0, exported.told
    [count] = rows_of(published, "select count(*) as cards from recon.discrepancies")
    assert f"{count['cards']} open discrepancies of {period} written" in exported.told
    agreed = other["qty_psa"] + 1
    fill = fill_xlsx if kind == "xlsx" else fill_csv
    fill(
        file,
        {
            billed["card_id"]: ("reconcile", None, ""),
            other["card_id"]: ("Reconcile", agreed, "agreed on the phone"),
            new["card_id"]: ("reconcile", None, ""),
            quiet["card_id"]: ("no_change", None, "leaves at the end of the month"),
        },
    )
    review = ("review", file, "--reviewer", "Ann Lee", "--config", installed.config)
    ended = reconcile(*review)
    assert ended.code == 0, ended.told
    assert "3 decisions: reconcile" in ended.told
    assert "3 cards: decided" in ended.told
    assert "2 line changes: queued" in ended.told
    assert "1 for a person: add_line" in ended.told
    lines = {str(line.id): line for line in installed.simulation.world.lines}

    def item(card: Row, action: str, target: Decimal) -> Row:
        line = lines.get(card.get("line_id", ""))
        price = line.unit_price if line else card["unit_price"]
        before = line.quantity if line else Decimal(0)
        return {
            "period": period,
            "card_id": card["card_id"],
            "action": action,
            "state": "queued" if line else None,
            "company_id": card["company_id"],
            "company_name": card["company_name"],
            "service_name": card["service_name"],
            "agreement_id": str(line.agreement_id) if line else None,
            "line_id": str(line.id) if line else None,
            "qty_from": line.quantity if line else None,
            "qty_to": target,
            "effective_on": first_of_next_month(today),
            "amount": None if price is None else (target - before) * price,
            "currency": card["currency"],
        }

    found = rows_of(published, ITEMS)
    reasons = {row["card_id"]: row.pop("why") for row in found}
    wanted = [
        item(billed, "change_line", billed["qty_vendor"]),
        item(other, "change_line", other["line_qty"] + 1),
        item(new, "add_line", new["qty_vendor"]),
    ]
    by_card = {row["card_id"]: row for row in wanted}
    assert {row["card_id"]: row for row in found} == by_card
    assert len(found) == len(wanted)
    assert "agreed on the phone" in reasons[other["card_id"]]
    decisions = {row["card_id"]: row for row in rows_of(published, DECISIONS)}
    assert len(decisions) == 4
    assert all(row["is_current"] and row["reviewer"] == "Ann Lee" for row in decisions.values())
    assert decisions[quiet["card_id"]]["decision"] == "no_change"
    assert decisions[billed["card_id"]]["qty_target"] == billed["qty_vendor"]
    again = reconcile(*review)
    assert again.code == 0, again.told
    assert len(rows_of(published, DECISIONS)) == 4
    assert len(rows_of(published, ITEMS)) == 3


def pull_again(msp: Any, reconcile: Any) -> None:
    """Bring the published tables up to date, quicker than a whole run does."""
    pulled = reconcile("pull", "--system", "connectwise", "--config", msp.config)
    assert pulled.code == 0, pulled.told
    assert reconcile("rebuild", "--config", msp.config).code == 0


@pytest.fixture
def changed_line(installed: Any, rows_of: RowsOf) -> Iterator[tuple[Row, Any]]:
    """A discrepancy with one PSA line, and that line, which is put back in the end."""
    card = rows_of(installed.state.published, ONE_LINE)[0]
    [line] = [x for x in installed.simulation.world.lines if str(x.id) == card["line_id"]]
    before = line.quantity
    yield card, line
    line.quantity = before
    installed.server("connectwise").state.changed()


def test_stale_decision_is_refused(
    installed: Any,
    own_folder: Path,
    reconcile: Any,
    rows_of: RowsOf,
    changed_line: tuple[Row, Any],
) -> None:
    """Numbers that changed after the export refuse the whole file, telling old and new ones."""
    card, line = changed_line
    published = installed.state.published
    file = own_folder / "cards.xlsx"
    assert reconcile("export", file, "--config", installed.config).code == 0
    untouched = rows_of(published, WITHOUT_FIGURE)[0]
    fill_xlsx(
        file,
        {
            card["card_id"]: ("reconcile", None, ""),
            untouched["card_id"]: ("dismiss", None, "settled by phone"),
        },
    )
    old, new = line.quantity, line.quantity + 7
    line.quantity = new
    installed.server("connectwise").state.changed()
    pull_again(installed, reconcile)
    ended = reconcile("review", file, "--reviewer", "Ann", "--config", installed.config)
    assert ended.code == 2, ended.told
    assert "Refused: " in ended.told
    assert f"has changed since it was decided: invoiced {old} → {new}" in ended.told
    assert "none was recorded" in ended.told
    assert "Next: " in ended.told
    assert rows_of(published, DECISIONS) == []
    assert rows_of(published, ITEMS) == []


@pytest.mark.slow
def test_changed_after_the_decision(
    installed: Any,
    own_folder: Path,
    reconcile: Any,
    rows_of: RowsOf,
    changed_line: tuple[Row, Any],
) -> None:
    """A decision whose numbers changed afterwards is shown as such and asks for a person again."""
    card, line = changed_line
    published = installed.state.published
    file = own_folder / "cards.csv"
    assert reconcile("export", file, "--config", installed.config).code == 0
    fill_csv(file, {card["card_id"]: ("reconcile", None, "")})
    review = ("review", file, "--reviewer", "Ann", "--config", installed.config)
    assert reconcile(*review).code == 0
    line.quantity += 7
    installed.server("connectwise").state.changed()
    pull_again(installed, reconcile)
    [decision] = rows_of(published, DECISIONS)
    assert decision["is_current"] is False
    [item] = rows_of(published, ITEMS)
    assert (item["action"], item["card_id"]) == ("needs_person", card["card_id"])
    assert "decide again" in item["why"]
