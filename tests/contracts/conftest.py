"""The bench on which every kind of system that speaks HTTP is tried against its own server.

Tests name no system: kinds come from the registry, lists from each kind's own declaration, and
the `facts_<kind>` modules hold what neither can tell.
"""

import asyncio
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

if "contracts_bench" not in sys.modules:
    package = ModuleType("contracts_bench")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["contracts_bench"] = package

from contracts_bench.facts import Facts, load_facts

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_all
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings_checks import Table, read_table
from reconcile_pipeline.settings_systems import SecretSource, SystemSettings
from reconcile_pipeline.simulators.psa.autotask_units import OVERLAPPING
from reconcile_pipeline.simulators.registry import PSAS, expected
from reconcile_pipeline.simulators.serve import SimulatedServer, Simulation, running
from reconcile_pipeline.simulators.truth.connectwise import ConnectWiseTruth
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors import SIDES
from reconcile_pipeline.systems.base import REQUIRED, Record, Stream
from reconcile_pipeline.systems.registry import SYSTEMS

AS_OF = date(2026, 11, 22)
PERIOD = "2026-11"
HTTP_KINDS = [kind for kind, system in SYSTEMS.items() if system.client is not None]
FACTS = load_facts()
EVERY_DAY = frozenset({"connectwise", "autotask", "pax8", "huntress", "cove", "microsoft_graph"})
"""One kind of each way to log in and to page: its long tests run by day, all others' at night."""
OK = 200
NOT_A_TOKEN = r"^(?!.*(token| moved$))"


def make_account(
    kind: str, folder: Path, server: SimulatedServer | None = None, **more: object
) -> SystemSettings:
    """An account at the server with its credentials; without one, a made-up account."""
    system = SYSTEMS[kind]
    known: dict[str, Any] = {**FACTS[kind].settings, **more} if kind in FACTS else more
    if server:
        known |= {"base_url": server.base_url, **server.credentials}
    table: dict[str, Any] = {}
    environ: dict[str, str] = {}
    for item in system.fields:
        if item.kind == "secret":
            table[item.name] = {"env": item.variable}
            environ[item.variable] = known.get(item.name, "a-secret")
        elif item.name in known:
            table[item.name] = known[item.name]
        elif item.default is REQUIRED:
            table[item.name] = item.example
    return SystemSettings(
        name=f"our_{kind}",
        kind=kind,
        title=system.title,
        role=system.role,
        folder=folder,
        values=read_table(Table("reconcile.toml", kind), table, system.fields),
        secrets=SecretSource(folder, environ),
    )


def fetched_streams(kind: str) -> dict[str, Stream]:
    """The lists that a pull of the kind asks for, in that order."""
    declared = SYSTEMS[kind].streams(make_account(kind, Path()), AS_OF)
    return {stream.name: stream for stream in declared if stream.plan is None}


def stream_path(kind: str, stream: Stream) -> str:
    """A pattern of the paths of one list."""
    if stream.request is None or stream.name in FACTS[kind].child_paths:
        return FACTS[kind].child_paths[stream.name]
    return f"{stream.request.path}{FACTS[kind].next_path}$"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its kinds, its lists of each kind, or the required fields of each list."""
    asked = set(metafunc.fixturenames)
    module = metafunc.module.__name__
    is_brief = module.endswith("test_contract_pulls")
    is_long = metafunc.definition.get_closest_marker("long") is not None
    numbers = {n for mark in metafunc.definition.iter_markers("fault") for n in mark.args}
    # A fault that can't happen to a kind is declared in its facts, with the reason.
    kinds = [kind for kind in HTTP_KINDS if numbers.isdisjoint(FACTS[kind].without)]

    def case(kind: str, *values: str) -> Any:
        is_rare = FACTS[kind].is_twin or (is_long and kind not in EVERY_DAY)
        marks = [pytest.mark.slow] if is_rare and not is_brief else []
        return pytest.param(kind, *values, marks=marks)

    if "needed" in asked:
        places = [
            case(kind, name, path)
            for kind in kinds
            for name, stream in fetched_streams(kind).items()
            for path in dict.fromkeys((stream.key, *stream.required))
            if path != stream.key or name not in FACTS[kind].made_keys
        ]
        metafunc.parametrize(("kind", "listed", "needed"), places)
    elif "listed" in asked:
        pairs = [case(kind, name) for kind in kinds for name in fetched_streams(kind)]
        metafunc.parametrize(("kind", "listed"), pairs)
    elif "kind" in asked:
        metafunc.parametrize("kind", [case(kind) for kind in kinds])


class Clock:
    """Each question is a second later than the one before: no two pulls begin together."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.instant += timedelta(seconds=1)
        return self.instant


