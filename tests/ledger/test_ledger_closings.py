"""Closed months, and quarantined pulls that people believed: what was settled stays settled."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.accepted import accept_pull, accepted_pull_ids
from reconcile_pipeline.ledger.chain import GENESIS, Stamp, head_hash, verify
from reconcile_pipeline.ledger.closings import (
    Closing,
    close_period,
    closing_history,
    closing_of,
    closings_by_period,
    reopen_period,
)
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import (
    confirm_decision,
    confirmed_kinds,
    record_decisions,
    standing_decisions,
    withdraw_decision,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import accepted_pulls, closings
from reconcile_pipeline.model import Category, PipelineError

MakeDecided = Callable[..., Decided]
MakeStamp = Callable[..., Stamp]
NOVEMBER, DECEMBER = "2026-11", "2026-12"


def close(ledger: Ledger, period: str, stamp: Stamp, *evidence: str) -> Closing:
    return close_period(
        ledger, period, evidence=evidence, cards_digest="d1", reason="fertig ✓", stamp=stamp
    )


def head(ledger: Ledger) -> str:
    with ledger.reading() as connection:
        return head_hash(connection)


def test_a_closing_comes_back_as_it_was(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp
) -> None:
    """Reason, evidence in its order, digest, who and when, and the chain's head before it."""
    assert close(ledger, "2026-01", stamp()).head_hash == GENESIS
    record_decisions(ledger, [decided()], origin="tests")
    before = head(ledger)
    made = close(ledger, NOVEMBER, stamp("Zoë", 5), "psa-9", "pax8-1")
    assert made == Closing(
        period=NOVEMBER,
        reason="fertig ✓",
        closed_by="Zoë",
        closed_at=stamp(hours=5).at,
        evidence=("psa-9", "pax8-1"),
        cards_digest="d1",
        head_hash=before,
    )
    assert closing_of(ledger, NOVEMBER) == made
    assert closing_of(ledger, DECEMBER) is None
    with ledger.reading() as connection:
        assert verify(connection, expected_head=made.head_hash).trouble == ""
        assert head_hash(connection) != before


def test_closing_twice_keeps_the_first(ledger: Ledger, stamp: MakeStamp) -> None:
    """Whoever closes a closed month hears how it was closed, and adds nothing."""
    first = close(ledger, NOVEMBER, stamp(), "psa-1")
    assert close(ledger, NOVEMBER, stamp("eve", 1), "psa-2") == first
    assert len(ledger.rows(sa.select(closings))) == 1


def test_a_closed_month_takes_no_word(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp
) -> None:
    """Decisions, undoings and confirmations are refused and name who closed it; others go on."""
    said = record_decisions(ledger, [decided(), decided(card_id="cafe")], origin="tests")
    withdraw_decision(ledger, said.new[1], reason="r", stamp=stamp())
    close(ledger, NOVEMBER, stamp("eve"))
    before = head(ledger)
    for act in (
        lambda: record_decisions(ledger, [decided(card_version="v2")], origin="tests"),
        lambda: withdraw_decision(ledger, said.new[0], reason="r", stamp=stamp()),
        lambda: confirm_decision(ledger, said.new[0], "large", stamp("eve")),
    ):
        with pytest.raises(PipelineError, match="closed by eve on 2026-11-22 12:00 UTC") as caught:
            act()
        assert caught.value.category is Category.CONFLICT
        assert f"reconcile reopen --period {NOVEMBER}" in caught.value.next_step
    assert head(ledger) == before
    mixed = [decided(card_id="late"), decided(card_id="next", period=DECEMBER)]
    answer = record_decisions(ledger, mixed, origin="tests", is_all_or_nothing=False)
    assert [item.card_id for item, _error in answer.refused] == ["late"]
    assert [item.card_id for item in standing_decisions(ledger, DECEMBER)] == ["next"]
    confirm_decision(ledger, answer.new[0], "large", stamp("eve"))
    assert set(confirmed_kinds(ledger)) == set(answer.new)


