"""The history: what was said and done, whether the chain holds, and its export."""

import csv
import io
import runpy
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.ledger import chain
from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import (
    Intent,
    Outcome,
    read_changes,
    record_intent,
    record_outcome,
    take_lease,
)
from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.ledger.decisions import read_decisions
from reconcile_pipeline.ledger.mappings import Mapping, record_mappings
from reconcile_pipeline.ledger.moves import name_psa
from reconcile_pipeline.model import ChangeState, PipelineError
from reconcile_pipeline.web.pages import deciding, history

BENCH = runpy.run_path(str(Path(__file__).parent / "card_bench.py"))
PERIOD, NOON = BENCH["PERIOD"], BENCH["NOON"]
template, office = BENCH["template"], BENCH["office"]
STAMP = Stamp("job", NOON, "write-back")


@pytest.fixture
def lived(office: Any) -> Any:
    """A ledger with a bit of everything: decided, confirmed, written, undone, mapped, closed."""
    ledger = office.ledger
    name_psa(ledger, "connectwise", STAMP)
    record_mappings(ledger, [_mapping("=cmd|calc", "1"), _mapping("other", "77")])
    accept_pull(ledger, "pax8-x", reason="they lost one", stamp=Stamp("dana", NOON, "tests"))
    office.decide("1", "reconcile", to="7", note="as agreed")
    office.later(days=2)
    office.decide("2", "reconcile", to="0", confirmed="zero")
    office.decide("3", "approve")
    change = read_changes(ledger)[0]
    epoch = take_lease(ledger, "job", STAMP)
    intent = Intent(
        "i1", change.change_id, 1, epoch, change.qty_from, change.qty_to, change.effective_on, NOON
    )
    record_intent(ledger, change, intent, "PATCH …", STAMP)
    record_outcome(ledger, Outcome(change.change_id, ChangeState.VERIFIED, "i1"), STAMP)
    third = read_decisions(ledger)[2].decision_id
    call = office.call(f"from=card&period={PERIOD}", [("reason", "too early")], decision_id=third)
    deciding.undo(call)
    close_period(ledger, PERIOD, evidence=["x"], cards_digest="x", reason="done", stamp=STAMP)
    return office


def _mapping(name: str, target: str) -> Mapping:
    return Mapping(
        "account", "pax8", name, name, target, f"Company {target}", "mapped", "manual", "dana", NOON
    )


def shown(office: Any, query: str = "") -> str:
    return bytes(history.show(office.call(query)).body).decode()


def rows(office: Any, query: str = "") -> list[list[str]]:
    """The export's rows without its head."""
    asked = history._asked(office.call(query))
    text = "".join(history._csv(office.call(query), asked))
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))[1:]


def test_every_kind_of_entry_reads_as_a_sentence(lived: Any) -> None:
    """Newest first, each entry says who did what through which door, from what to what."""
    text = shown(lived)
    order = [
        f"Closed {PERIOD}",
        "Undone: approved by ann",
        "Read back: the line shows it: line l1 in psa",
        "About to be sent, attempt 1: line l1 in psa",
        "A write-back began (job)",
        "Confirmed that a line goes to 0: reconcile → 0 by ann",
        "Planned: line l1 in psa from 2026-12-01",
        "Accepted the pull pax8-x",
        "Mapped (manual): account other of pax8",
        "The ledger speaks of connectwise",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "5 → 7" in text
    assert "review app" in text
    assert f'<a href="/cards/{lived.card("1")["card_id"]}?period={PERIOD}">' in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("who=DANA", 3),
        ("action=decision", 3),
        ("action=write", 3),
        ("action=mapping&who=dana", 2),
        ("customer=1", 5),
        ("customer=company+2", 3),
        ("from=2026-11-23&action=decision", 2),
        ("to=2026-11-22&action=decision", 1),
        ("from=2026-11-22&to=2026-11-22&action=decision", 1),
        ("customer=nobody", 0),
        ("customer=%25", 0),
    ],
)
def test_filters_narrow_the_list(lived: Any, query: str, found: int) -> None:
    """By person, kind, day and customer; a customer brings its changes and what came of them."""
    assert len(rows(lived, query)) == found
    text = shown(lived, query)
    assert ("No entry fits this filter" in text) == (found == 0)