CLOCK = Clock()


@dataclass
class Bench:
    """One served world and one landing folder to pull it into."""

    simulation: Simulation
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of every account, beside those of its facts."""

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    def server(self, kind: str) -> SimulatedServer:
        return self.simulation.systems[kind]

    def stream(self, kind: str, name: str) -> Stream:
        return fetched_streams(kind)[name]

    def streams(self, kind: str) -> list[Stream]:
        return list(fetched_streams(kind).values())

    def fault(self, kind: str, stream: Stream | None, *, what: Any, **fault: Any) -> None:
        """Plan a fault on a list's paths, or on every path that is not the token's."""
        path = NOT_A_TOKEN if stream is None else stream_path(kind, stream)
        self.server(kind).faults.add(path, kind=what, **fault)

    def small_pages(self, kind: str, size: int) -> None:
        """Let every page hold so many records at most: by the server, and by our setting."""
        if any(item.name == "page_size" for item in SYSTEMS[kind].fields):
            self.settings = {"page_size": size}
        self.server(kind).state.most_per_page = size

    def edit_rows(
        self, kind: str, stream: Stream, edit: Callable[[list[Record]], None], **when: Any
    ) -> None:
        """Let answers of a list, all unless said otherwise, pass through an edit of its records."""

        def rewrite(body: bytes) -> bytes:
            data = FACTS[kind].decode(body)
            if isinstance(data, dict) and data.get("error"):
                return body
            try:
                rows = stream.records(data)
            except PipelineError:
                # A refusal that is an answer holds no records.
                return body
            edit(rows)
            return FACTS[kind].encode(data)

        self.fault(kind, stream, what="replace_body", value=rewrite, **{"times": None, **when})

    def account(self, kind: str, secret: str | None = None) -> SystemSettings:
        account = make_account(kind, self.folder, self.server(kind), **self.settings)
        if secret is None:
            return account
        right = self.server(kind).credentials
        wrong = {
            item.variable: right[item.name] if item.name in FACTS[kind].names else secret
            for item in SYSTEMS[kind].fields
            if item.kind == "secret"
        }
        account.secrets = SecretSource(self.folder, wrong)
        return account

    def pull(self, kind: str, secret: str | None = None) -> Manifest:
        return self.pull_all([kind], secret)[kind]

    def pull_all(self, kinds: Collection[str], secret: str | None = None) -> dict[str, Manifest]:
        async def collect() -> dict[str, Manifest]:
            pulls = [self._pull(kind, secret) for kind in kinds]
            return {manifest.kind: manifest async for manifest in pull_all(pulls)}

        return asyncio.run(collect())

    def _pull(self, kind: str, secret: str | None) -> Pull:
        return Pull(
            system=SYSTEMS[kind],
            account=self.account(kind, secret),
            landing=self.landing,
            period=PERIOD,
            is_grace=False,
            on=AS_OF,
            now=CLOCK,
        )

    def landed(self, manifest: Manifest) -> dict[str, list[Record]]:
        """The records on disk by list, in the order of their pages; a refusal has none."""
        home = self.landing / manifest.relative_path
        found: dict[str, list[Record]] = {}
        for name, stream in fetched_streams(manifest.kind).items():
            pages = pq.read_table(home / f"{name}.parquet").to_pylist()
            bodies = [json.loads(page["body"]) for page in pages if page["status"] == OK]
            found[name] = [row for body in bodies for row in stream.records(body)]
        return found

    def statuses(self, manifest: Manifest, listed: str) -> list[int]:
        """How each page of a list was answered."""
        path = self.landing / manifest.relative_path / f"{listed}.parquet"
        statuses: list[int] = pq.read_table(path).column("status").to_pylist()
        return statuses

    def landed_text(self, within: str = ".") -> str:
        """Everything that lies in the landing folder, or in a part of it, decompressed."""
        folder = self.landing / within
        texts = [str(pq.read_table(path).to_pylist()) for path in folder.rglob("*.parquet")]
        texts += [path.read_text(encoding="utf-8") for path in folder.rglob("*.json")]
        return "\n".join(texts)


def make_slim(world: World) -> World:
    """A tenth of the agreements and half of the devices: quick to pull, still several pages."""
    in_scope = list(ConnectWiseTruth(world).in_scope.values())[:12]
    others = [agreement for agreement in world.agreements if agreement not in in_scope][:5]
    # And a company's whose name another has, too: where lists name only names, that is a question.
    names = Counter(company.name for company in world.companies)
    twins = {company.id for company in world.companies if names[company.name] > 1}
    twins -= {agreement.company_id for agreement in in_scope}
    others += [agreement for agreement in world.agreements if agreement.company_id in twins][:1]
    kept = {agreement.id for agreement in (*in_scope, *others)}
    world.agreements = [agreement for agreement in world.agreements if agreement.id in kept]
    for agreement in world.agreements:
        if agreement.parent_id not in kept:
            agreement.parent_id = None
    # Not those with two rows of units on one day: lists shrink by as many rows as lines go.
    once = [line for line in world.lines if line.id % OVERLAPPING]
    world.lines = [line for line in once if line.agreement_id in kept]
    world.devices = world.devices[:1200]
    return world


@contextmanager
def serving_all(world: World) -> Iterator[Simulation]:
    """Every system over one world, its PSA side shown by each PSA there is."""
    systems: dict[str, SimulatedServer] = {}
    with ExitStack() as stack:
        for psa in PSAS:
            # The vendors are the same whoever shows the PSA side: they are served once.
            has_vendors = not systems
            served = running(world, psa=psa, has_vendors=has_vendors)
            systems |= stack.enter_context(served).systems
        yield Simulation(world, systems)


@pytest.fixture(scope="session")
def serve_all() -> Callable[[World], AbstractContextManager[Simulation]]:
    return serving_all


@pytest.fixture(scope="session")
def calls_of() -> Callable[[World], dict[str, int]]:
    """(world) -> by kind: the calls of the cheapest documented full sync."""

    def count(world: World) -> dict[str, int]:
        calls: dict[str, int] = {}
        for psa in PSAS:
            calls |= expected(world, psa=psa)["calls"]
        return calls

    return count


@pytest.fixture(scope="session")
def slim_simulation() -> Iterator[Simulation]:
    with serving_all(make_slim(build_world(7, "small", AS_OF, SIDES))) as simulation:
        for kind, facts in FACTS.items():
            facts.prepare(simulation.systems[kind])
        yield simulation


@pytest.fixture(scope="session")
def clean(
    slim_simulation: Simulation, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bench, dict[str, Manifest]]:
    """One undisturbed pull of every kind; look, don't touch."""
    for server in slim_simulation.systems.values():
        server.faults.clear()
    bench = Bench(slim_simulation, tmp_path_factory.mktemp("clean"))
    return bench, bench.pull_all(HTTP_KINDS)


