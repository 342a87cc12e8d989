"""Line changes: planned with their decision, sent by one writer at a time, told in a trail."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.chain import Stamp, append_all
from reconcile_pipeline.ledger.changes import (
    Change,
    Intent,
    LeaseLostError,
    Outcome,
    PlannedChange,
    add_undoing,
    last_intent,
    read_changes,
    read_trail,
    record_intent,
    record_outcome,
    take_lease,
)
from reconcile_pipeline.ledger.decided import Decided
from reconcile_pipeline.ledger.decisions import read_decisions, record_decisions, withdraw_decision
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import intents
from reconcile_pipeline.model import Category, ChangeState, PipelineError

MakeDecided = Callable[..., Decided]
MakePlanned = Callable[..., PlannedChange]
MakeStamp = Callable[..., Stamp]
MakeDraft = Callable[..., Intent]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def plan(ledger: Ledger, decided: MakeDecided, planned: MakePlanned) -> Callable[..., list[Change]]:
    """Record one decision with these changes; returns the changes of that decision."""

    def make(*changes: PlannedChange, **said: Any) -> list[Change]:
        item = decided(changes=changes or (planned(),), **said)
        (decision_id,) = record_decisions(ledger, [item], origin="tests").new
        return [each for each in read_changes(ledger) if each.decision_id == decision_id]

    return make


Plan = Callable[..., list[Change]]


def test_a_planned_change_comes_back_as_it_was(
    ledger: Ledger, plan: Plan, planned: MakePlanned
) -> None:
    """Every field survives exactly, with who decided it, for which month, and what it is worth."""
    first = planned(qty_from=Decimal(1000), qty_to=Decimal("0.25"), unit_price=Decimal("1E+2"))
    second = planned(line_id="l2", unit_price=None, currency=None)
    found = plan(first, second)
    base = {name: getattr(found[0], name) for name in PlannedChange.__dataclass_fields__}
    assert PlannedChange(**base) == first
    assert str(found[0].qty_from) == "1000"
    assert (found[0].period, found[0].decided_by, found[0].state) == (
        "2026-11",
        "dana",
        ChangeState.QUEUED,
    )
    assert not found[0].is_withdrawn
    assert found[0].amount == Decimal(-99975)
    assert (found[1].unit_price, found[1].currency, found[1].amount) == (None, None, None)
    assert read_changes(ledger, "2026-11") == found
    assert read_changes(ledger, "2026-12") == []


def test_ids_of_changes_are_stable_and_their_own(
    ledger: Ledger, plan: Plan, planned: MakePlanned, stamp: MakeStamp
) -> None:
    """An id is the same whenever it is read, and no two lines, systems or turns share one."""
    found = plan(planned(), planned(line_id="l2"), planned(system="halopsa"))
    assert [each.change_id for each in read_changes(ledger)] == [each.change_id for each in found]
    withdraw_decision(ledger, found[0].decision_id, reason="r", stamp=stamp())
    again = plan(planned(), card_id="c0ffee")
    other = plan(planned(), card_id="cafe")
    assert len({each.change_id for each in (*found, *again, *other)}) == 5
    # Whoever noted an id in a ticket finds it again after an upgrade.
    assert found[0].change_id == "751176c3d283818c"


def test_a_decision_and_its_changes_are_kept_together_or_not_at_all(
    ledger: Ledger, plan: Plan, planned: MakePlanned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure between the decision and its last change leaves neither."""

    def fail_at_last(connection: Any, entries: Any) -> int:
        *others, _last = entries
        assert len(others) == 2
        append_all(connection, others)
        raise ZeroDivisionError

    monkeypatch.setattr("reconcile_pipeline.ledger.decisions.append_all", fail_at_last)
    with pytest.raises(ZeroDivisionError):
        plan(planned(), planned(line_id="l2"))
    assert (read_decisions(ledger), read_changes(ledger)) == ([], [])


