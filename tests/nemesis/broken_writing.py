"""Engines broken on purpose: each takes away one promise, and the writing game has to notice.

Test of the test: an oracle that is content with these is content with anything.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from reconcile_pipeline.http import Certainty, WritingClient
from reconcile_pipeline.ledger import closings, decisions, known
from reconcile_pipeline.ledger.tables import intents
from reconcile_pipeline.ledger.turns import Turn
from reconcile_pipeline.model import ChangeState
from reconcile_pipeline.nemesis import schedule
from reconcile_pipeline.reconciling import decide as rules
from reconcile_pipeline.review import decide as door
from reconcile_pipeline.simulators.psa.autotask_changes import Adjuster
from reconcile_pipeline.systems.writing import LineSeen
from reconcile_pipeline.writeback import batch, engine, plan, proof, undo
from reconcile_pipeline.writeback.engine import Writer

Break = Callable[[pytest.MonkeyPatch], None]
BROKEN: dict[str, Break] = {}
Patch = pytest.MonkeyPatch


def breaks(function: Break) -> Break:
    BROKEN[function.__name__] = function
    return function


@breaks
def writes_without_looking_first(patch: Patch) -> None:
    async def blind(_self: Writer, _change: object, _seen: object) -> None:
        return None

    patch.setattr(Writer, "_precheck", blind)


@breaks
def believes_every_success(patch: Patch) -> None:
    async def believe(self: Writer, change: Any, intent: Any) -> ChangeState:
        return await self._record(change, ChangeState.VERIFIED, None, intent)

    patch.setattr(Writer, "_verify", believe)


@breaks
def does_not_wait(patch: Patch) -> None:
    async def no_wait(_seconds: float) -> None:
        await asyncio.sleep(0)

    patch.setattr(batch, "Writer", lambda **fields: Writer(**(fields | {"sleep": no_wait})))


@breaks
def takes_silence_for_a_refusal(patch: Patch) -> None:
    _answer_unknown_with(patch, Certainty.REFUSED)


@breaks
def sends_again_at_once(patch: Patch) -> None:
    _answer_unknown_with(patch, Certainty.NOT_SENT)


def _answer_unknown_with(patch: Patch, certainty: Certainty) -> None:
    right = Writer._not_confirmed

    async def wrong(self: Writer, change: Any, intent: Any, error: Any, **more: Any) -> Any:
        if error.certainty is Certainty.UNKNOWN:
            error.certainty = certainty
        return await right(self, change, intent, error, **more)

    patch.setattr(Writer, "_not_confirmed", wrong)


@breaks
def sends_before_it_says_so(patch: Patch) -> None:
    """The intent is recorded after the answer."""
    late: list[Callable[[], None]] = []
    right, send = engine.record_intent, WritingClient.send

    def postponed(*arguments: Any) -> None:
        late.append(lambda: right(*arguments))

    async def sending(self: WritingClient, change: Any) -> Any:
        try:
            return await send(self, change)
        finally:
            late.pop()()

    patch.setattr(engine, "record_intent", postponed)
    patch.setattr(WritingClient, "send", sending)


@breaks
def ignores_who_has_taken_over(patch: Patch) -> None:
    def anyhow(ledger: Any, _change: Any, draft: Any, request: str, stamp: Any) -> None:
        entry = {name: str(value) for name, value in asdict(draft).items()}
        entry |= {"attempt": draft.attempt, "epoch": draft.epoch, "request_hash": request}
        ledger.append(intents, entry | {"sent_at": draft.sent_at.isoformat()}, stamp)

    patch.setattr(engine, "record_intent", anyhow)


@breaks
def ignores_withdrawals(patch: Patch) -> None:
    real = batch.read_changes

    def blind(*arguments: Any) -> list[Any]:
        return [replace(change, is_withdrawn=False) for change in real(*arguments)]

    patch.setattr(batch, "read_changes", blind)
    patch.setattr(batch, "standing_decisions", decisions.read_decisions)
    patch.setattr("reconcile_pipeline.ledger.changes._taken_back", _nobody)


def _nobody(*_arguments: object) -> Any:
    nothing = sa.select(sa.literal("")).where(sa.false())
    return sa.union(nothing, nothing)


@breaks
def ignores_newer_numbers(patch: Patch) -> None:
    patch.setattr(plan, "_card_moved", lambda *_arguments: None)


@breaks
def ignores_missing_confirmations(patch: Patch) -> None:
    patch.setattr(plan, "_unconfirmed", lambda *_arguments: None)


@breaks
def takes_decisions_on_old_numbers(patch: Patch) -> None:
    def lenient(wanted: Any, card: Any) -> Any:
        same = card.card_version if card else wanted.card_version
        return rules.check(replace(wanted, card_version=same), card)

    patch.setattr(door, "check", lenient)


@breaks
def reconciles_without_a_figure(patch: Patch) -> None:
    patch.setattr(rules, "UNPROVEN", {})


@breaks
def lets_a_second_person_decide_too(patch: Patch) -> None:
    patch.setattr(known.Known, "turn_of", lambda *_arguments: Turn.NEW)


@breaks
def forgets_what_was_acknowledged(patch: Patch) -> None:
    right = door.record_decisions

    def forgetful(ledger: Any, decided: Any, **more: Any) -> Any:
        items = list(decided)
        if items and int(items[0].client_key.rsplit("-", 1)[-1]) % 7 == 0:
            return decisions.Recorded(new=tuple(item.decision_id for item in items))
        return right(ledger, items, **more)

    patch.setattr(door, "record_decisions", forgetful)


@breaks
def never_settles(patch: Patch) -> None:
    async def leave(_self: Writer, _changes: object) -> list[Any]:
        return []

    patch.setattr(Writer, "settle", leave)


@breaks
def settles_by_guessing(patch: Patch) -> None:
    async def guess(self: Writer, change: Any) -> None:
        await self._record(change, ChangeState.VERIFIED, None)

    patch.setattr(Writer, "_settle_one", guess)


@breaks
def calls_a_person_at_the_first_trouble(patch: Patch) -> None:
    patch.setattr(engine, "MOST_SENDS", 1)


@breaks
def writes_into_closed_months(patch: Patch) -> None:
    for module in (batch, decisions, known, undo):
        patch.setattr(module, "refuse_if_closed", lambda *_arguments: None)
    patch.setattr(closings, "refuse_if_closed", lambda *_arguments: None)
    patch.setattr(schedule, "refuse_if_closed", lambda *_arguments: None)


@breaks
def proves_whatever_a_pull_shows(patch: Patch) -> None:
    yes = SimpleNamespace(PROVED=ChangeState.PROVED, DISPROVED=ChangeState.PROVED)
    patch.setattr(proof, "ChangeState", yes)


@breaks
def writes_twice_what_is_written(patch: Patch) -> None:
    """Every change is sent once more after it was verified."""
    right = Writer._carry_one

    async def twice(self: Writer, change: Any) -> Any:
        result = await right(self, change)
        if self.ended.get(change.change_id) is ChangeState.VERIFIED:
            before = LineSeen(change.qty_from)
            call = self.write_back.change(
                engine._ref(change), before, change.qty_to, change.effective_on
            )
            await self.client.send(call)
        return result

    patch.setattr(Writer, "_carry_one", twice)


@breaks
def repeats_where_the_psa_takes_it_twice(patch: Patch) -> None:
    """A PSA of differences that lets a second adjustment through was said to be harmless."""

    class Forgetful(set[object]):
        def add(self, _item: object) -> None:
            return None

    right = Adjuster.__init__

    def made(self: Adjuster, *arguments: Any) -> None:
        right(self, *arguments)
        self._adjusted = Forgetful()  # type: ignore[assignment]

    patch.setattr(Adjuster, "__init__", made)


ON_AUTOTASK = {"repeats_where_the_psa_takes_it_twice"}
"""Breaks that only differences can show; all others are played with absolute quantities."""
