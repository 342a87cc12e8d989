"""The pulling game: real pulls under faults, real builds, decisions and write-backs, and death.

One PSA and three vendors (an API with subscriptions, an RMM, a monthly file). After each
publishing the whole month is compared with the truth of the moments that were pulled.
"""

from collections import Counter, deque
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.nemesis.clockwork import Crash, JumpingLoop
from reconcile_pipeline.nemesis.house import IN_A_PULL, House, simulated
from reconcile_pipeline.nemesis.month import Month
from reconcile_pipeline.nemesis.outside import Outside
from reconcile_pipeline.nemesis.people import People
from reconcile_pipeline.nemesis.pull_faults import plan_pull_faults
from reconcile_pipeline.nemesis.script import PULLING, Script, drawn
from reconcile_pipeline.nemesis.telling import NemesisError
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import NINJAONE, PAX8

PERIOD, AS_OF = "2026-11", date(2026, 11, 22)
STEPS_PER_LEDGER, STEPS_AT_REST = 100, 50
TAIL = 40
WEIGHTS = {
    "something_changes": 34,
    "much_is_lost": 2,
    "it_is_back": 3,
    "pull_one": 12,
    "pull_under_faults": 14,
    "pull_while_something_changes": 4,
    "pull_and_die": 4,
    "accept": 4,
    "publish": 3,
    "publish_and_die": 3,
    "decide_some": 8,
    "write_back": 3,
    "write_back_under_faults": 4,
}
"""Acts of the game or of those it consists of, and how often each is played."""


def draw(kind: str, seed: int, ledger: int, length: int = STEPS_PER_LEDGER) -> Script:
    """The acts of one ledger."""
    return drawn(
        PULLING,
        kind,
        seed,
        ledger,
        length=length,
        weights=WEIGHTS,
        rest_every=STEPS_AT_REST,
        last=("rest", "replay"),
    )


class PullingGame:
    """One installation, from its first pull to rest."""

    def __init__(self, folder: Path, script: Script) -> None:
        self.script = script
        self.dice = Random(script.dice)
        self.loop = JumpingLoop()
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.steps = 0
        world = build_world(self.dice.randrange(1, 10**6), "small", AS_OF)
        self.house = House(folder, simulated(world, script.kind), self.loop, self.dice)
        self.outside = Outside(self.house, self.dice, self.note)
        self.month = Month(self.house, PERIOD, self.note)
        self.people = People(self.month, self.dice, script.dice)
        self.players = (self, self.outside, self.month, self.people)

    @property
    def count(self) -> Counter[str]:
        """What happened, and how often."""
        return self.month.count

    @property
    def checked(self) -> Counter[str]:
        """Checks by promise."""
        return self.month.judgement.checked

    def close(self) -> None:
        self.house.close()
        self.loop.close()

    def note(self, text: str) -> None:
        self.tail.append(f"act {self.steps:<4} {self.loop.now():%d %H:%M:%S} {text}")

    def play(self) -> None:
        """Every act of the script; raises `NemesisError` at the first broken promise."""
        with self.house.connected():
            self.step(self.begin)
            for number, name in self.script.acts:
                self.dice.seed(self.script.dice_of(number))
                self.steps += 1
                self.loop.pass_time(self.dice.random() * 60)
                self.step(self._act(name))

    def _act(self, name: str) -> Callable[[], None]:
        player = next(each for each in self.players if hasattr(each, name))
        act: Callable[[], None] = getattr(player, name)
        return act

    def step(self, act: Callable[[], None]) -> None:
        """One act; a refusal is an answer, a crash is followed by a new process."""
        try:
            act()
        except PipelineError as error:
            self.count["refusals"] += 1
            self.note(f"  refused: {error.message[:160]}")
        except Crash:
            self.count["crashes"] += 1
            self.note("  CRASH")
            self.house.restart()
        finally:
            self.house.quiet()
        violations = self.month.judgement.violations
        if violations:
            raise NemesisError("\n".join([*violations[:5], *self.tail]))

    def begin(self) -> None:
        """The first night; now and then one vendor knows no key of ours yet."""
        if self.dice.random() < 0.3:
            vendor = self.dice.choice([PAX8, NINJAONE])
            server = self.house.simulation.systems[vendor]
            server.faults.add("", kind="status", value=401, times=None)
            self.note(f"{vendor} knows no key of ours yet")
        self.month.pull(self.month.systems)
        self.month.publish_first()

    # Pulls

    def some_system(self) -> str:
        return self.dice.choice(self.month.systems)

    def pull_one(self) -> None:
        name = self.some_system()
        self.note(f"pull {name}")
        self.month.pull([name])

    def pull_under_faults(self) -> None:
        names = sorted({self.some_system(), self.some_system()})
        for name in names:
            if name in self.house.simulation.systems:
                plan_pull_faults(self.dice, self.house.simulation.systems[name], self.note)
        self.count["pulls under faults"] += len(names)
        self.month.pull(names)

    def pull_while_something_changes(self) -> None:
        """One record changes in the middle of a pull, which may see it or not."""
        outside = self.outside
        name = self.dice.choice(sorted(self.house.simulation.systems))
        own = {NINJAONE: outside.a_device, PAX8: outside.a_subscription}
        act = own.get(name, outside.a_line)
        after = self.dice.randrange(6)
        server = self.house.simulation.systems[name]
        server.faults.add("", kind="hook", after_n_calls=after, value=lambda _state: act())
        self.month.pull([name])

    def pull_and_die(self) -> None:
        names = sorted({self.some_system(), self.some_system()})
        with self.house.dying(IN_A_PULL, self.note):
            self.month.pull(names)

    def accept(self) -> None:
        """Somebody believes one of the pulls that were held back."""
        if self.month.held:
            self.month.accept(self.dice.choice(sorted(self.month.held)))

    # At rest

    def rest(self) -> None:
        """Faults end: everything is read again, written, proved, and published twice the same."""
        self.note("rest")
        self.outside.it_is_back()
        self.loop.pass_time(3600)
        self.month.pull(self.month.systems)
        self.month.accept_what_is_newest()
        self.month.publish()
        self.people.write_back()
        self.people.write_back()
        self.month.pull([self.script.kind])
        self.month.publish_twice()
        self.people.prove()
        self.people.judge_ledger()
