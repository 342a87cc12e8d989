"""Any story of deciding, undoing, closing and sending: the ledger tells what a plain list would."""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.decisions import (
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
ANY = st.integers(0, 5)
"""One of what there is, counted round."""
PERIOD = st.sampled_from(sorted(PERIODS.values()))
DECIDE = st.tuples(
    st.just("decide"),
    st.sampled_from([("a", "v1"), ("a", "v2"), ("b", "v1")]),
    WHO,
    st.sampled_from([Decimal(2), Decimal(3)]),
    st.sampled_from(["", "", "k1", "k2"]),
)
BEGIN = st.tuples(st.just("begin_sending"), ANY, st.sampled_from([False, False, False, True]))
STATE = st.sampled_from(["not_applied", "verified", "unknown", "dropped"])
# A list of steps, and not a rule for each: Hypothesis leaves whole rules out of most of its own
# stories and keeps many short, and these find something only when they meet.
STEP = st.one_of(
    DECIDE,
    DECIDE,
    st.tuples(st.just("undo"), ANY),
    st.tuples(st.just("undo"), ANY),
    st.tuples(st.just("confirm"), ANY, PERSON, st.sampled_from(["second_person", "large"])),
    st.tuples(st.just("close"), PERIOD, WHO),
    st.tuples(st.just("reopen"), PERIOD),
    st.tuples(st.just("take_over")),
    BEGIN,
    BEGIN,
    st.tuples(st.just("learn"), ANY, STATE),
)


@dataclass
class Said:
    """One decision, as somebody with a notebook would keep it."""

    decision_id: str
    period: str
    card: tuple[str, str]
    what: tuple[object, ...]
    key: str
    by: str
    is_withdrawn: bool = False
    is_replaced: bool = False
    confirmed: set[str] = field(default_factory=set)
    change: Change | None = None
    state: str = "queued"
    attempts: int = 0

    @property
    def stands(self) -> bool:
        return not (self.is_withdrawn or self.is_replaced)


class Story:
    """What people and the write-back do, in any order, to the ledger and to the notebook."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self.ledger = ledger
        self.number = number
        """Other stories stand in the same ledger: this one has its own months, cards and keys."""
        self.said: list[Said] = []
        self.closed: dict[str, str] = {}
        self.epoch = 0

    def mine(self, name: str) -> str:
        return f"{name} of story {self.number}" if name else ""

    def begin(self, first: str, second: str) -> None:
        self.decide(("a", "v1"), first, Decimal(2), "")
        self.decide(("b", "v1"), second, Decimal(2), "k1")
        self.take_over()

    def decide(self, card: tuple[str, str], who: str, qty: Decimal, key: str) -> None:
        item = decided(self.mine(card[0]), card[1], who, qty)
        item = replace(item, client_key=self.mine(key), period=self.mine(PERIODS[card[0]]))
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
        card = (item.card_id, item.card_version)
        said = Said(answer.new[0], item.period, card, item.content, item.client_key, who)
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

    def undo(self, which: int) -> None:
        said = self.said[which % len(self.said)]
        is_refused = not said.is_withdrawn and (said.period in self.closed or said.attempts)
        with refusal(is_refused):
            withdraw_decision(self.ledger, said.decision_id, reason="r", stamp=STAMP)
        said.is_withdrawn = said.is_withdrawn or not is_refused

    def confirm(self, which: int, by: str, kind: str) -> None:
        said = self.said[which % len(self.said)]
        is_own = kind == "second_person" and by.strip().lower() == said.by
        is_refused = said.is_withdrawn or said.period in self.closed or is_own
        with refusal(is_refused):
            confirm_decision(self.ledger, said.decision_id, kind, Stamp(by, NOON, "tests"))
        if not is_refused:
            said.confirmed.add(kind)

    def close(self, period: str, by: str) -> None:
        stamp, period = Stamp(by, NOON, "tests"), self.mine(period)
        closing = close_period(
            self.ledger, period, evidence=[], cards_digest="d", reason="r", stamp=stamp
        )
        assert closing.closed_by == self.closed.setdefault(period, by)

    def reopen(self, period: str) -> None:
        period = self.mine(period)
        with refusal(period not in self.closed):
            reopen_period(self.ledger, period, reason="late", stamp=STAMP)
        self.closed.pop(period, None)

    def take_over(self) -> None:
        epoch = take_lease(self.ledger, "host", STAMP)
        assert epoch > self.epoch
        self.epoch = epoch

    def begin_sending(self, which: int, is_late: bool) -> None:  # noqa: FBT001 - drawn
        said = self.said[which % len(self.said)]
        change = self._change_of(said)
        epoch = self.epoch - 1 if is_late else self.epoch
        intent = Intent(
            *(f"{change.change_id}-{said.attempts}", change.change_id, said.attempts, epoch),
            *(change.qty_from, change.qty_to, change.effective_on, NOON),
        )
        is_lost = is_late or self.epoch == 0
        with refusal(is_lost or not said.stands, LeaseLostError if is_lost else PipelineError):
            record_intent(self.ledger, change, intent, "PATCH", STAMP)
        if not is_lost and said.stands:
            said.attempts += 1
            said.state = "intent"

    def learn(self, which: int, state: str) -> None:
        said = self.said[which % len(self.said)]
        outcome = Outcome(self._change_of(said).change_id, ChangeState(state))
        record_outcome(self.ledger, outcome, STAMP)
        said.state = state

    def end(self) -> None:
        """What the ledger tells is what stands in the notebook."""
        own = {said.decision_id for said in self.said}
        standing = [item.decision_id for item in standing_decisions(self.ledger)]
        assert [decision_id for decision_id in standing if decision_id in own] == [
            said.decision_id for said in self.said if said.stands
        ]
        confirmed = confirmed_kinds(self.ledger)
        for said in self.said:
            assert confirmed.get(said.decision_id, frozenset()) == said.confirmed
        closings = closings_by_period(self.ledger)
        mine = [self.mine(period) for period in PERIODS.values()]
        closed = {period: closings[period].closed_by for period in mine if period in closings}
        assert closed == self.closed
        changes = [each for each in read_changes(self.ledger) if each.decision_id in own]
        assert [(each.decision_id, str(each.state), each.is_withdrawn) for each in changes] == [
            (said.decision_id, said.state, not said.stands) for said in self.said
        ]

    def _change_of(self, said: Said) -> Change:
        """As the write-back read it once: what became of its decision since is not in it."""
        if said.change is None:
            found = read_changes(self.ledger, said.period)
            (said.change,) = (each for each in found if each.decision_id == said.decision_id)
        return said.change


STAMP = Stamp("finn", NOON, "tests")


def refusal(
    is_refused: object, error: type[PipelineError] = PipelineError
) -> contextlib.AbstractContextManager[object]:
    return pytest.raises(error) if is_refused else contextlib.nullcontext()


def decided(card_id: str, version: str, who: str, target: Decimal) -> Decided:
    change = PlannedChange(
        *("connectwise", "Acme", "Seat", "a1", "l1"),
        *(Decimal(1), target, date(2026, 12, 1), None, None),
    )
    return Decided(
        period="",
        card_id=card_id,
        card_version=version,
        decision=Decision.RECONCILE,
        qty_target=target,
        reviewer=who,
        note=None,
        decided_at=NOON,
        basis=Basis("7", "Acme", "g1", "Seat", "under_billed", *([None] * 6)),
        changes=(change,),
    )


@pytest.fixture
def busy_ledger(ledger: Ledger) -> Iterator[Ledger]:
    """As `ledger`; somebody holds it open, so that not every step merges the write-ahead log."""
    with contextlib.ExitStack() as stack:
        if ledger.path is not None:
            idle = stack.enter_context(contextlib.closing(sqlite3.connect(ledger.path)))
            idle.execute("select * from schema_version").fetchall()
        yield ledger


def test_any_story_is_told_as_it_happened(busy_ledger: Ledger) -> None:
    """Whatever people and the write-back do in whatever order: right refusals, right state."""
    numbers = itertools.count()

    # On PostgreSQL each step costs several round trips; the rules are the same.
    @settings(max_examples=50 if busy_ledger.path is not None else 20, deadline=None)
    @given(WHO, WHO, st.lists(STEP, min_size=8, max_size=16))
    def tell(first: str, second: str, steps: list[tuple[Any, ...]]) -> None:
        story = Story(busy_ledger, next(numbers))
        story.begin(first, second)
        for act, *how in steps:
            getattr(story, act)(*how)
        story.end()

    tell()
    with busy_ledger.reading() as connection:
        assert verify(connection).trouble == ""
