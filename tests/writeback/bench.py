"""The bench of write-back: decisions on made-up lines, batches, and what became of them.

Judged by the PSA's own log of applied changes, by what it shows in the end, and by the ledger.
"""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from writeback_bench.psas import EFFECTIVE, PLAYS, Play, line_of

from reconcile_pipeline.http import WritingClient
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import Change, PlannedChange, read_changes, read_trail
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.decisions import record_decisions, standing_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import ChangeState, Decision, Finding
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.settings_systems import SystemSettings
from reconcile_pipeline.simulators.serve import SimulatedServer, Simulation
from reconcile_pipeline.simulators.server import Write
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import Agreement, Line
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.systems.writing import LineRef, WriteBack
from reconcile_pipeline.writeback.batch import Batch, Report, apply_batch
from reconcile_pipeline.writeback.plan import Gate

PERIOD = "2026-11"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVIDENCE_HOURS = 24.0
BEFORE, AFTER = Decimal(20), Decimal(23)


class Clock:
    """Told, not read; each question is a moment later, and sleeping costs no time of ours."""

    def __init__(self) -> None:
        self.instant = NOON
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        self.instant += timedelta(milliseconds=1)
        return self.instant

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.instant += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def later(self, **span: float) -> None:
        self.instant += timedelta(**span)


def cards_of(ledger: Ledger, as_of: datetime = NOON) -> dict[str, Card]:
    """The cards just as they were when they were decided."""
    return {
        decided.card_id: Card(
            period=decided.period,
            card_id=decided.card_id,
            card_version=decided.card_version,
            company_id=decided.basis.company_id,
            company_name=decided.basis.company_name,
            service_name=decided.basis.service_name,
            finding=Finding(decided.basis.finding),
            qty_psa=decided.basis.qty_psa,
            qty_vendor=decided.basis.qty_vendor,
            unit_price=decided.basis.unit_price,
            currency=decided.basis.currency,
            amount_delta=None,
            service_group_id=decided.basis.service_group_id,
            mapping_version=decided.basis.mapping_version,
            evidence_as_of=as_of,
        )
        for decided in standing_decisions(ledger)
    }


def make_batch(
    ledger: Ledger,
    clock: Clock,
    write_back: WriteBack,
    cards: Callable[[], dict[str, Card]],
    *,
    limits: Limits | None = None,
) -> Batch:
    """A batch of the bench's month; counts may be a day old."""
    allowed = limits or Limits()
    gate = lambda at: Gate(allowed, write_back, EVIDENCE_HOURS, at)  # noqa: E731
    return Batch(ledger, PERIOD, cards, gate, clock, "tests")


@dataclass
class Served:
    """One PSA that is being served, and its settings."""

    simulation: Simulation
    account: SystemSettings
    config: Path
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(101))