def test_a_long_history_comes_in_pages(office: Any) -> None:
    """250 entries are three pages of at most 100, without a gap or a repeat, and one export."""
    record_mappings(office.ledger, [_mapping(f"acc-{number:03}", "1") for number in range(250)])
    seen = [name for number in (1, 2, 3) for name in _names(shown(office, f"page={number}"))]
    assert seen == [f"acc-{number:03}" for number in reversed(range(250))]
    assert shown(office, "page=9") == shown(office, "page=3")
    assert len(rows(office)) == 250


def _names(text: str) -> list[str]:
    return [part.partition(" ")[0] for part in text.split("account ")[1:]]


@pytest.mark.fault(101)
def test_the_export_runs_no_formula(lived: Any) -> None:
    """A name that a spreadsheet would run stands behind an apostrophe, in a sentence or alone."""
    record_mappings(lived.ledger, [_mapping("x", "=1+1")])
    cells = [cell for row in rows(lived) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert len(rows(lived)) == _entries(lived)


def _entries(office: Any) -> int:
    return int(office.ledger.head()[0])


def test_looking_proves_nothing_and_the_button_does(lived: Any) -> None:
    """The page says that nothing was checked; a check tells up to which entry, and what is new."""
    assert "Not checked since this app was started" in shown(lived)
    answer = history.check(lived.call("who=ann"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/history?who=ann")
    assert f"Verified up to entry {_entries(lived)}" in shown(lived)
    record_mappings(lived.ledger, [_mapping("later", "1")])
    assert "1 entry came since" in shown(lived)


def _tamper(office: Any, *statements: str) -> None:
    with sqlite3.connect(office.ledger.path) as connection:
        for (name,) in connection.execute("select name from sqlite_master where type='trigger'"):
            connection.execute(f"drop trigger {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.fault(111)
def test_a_broken_chain_is_named(lived: Any) -> None:
    """Who changes a decision behind our back is found out by the next check."""
    _tamper(lived, "update decisions set qty_target = '9' where qty_target = '7'")
    history.check(lived.call())
    text = shown(lived)
    assert "The chain is broken: entry" in text
    assert "was changed" in text


@pytest.mark.fault(111)
def test_an_end_that_was_cut_off_is_noticed(lived: Any) -> None:
    """Entries that were there at the last check and are gone break the next one."""
    history.check(lived.call())
    _tamper(lived, "delete from closings", "delete from chain where kind = 'closings'")
    history.check(lived.call())
    assert "the end was cut off" in shown(lived)


def test_an_entry_without_its_row_does_not_break_the_page(lived: Any) -> None:
    """The page that shows tampering works on a ledger that was tampered with."""
    _tamper(lived, "delete from accepted_pulls", "delete from decisions")
    assert "gone from its table" in shown(lived)


def test_the_chain_is_checked_once_at_a_time(office: Any, monkeypatch: Any) -> None:
    """A second check while one runs is refused with a sentence; nothing queues up."""
    refused: list[str] = []

    def again(*_arguments: Any, **_options: Any) -> chain.Verdict:
        with pytest.raises(PipelineError, match="being checked already") as error:
            history.check(office.call())
        refused.append(error.value.next_step)
        return chain.Verdict(0, chain.GENESIS)

    monkeypatch.setattr("reconcile_pipeline.web.proof.verify", again)
    history.check(office.call())
    assert refused == ["Look again in a few seconds."]


@pytest.mark.parametrize("query", ["action=drop", "from=yesterday", "to=2026-13-01", "page=0"])
def test_a_filter_that_means_nothing_is_refused(office: Any, query: str) -> None:
    """A wrong value in the address is told, not ignored."""
    with pytest.raises(PipelineError):
        history.show(office.call(query))
