"""The office of the game: its cards, its pulls, and the people who decide, confirm and undo.

Everything goes through the doors that people use; each answer they get is told to the oracle.
Pulls and cards are the game's own, much simpler than the real ones.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from reconcile_pipeline.closing import close_month
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.closings import reopen_period
from reconcile_pipeline.ledger.decisions import confirm_decision
from reconcile_pipeline.model import Decision, Finding
from reconcile_pipeline.nemesis.cards import Service, behind_of, shown_of
from reconcile_pipeline.nemesis.clockwork import JumpingLoop, open_ledger
from reconcile_pipeline.nemesis.oracle import Ask, Oracle, PullSeen, usual_day
from reconcile_pipeline.nemesis.psas import Psa
from reconcile_pipeline.periods import next_period
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.decide import Door, decide
from reconcile_pipeline.review.reading import Behind
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.writeback.proof import Pulled, prove_changes
from reconcile_pipeline.writeback.undo import Choice, settle_change, undo_decision

if TYPE_CHECKING:
    import duckdb

FIRST_PERIOD = "2026-11"
PEOPLE = ("Ann", "Ben", "Cleo")
MOST_UNITS = 9


@dataclass
class Office:
    """One installation at work; a step of people is a method without arguments."""

    psa: Psa
    oracle: Oracle
    loop: JumpingLoop
    dice: Random
    path: Path
    services: list[Service]
    period: str = FIRST_PERIOD
    boards: dict[str, dict[str, Behind]] = field(default_factory=dict)
    pulls: dict[str, Pulled] = field(default_factory=dict)
    old_screens: deque[Behind] = field(default_factory=lambda: deque(maxlen=30))
    said: deque[tuple[str, Wanted]] = field(default_factory=lambda: deque(maxlen=20))
    refused: int = 0
    number: int = 0
    note: Callable[[str], None] = lambda _text: None

    def __post_init__(self) -> None:
        self.ledger = open_ledger(self.path)
        self.system = SYSTEMS[self.psa.kind]

    def restart(self) -> None:
        """The process died; another one opens the same files."""
        self.ledger.engine.dispose()
        self.ledger = open_ledger(self.path)

    def stamp(self, by: str = "") -> Stamp:
        return Stamp(by or self.dice.choice(PEOPLE), self.loop.now(), "nemesis")

    def some_period(self) -> str:
        return (
            self.dice.choice([*self.boards] or [self.period])
            if self.dice.random() < 0.2
            else (self.period)
        )

    def board(self, period: str) -> dict[str, Behind]:
        """The cards as they are published now."""
        return self.boards.get(period, {})

    # What happens outside

    def vendor_counts(self) -> None:
        service = self.dice.choice(self.services)
        service.count = self.dice.choice([*range(MOST_UNITS + 1), None])
        service.is_stale = self.dice.random() < 0.1
        self.note(f"{service.name} counts {service.count}")

    def somebody_edits(self) -> None:
        line = self.dice.choice([*self.psa.agreement_of])
        quantity = self.dice.randrange(MOST_UNITS + 1)
        if self.psa.shows(line, usual_day(self.period)) == quantity:
            return
        self.psa.edit(line, quantity, usual_day(self.period))
        self.oracle.edited(line)
        self.note(f"somebody edits {line} to {quantity}")

    def somebody_blocks(self) -> None:
        line = self.dice.choice([*self.psa.agreement_of])
        is_active = self.psa.is_blocked(line)
        self.psa.block(line, is_active=is_active)
        for other, agreement in self.psa.agreement_of.items():
            if agreement == self.psa.agreement_of[line]:
                self.oracle.edited(other, "block")
        self.note(f"the agreement of {line} is {'woken' if is_active else 'put to sleep'}")

    # Pulls and what is published

    def pull(self, period: str = "") -> None:
        period = period or self.some_period()
        began, self.number = self.loop.now(), self.number + 1
        day = usual_day(period)
        shown = {line: self.psa.shows(line, day) for line in self.psa.agreement_of}
        at_once = self.system.write_back is None or self.system.write_back.takes_effect == "at_once"
        counts_on = day.max if at_once else day
        self.pulls[period] = Pulled(f"pull-{self.number}", "our_psa", began, counts_on, shown)
        self.old_screens.extend(self.board(period).values())
        cards = [behind_of(self.psa, service, period, shown, began) for service in self.services]
        self.boards[period] = {behind.card.card_id: behind for behind in cards}
        for behind in cards:
            self.oracle.published[behind.card.card_id] = shown_of(behind)
        self.loop.pass_time(1)
        self.note(f"pull {self.number} for {period}")

    def prove(self, period: str = "") -> None:
        period = period or self.some_period()
        if period in self.pulls:
            pulled = self.pulls[period]
            self.oracle.pull = PullSeen(pulled.pull_id, dict(pulled.quantities))
            prove_changes(self.ledger, pulled, now=self.loop.now())
            self.note(f"proof from {pulled.pull_id}")

    # What people say

    def decide_one(self) -> None:
        behind = self._some_card()
        if behind is not None:
            self.say(behind.card.period, [self._wanted(behind)])

    def decide_many(self) -> None:
        board = [*self.board(self.period).values()]
        self.dice.shuffle(board)
        self.say(self.period, [self._wanted(each) for each in board[:4]])

    def decide_on_old_numbers(self) -> None:
        if self.old_screens:
            behind = self.dice.choice(self.old_screens)
            self.say(behind.card.period, [self._wanted(behind)])

    def say_again(self) -> None:
        if self.said:
            period, wanted = self.dice.choice(self.said)
            self._ask(period, [wanted])

    def contradict(self) -> None:
        """Another person wants something else for what was decided."""
        if not self.said:
            return
        period, wanted = self.dice.choice(self.said)
        behind = self.board(period).get(wanted.card_id)
        if behind is not None:
            self.say(period, [self._wanted(behind)])

    def _some_card(self) -> Behind | None:
        """A card of the board; as a rule one on which the counts differ."""
        board = [*self.board(self.some_period()).values()]
        open_ones = [each for each in board if each.card.qty_delta]
        board = open_ones if open_ones and self.dice.random() < 0.8 else board
        return self.dice.choice(board) if board else None

    def _wanted(self, behind: Behind) -> Wanted:
        card, dice = behind.card, self.dice
        self.number += 1
        choice, target = Decision.RECONCILE, None
        if card.finding is Finding.MATCH and dice.random() < 0.7:
            choice = Decision.APPROVE
        elif dice.random() < 0.06:
            choice = dice.choice([Decision.NO_CHANGE, Decision.DISMISS])
        elif dice.random() < 0.2:
            target = Decimal(dice.randrange(MOST_UNITS + 1))
        return Wanted(
            card_id=card.card_id,
            card_version=card.card_version,
            decision=choice,
            qty_target=target,
            reviewer="policy:small" if dice.random() < 0.08 else dice.choice(PEOPLE),
            note="because",
            confirmed=frozenset({"zero", "large"} if dice.random() < 0.8 else ()),
            client_key=f"key-{self.number}",
        )

    def say(self, period: str, wanted: list[Wanted]) -> None:
        """Ask for decisions that nobody asked for before."""
        screens = {(b.card.card_id, b.card.card_version): b for b in self.old_screens}
        board = self.board(period).values()
        screens |= {(b.card.card_id, b.card.card_version): b for b in board}
        for item in wanted:
            behind = screens[item.card_id, item.card_version]
            target = item.qty_target
            if item.decision is Decision.RECONCILE and target is None:
                target = behind.card.qty_vendor
            ask = Ask(shown_of(behind), str(item.decision), target, item.reviewer)
            self.oracle.asked(item.client_key, ask)
            self.said.append((period, item))
        self._ask(period, wanted)

    def _ask(self, period: str, wanted: list[Wanted]) -> None:
        door = Door(self.ledger, period, self.system.write_back)
        what = "; ".join(
            f"{w.card_id}@{w.card_version[:4]} {w.decision} {w.qty_target} by {w.reviewer}"
            for w in wanted
        )
        self.note(f"decide {what}")
        taken = decide(
            # The game reads its own board (see the bench), no warehouse.
            cast("duckdb.DuckDBPyConnection", None),
            door,
            wanted,
            now=self.loop.now(),
            origin="nemesis",
            is_all_or_nothing=len(wanted) == 1,
        )
        refused = {card_id for card_id, _error in taken.refused}
        self.refused += len(refused)
        keys = [item.client_key for item in wanted if item.card_id not in refused]
        self.oracle.decided(keys, taken.new, taken.repeated)

    def confirm(self) -> None:
        book = self.oracle.book
        if book.decisions:
            name = self.dice.choice([*book.decisions][-12:])
            kind = self.dice.choice(["zero", "large", "second_person", "second_person"])
            self.note(f"confirm {name} {kind}")
            confirm_decision(self.ledger, name, kind, self.stamp())
            self.oracle.told_that("confirmations", name, kind)

    def undo(self) -> None:
        book = self.oracle.book
        if not book.decisions:
            return
        name = self.dice.choice([*book.decisions][-15:])
        self.note(f"undo {name}")
        ids = undo_decision(
            self.ledger, name, self.system.write_back, reason="oops", stamp=self.stamp()
        )
        for change in ids:
            self.oracle.told_that("line_changes", change)
        self.oracle.told_that("withdrawals", name)

    def settle(self) -> None:
        """Somebody looks at a line that stands still, and says the truth about it."""
        stuck = ("conflict", "rejected", "needs_person", "disproved")
        rest = [each for each in self.oracle.book.changes.values() if each.state in stuck]
        if self.dice.random() < 0.15:
            waiting = ("queued", "not_applied")
            rest = [each for each in self.oracle.book.changes.values() if each.state in waiting]
        if not rest:
            return
        planned = self.dice.choice(rest[-10:])
        shown = self.psa.shows(planned.line, planned.day)
        choice: Choice = "drop"
        if shown == planned.qty_to:
            choice = "applied"
        elif shown == planned.qty_from:
            choice = "retry" if self.dice.random() < 0.5 else "drop"
        self.note(f"settle {planned.change} of {planned.line} ({planned.state}): {choice}")
        self.oracle.acting = (planned.change, choice)
        settle_change(self.ledger, planned.change, choice, stamp=self.stamp())
        state = {"applied": "done_by_hand", "retry": "not_applied", "drop": "dropped"}[choice]
        self.oracle.told_that("outcomes", planned.change, state)

    # Months

    def close_month(self) -> None:
        """Through the real door; what it reads from the warehouse is the game's (see schedule)."""
        period = self.some_period()
        self.note(f"close {period}")
        site: Any = SimpleNamespace(ledger=self.ledger)
        connection: Any = None
        close_month(connection, site, period, reason="end", stamp=self.stamp())
        self.oracle.told_that("closings", period)
        if period == self.period:
            self.period = next_period(period)

    def reopen_month(self) -> None:
        closed = [each for each in self.boards if self.oracle.book.is_closed(each)]
        if closed:
            period = self.dice.choice(closed)
            self.note(f"reopen {period}")
            reopen_period(self.ledger, period, reason="forgot", stamp=self.stamp())
            self.oracle.told_that("closings", period)

    def next_month(self) -> None:
        """A new month begins although the old one is not closed yet."""
        self.period = next_period(self.period)
        self.note(f"{self.period} begins")

    def time_passes(self) -> None:
        hours = self.dice.choice([0.01, 0.2, 1, 5, 26])
        self.loop.pass_time(timedelta(hours=hours).total_seconds())
        self.note(f"{hours} h pass")
