"""One PSA at a time, its real connector and its server, pulled again and again into core tables."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.landing.evidence import Evidence
from reconcile_pipeline.landing.guards import Limits
from reconcile_pipeline.landing.manifest import Manifest, StreamResult
from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.model import PullState
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.settings_systems import SystemSettings
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.systems.psa import connectwise
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.build import build_core, create_tables
from reconcile_pipeline.warehouse.core_tables import CORE_TABLES

AS_OF = date(2026, 11, 22)
PERIOD = "2026-11"
KINDS = (
    *("connectwise", "autotask", "kaseya_bms"),
    # HaloPSA has tests of its own by day; Pulseway is the code of Kaseya BMS by another name.
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("halopsa", "pulseway")),
)
"""Every kind that can be asked for changes."""
FIRST_LIST = {
    "connectwise": "companies",
    "autotask": "companies",
    "halopsa": "clients",
    "kaseya_bms": "accounts",
    "pulseway": "accounts",
}
"""The list of companies, which each of them tells changes of."""
SETTINGS: dict[str, dict[str, Any]] = {
    "halopsa": {"page_size": 20.0},
    "kaseya_bms": {"page_size": 20.0},
    "pulseway": {"page_size": 20.0, "ask_for_changed_accounts": True},
}
INCREMENTAL = Rhythm(is_incremental=True)
FULL = replace(INCREMENTAL, is_forced_full=True)
ANYTHING = Limits(1.0, 1.0)


@dataclass
class Bench:
    """A PSA over a world of its own; the vendor's clock is ours and a little more or less."""

    kind: str
    server: SimulatedServer
    account: SystemSettings
    landing: Path
    instant: datetime = datetime(2026, 11, 22, 13, tzinfo=UTC)
    skew: timedelta = timedelta(0)
    day: date = AS_OF
    pulls: list[Manifest] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.server.state.world

    def now(self) -> datetime:
        self.instant += timedelta(seconds=1)
        return self.instant

    def later(self, **span: float) -> None:
        self.instant += timedelta(**span)

    def pull(self, rhythm: Rhythm = INCREMENTAL, **options: Any) -> Manifest:
        """Pull once; every attempt is noted."""
        held = [pull.pull_id for pull in self.pulls if pull.state is PullState.QUARANTINED]
        options = {"landing": self.landing, "limits": ANYTHING, **options}
        options.setdefault("accepted", frozenset(held))
        pull = Pull(
            system=SYSTEMS[self.kind],
            account=self.account,
            period=PERIOD,
            is_grace=False,
            on=self.day,
            now=self.now,
            rhythm=rhythm,
            **options,
        )
        manifest = asyncio.run(pull_system(pull))
        self.pulls.append(manifest)
        return manifest

    def good(self, rhythm: Rhythm = INCREMENTAL, **options: Any) -> Manifest:
        """As `pull`, and it has to be complete."""
        manifest = self.pull(rhythm, **options)
        assert manifest.reason is None, manifest.reason
        return manifest

    def believed(self, rhythm: Rhythm = INCREMENTAL) -> Manifest:
        """As `pull`; what the guards hold back (a list that became empty) a person accepts."""
        manifest = self.pull(rhythm)
        assert manifest.state is not PullState.FAILED, manifest.reason
        return manifest

    def edited(self) -> None:
        """Say that the world was edited, a minute after whatever was before."""
        self.later(minutes=1)
        self.server.state.changed()

    def core(self, manifest: Manifest) -> dict[str, list[tuple[Any, ...]]]:
        """The core tables that follow from a pull, without its name."""
        with duckdb.connect() as connection:
            create_tables(connection)
            build_core(
                connection,
                landing=self.landing,
                period=PERIOD,
                attempts=[manifest],
                evidence=[Evidence(manifest.system, manifest, manifest)],
                stale_after=timedelta(days=1),
            )
            return {
                table.name: connection.execute(
                    f"select * exclude (pull_id) from {table.qualified} order by all"  # noqa: S608
                ).fetchall()
                for table in CORE_TABLES
                if table.name != "pulls"
            }

    def truth(self) -> dict[str, list[tuple[Any, ...]]]:
        """The core tables of a full pull made now."""
        return self.core(self.believed(FULL))

    def stream(self, manifest: Manifest, name: str = "") -> StreamResult:
        """What a pull noted of one list; of the companies unless named."""
        wanted = name or FIRST_LIST[self.kind]
        return next(stream for stream in manifest.streams if stream.name == wanted)

    def asked(self, manifest: Manifest | None = None) -> list[str]:
        """Path and query of the calls since the last time."""
        targets = list(self.server.targets)
        self.server.targets.clear()
        self.server.log.clear()
        return targets


OpenBench = Callable[..., Bench]
"""(kind, seed) -> a PSA served until the test ends."""


@pytest.fixture
def open_bench(tmp_path: Path, pauses: list[float]) -> Iterator[OpenBench]:
    with ExitStack() as stack:
        count = iter(range(1000))

        def open_bench(kind: str, seed: int = 7) -> Bench:
            folder = tmp_path / f"{kind}-{next(count)}"
            world = build_world(seed, "small", AS_OF)
            simulation = stack.enter_context(running(world, psa=kind, has_vendors=False))
            simulation.write_config(folder / "reconcile.toml")
            found = load_settings(folder / "reconcile.toml", environ={}).psa
            account = replace(found, values={**found.values, **SETTINGS.get(kind, {})})
            bench = Bench(kind, simulation.systems[kind], account, folder / "landing")
            bench.landing.mkdir()
            bench.server.state.vendor_clock = lambda: bench.instant + bench.skew
            # Months of pulls in seconds: no quota by the hour is meant for them.
            if hasattr(bench.server.state, "calls_per_hour"):
                bench.server.state.calls_per_hour = 100_000
            return bench

        yield open_bench


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, open_bench: OpenBench) -> Bench:
    """Each kind in turn."""
    return open_bench(request.param)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of several pages, also where a page may hold more than a small world."""
    monkeypatch.setattr(connectwise, "PAGE_SIZE", 20)
