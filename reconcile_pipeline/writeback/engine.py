"""Carries changes into the PSA: look, commit the intent, send once, look again, record.

Whatever the answer says, only a line that was read back counts as written. After an unknown
outcome nothing is sent before the settle wait is over and the line was looked at.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from reconcile_pipeline.cancelling import cancelled
from reconcile_pipeline.http import ApiError, Certainty, ChangeError, WritingClient
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import (
    Change,
    Intent,
    LeaseLostError,
    Outcome,
    last_intent,
    record_intent,
    record_outcome,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Category, ChangeState, PipelineError
from reconcile_pipeline.reconciling.cards import number
from reconcile_pipeline.systems.writing import LineRef, LineSeen, WriteBack

MOST_SENDS = 2
"""An unanswered change is sent again once at most."""
MOST_WAITS = 5
"""How often one change waits for a PSA that takes no more requests."""
LONGEST_WAIT_SECONDS = 300.0
_STOPS = frozenset({Category.CREDENTIALS, Category.PERMISSION, Category.SETTINGS})
"""What the next change would run into as well."""
_REDIRECTS = range(300, 400)

Tell = Callable[[Change, ChangeState], None]


@dataclass
class Writer:
    """Everything one batch works with; `stopped` is why it ended early."""

    ledger: Ledger
    client: WritingClient
    write_back: WriteBack
    epoch: int
    origin: str
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    tell: Tell = lambda _change, _state: None
    stopped: PipelineError | None = None
    ended: dict[str, ChangeState] = field(default_factory=dict)
    """The last state of each change of this batch, by change id."""
    unread: dict[str, PipelineError] = field(default_factory=dict)
    """Changes whose line could not be read, and why."""
    _attempts: dict[str, int] = field(default_factory=dict)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    def end(self) -> None:
        """Begin no other change: those under way are read back first, and the rest stays queued."""
        self.stopped = self.stopped or cancelled(
            "The write-back", "Start it again: it goes on where it stopped."
        )

    async def settle(self, changes: Sequence[Change]) -> list[Change]:
        """Look up what an earlier batch left open; returns those that may be sent now."""
        return [change for change in await self._each(changes, self._settle_one) if change]

    async def carry_out(self, changes: Sequence[Change]) -> None:
        """Write changes; ends early, leaving the rest queued, when the next would fail as well."""
        await self._each(changes, self._carry_one)

    async def _each(
        self,
        changes: Sequence[Change],
        work: Callable[[Change], Awaitable[Change | None]],
    ) -> list[Change | None]:
        queue = list(reversed(changes))
        results: list[Change | None] = []

        async def worker() -> None:
            while queue and self.stopped is None:
                results.append(await self._guarded(queue.pop(), work))

        async with asyncio.TaskGroup() as group:
            for _number in range(min(self.write_back.changes_at_once, len(queue))):
                group.create_task(worker())
        return results

    async def _guarded(
        self, change: Change, work: Callable[[Change], Awaitable[Change | None]]
    ) -> Change | None:
        try:
            async with self._turn(change):
                return await work(change)
        except LeaseLostError as error:
            self.stopped = error
        except PipelineError as error:
            # Taken back while it waited for its turn: there is nothing to write any more.
            if error.category is Category.CONFLICT:
                return None
            # Its state stays in the ledger, for the next batch.
            self.unread[change.change_id] = error
            if not _is_own_trouble(error):
                self.stopped = self.stopped or error
        return None

    def _turn(self, change: Change) -> AbstractAsyncContextManager[object]:
        """What this change must have to itself, if it is more than its line."""
        if self.write_back.turns == "line":
            # A line is in a batch once: the plan sees to that.
            return nullcontext()
        return self._turns.setdefault(change.agreement_id, asyncio.Lock())

    async def _settle_one(self, change: Change) -> Change | None:
        intent = await asyncio.to_thread(last_intent, self.ledger, change.change_id)
        if intent is None:
            raise RuntimeError(f"change {change.change_id} is unsettled without an intent")
        seen = await self._read(change)
        if seen.qty != change.qty_to:
            passed = (self.now() - intent.sent_at).total_seconds()
            await self.sleep(max(0.0, self.write_back.settle_seconds - passed))
            seen = await self._read(change)
        was_confirmed = change.state is ChangeState.SENT
        state = await self._after_waiting(change, intent, seen, may_repeat=not was_confirmed)
        return change if state is ChangeState.NOT_APPLIED else None

    async def _carry_one(self, change: Change) -> Change | None:
        seen = await self._read(change)
        state = await self._precheck(change, seen)
        sends = waits = 0
        # Stopped by another change meanwhile: this one stays as it is, too.
        while state is None and self.stopped is None:
            sends += 1
            state, wait = await self._send(change, seen, may_repeat=sends < MOST_SENDS)
            if wait is not None:
                # Turned away, not unanswered: that costs patience, and no try.
                sends, waits = sends - 1, waits + 1
                if waits > MOST_WAITS:
                    self.stopped = self.stopped or _turned_away(change)
                if self.stopped is not None:
                    break
                await self.sleep(wait)
            if state is ChangeState.NOT_APPLIED:
                # Time has passed: look before touching again.
                seen = await self._read(change)
                state = await self._precheck(change, seen)
        return None

    async def _precheck(self, change: Change, seen: LineSeen) -> ChangeState | None:
        """Compare the line with what was decided on; None when the change may be sent."""
        if seen.cannot_change or seen.qty is None:
            says = seen.cannot_change or "the line is gone"
            return await self._record(change, ChangeState.REJECTED, seen, says=says)
        if seen.qty == change.qty_to:
            says = "the line showed the agreed quantity already"
            return await self._record(change, ChangeState.VERIFIED, seen, says=says)
        if seen.qty != change.qty_from:
            says = (
                f"decided on {number(change.qty_from)} → {number(change.qty_to)}, but the PSA shows"
                f" {number(seen.qty)} now; nothing was written"
            )
            return await self._record(change, ChangeState.CONFLICT, seen, says=says)
        return None

    async def _send(
        self, change: Change, seen: LineSeen, *, may_repeat: bool
    ) -> tuple[ChangeState, float | None]:
        """Send once and find out what came of it; a wait says that the PSA wants a pause."""
        call = self.write_back.change(_ref(change), seen, change.qty_to, change.effective_on)
        intent = await self._intend(change, seen, call.trail)
        try:
            reply = await self.client.send(call)
        except ChangeError as error:
            return await self._not_confirmed(change, intent, error, may_repeat=may_repeat)
        await self._record(change, ChangeState.SENT, None, intent, http_status=reply.status)
        return await self._verify(change, intent), None

    async def _verify(self, change: Change, intent: Intent) -> ChangeState:
        seen = await self._read(change)
        if seen.qty == intent.qty_before:
            # Answered with success, but not to be seen: it may only be slow.
            await self.sleep(self.write_back.settle_seconds)
            seen = await self._read(change)
        if seen.qty == change.qty_to:
            return await self._record(change, ChangeState.VERIFIED, seen, intent)
        shown = number(seen.qty, "no quantity")
        says = f"answered with success, but the line shows {shown}, not {number(change.qty_to)}"
        self._pause(change, says)
        return await self._record(change, ChangeState.NEEDS_PERSON, seen, intent, says=says)

    async def _not_confirmed(
        self, change: Change, intent: Intent, error: ChangeError, *, may_repeat: bool
    ) -> tuple[ChangeState, float | None]:
        says, status = error.says or error.message, error.status
        if error.certainty is Certainty.UNKNOWN:
            await self._record(
                change, ChangeState.UNKNOWN, None, intent, says=says, http_status=status
            )
            return await self._look_up(change, intent, error, may_repeat=may_repeat), None
        is_busy = error.category is Category.RATE_LIMIT
        if error.certainty is Certainty.NOT_SENT or is_busy or error.category in _STOPS:
            state = await self._record(
                change, ChangeState.NOT_APPLIED, None, intent, says=says, http_status=status
            )
            wait = error.wait_seconds if error.wait_seconds is not None else 1.0
            if wait > LONGEST_WAIT_SECONDS or not (is_busy or error.is_transient):
                self.stopped = self.stopped or error
            return state, wait
        state = await self._record(
            change, ChangeState.REJECTED, None, intent, says=says, http_status=status
        )
        return state, None

    async def _look_up(
        self, change: Change, intent: Intent, error: ChangeError, *, may_repeat: bool
    ) -> ChangeState:
        seen = await self._read(change)
        if seen.qty == change.qty_to:
            return await self._record(change, ChangeState.VERIFIED, seen, intent)
        if error.status is not None and self.write_back.is_refusal(error.status, error.says):
            if seen.qty == intent.qty_before:
                return await self._record(
                    change, ChangeState.REJECTED, seen, intent, says=error.says
                )
            return await self._after_waiting(change, intent, seen, may_repeat=False)
        await self.sleep(self.write_back.settle_seconds)
        seen = await self._read(change)
        return await self._after_waiting(change, intent, seen, may_repeat=may_repeat)

    async def _after_waiting(
        self, change: Change, intent: Intent, seen: LineSeen, *, may_repeat: bool
    ) -> ChangeState:
        """Judge an unanswered change after the settle wait, by what the line shows."""
        if seen.qty == change.qty_to:
            return await self._record(change, ChangeState.VERIFIED, seen, intent)
        may_repeat = may_repeat and self.write_back.repeat_is_harmless
        if seen.qty == intent.qty_before and may_repeat:
            says = "not applied after the settle wait"
            return await self._record(change, ChangeState.NOT_APPLIED, seen, intent, says=says)
        says = (
            f"no answer, and after the wait the line shows {number(seen.qty, 'no quantity')}:"
            f" neither {number(change.qty_to)} nor safe to send again"
        )
        return await self._record(change, ChangeState.NEEDS_PERSON, seen, intent, says=says)

    async def _intend(self, change: Change, seen: LineSeen, request: str) -> Intent:
        attempt = 1 + await self._attempts_before(change)
        self._attempts[change.change_id] = attempt
        at = self.now()
        intent = Intent(
            intent_id=hashlib.sha256(f"{change.change_id}|{attempt}".encode()).hexdigest()[:16],
            change_id=change.change_id,
            attempt=attempt,
            epoch=self.epoch,
            qty_before=change.qty_from if seen.qty is None else seen.qty,
            qty_to=change.qty_to,
            effective_on=change.effective_on,
            sent_at=at,
        )
        await asyncio.to_thread(
            record_intent, self.ledger, change, intent, request, self._stamp(change)
        )
        return intent

    async def _attempts_before(self, change: Change) -> int:
        if change.change_id in self._attempts:
            return self._attempts[change.change_id]
        if change.state is ChangeState.QUEUED:
            return 0
        before = await asyncio.to_thread(last_intent, self.ledger, change.change_id)
        return 0 if before is None else before.attempt

    async def _record(
        self,
        change: Change,
        state: ChangeState,
        seen: LineSeen | None,
        intent: Intent | None = None,
        *,
        says: str = "",
        http_status: int | None = None,
    ) -> ChangeState:
        outcome = Outcome(
            change_id=change.change_id,
            state=state,
            intent_id=intent.intent_id if intent else None,
            qty_seen=seen.qty if seen else None,
            stamp=seen.stamp if seen else "",
            http_status=http_status,
            says=says,
        )
        await asyncio.to_thread(record_outcome, self.ledger, outcome, self._stamp(change))
        self._note(change, state)
        return state

    async def _read(self, change: Change) -> LineSeen:
        return await self.write_back.read(self.client, _ref(change), change.effective_on)

    def _note(self, change: Change, state: ChangeState) -> None:
        self.ended[change.change_id] = state
        self.tell(change, state)

    def _pause(self, change: Change, says: str) -> None:
        self.stopped = self.stopped or PipelineError(
            f"{change.company_name}, {change.service_name}: {says}; the batch was stopped.",
            next_step="Look at the line in the PSA, then settle it: `reconcile settle"
            f" {change.change_id} applied|retry|drop`.",
            category=Category.CONFLICT,
        )

    def _stamp(self, change: Change) -> Stamp:
        return Stamp(change.decided_by, self.now(), self.origin)


def _is_own_trouble(error: PipelineError) -> bool:
    """Whether only this line can't be read; all else would hit the next one as well."""
    if error.category is not Category.SHAPE:
        return False
    # An address that is not there, or is elsewhere, is the whole API's trouble.
    status = error.status if isinstance(error, ApiError) else None
    return status is None or (status != HTTPStatus.NOT_FOUND and status not in _REDIRECTS)


def _turned_away(change: Change) -> PipelineError:
    return PipelineError(
        f"{change.system} turned a change away {MOST_WAITS + 1} times in a row; the batch was"
        " stopped.",
        next_step="Run the write-back again at a quieter hour: it goes on where it stopped.",
        category=Category.RATE_LIMIT,
    )


def _ref(change: Change) -> LineRef:
    return LineRef(change.agreement_id, change.line_id)
