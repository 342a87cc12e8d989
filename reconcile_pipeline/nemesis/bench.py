"""One installation under test, assembled: ledger, people, PSA, wire, clock, reaper and oracle.

Only the parts and how they hang together; what happens with them is the schedule's.
"""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random

from reconcile_pipeline import closing
from reconcile_pipeline.http import WritingClient
from reconcile_pipeline.nemesis.book import ON_ITS_WAY, Book
from reconcile_pipeline.nemesis.cards import Service
from reconcile_pipeline.nemesis.clockwork import JumpingLoop, Reaper, reaping
from reconcile_pipeline.nemesis.office import Office
from reconcile_pipeline.nemesis.oracle import Oracle, usual_day
from reconcile_pipeline.nemesis.psas import PSAS, writer_of
from reconcile_pipeline.nemesis.watch import Rules
from reconcile_pipeline.nemesis.wire import Wire
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.review import decide as door
from reconcile_pipeline.systems.writing import LineRef
from reconcile_pipeline.writeback.batch import Batch
from reconcile_pipeline.writeback.plan import Gate

TAIL = 30
EVIDENCE_HOURS = 24.0
LIMITS = Limits(large_units=Decimal(4), large_money=Decimal(300), four_eyes_above=Decimal(450))


class Bench:
    """One ledger and one PSA, and everything that watches them."""

    def __init__(self, folder: Path, dice: Random, kind: str) -> None:
        self.dice = dice
        self.loop = JumpingLoop()
        self.counted: Counter[str] = Counter()
        self.tail: deque[str] = deque(maxlen=TAIL)
        psa = PSAS[kind](8)
        lines = [*psa.agreement_of]
        services = [Service(f"S{n}", (line,)) for n, line in enumerate(lines[:4])]
        services += [Service("S4", tuple(lines[4:6])), Service("S5", tuple(lines[6:8]))]
        # The ledger makes its file first: the book only reads.
        office = partial(Office, psa=psa, loop=self.loop, dice=dice, services=services)
        path = folder / "ledger.db"
        self.office = office(oracle=None, path=path, note=self.note)  # type: ignore[arg-type]
        write_back = self.office.system.write_back
        if write_back is None:
            raise RuntimeError(f"{psa.kind} can't be written")
        self.write_back = write_back
        rules = Rules(
            is_delta=psa.is_delta,
            renews_tokens=psa.renews_tokens,
            settle_seconds=write_back.settle_seconds,
            evidence_hours=EVIDENCE_HOURS,
            large_units=LIMITS.large_units,
            large_percent=LIMITS.large_percent,
            large_money=LIMITS.large_money,
            four_eyes_above=LIMITS.four_eyes_above,
        )
        self.oracle = Oracle(Book(path), rules, psa.shows, self.loop.now)
        self.oracle.begin()
        self.office.oracle = self.oracle
        self.wire = Wire(psa, self.oracle, self.loop, dice)
        self.reaper: Reaper = self.wire.reaper

    def close(self) -> None:
        self.oracle.book.close()
        self.office.ledger.engine.dispose()
        self.loop.close()

    def note(self, text: str) -> None:
        self.tail.append(f"{self.loop.now():%d %H:%M:%S} {text}")

    def waiting(self) -> set[str]:
        """Periods in which something is to be written or to be looked up."""
        waits = {"queued", "not_applied", *ON_ITS_WAY}
        return {each.period for each in self.oracle.book.changes.values() if each.state in waits}

    def batch_of(self, period: str) -> Batch:
        def cards() -> dict[str, door.Card]:
            return {name: behind.card for name, behind in self.office.board(period).items()}

        def gate(now: datetime) -> Gate:
            return Gate(LIMITS, self.write_back, EVIDENCE_HOURS, now, period)

        return Batch(self.office.ledger, period, cards, gate, self.loop.now, "nemesis")

    def client(self) -> WritingClient:
        client = writer_of(self.office.psa)
        client._transport = self.wire
        client._random = self.dice.random
        client._now = self.loop.now
        return client

    def nudge(self) -> None:
        """Any call makes the simulator apply what is late."""

        async def ask() -> None:
            client = self.client()
            line = next(iter(self.office.psa.agreement_of))
            async with client:
                ref = LineRef(self.office.psa.agreement_of[line], line)
                await self.write_back.read(client, ref, usual_day(self.office.period))

        self.loop.play(ask())

    @contextmanager
    def patched(self) -> Iterator[None]:
        """The game's cards instead of a warehouse, and its reaper at every commit."""
        with ExitStack() as stack:
            for module, name, stand_in in (
                (
                    door,
                    "read_board",
                    lambda _connection, period, _ids=None: self.office.board(period),
                ),
                (closing, "evidence_ids", lambda _connection, _period: ["pull"]),
                (closing, "cards_digest", lambda _connection, _period: ""),
                (closing, "write_report", lambda *_arguments: Path()),
                (closing, "ask", lambda *_arguments: [(0,) * 20]),
            ):
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, stand_in)
            self.reaper = self.wire.reaper = stack.enter_context(reaping(self.oracle.committed))
            yield