def test_the_state_follows_the_latest_step(
    ledger: Ledger, plan: Plan, planned: MakePlanned, draft: MakeDraft, stamp: MakeStamp
) -> None:
    """Queued, about to be sent, and then whatever was learned last, each change on its own."""
    one, other = plan(planned(), planned(line_id="l2"))
    seen = []

    def look() -> None:
        mine, theirs = read_changes(ledger)
        assert theirs.state is ChangeState.QUEUED
        seen.append(mine.state)

    epoch = take_lease(ledger, "host", stamp())
    for attempt, state in enumerate((ChangeState.NOT_APPLIED, ChangeState.SENT), start=1):
        intent = draft(one.change_id, epoch, attempt)
        record_intent(ledger, one, intent, "PATCH", stamp())
        look()
        record_outcome(ledger, Outcome(one.change_id, state, intent.intent_id), stamp())
        look()
    for state in (ChangeState.VERIFIED, ChangeState.DISPROVED):
        record_outcome(ledger, Outcome(one.change_id, state), stamp())
        look()
    assert [str(state) for state in seen] == [
        *("intent", "not_applied", "intent", "sent"),
        *("verified", "disproved"),
    ]
    assert other.change_id not in read_trail(ledger)


def test_the_trail_tells_every_step_in_order(
    ledger: Ledger, plan: Plan, planned: MakePlanned, draft: MakeDraft, stamp: MakeStamp
) -> None:
    """Intents and outcomes of a change, oldest first, with what was sent, seen and said."""
    one, other = plan(planned(), planned(line_id="l2"))
    epoch = take_lease(ledger, "host", stamp())
    record_intent(ledger, one, draft(one.change_id, epoch), '{"quantity": 12.5}', stamp())
    record_outcome(ledger, Outcome(other.change_id, ChangeState.DROPPED, says="müde"), stamp())
    told = Outcome(
        one.change_id,
        ChangeState.VERIFIED,
        intent_id=f"{one.change_id}-1",
        qty_seen=Decimal("12.50"),
        stamp="etag",
        http_status=200,
        says="ok",
        pull_id="psa-1",
    )
    record_outcome(ledger, told, stamp())
    trail = read_trail(ledger)
    assert set(trail) == {one.change_id, other.change_id}
    first, second = trail[one.change_id]
    assert (first["step"], second["step"]) == ("intents", "outcomes")
    assert first["seq"] < second["seq"]
    # sha256 of the request's text: the trail proves what was sent without keeping it.
    assert first["request_hash"] == (
        "0857c42b6f0745f5a527ea797271e90936ca41dcc9d14a1f01a1593eb007c98b"
    )
    said = {name: second[name] for name in ("qty_seen", "stamp", "http_status", "says", "pull_id")}
    assert said == {
        "qty_seen": "12.5",
        "stamp": "etag",
        "http_status": 200,
        "says": "ok",
        "pull_id": "psa-1",
    }
    (dropped,) = trail[other.change_id]
    assert (dropped["says"], dropped["qty_seen"], dropped["stamp"]) == ("müde", None, None)


def test_the_newest_intent_is_found(
    ledger: Ledger, plan: Plan, draft: MakeDraft, stamp: MakeStamp
) -> None:
    """The last attempt comes back as it was written, its instant in UTC; without one, nothing."""
    (change,) = plan()
    assert last_intent(ledger, change.change_id) is None
    epoch = take_lease(ledger, "host", stamp())
    sent_at = NOON.astimezone(timezone(timedelta(hours=-5)))
    for attempt in (1, 2):
        made = draft(change.change_id, epoch, attempt, sent_at=sent_at, qty_before=Decimal("0.10"))
        record_intent(ledger, change, made, "PATCH", stamp())
    found = last_intent(ledger, change.change_id)
    assert found == made
    assert found.sent_at.isoformat() == "2026-11-22T12:00:00+00:00"


def test_only_the_newest_writer_may_begin(
    ledger: Ledger, plan: Plan, draft: MakeDraft, stamp: MakeStamp
) -> None:
    """Without a lease, after somebody else's, or with one from nowhere, nothing may be sent."""
    (change,) = plan()
    for epoch in (0, 1):
        with pytest.raises(LeaseLostError):
            record_intent(ledger, change, draft(change.change_id, epoch), "PATCH", stamp())
    mine = take_lease(ledger, "host-1", stamp())
    newer = take_lease(ledger, "host-2", stamp())
    for epoch in (mine, newer + 1):
        with pytest.raises(LeaseLostError, match=rf"epoch {newer}\).*\({epoch}\)") as caught:
            record_intent(ledger, change, draft(change.change_id, epoch), "PATCH", stamp())
        assert caught.value.category is Category.CONFLICT
    assert last_intent(ledger, change.change_id) is None
    record_intent(ledger, change, draft(change.change_id, newer), "PATCH", stamp())
    assert ledger.view("current_lease") == [{"epoch": newer, "owner": "host-2"}]


