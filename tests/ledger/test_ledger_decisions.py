"""Decisions: kept exactly as said, once, and the first word on a card's version stands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, links
from reconcile_pipeline.ledger.changes import PlannedChange, read_changes
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.decisions import (
    confirmed_kinds,
    read_decisions,
    record_decisions,
    standing_decisions,
    withdraw_decision,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import decisions
from reconcile_pipeline.model import Category, Decision, PipelineError

MakeDecided = Callable[..., Decided]
MakePlanned = Callable[..., PlannedChange]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKYO = timezone(timedelta(hours=9))
OTHER_WORDS: list[dict[str, Any]] = [
    {"decision": Decision.NO_CHANGE, "qty_target": None},
    {"qty_target": Decimal(13)},
    {"reviewer": "eve"},
    {"note": None},
    {"effective_on": date(2026, 12, 1)},
    {"expires_on": date(2026, 12, 1)},
    {"bound": Decimal(1)},
]
"""Each differs in one thing from what `decided` says."""


def record(ledger: Ledger, *items: Decided) -> tuple[str, ...]:
    return record_decisions(ledger, items, origin="tests").new


def test_a_decision_comes_back_as_it_was(
    ledger: Ledger,
    place: Path | str,
    open_ledger: Callable[[Path | str], Ledger],
    decided: MakeDecided,
) -> None:
    """Every field survives the ledger exactly: quantities, days, umlauts, and instants in UTC."""
    full = decided(
        decision=Decision.NO_CHANGE,
        qty_target=Decimal("0.1000000000000000000001"),
        reviewer="Zoë Müller",
        note="für „alle“ 🧾\nzweite Zeile",
        decided_at=NOON.astimezone(TOKYO).replace(microsecond=123456),
        effective_on=date(2026, 12, 1),
        expires_on=date(2027, 2, 28),
        bound=Decimal("-1.50"),
        client_key="Schlüssel-1",
        batch_id="batch-7",
        basis=replace(decided().basis, evidence_as_of=NOON.astimezone(TOKYO)),
    )
    nothing: dict[str, Any] = dict.fromkeys(Basis.__dataclass_fields__)
    named = ("company_id", "company_name", "service_group_id", "service_name", "finding")
    bare = decided(
        card_id="bare",
        decision=Decision.APPROVE,
        qty_target=None,
        note=None,
        basis=Basis(**(nothing | dict.fromkeys(named, "ß"))),
    )
    assert len(record(ledger, full, bare)) == 2
    found = read_decisions(open_ledger(place), "2026-11")
    assert found == [full, replace(bare, client_key=bare.decision_id)]
    assert found[0].decided_at.isoformat() == "2026-11-22T12:00:00.123456+00:00"
    assert found[0].basis.evidence_as_of == NOON
    assert found[0].basis.evidence_as_of.utcoffset() == timedelta(0)
    assert str(found[0].qty_target) == "0.1000000000000000000001"
    assert read_decisions(ledger, "2026-12") == []
    assert standing_decisions(ledger, "2026-12") == []
    assert standing_decisions(ledger, "2026-11") == standing_decisions(ledger) == found


def test_large_and_tiny_numbers_stay_readable_and_exact(
    ledger: Ledger, decided: MakeDecided
) -> None:
    """No quantity is ever written with an exponent, rounded, or turned into minus nothing."""
    said = {"1E+3": "1000", "1E-7": "0.0000001", "-0": "0", "12.5000": "12.5", "0E+5": "0"}
    record(ledger, *(decided(card_id=text, qty_target=Decimal(text)) for text in said))
    query = sa.select(decisions.c.card_id, decisions.c.qty_target)
    assert {row["card_id"]: row["qty_target"] for row in ledger.rows(query)} == said


def test_a_decision_is_sealed_with_its_door(ledger: Ledger, decided: MakeDecided) -> None:
    """The chain says who decided, when, and through which door it came."""
    record_decisions(ledger, [decided()], origin="review file november.xlsx")
    with ledger.reading() as connection:
        (link,) = links(connection)
    made = (link["recorded_by"], link["recorded_at"], link["recorded_from"])
    assert made == ("dana", "2026-11-22T12:00:00+00:00", "review file november.xlsx")


@pytest.mark.parametrize("key", ["", "k1"])
def test_a_repeat_is_harmless(ledger: Ledger, decided: MakeDecided, key: str) -> None:
    """The same again, at whatever hour, with its key or without: the first answer, no new row."""
    (first,) = record(ledger, decided(client_key=key))
    later = decided(
        client_key=key, qty_target=Decimal("12.5000"), decided_at=NOON + timedelta(days=1)
    )
    answer = record_decisions(ledger, [later], origin="tests")
    assert (answer.new, answer.repeated, answer.refused) == ((), (first,), ())
    assert [each.decided_at for each in read_decisions(ledger)] == [NOON]


def test_a_key_names_one_decision(ledger: Ledger, decided: MakeDecided) -> None:
    """The same key for other content, be it on another card, is a conflict and records nothing."""
    record(ledger, decided(client_key="k1"))
    for changes in ({"card_id": "cafe"}, {"card_version": "v2"}, *OTHER_WORDS):
        with pytest.raises(PipelineError, match="the same key was used for another") as caught:
            record(ledger, decided(client_key="k1", **changes))
        assert caught.value.category is Category.CONFLICT
    assert read_decisions(ledger) == [decided(client_key="k1")]


def test_a_different_word_on_the_same_numbers_is_a_conflict(
    ledger: Ledger, decided: MakeDecided
) -> None:
    """The second opinion is refused, naming whose the first is, what it says and when."""
    (first,) = record(ledger, decided())
    for changes in OTHER_WORDS:
        with pytest.raises(PipelineError) as caught:
            record(ledger, decided(**changes))
        expected = "decided already: reconcile to 12.5 by dana on 2026-11-22 12:00 UTC."
        assert expected in caught.value.message
        assert caught.value.category is Category.CONFLICT
    assert [each.decision_id for each in read_decisions(ledger)] == [first]


def test_new_numbers_may_be_decided_anew(ledger: Ledger, decided: MakeDecided) -> None:
    """Another version of the card is another question, and both answers stand, oldest first."""
    second = decided(card_version="v2", reviewer="eve", decided_at=NOON - timedelta(hours=1))
    ids = record(ledger, decided(), second)
    assert [each.decision_id for each in standing_decisions(ledger)] == list(ids)
    assert [each.reviewer for each in read_decisions(ledger)] == ["dana", "eve"]


def test_a_batch_is_kept_whole_or_not_at_all(
    ledger: Ledger, decided: MakeDecided, planned: MakePlanned
) -> None:
    """One conflict among many keeps all of them, their changes and confirmations out."""
    record(ledger, decided())
    new = decided(card_id="new", changes=(planned(),), confirmed=frozenset({"zero"}))
    with pytest.raises(PipelineError, match="decided already"):
        record(ledger, new, decided(reviewer="eve"))
    assert [each.card_id for each in read_decisions(ledger)] == ["c0ffee"]
    assert read_changes(ledger) == []
    assert confirmed_kinds(ledger) == {}
    assert len(record(ledger, decided(), new)) == 1


def test_of_a_large_batch_only_the_conflicts_stay_out(
    ledger: Ledger, decided: MakeDecided, planned: MakePlanned
) -> None:
    """Of 500 handed in, each is recorded, repeated or given back with its reason: none is lost."""
    known = [decided(card_id=f"c{number}") for number in range(0, 500, 100)]
    record(ledger, *known)
    repeats = {f"c{number}" for number in range(0, 500, 200)}
    rivals = {item.card_id for item in known} - repeats
    batch = [
        decided(
            card_id=f"c{number}",
            reviewer="eve" if f"c{number}" in rivals else "dana",
            changes=(planned(),) if number % 50 == 1 else (),
        )
        for number in range(500)
    ]
    answer = record_decisions(ledger, batch, origin="tests", is_all_or_nothing=False)
    assert (len(answer.new), len(answer.repeated)) == (495, len(repeats))
    assert {item.card_id for item, _error in answer.refused} == rivals
    for item, error in answer.refused:
        assert error.category is Category.CONFLICT
        assert f"Card {item.card_id} was decided already" in error.message
    standing = {item.card_id: item.reviewer for item in standing_decisions(ledger)}
    assert standing == {f"c{number}": "dana" for number in range(500)}
    assert len(read_changes(ledger)) == 10


def test_a_late_repeat_of_an_undone_decision_does_not_revive_it(
    ledger: Ledger, decided: MakeDecided, stamp: Callable[..., Stamp]
) -> None:
    """A key belongs to its decision for good: its repeat gets the old answer and stays undone."""
    (first,) = record(ledger, decided(client_key="k1"))
    withdraw_decision(ledger, first, reason="mistake", stamp=stamp())
    answer = record_decisions(ledger, [decided(client_key="k1")], origin="tests")
    assert (answer.new, answer.repeated) == ((), (first,))
    assert standing_decisions(ledger) == []
    with pytest.raises(PipelineError, match="the same key"):
        record(ledger, decided(client_key="k1", qty_target=Decimal(13)))
    assert len(record(ledger, decided(client_key="k2"))) == 1
