"""One batch: the lock, a new epoch, what an earlier batch left open, then what is ready.

Takes its work from the ledger and from nowhere else: no quantity, no list of cards comes in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconcile_pipeline.cancelling import told_to_end
from reconcile_pipeline.http import ApiClient, WritingClient
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import Change, read_changes, take_lease
from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.ledger.decisions import confirmed_kinds, standing_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import ChangeState, PipelineError
from reconcile_pipeline.reconciling.cards import Card, number
from reconcile_pipeline.systems.writing import LineRef, WriteBack
from reconcile_pipeline.writeback.engine import Tell, Writer
from reconcile_pipeline.writeback.lock import owner, writing_alone
from reconcile_pipeline.writeback.plan import Gate, Known, Plan, check_batch, make_plan

ReadCards = Callable[[], dict[str, Card]]


@dataclass(frozen=True)
class Batch:
    """What a batch works on, and how."""

    ledger: Ledger
    period: str
    read_cards: ReadCards
    """The period's cards as published now, by card id."""
    gate: Callable[[datetime], Gate]
    now: Callable[[], datetime]
    origin: str


@dataclass(frozen=True)
class Report:
    """How a batch ended."""

    plan: Plan
    ended: dict[str, ChangeState] = field(default_factory=dict)
    """The last state of each change that was touched, by change id."""
    stopped: PipelineError | None = None
    unread: dict[str, PipelineError] = field(default_factory=dict)
    """Why a change was left as it is although the batch went on, by change id."""


@dataclass(frozen=True)
class Preview:
    """What the PSA shows of one line now, beside what would be written."""

    change: Change
    shows: str
    is_as_decided: bool


def plan_batch(batch: Batch) -> Plan:
    """Read the ledger and the cards, and sort what waits."""
    known = Known(
        # Of every month: an unsettled change of the last one stands in the way of its line.
        changes=read_changes(batch.ledger),
        decisions={item.decision_id: item for item in standing_decisions(batch.ledger)},
        confirmed=confirmed_kinds(batch.ledger),
        cards=batch.read_cards(),
    )
    return make_plan(known, batch.gate(batch.now()))


async def apply_batch(
    batch: Batch,
    client: WritingClient,
    write_back: WriteBack,
    *,
    tell: Tell = lambda _change, _state: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Report:
    """Settle what is open and write what is ready.

    Raises:
        PipelineError: `conflict`, when another write-back runs or the month is closed; `input`,
            when the batch is larger than the limit. Nothing was written then.
    """
    with writing_alone(batch.ledger):
        with batch.ledger.reading() as connection:
            refuse_if_closed(connection, batch.period)
        plan = plan_batch(batch)
        check_batch(plan, batch.gate(batch.now()).limits)
        if not plan.ready and not plan.unsettled:
            return Report(plan)
        stamp = Stamp("write-back", batch.now(), batch.origin)
        writer = Writer(
            ledger=batch.ledger,
            client=client,
            write_back=write_back,
            epoch=take_lease(batch.ledger, owner(), stamp),
            origin=batch.origin,
            now=batch.now,
            sleep=sleep,
            tell=tell,
        )
        with told_to_end(writer.end):
            async with client:
                if plan.unsettled:
                    await writer.settle(plan.unsettled)
                    # What was settled may be sent now, or stand in another's way no longer.
                    again = plan_batch(batch)
                    plan = Plan(again.ready, plan.unsettled, again.by_hand, again.blocked)
                    check_batch(plan, batch.gate(batch.now()).limits)
                if writer.stopped is None:
                    await writer.carry_out(plan.ready)
        return Report(plan, dict(writer.ended), writer.stopped, dict(writer.unread))


async def preview_batch(
    client: ApiClient, write_back: WriteBack, changes: Sequence[Change]
) -> list[Preview]:
    """Read every line that would be changed. The client has no method that writes."""
    async with client:
        return [await _preview(client, write_back, change) for change in changes]


async def _preview(client: ApiClient, write_back: WriteBack, change: Change) -> Preview:
    ref = LineRef(change.agreement_id, change.line_id)
    try:
        seen = await write_back.read(client, ref, change.effective_on)
    except PipelineError as error:
        return Preview(change, error.message, is_as_decided=False)
    if seen.cannot_change or seen.qty is None:
        return Preview(change, seen.cannot_change or "the line is gone", is_as_decided=False)
    return Preview(change, number(seen.qty), is_as_decided=seen.qty == change.qty_from)
