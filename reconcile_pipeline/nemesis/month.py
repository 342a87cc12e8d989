"""One month of the pulling game: what was pulled and believed, and whether what is shown fits.

Keeps its own account of which pull each system's numbers have to rest on, and judges every
published version by the truth of those moments.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from reconcile_pipeline.building import core_step
from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.nemesis.clockwork import Crash
from reconcile_pipeline.nemesis.house import IN_A_BUILD, House
from reconcile_pipeline.nemesis.judge import Digest, Published, judge_cards, truth_of
from reconcile_pipeline.nemesis.snapshots import COUNTED, PARTS, Part, Snapshots, part_of
from reconcile_pipeline.nemesis.telling import Judgement
from reconcile_pipeline.rebuilding import rebuild_warehouse
from reconcile_pipeline.refreshing import refresh_period
from reconcile_pipeline.warehouse.connect import open_for_writing

BELIEVABLE = 0.6
"""A list with fewer of its records than this must not be believed by itself."""


@dataclass(frozen=True)
class Held:
    """A pull that was held back, and the world it may have seen."""

    system: str
    before: Part
    after: Part
    counted: int


@dataclass
class Month:
    """The open month of one house."""

    house: House
    period: str
    note: Callable[[str], None]
    judgement: Judgement = field(default_factory=Judgement)
    count: Counter[str] = field(default_factory=Counter)
    evidence: dict[str, str] = field(default_factory=dict)
    """By system: the pull that its numbers have to rest on."""
    held: dict[str, Held] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.snapshots = Snapshots(self.house.simulation.psa)

    @property
    def systems(self) -> list[str]:
        """All that is configured, the PSA first."""
        return [self.house.simulation.psa, *PARTS]

    def pull(self, names: Collection[str]) -> None:
        """Pull some systems, and remember what each may have seen."""
        world = self.house.simulation.world
        before = {name: part_of(world, name) for name in names}
        counted = {name: self._counted(name) for name in names}
        known = set(self._landed(names))
        try:
            self.house.pull(names, self.period)
        finally:
            # A pull that died may have left one system's pages whole, and those count.
            landed = self._landed(names)
            for pull_id in sorted(landed.keys() - known):
                name = landed[pull_id]["system"]
                held = Held(name, before[name], part_of(world, name), counted[name])
                self._landed_now(pull_id, landed[pull_id], held)

    def _landed(self, names: Collection[str]) -> dict[str, Any]:
        """What lies in the landing folder, read as a stranger does: pull -> its manifest."""
        home = self.house.site.state.landing / self.period
        files = [file for name in names for file in (home / name).glob("[!.]*/manifest.json")]
        return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in files}

    def _landed_now(self, pull_id: str, manifest: Any, held: Held) -> None:
        state = manifest["state"]
        self.count[f"pulls {state}"] += 1
        self.note(f"  {pull_id}: {state} {(manifest['reason'] or '')[:100]}")
        if state == "complete":
            self._judge_shrinkage(pull_id, held)
            self._believe(pull_id, held)
        elif state == "quarantined":
            self.held[pull_id] = held

    def accept(self, pull_id: str) -> None:
        """Somebody says that a held-back pull is right."""
        self.note(f"accept {pull_id}")
        stamp = Stamp("Ann", self.house.now(), "nemesis")
        accept_pull(self.house.site.ledger, pull_id, reason="it is so", stamp=stamp)
        held = self.held.pop(pull_id)
        if pull_id > self.evidence.get(held.system, ""):
            self._believe(pull_id, held)

    def accept_what_is_newest(self) -> None:
        """What a vendor shows at rest is so, however little it is."""
        for pull_id in sorted(self.held):
            if pull_id > self.evidence.get(self.held[pull_id].system, ""):
                self.accept(pull_id)

    def publish_first(self) -> None:
        """As a first run does: core has to be there before anything is refreshed."""
        with open_for_writing(self.house.site.state.warehouse) as connection:
            core_step(connection, self.house.site, self.period, now=self.house.now())
        self.publish()

    def publish(self) -> None:
        """Bring the tables up to date, and judge them."""
        self.note("publish")
        refresh_period(self.house.site, self.period, now=self.house.now())
        self.judge()

    def publish_and_die(self) -> None:
        """A build that dies leaves the old version, or the whole new one."""
        site = self.house.site
        before, digest = site.state.published.resolve(), self.digest()
        try:
            with self.house.dying(IN_A_BUILD, self.note):
                refresh_period(site, self.period, now=self.house.now())
        except Crash:
            is_new = site.state.published.resolve() != before
            same = is_new or self.digest() == digest
            self.judgement.demand(same, "I2 a build that died changed what is published")
            raise

    def publish_twice(self) -> None:
        """The second time changes nothing."""
        self.publish()
        first = self.digest()
        self.publish()
        self._demand_same("I8 publishing twice differs", first)

    def replay(self) -> None:
        """A warehouse made anew from the landed pages and the ledger says the same."""
        first = self.digest()
        settings = self.house.site.settings
        rebuild_warehouse(settings, now=self.house.now(), tell=lambda _text: None)
        self._demand_same("I9 the replay differs", first)

    def digest(self) -> Digest:
        """What the published month says, in a few numbers."""
        with Published(self.house.site.state.published, self.period) as published:
            return published.digest()

    def judge(self) -> None:
        """What is published rests on whole pulls, is the truth, and loses no unit."""
        self.count["months judged"] += 1
        demand, wanted = self.judgement.demand, self.evidence
        with Published(self.house.site.state.published, self.period) as published:
            evidence = published.evidence()
            demand(evidence == wanted, f"I2 the month rests on {evidence}, not on {wanted}")
            missing = published.missing_units()
            demand(not missing, f"I1 units are missing: {missing[:2]}")
            found = published.cards()
        unread = {*self.systems} - self.evidence.keys()
        world = self.house.simulation.world
        expected = [*self.snapshots.truths(world)]
        truths = [truth_of(each["cards"]) for each in expected]
        judge_cards(self.judgement, found, truths, unread)
        for each in expected:
            self.snapshots.remember(each)

    def _believe(self, pull_id: str, held: Held) -> None:
        self.snapshots.believe(held.system, held.before, held.after, held.counted)
        self.evidence[held.system] = pull_id

    def _counted(self, system: str) -> int:
        return len(getattr(self.house.simulation.world, COUNTED.get(system, "lines")))

    def _judge_shrinkage(self, pull_id: str, held: Held) -> None:
        before = self.snapshots.counted.get(held.system)
        if before is not None and held.system in COUNTED:
            is_so = held.counted >= before * BELIEVABLE
            what = f"{before} became {held.counted}, and is believed"
            self.judgement.demand(is_so, f"P3 {pull_id}: {what}")

    def _demand_same(self, what: str, first: Digest) -> None:
        second = self.digest()
        names = sorted(first.keys() | second.keys())
        differing = [name for name in names if first.get(name) != second.get(name)]
        self.judgement.demand(not differing, f"{what} in {', '.join(differing)}")