def test_an_attempt_is_begun_once(
    ledger: Ledger, plan: Plan, draft: MakeDraft, stamp: MakeStamp
) -> None:
    """The database takes one intent per attempt, whatever the second one is called."""
    (change,) = plan()
    epoch = take_lease(ledger, "host", stamp())
    record_intent(ledger, change, draft(change.change_id, epoch), "PATCH", stamp())
    again = draft(change.change_id, epoch, intent_id="another")
    with pytest.raises(sa.exc.IntegrityError):
        record_intent(ledger, change, again, "PATCH", stamp())
    assert len(ledger.rows(sa.select(intents))) == 1


@pytest.mark.parametrize("how", ["undone", "replaced", "replaced by what was undone"])
def test_what_was_taken_back_meanwhile_is_not_begun(
    ledger: Ledger,
    plan: Plan,
    decided: MakeDecided,
    draft: MakeDraft,
    stamp: MakeStamp,
    *,
    how: str,
) -> None:
    """A change that was read before its decision was taken back can't be sent after it was."""
    (change,) = plan(reviewer="dana" if how == "undone" else "policy:small")
    if how == "undone":
        withdraw_decision(ledger, change.decision_id, reason="r", stamp=stamp())
    else:
        answer = record_decisions(ledger, [decided(reviewer="eve")], origin="tests")
        if how != "replaced":
            withdraw_decision(ledger, answer.new[0], reason="r", stamp=stamp())
    epoch = take_lease(ledger, "host", stamp())
    with pytest.raises(PipelineError, match="taken back or replaced") as caught:
        record_intent(ledger, change, draft(change.change_id, epoch), "PATCH", stamp())
    assert caught.value.category is Category.CONFLICT
    assert [each.is_withdrawn for each in read_changes(ledger)] == [True]
    assert last_intent(ledger, change.change_id) is None


def test_undoing_a_change_is_its_reverse(
    ledger: Ledger, plan: Plan, planned: MakePlanned, draft: MakeDraft, stamp: MakeStamp
) -> None:
    """The reverse goes back to the old quantity, is made once, and can be sent and undone too."""
    change, _other = plan(planned(), planned(line_id="l2"))
    day = date(2027, 1, 1)
    first = add_undoing(ledger, change, day, stamp("eve"))
    assert add_undoing(ledger, change, day + timedelta(days=1), stamp("finn")) == first
    reverse = {each.change_id: each for each in read_changes(ledger)}[first]
    expected = replace(
        change,
        change_id=first,
        qty_from=change.qty_to,
        qty_to=change.qty_from,
        effective_on=day,
        undoes=change.change_id,
        decided_by="eve",
    )
    assert reverse == expected
    assert change.amount is not None
    assert reverse.amount == -change.amount
    epoch = take_lease(ledger, "host", stamp())
    record_intent(ledger, reverse, draft(first, epoch), "PATCH", stamp())
    assert add_undoing(ledger, reverse, day, stamp()) not in {first, change.change_id}
    assert len(read_changes(ledger)) == 4


def test_what_undoes_is_not_taken_back_with_its_decision(
    ledger: Ledger, plan: Plan, decided: MakeDecided, draft: MakeDraft, stamp: MakeStamp
) -> None:
    """A reverse change stays to be sent when the decision it reverses stands no more."""
    (change,) = plan()
    reverse_id = add_undoing(ledger, change, date(2027, 1, 1), stamp())
    withdraw_decision(ledger, change.decision_id, reason="r", stamp=stamp())
    first, reverse = read_changes(ledger)
    assert (first.is_withdrawn, reverse.is_withdrawn) == (True, False)
    epoch = take_lease(ledger, "host", stamp())
    record_intent(ledger, reverse, draft(reverse_id, epoch), "PATCH", stamp())
    assert [each.state for each in read_changes(ledger)] == ["queued", "intent"]


def test_reading_is_not_disturbed_by_deciding(
    place: Path | str,
    open_ledger: Callable[[Path | str], Ledger],
    decided: MakeDecided,
    planned: MakePlanned,
) -> None:
    """Somebody who decides between any two steps of reading the changes does not break it."""
    reader, writer = open_ledger(place), open_ledger(place)
    cards = iter(range(1000))

    def decide(*_event: object) -> None:
        item = decided(card_id=f"c{next(cards)}", changes=(planned(),))
        record_decisions(writer, [item], origin="tests")

    sa.event.listen(reader.engine, "after_cursor_execute", decide)
    assert len(read_changes(reader)) <= len(read_changes(reader))
    assert read_trail(reader) == {}
    assert len(read_changes(writer)) == next(cards)