@dataclass
class Bench:
    """A ledger, a clock, and agreements that are this test's alone."""

    kind: str
    served: Served
    ledger: Ledger
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=Limits)
    effective: date = EFFECTIVE
    at_once: int = 1
    """One change after the other, so that a test knows which call is whose."""
    edit_cards: Callable[[dict[str, Card]], dict[str, Card]] = lambda cards: cards
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def play(self) -> Play:
        return PLAYS[self.kind]

    @property
    def server(self) -> SimulatedServer:
        return self.served.simulation.systems[self.kind]

    @property
    def write_back(self) -> WriteBack:
        own = SYSTEMS[self.kind].write_back
        assert own is not None
        return replace(own, changes_at_once=self.at_once)

    def client(self) -> WritingClient:
        make = SYSTEMS[self.kind].writer
        assert make is not None
        return make(self.served.account)

    def lines(self, count: int = 1) -> list[Line]:
        """Lines of a new agreement, each holding 20 units of one service."""
        world, began = self.server.state.world, date(2025, 1, 1)
        first = next(self.served.ids)
        world.agreements.append(
            Agreement(
                id=first,
                company_id=world.companies[0].id,
                bill_to_id=world.companies[0].id,
                name=f"Managed services {first}",
                type_id=lookups.MANAGED,
                starts_on=began,
                updated_at="2025-01-01T12:00:00Z",
                cycle_id=lookups.MONTHLY,
            )
        )
        seat = next(product for product in world.products if product.is_recurring)
        own = [
            Line(
                id=next(self.served.ids),
                agreement_id=first,
                product_id=seat.id,
                quantity=BEFORE,
                unit_price=seat.price,
                effective_on=began,
                updated_at="2025-01-01T12:00:00Z",
            )
            for _number in range(count)
        ]
        world.lines.extend(own)
        self.server.state.changed()
        return own

    def planned(self, line: Line, target: Decimal = AFTER, **changes: Any) -> PlannedChange:
        values: dict[str, Any] = {
            "system": self.kind,
            "company_name": "Acme",
            "service_name": "Seat",
            "agreement_id": str(self.play.agreement_number(line.agreement_id)),
            "line_id": str(line.id),
            "qty_from": BEFORE,
            "qty_to": target,
            "effective_on": self.effective,
            "unit_price": Decimal("12.50"),
            "currency": "USD",
        }
        return PlannedChange(**(values | changes))

    def decided(self, *planned: PlannedChange, **changes: Any) -> Decided:
        """A decision on a card of its own."""
        number = next(self.numbers)
        before = sum((one.qty_from for one in planned), Decimal(0))
        target = sum((one.qty_to for one in planned), Decimal(0))
        basis = Basis(
            company_id="1",
            company_name=f"Acme {number}",
            service_group_id=f"g{number}",
            service_name="Seat",
            finding="under_billed",
            qty_psa=before,
            qty_vendor=target,
            unit_price=Decimal("12.50"),
            currency="USD",
            mapping_version="m1",
            evidence_as_of=NOON,
        )
        values: dict[str, Any] = {
            "period": PERIOD,
            "card_id": f"card{number}",
            "card_version": "v1",
            "decision": Decision.RECONCILE,
            "qty_target": target,
            "reviewer": "ann",
            "note": None,
            "decided_at": self.clock(),
            "basis": basis,
            "changes": planned,
        }
        return Decided(**(values | changes))

    def decide(
        self, count: int = 1, target: Decimal = AFTER, *, lines: int = 1, **changes: Any
    ) -> list[Change]:
        """Record decisions, one after the other; returns the line changes that follow."""
        for _number in range(count):
            planned = [self.planned(line, target) for line in self.lines(lines)]
            record_decisions(self.ledger, [self.decided(*planned, **changes)], origin="tests")
        return read_changes(self.ledger)[-count * lines :]

    def fault(self, what: Any, after: int = 0, times: int | None = 1, **fault: Any) -> None:
        """Plan what goes wrong with the calls that change a line."""
        self.server.faults.add(
            self.play.changing,
            kind=what,
            method=self.play.method,
            after_n_calls=after,
            times=times,
            **fault,
        )

    def fault_reads(self, what: Any, line: Change | None = None, **fault: Any) -> None:
        """Plan what goes wrong with calls that read; not with the one that asks for the zone."""
        path = r"(?i)^(?!.*(zoneinformation|authinfo))"
        if line is not None:
            path = self.play.reading(line.line_id)
        self.server.faults.add(path, kind=what, method="GET", **fault)

    def batch(self) -> Batch:
        return make_batch(
            self.ledger,
            self.clock,
            self.write_back,
            lambda: self.edit_cards(cards_of(self.ledger)),
            limits=self.limits,
        )

    def write(
        self,
        tell: Callable[[Change, ChangeState], None] = lambda _change, _state: None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        client: WritingClient | None = None,
    ) -> Report:
        """One batch, from its own event loop, as a job runs it."""
        return asyncio.run(
            apply_batch(
                self.batch(),
                client or self.client(),
                self.write_back,
                tell=tell,
                sleep=sleep or self.clock.sleep,
            )
        )

    def writes(self, *changes: Change) -> list[Write]:
        """What the PSA applied to these lines, in order."""
        lines = {change.line_id for change in changes}
        return [write for write in self.server.app.writes if write.line_id in lines]

    def sends(self) -> int:
        """How many calls that change a line arrived, applied or not."""
        return sum(
            call.method == self.play.method and bool(re.search(self.play.changing, call.path))
            for call in self.server.log
        )

    def shows(self, change: Change) -> Decimal | None:
        return self.play.shown(self.server, change.line_id, change.effective_on)

    def edit(self, change: Change, quantity: Decimal) -> None:
        self.play.edit(self.server, change.line_id, quantity)
        self.server.state.changed()

    def states(self) -> list[str]:
        return [str(change.state) for change in read_changes(self.ledger)]

    def trail(self, change: Change) -> list[str]:
        """The states a change went through."""
        steps = read_trail(self.ledger).get(change.change_id, [])
        return [step.get("state", "intent") for step in steps]

    def says(self, change: Change) -> str:
        return str(read_trail(self.ledger)[change.change_id][-1]["says"])

    def stamp(self, by: str = "ann") -> Stamp:
        return Stamp(by, self.clock(), "tests")

    @property
    def calls_per_look(self) -> int:
        """How many calls it takes to read a line."""
        return self.play.calls_per_look

    def calm_down(self, change: Change) -> None:
        """Let the PSA answer some more calls: whatever is late will have been applied then."""
        client = self.client()

        async def look() -> None:
            async with client:
                for _number in range(12):
                    ref = LineRef(change.agreement_id, change.line_id)
                    await self.write_back.read(client, ref, change.effective_on)

        asyncio.run(look())

    def break_line(self, change: Change, how: str) -> None:
        world = self.server.state.world
        number = self.play.agreement_number
        [agreement] = [a for a in world.agreements if str(number(a.id)) == change.agreement_id]
        self.play.breaks[how](self.server, agreement, line_of(self.server, change.line_id))
        self.server.state.changed()

    def assert_written_once(self, *changes: Change) -> None:
        """Verified in the ledger, once in the PSA's own log, and what the PSA shows now."""
        by_id = {change.change_id: change for change in read_changes(self.ledger)}
        for change in changes:
            assert by_id[change.change_id].state is ChangeState.VERIFIED, self.trail(change)
            [write] = self.writes(change)
            assert (write.qty_before, write.qty_after) == (change.qty_from, change.qty_to)
            assert self.shows(change) == change.qty_to

    def assert_untouched(self, *changes: Change) -> None:
        assert self.writes(*changes) == []
