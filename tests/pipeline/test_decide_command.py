"""The reviewer's commands: what can't be decided is refused in a sentence, and nothing is kept."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.building import site_of
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.decisions import read_decisions
from reconcile_pipeline.settings import load_settings

Row = dict[str, Any]
RowsOf = Callable[..., list[Row]]
CARD = """
select cards.card_id, cards.card_version, cards.qty_psa, lines.record_id as line_id
from recon.cards inner join recon.card_lines as lines
    on cards.card_id = lines.card_id and lines.side = 'psa'
where cards.finding = $finding and cards.qty_psa between 3 and 60
    and lines.qty_included = 0 and not lines.is_auto_counted
    and lines.unit_price between 1 and 400
qualify count(*) over (partition by cards.card_id) = 1
order by cards.card_id
limit 1
"""
UNKNOWN_FIGURE = "select * from recon.cards where finding = 'no_vendor_figure' order by card_id"


@dataclass(frozen=True)
class Refused:
    """Arguments, with CARD and VERSION for a card whose counts agree, and what is told."""

    arguments: tuple[str, ...]
    told: tuple[str, ...]


RECONCILE = ("decide", "CARD", "reconcile", "--version", "VERSION")
NO_CHANGE = ("decide", "CARD", "no_change", "--version", "VERSION", "--note", "agreed")
REFUSED = {
    "unknown card": Refused(
        ("decide", "c0ffee", "no_change", "--version", "1", "--note", "x"),
        ("There is no card “c0ffee” in this period.", "Next: Take the card's id from a fresh"),
    ),
    "stale version": Refused(
        ("decide", "CARD", "reconcile", "--version", "0ld"),
        ("The decision was made on version 0ld of ", "Next: Look at the numbers as they are now"),
    ),
    "a quantity that is none": Refused(
        (*RECONCILE, "--to", "five"), ("--to “five” can't be used.", "Next: Write it like 12")
    ),
    "not a number": Refused(
        (*RECONCILE, "--to", "NaN"), ("NaN is not a quantity between", "Next: Enter the units")
    ),
    "below zero": Refused(
        (*RECONCILE, "--to", "-1"), ("-1 is not a quantity between", "Next: Enter the units")
    ),
    "too much": Refused(
        (*RECONCILE, "--to", "1e9"), ("is not a quantity between 0 and 1,000,000", "Next: ")
    ),
    "too fine": Refused(
        (*RECONCILE, "--to", "3.00001"), ("has more than four decimals", "Next: Round qty_target")
    ),
    "a quantity where none belongs": Refused(
        (*NO_CHANGE, "--to", "NaN"), ("no_change changes no quantity", "Next: Decide reconcile")
    ),
    "a bound that is none": Refused(
        (*NO_CHANGE, "--bound", "much"), ("--bound “much” can't be used.", "Next: Write it like")
    ),
    "more than a table holds": Refused(
        (*NO_CHANGE, "--bound", "1e30"), ("--bound “1e30” can't be used.", "Next: Write it like")
    ),
    "less than a table holds": Refused(
        (*NO_CHANGE, "--bound", "1e-30"), ("--bound “1e-30” can't be used.", "Next: Write it like")
    ),
    "a million digits": Refused(
        (*NO_CHANGE, "--to", "1e999999"), ("--to “1e999999” can't be used.", "Next: Write it like")
    ),
    "an endless bound": Refused(
        (*NO_CHANGE, "--bound", "Infinity"), ("Infinity is no number of units", "Next: Write how")
    ),
    "a day that is none": Refused(
        (*NO_CHANGE, "--expires", "31.12.2026"),
        ("--expires “31.12.2026” can't be used.", "Next: Write it like 2026-12-01."),
    ),
    "a day the calendar lacks": Refused(
        (*RECONCILE, "--effective", "2026-02-30"),
        ("--effective “2026-02-30” can't be used.", "Next: Write it like 2026-12-01."),
    ),
    "a day the PSA can't take": Refused(
        (*RECONCILE, "--to", "9", "--effective", "2026-12-01"),
        ("ConnectWise PSA knows no effective date", "Next: Leave the effective date out"),
    ),
    "an expiry of a change": Refused(
        (*RECONCILE, "--expires", "2026-12-31"), ("only no_change takes an expiry", "Next: Leave")
    ),
    "no reason": Refused(
        ("decide", "CARD", "dismiss", "--version", "VERSION"),
        ("dismiss needs a reason", "Next: Write it into the note."),
    ),
    "another month": Refused(
        (*NO_CHANGE, "--period", "2026-13"), ("'2026-13' is not a billing", "Next: Write")
    ),
    "an empty month": Refused(
        (*NO_CHANGE, "--period", "2026-01"), ("There is no card", "Next: Take the card's id")
    ),
    "undo of nothing": Refused(
        ("undo", "c0ffee"), ("There is no decision c0ffee.", "Next: review.decisions lists them")
    ),
    "settling nothing": Refused(
        ("settle", "c0ffee", "retry"), ("There is no change c0ffee.", "Next: `reconcile changes`")
    ),
    "done by hand, but what": Refused(
        ("done-by-hand", "c0ffee"), ("There is no change c0ffee.", "Next: `reconcile changes`")
    ),
    "confirming nothing": Refused(
        ("confirm", "c0ffee", "--large"), ("There is no standing decision c0ffee.", "Next: ")
    ),
    "confirming without a word": Refused(
        ("confirm", "c0ffee"), ("Nothing is said about what is confirmed.", "Next: Add --zero")
    ),
    "reopening what is open": Refused(
        ("reopen", "--period", "2026-01", "--reason", "x"), ("is not closed.", "Next: Nothing")
    ),
}


@pytest.fixture
def card(installed: Any, rows_of: RowsOf) -> Row:
    [found] = rows_of(installed.state.published, CARD, finding="match")
    return found


def filled(arguments: tuple[str, ...], card: Row) -> list[str]:
    known = {"CARD": card["card_id"], "VERSION": card["card_version"]}
    return [known.get(argument, argument) for argument in arguments]


def kept(msp: Any) -> tuple[int, int]:
    """How many decisions and changes the ledger holds."""
    ledger = site_of(load_settings(msp.config)).ledger
    return len(read_decisions(ledger)), len(read_changes(ledger))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(installed: Any, reconcile: Any, card: Row, name: str) -> None:
    """What can't be done ends with exit code 2, one sentence and its next step, and no entry."""
    refused = REFUSED[name]
    ended = reconcile(*filled(refused.arguments, card), "--config", installed.config)
    assert ended.code == 2, ended.told
    for words in refused.told:
        assert words in ended.told, ended.told
    assert "Traceback" not in ended.told
    assert len(ended.told) < 1000
    assert kept(installed) == (0, 0)


