"""People and write-backs of the pulling game: decisions on real cards, carried into the PSA.

The writing game tries write-backs much harder; here it matters that both go together.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Literal, get_args

from reconcile_pipeline.applying import proof_step, write_back
from reconcile_pipeline.building import door_of
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.model import Decision
from reconcile_pipeline.nemesis.book import Book
from reconcile_pipeline.nemesis.month import Month
from reconcile_pipeline.reconciling.cards import Card, Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.review.reading import read_board
from reconcile_pipeline.simulators.world.records import CONNECTWISE, HALOPSA, SYNCRO
from reconcile_pipeline.warehouse.connect import open_for_reading

MOST_AT_ONCE = 3
SHOWS_WRITES = {CONNECTWISE, HALOPSA, SYNCRO}
"""PSAs whose world holds what is written; Autotask's differences are the writing game's."""
Lost = Literal["drop_before", "ack_lost", "status", "status_after"]


@dataclass
class People:
    """Who decides, and the job that writes."""

    month: Month
    dice: Random
    name: str
    asked: set[str] = field(default_factory=set)
    """Keys of every decision that somebody asked for."""
    told: list[str] = field(default_factory=list)
    """Decisions that somebody was told are taken."""

    def decide_some(self) -> None:
        """A few differing cards are reconciled, through the door that people use."""
        month, house = self.month, self.month.house
        if house.simulation.psa not in SHOWS_WRITES:
            return
        with open_for_reading(house.site.state.published) as connection:
            cards = [
                behind.card
                for behind in read_board(connection, month.period).values()
                if behind.lines and behind.card.qty_vendor is not None and behind.card.qty_delta
            ]
            chosen = self.dice.sample(cards, min(MOST_AT_ONCE, len(cards)))
            wanted = [self._wanted(card) for card in chosen]
            self.asked |= {item.client_key or "" for item in wanted}
            month.note(f"decide {[item.card_id for item in wanted]}")
            taken = decide(
                connection,
                door_of(house.site, month.period),
                wanted,
                now=house.now(),
                origin="nemesis",
                is_all_or_nothing=False,
            )
        month.count["decisions"] += len(taken.new)
        self.told += taken.new

    def _wanted(self, card: Card) -> Wanted:
        return Wanted(
            card_id=card.card_id,
            card_version=card.card_version,
            decision=Decision.RECONCILE,
            qty_target=None,
            reviewer=self.dice.choice(["Ann", "Ben"]),
            note="counted",
            confirmed=frozenset({"zero", "large"}),
            client_key=f"{self.name}/{len(self.asked)}/{card.card_id}",
        )

    def write_back(self) -> None:
        """What the write-back job does."""
        month, house = self.month, self.month.house
        month.note("write back")
        work = write_back(house.site, month.period, now=house.now, origin="nemesis")
        report = house.loop.play(work)
        ended = Counter(str(state) for state in report.ended.values())
        month.note(f"  {dict(ended)}{', stopped' if report.stopped else ''}")
        month.count.update({f"writes {state}": number for state, number in ended.items()})

    def write_back_under_faults(self) -> None:
        """Answers are lost, or say that it failed when it did not."""
        house = self.month.house
        server = house.simulation.systems[house.simulation.psa]
        for _number in range(self.dice.choice([1, 2])):
            kind: Lost = self.dice.choice(get_args(Lost))
            value = self.dice.choice([500, 503]) if kind.startswith("status") else None
            after = self.dice.randrange(MOST_AT_ONCE)
            self.month.note(f"fault: {kind} {value or ''} after {after}")
            for verb in ("PATCH", "PUT", "POST"):
                server.faults.add("", kind=kind, method=verb, value=value, after_n_calls=after)
        self.write_back()

    def prove(self) -> None:
        """Compare what was written with what the last pull shows."""
        site = self.month.house.site
        with open_for_reading(site.state.warehouse) as connection:
            proof_step(connection, site, self.month.period, now=self.month.house.now())

    def judge_ledger(self) -> None:
        """Decisions are there, the chain is whole, and each write has its one change."""
        site, demand = self.month.house.site, self.month.judgement.demand
        with site.ledger.reading() as connection:
            trouble = verify(connection).trouble
        demand(not trouble, f"I6 {trouble}")
        book = Book(site.state.ledger)
        try:
            book.sync()
            for name in self.told:
                demand(name in book.decisions, f"I5 decision {name} is gone")
            for name, row in book.decisions.items():
                demand(row["client_key"] in self.asked, f"I3 {name}: nobody asked for it")
            self._judge_writes(book)
        finally:
            book.close()

    def _judge_writes(self, book: Book) -> None:
        house, demand = self.month.house, self.month.judgement.demand
        writes = house.simulation.systems[house.simulation.psa].app.writes
        self.month.count["writes applied"] = len(writes)
        for line, times in Counter(write.line_id for write in writes).items():
            begun = [each for each in book.by_line.get(line, []) if each.steps]
            demand(times <= len(begun), f"I4 line {line}: {times} writes of {len(begun)} changes")
        for write in writes:
            targets = {each.qty_to for each in book.by_line.get(write.line_id, [])}
            what = f"set to {write.qty_after}, decided were {targets}"
            demand(Decimal(write.qty_after) in targets, f"I4 line {write.line_id}: {what}")
