"""Any story of deciding, undoing, closing and sending: the ledger tells what a plain list would."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.ledger.changes import (
    Change,
    Intent,
    LeaseLostError,
    Outcome,
    PlannedChange,
    read_changes,
    record_intent,
    record_outcome,
    take_lease,
)
from reconcile_pipeline.ledger.closings import close_period, closings_by_period, reopen_period
from reconcile_pipeline.ledger.decisions import (
    Basis,
    Decided,
    confirm_decision,
    confirmed_kinds,
    record_decisions,
    standing_decisions,
    withdraw_decision,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import ChangeState, Decision, PipelineError

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PERIODS = {"a": "2026-10", "b": "2026-11"}
"""By card."""
WHO = st.sampled_from(["dana", "eve", "policy:small"])
PERSON = st.sampled_from(["dana", "Dana ", "eve"])
ANY = st.integers(0, 50)
"""One of what there is, counted round."""


@dataclass
class Said:
    """One decision, as somebody with a notebook would keep it."""

    decision_id: str
    card: tuple[str, str]
    what: tuple[object, ...]
    key: str
    by: str
    is_withdrawn: bool = False
    is_replaced: bool = False
    confirmed: set[str] = field(default_factory=set)
    change_id: str = ""
    state: str = "queued"
    attempts: int = 0

    @property
    def period(self) -> str:
        return PERIODS[self.card[0]]

    @property
    def stands(self) -> bool:
        return not (self.is_withdrawn or self.is_replaced)


class Story(RuleBasedStateMachine):
    """What people and the write-back do, in any order, to the ledger and to the notebook."""

    def __init__(self, ledger: Ledger, forget: Callable[[], None]) -> None:
        super().__init__()
        self.ledger = ledger
        self.forget = forget
        self.said: list[Said] = []
        self.closed: dict[str, str] = {}
        self.epoch = 0

    def teardown(self) -> None:
        with self.ledger.reading() as connection:
            assert verify(connection).trouble == ""
        self.forget()

    @rule(
        card=st.sampled_from([("a", "v1"), ("a", "v2"), ("b", "v1")]),
        who=WHO,
        qty=st.sampled_from([Decimal(2), Decimal(3)]),
        key=st.sampled_from(["", "", "k1", "k2"]),
    )
    def decide(self, card: tuple[str, str], who: str, qty: Decimal, key: str) -> None:
        item = decided(card, who, qty, key)
        expected, known = self._expect(item)
        try:
            answer = record_decisions(self.ledger, [item], origin="tests")
        except PipelineError:
            assert expected == "conflict"
            return
        if expected == "repeated":
            assert known is not None
            assert (answer.new, answer.repeated) == ((), (known.decision_id,))
            return
        assert (expected, answer.repeated) == ("new", ())
        if known is not None:
            known.is_replaced = True
        said = Said(answer.new[0], card, item.content, key, who)
        said.change_id = read_changes(self.ledger)[-1].change_id
        self.said.append(said)

    def _expect(self, item: Decided) -> tuple[str, Said | None]:
        if item.period in self.closed:
            return "conflict", None
        same_key = [said for said in self.said if item.client_key and said.key == item.client_key]
        if same_key:
            is_same = same_key[0].what == item.content
            return ("repeated" if is_same else "conflict"), same_key[0]
        card = (item.card_id, item.card_version)
        stands = [said for said in self.said if said.card == card and said.stands]
        if not stands:
            return "new", None
        (first,) = stands
        if first.what == item.content:
            return "repeated", first
        gives_way = first.by.startswith("policy:") and not first.attempts
        is_person = not item.reviewer.startswith("policy:")
        return ("new" if gives_way and is_person else "conflict"), first

    @precondition(lambda self: self.said)
    @rule(which=ANY)
    def undo(self, which: int) -> None:
        said = self.said[which % len(self.said)]
        is_refused = not said.is_withdrawn and (said.period in self.closed or said.attempts)
        with refusal(is_refused):
            withdraw_decision(self.ledger, said.decision_id, reason="r", stamp=STAMP)
        said.is_withdrawn = said.is_withdrawn or not is_refused

    @precondition(lambda self: self.said)
    @rule(which=ANY, by=PERSON, kind=st.sampled_from(["second_person", "large"]))
    def confirm(self, which: int, by: str, kind: str) -> None:
        said = self.said[which % len(self.said)]
        is_own = kind == "second_person" and by.strip().lower() == said.by
        is_refused = said.is_withdrawn or said.period in self.closed or is_own
        with refusal(is_refused):
            confirm_decision(self.ledger, said.decision_id, kind, Stamp(by, NOON, "tests"))
        if not is_refused:
            said.confirmed.add(kind)

    @rule(period=st.sampled_from(sorted(PERIODS.values())), by=WHO)
    def close(self, period: str, by: str) -> None:
        stamp = Stamp(by, NOON, "tests")
        closing = close_period(
            self.ledger, period, evidence=[], cards_digest="d", reason="r", stamp=stamp
        )
        assert closing.closed_by == self.closed.setdefault(period, by)

    @rule(period=st.sampled_from(sorted(PERIODS.values())))
    def reopen(self, period: str) -> None:
        with refusal(period not in self.closed):
            reopen_period(self.ledger, period, reason="late", stamp=STAMP)
        self.closed.pop(period, None)

    @rule()
    def take_over(self) -> None:
        self.epoch += 1
        assert take_lease(self.ledger, "host", STAMP) == self.epoch

    @precondition(lambda self: self.said)
    @rule(which=ANY, is_late=st.sampled_from([False, False, True]))
    def begin_sending(self, which: int, *, is_late: bool) -> None:
        said = self.said[which % len(self.said)]
        change = next(each for each in self._changes() if each.change_id == said.change_id)
        epoch = self.epoch - 1 if is_late else self.epoch
        intent = Intent(
            *(f"{said.change_id}-{said.attempts}", said.change_id, said.attempts, epoch),
            *(change.qty_from, change.qty_to, change.effective_on, NOON),
        )
        is_lost = is_late or self.epoch == 0
        with refusal(is_lost or not said.stands, LeaseLostError if is_lost else PipelineError):
            record_intent(self.ledger, change, intent, "PATCH", STAMP)
        if not is_lost and said.stands:
            said.attempts += 1
            said.state = "intent"

    @precondition(lambda self: self.said)
    @rule(which=ANY, state=st.sampled_from(["not_applied", "verified", "unknown", "dropped"]))
    def learn(self, which: int, state: str) -> None:
        said = self.said[which % len(self.said)]
        record_outcome(self.ledger, Outcome(said.change_id, ChangeState(state)), STAMP)
        said.state = state

    @invariant()
    def the_ledger_tells_the_same(self) -> None:
        standing = [item.decision_id for item in standing_decisions(self.ledger)]
        assert standing == [said.decision_id for said in self.said if said.stands]
        assert confirmed_kinds(self.ledger) == {
            said.decision_id: frozenset(said.confirmed) for said in self.said if said.confirmed
        }
        found = closings_by_period(self.ledger)
        assert {period: each.closed_by for period, each in found.items()} == self.closed
        assert [
            (each.change_id, str(each.state), each.is_withdrawn) for each in self._changes()
        ] == [(said.change_id, said.state, not said.stands) for said in self.said]

    def _changes(self) -> list[Change]:
        return read_changes(self.ledger)


STAMP = Stamp("finn", NOON, "tests")


def refusal(
    is_refused: object, error: type[PipelineError] = PipelineError
) -> contextlib.AbstractContextManager[object]:
    return pytest.raises(error) if is_refused else contextlib.nullcontext()


def decided(card: tuple[str, str], who: str, target: Decimal, key: str) -> Decided:
    change = PlannedChange(
        *("connectwise", "Acme", "Seat", "a1", "l1"),
        *(Decimal(1), target, date(2026, 12, 1), None, None),
    )
    return Decided(
        period=PERIODS[card[0]],
        card_id=card[0],
        card_version=card[1],
        decision=Decision.RECONCILE,
        qty_target=target,
        reviewer=who,
        note=None,
        decided_at=NOON,
        basis=Basis("7", "Acme", "g1", "Seat", "under_billed", *([None] * 6)),
        changes=(change,),
        client_key=key,
    )


def test_any_story_is_told_as_it_happened(
    new_ledger: Callable[[], tuple[Ledger, Callable[[], None]]],
) -> None:
    """Whatever people and the write-back do in whatever order: right refusals, right state."""
    wishes = settings(max_examples=50, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(lambda: Story(*new_ledger()), settings=wishes)  # type: ignore[no-untyped-call]