WRONG_WORDS = {
    "decision": ("decide", "CARD", "reconsile", "--version", "VERSION"),
    "settling": ("settle", "c0ffee", "forget"),
    "number of changes": ("write-back", "--yes", "-1"),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
def test_a_word_that_is_none(installed: Any, reconcile: Any, card: Row, name: str) -> None:
    """A word the command does not know is wrong usage that names what it takes."""
    ended = reconcile(*filled(WRONG_WORDS[name], card), "--config", installed.config)
    assert ended.code == 2, ended.told
    assert "Invalid value for" in ended.told
    assert "Traceback" not in ended.told
    assert kept(installed) == (0, 0)


def test_a_decision_is_shown_before_it_is_recorded(
    installed: Any, reconcile: Any, card: Row
) -> None:
    """Without --version the line changes are shown and nothing is recorded without a yes."""
    target = str(card["qty_psa"] + 1)
    order = ("decide", card["card_id"], "reconcile", "--to", target, "--config", installed.config)
    ended = reconcile(*order)
    assert ended.code == 1, ended.told
    assert card["line_id"] in ended.out
    assert "the next invoice bills it" in ended.told
    assert "Record this decision?" in ended.told
    assert "Traceback" not in ended.told
    assert kept(installed) == (0, 0)


def test_a_repeat_changes_nothing(installed: Any, reconcile: Any, card: Row) -> None:
    """The same decision again, with or without its key, is one; another one names the first."""
    order = (*filled(RECONCILE, card), "--by", "Ann", "--config", installed.config)
    first = reconcile(*order, "--to", "9", "--key", "k1")
    assert first.code == 0, first.told
    [decision] = re.findall(r"Recorded: decision (\w+)\.", first.told)
    for key in ("k1", "k2"):
        again = reconcile(*order, "--to", "9", "--key", key)
        assert again.code == 0, again.told
        assert f"Recorded before: decision {decision}." in again.told
    other = reconcile(*order, "--to", "8")
    assert other.code == 2, other.told
    assert "was decided already: reconcile to 9 by Ann on" in other.told
    assert "Next: Talk to them" in other.told
    reused = reconcile(*order, "--to", "7", "--key", "k1")
    assert reused.code == 2, reused.told
    assert "the same key was used for another decision" in reused.told
    assert kept(installed) == (1, 1)


def test_unknown_is_never_written(installed: Any, reconcile: Any, rows_of: RowsOf) -> None:
    """A card whose vendor count is unknown can't be reconciled, whatever number is entered."""
    unknown = rows_of(installed.state.published, UNKNOWN_FIGURE)[0]
    order = filled((*RECONCILE, "--to", "0"), unknown)
    ended = reconcile(*order, "--config", installed.config)
    assert ended.code == 2, ended.told
    assert "can't be reconciled: no vendor count is known for it" in ended.told
    assert kept(installed) == (0, 0)


DAMAGE = {
    "changed": (
        "update mappings set target_id = '1' where seq = 3",
        "entry 3 (mappings, ",
        "was changed",
    ),
    "deleted": ("delete from mappings where seq = 5", "entry 5 (mappings, ", "is missing"),
    "unlinked": ("delete from chain where seq = 4", "entry 4 ", "is missing"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_ledger_is_found(installed: Any, reconcile: Any, name: str) -> None:
    """Whoever changes an entry behind our back is found out: the entry is named, in red."""
    sql, entry, what = DAMAGE[name]
    verify = ("audit", "verify", "--config", installed.config)
    good = reconcile(*verify)
    assert good.code == 0, good.told
    assert "every link holds" in good.told
    with closing(sqlite3.connect(installed.state.ledger)) as connection:
        triggers = connection.execute("select name from sqlite_master where type = 'trigger'")
        for (trigger,) in triggers.fetchall():
            connection.execute(f"drop trigger {trigger}")
        assert connection.execute(sql).rowcount == 1
        connection.commit()
    ended = reconcile(*verify)
    assert ended.code == 1, ended.told
    assert "The ledger does not hold: " in ended.told
    assert entry in ended.told
    assert what in ended.told
    assert "Next: Restore the ledger from a backup" in ended.told
    assert "Traceback" not in ended.told


def test_a_ledger_cut_short_is_found(installed: Any, reconcile: Any, own_folder: Path) -> None:
    """A head hash that stands in a report and not in the ledger tells that its end was cut off."""
    ended = reconcile("audit", "verify", "--head", "f" * 64, "--config", installed.config)
    assert ended.code == 1, ended.told
    assert f"the end was cut off: no entry has the hash {'f' * 64}" in ended.told
    assert "Next: " in ended.told
