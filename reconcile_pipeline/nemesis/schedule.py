"""The writing game: people, one PSA, write-backs, faults and crashes, in seeded order.

Pulls and cards are the game's own and small, so that a million acts are played in an hour or two.
What is right or wrong is the oracle's to say.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from reconcile_pipeline.applying import unfinished
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.changes import read_changes, take_lease
from reconcile_pipeline.ledger.closings import refuse_if_closed
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.nemesis.bench import Bench
from reconcile_pipeline.nemesis.clockwork import Crash, When
from reconcile_pipeline.nemesis.mischief import plan_faults
from reconcile_pipeline.nemesis.script import WRITING, Script, drawn
from reconcile_pipeline.nemesis.telling import NemesisError
from reconcile_pipeline.nemesis.watch import Sent
from reconcile_pipeline.nemesis.wire import Meanwhile
from reconcile_pipeline.periods import next_period
from reconcile_pipeline.writeback.batch import Report, apply_batch

STEPS_PER_LEDGER = 300
"""Then a fresh ledger and a fresh PSA: reading a ledger costs time with every entry in it."""
STEPS_AT_REST = 100
WHEN: tuple[When, When] = ("before", "after")
WEIGHTS = {
    "vendor_counts": 18,
    "somebody_edits": 4,
    "somebody_blocks": 0.5,
    "pull": 16,
    "decide_one": 16,
    "decide_many": 3,
    "decide_on_old_numbers": 3,
    "say_again": 2,
    "contradict": 2,
    "confirm": 4,
    "undo": 3,
    "settle": 4,
    "prove": 3,
    "time_passes": 4,
    "close_month": 1,
    "reopen_month": 0.5,
    "next_month": 0.4,
    "clean_batch": 3,
    "faulty_batch": 8,
    "batch_among_people": 5,
    "deadly_batch": 5,
    "deadly_act": 2,
}
"""Acts of the game or of its office, and how often each is played."""


def draw(kind: str, seed: int, ledger: int, length: int = STEPS_PER_LEDGER) -> Script:
    """The acts of one ledger."""
    return drawn(
        WRITING,
        kind,
        seed,
        ledger,
        length=length,
        weights=WEIGHTS,
        rest_every=STEPS_AT_REST,
        last=("rest", "show_everything"),
    )


class Game(Bench):
    """One ledger and one PSA, from the first step to rest."""

    def __init__(self, folder: Path, script: Script) -> None:
        super().__init__(folder, Random(script.dice), script.kind)
        self.script = script
        self.steps = 0

    def note(self, text: str) -> None:
        super().note(f"act {self.steps:<4} {text}")

    @property
    def count(self) -> Counter[str]:
        """What happened, and how often; the oracle counts too."""
        return self.oracle.count + self.counted

    @property
    def checked(self) -> Counter[str]:
        """Checks by promise."""
        return self.oracle.checked

    # The schedule

    def play(self) -> None:
        """Every act of the script; raises `NemesisError` at the first broken promise."""
        with self.patched():
            self.office.pull(self.office.period)
            for number, name in self.script.acts:
                self.dice.seed(self.script.dice_of(number))
                self.steps += 1
                self.loop.pass_time(self.dice.random() * 60)
                self.step(getattr(self, name, None) or getattr(self.office, name))

    def step(self, act: Callable[[], None]) -> None:
        """One step; a refusal is an answer, a crash is followed by a new process."""
        self.oracle.acting = None
        try:
            act()
        except PipelineError as error:
            self.counted["refusals"] += 1
            self.note(f"  refused: {error.message[:160]}")
        except Crash:
            self.counted["crashes"] += 1
            self.note("  CRASH")
            self.office.restart()
        finally:
            self.wire.quiet()
        if self.oracle.violations:
            raise NemesisError("\n".join([*self.oracle.violations[:5], *self.tail]))

    # Write-backs

    def batch(self, period: str = "") -> Report:
        """What the write-back job does, with the real client over the game's wire."""
        office = self.office
        period = period or self._busy_period()
        with office.ledger.reading() as connection:
            refuse_if_closed(connection, period)
        self.note(f"write-back of {period}")
        self.counted["batches"] += 1
        self.oracle.batch_begins()
        work = apply_batch(self.batch_of(period), self.client(), self.write_back)
        report = self.loop.play(work)
        why = f"; stopped: {report.stopped.message[:120]}" if report.stopped else ""
        ended = {change[:6]: str(state) for change, state in report.ended.items()}
        self.note(f"  ended {ended}{why}")
        self.oracle.book.sync()
        for change, state in report.ended.items():
            told = self.oracle.book.changes[change].state
            self.oracle.demand(told == str(state), f"{change}: reported {state}, recorded {told}")
        return report

    def clean_batch(self) -> None:
        """Undisturbed; what it finished, the next one leaves alone (I8)."""
        period = self._busy_period()
        before = len(self.oracle.all_sent)
        report = self.batch(period)
        if report.stopped or self.oracle.is_something_late:
            return
        first = {change: self.oracle.book.changes[change].line for change in report.ended}
        first |= _lines_of(self.oracle.all_sent[before:])
        before = len(self.oracle.all_sent)
        self.batch(period)
        for sent in self.oracle.all_sent[before:]:
            change = sent.planned.change if sent.planned else ""
            # Of two changes of one line the second waits for the next batch.
            is_its_turn = change not in first and sent.line in first.values()
            self.oracle.demand(is_its_turn, f"I8 {change}: the second batch wrote it")

    def faulty_batch(self) -> None:
        if self._has_work():
            self._plan_faults()
            self.batch()

    def batch_among_people(self) -> None:
        """While it runs, others edit, decide, undo, settle, and start another one."""
        if not self._has_work():
            return
        for number in self.dice.sample(range(1, 12), self.dice.randrange(1, 4)):
            self.wire.meanwhile[self.wire.calls + number] = self._some_person()
        if self.dice.random() < 0.3:
            self._plan_faults()
        self.batch()

    def deadly_batch(self) -> None:
        if not self._has_work():
            return
        if self.dice.random() < 0.5:
            self._plan_faults()
        when = self.dice.choice(WHEN)
        number = self.dice.choice([1, 2, 2, 3, 3, 3, 4, 4, 5, 6, 8])
        self.note(f"to die {when} commit {number}")
        with self.reaper.deadly(number, when):
            self.batch()

    def deadly_act(self) -> None:
        """Somebody's click is lost in a crash; as a rule they click again."""
        office = self.office
        clicks = [office.undo, office.settle, office.prove, office.confirm]
        acts = [office.decide_one, office.decide_many, *clicks]
        act = self.dice.choice(acts)
        when = self.dice.choice(WHEN)
        self.note(f"to die {when} the commit")
        try:
            with self.reaper.deadly(1, when):
                act()
        except Crash:
            self.counted["crashes"] += 1
            self.note("  CRASH")
            office.restart()
            self.oracle.acting = None
            if office.said and act in (office.decide_one, office.decide_many):
                period, wanted = office.said[-1]
                office._ask(period, [wanted])

    def rest(self) -> None:
        """Faults end, what is late arrives, two batches run: then everything must be settled."""
        self.note("rest")
        self.loop.pass_time(3600)
        while self.office.psa.app._late:
            self.nudge()
        self.oracle.nothing_is_late_any_more()
        for period in sorted(self.waiting()):
            if not self.oracle.book.is_closed(period):
                self.batch(period)
                self.batch(period)
        self.oracle.judge_at_rest([*self.office.psa.agreement_of])
        with self.office.ledger.reading() as connection:
            verdict = verify(connection)
        self.oracle.demand(not verdict.trouble, f"I6 {verdict.trouble}")

    # How it is done

    def show_everything(self) -> None:
        """A pull of each open month proves what was written: no change may bar the way to close."""
        office, book = self.office, self.oracle.book
        self.loop.pass_time(60)
        periods = [each for each in office.boards if not book.is_closed(each)]
        # What was undone counts a day later, and is seen by the next month's pull.
        for period in dict.fromkeys([*periods, next_period(office.period)]):
            office.pull(period)
            office.prove(period)
        book.sync()
        for period in periods:
            for change in unfinished(read_changes(office.ledger)):
                if change.period == period:
                    self.oracle.is_in_the_way(change.change_id)

    def _has_work(self) -> bool:
        """Most batches that have nothing to do are left out: they show nothing."""
        return bool(self.waiting()) or self.dice.random() < 0.1

    def _busy_period(self) -> str:
        """As a rule one that has something to do."""
        busy = sorted(each for each in self.waiting() if not self.oracle.book.is_closed(each))
        if busy and self.dice.random() < 0.9:
            return self.dice.choice(busy)
        return self.office.some_period()

    def _some_person(self) -> Meanwhile:
        office = self.office
        act = self.dice.choice(
            [
                office.somebody_edits,
                office.somebody_edits,
                office.undo,
                office.settle,
                office.confirm,
                office.decide_one,
                self._rival_batch,
                self._rival_lease,
            ]
        )

        async def acting() -> None:
            acting_before = self.oracle.acting
            self.note("  meanwhile:")
            try:
                result = act()
                if result is not None:
                    await result
            except PipelineError as error:
                self.counted["refusals"] += 1
                self.note(f"    refused: {error.message[:120]}")
            finally:
                self.oracle.acting = acting_before

        return acting

    async def _rival_batch(self) -> None:
        """Another write-back of the same ledger must not even begin."""
        office = self.office
        before = self.wire.calls
        try:
            await apply_batch(self.batch_of(office.period), self.client(), self.write_back)
        finally:
            self.oracle.demand(self.wire.calls == before, "two write-backs run at once")

    async def _rival_lease(self) -> None:
        """Whoever takes over without asking: the batch under way may announce nothing any more."""
        take_lease(self.office.ledger, "another host", self.office.stamp())
        self.note("    another writer takes over")

    def _plan_faults(self) -> None:
        settle = self.write_back.settle_seconds
        plan_faults(self.dice, self.wire, self.office.period, settle, self.note)


def _lines_of(sent: list[Sent]) -> dict[str, str]:
    return {each.planned.change: each.line for each in sent if each.planned is not None}