@pytest.fixture
def bench(
    clean: tuple[Bench, dict[str, Manifest]], pauses: list[float], tmp_path: Path
) -> Iterator[Bench]:
    """The shared servers as if they had just started, and an empty landing folder."""
    simulation = clean[0].simulation
    world = simulation.world
    before = lists_of(world)
    for server in simulation.systems.values():
        server.log.clear()
        server.targets.clear()
        server.app.clock = time.monotonic
    yield Bench(simulation, tmp_path)
    for (_, name), (holder, value) in before.items():
        setattr(holder, name, value)
    for server in simulation.systems.values():
        server.faults.clear()
        server.state.forbidden.clear()
        server.state.most_per_page = None
        server.state.changed()


def lists_of(world: World) -> dict[tuple[int, str], tuple[Any, list[Any]]]:
    """Every list of the world and of its vendors: (holder, the list as it is now)."""
    holders = [world, *world.at.values()]
    return {
        (id(holder), name): (holder, list(getattr(holder, name)))
        for holder in holders
        for name in holder.__slots__
        if isinstance(getattr(holder, name), list)
    }


@pytest.fixture
def pulled_before(clean: tuple[Bench, dict[str, Manifest]], bench: Bench) -> dict[str, Manifest]:
    """Every kind has one complete pull in the landing folder already."""
    shutil.copytree(clean[0].landing, bench.landing)
    return clean[1]


@pytest.fixture
def clean_pull(clean: tuple[Bench, dict[str, Manifest]], kind: str) -> Manifest:
    """What an undisturbed pull of the kind looks like."""
    return clean[1][kind]


@pytest.fixture(scope="session")
def facts() -> dict[str, Facts]:
    return FACTS