def test_reopening_needs_a_closed_month_and_a_reason(ledger: Ledger, stamp: MakeStamp) -> None:
    """Nothing is reopened without saying why, and nothing that is open."""
    with pytest.raises(PipelineError, match="is not closed") as caught:
        reopen_period(ledger, NOVEMBER, reason="why not", stamp=stamp())
    assert caught.value.category is Category.INPUT
    close(ledger, NOVEMBER, stamp())
    for reason in ("", " \t"):
        with pytest.raises(PipelineError, match="needs a reason") as caught:
            reopen_period(ledger, NOVEMBER, reason=reason, stamp=stamp())
        assert caught.value.category is Category.INPUT
    assert closing_of(ledger, NOVEMBER) is not None
    reopen_period(ledger, NOVEMBER, reason="late invoice", stamp=stamp())
    with pytest.raises(PipelineError, match="is not closed"):
        reopen_period(ledger, NOVEMBER, reason="again", stamp=stamp())
    assert [row["reason"] for row in ledger.rows(sa.select(closings))][1:] == ["late invoice"]


def test_a_reopened_month_is_decided_and_closed_again(
    ledger: Ledger, decided: MakeDecided, stamp: MakeStamp
) -> None:
    """After reopening people decide again, and the next closing is a new one."""
    first = close(ledger, NOVEMBER, stamp(), "psa-1")
    reopen_period(ledger, NOVEMBER, reason="late invoice", stamp=stamp("eve"))
    assert closing_of(ledger, NOVEMBER) is None
    assert len(record_decisions(ledger, [decided()], origin="tests").new) == 1
    before = head(ledger)
    second = close(ledger, NOVEMBER, stamp("eve", 3), "psa-2")
    assert (second.closed_by, second.evidence, second.head_hash) == ("eve", ("psa-2",), before)
    assert second.head_hash != first.head_hash


def test_the_closed_months_are_those_closed_now(ledger: Ledger, stamp: MakeStamp) -> None:
    """Each closed month with its newest closing; one that was reopened is not among them."""
    assert closings_by_period(ledger) == {}
    for period in ("2026-09", "2026-10", NOVEMBER):
        close(ledger, period, stamp(), f"old-{period}")
    for period in ("2026-09", "2026-10"):
        reopen_period(ledger, period, reason="r", stamp=stamp())
    close(ledger, "2026-10", stamp("eve"), "new-2026-10")
    found = closings_by_period(ledger)
    assert {period: closing.evidence for period, closing in found.items()} == {
        "2026-10": ("new-2026-10",),
        NOVEMBER: (f"old-{NOVEMBER}",),
    }
    assert found[NOVEMBER] == closing_of(ledger, NOVEMBER)


def test_the_history_of_closings_is_whole(ledger: Ledger, stamp: MakeStamp) -> None:
    """Every closing and reopening, oldest first, with who, when and why, but not its pulls."""
    assert closing_history(ledger) == []
    close(ledger, NOVEMBER, stamp("eve"), "psa-1")
    reopen_period(ledger, NOVEMBER, reason="late", stamp=stamp(hours=1))
    close(ledger, NOVEMBER, stamp("finn", 2), "psa-2")
    found = closing_history(ledger)
    assert [(row["action"], row["decided_by"], row["reason"]) for row in found] == [
        ("close", "eve", "fertig ✓"),
        ("reopen", "dana", "late"),
        ("close", "finn", "fertig ✓"),
    ]
    assert [row["decided_at"][11:16] for row in found] == ["12:00", "13:00", "14:00"]
    assert not any("psa" in str(value) for row in found for value in row.values())


def test_accepting_a_pull_once_is_enough(
    ledger: Ledger,
    place: Path | str,
    open_ledger: Callable[[Path | str], Ledger],
    stamp: MakeStamp,
) -> None:
    """Accepted pulls are a set: a second acceptance adds nothing and keeps the first reason."""
    assert accepted_pull_ids(ledger) == frozenset()
    accept_pull(ledger, "acme-1", reason="They left.", stamp=stamp())
    accept_pull(ledger, "acme-1", reason="Other.", stamp=stamp("eve"))
    accept_pull(ledger, "acme-2", reason="They left.", stamp=stamp())
    assert accepted_pull_ids(open_ledger(place)) == {"acme-1", "acme-2"}
    first, _second = ledger.rows(sa.select(accepted_pulls).order_by(accepted_pulls.c.seq))
    assert (first["reason"], first["accepted_by"]) == ("They left.", "dana")
    assert first["accepted_at"] == "2026-11-22T12:00:00+00:00"
