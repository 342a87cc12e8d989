"""Serves every PSA that can be written, and gives each test an emptied ledger and agreements.

Makes the modules of this folder importable as `writeback_bench`: tests are no package.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.systems.registry import SYSTEMS

if "writeback_bench" not in sys.modules:
    package = ModuleType("writeback_bench")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["writeback_bench"] = package
    pytest.register_assert_rewrite("writeback_bench.bench")

from writeback_bench.bench import Bench, Served
from writeback_bench.psas import PLAYS

TODAY = date(2026, 11, 22)
EVERY_DAY = frozenset({"connectwise", "autotask"})
"""One PSA whose lines are set, one whose lines are added to: long tests run by day for these."""
WRITABLE = [kind for kind, system in SYSTEMS.items() if system.write_back is not None]


def make_world() -> World:
    """A provider that has customers and a catalogue, but no agreement yet."""
    world = build_world(7, "small", TODAY)
    world.agreements, world.lines, world.devices, world.subscriptions = [], [], [], []
    return world


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that asks for a bench one of every PSA that can be written."""
    asked = set(metafunc.fixturenames)
    is_long = metafunc.definition.get_closest_marker("long") is not None

    def case(kind: str, *values: Any) -> Any:
        marks = [pytest.mark.slow] if is_long and kind not in EVERY_DAY else []
        return pytest.param(kind, *values, marks=marks)

    if "broken" in asked:
        ways = [case(kind, how) for kind in WRITABLE for how in PLAYS[kind].breaks]
        metafunc.parametrize(("kind", "broken"), ways)
    elif "refusal" in asked:
        ways = [case(kind, status) for kind in WRITABLE for status in PLAYS[kind].refusals]
        metafunc.parametrize(("kind", "refusal"), ways)
    elif "kind" in asked and not _is_for_one_kind(metafunc):
        metafunc.parametrize("kind", [case(kind) for kind in WRITABLE])


def _is_for_one_kind(metafunc: pytest.Metafunc) -> bool:
    names = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    return any("kind" in ((name,) if isinstance(name, str) else name) for name in names)


@pytest.fixture(scope="session")
def all_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """Every PSA, up until all tests are over."""
    with ExitStack() as stack:
        found = {}
        for kind in WRITABLE:
            psa: Any = kind
            simulation = stack.enter_context(running(make_world(), psa=psa))
            config = tmp_path_factory.mktemp(kind) / "reconcile.toml"
            simulation.write_config(config)
            found[kind] = Served(simulation, load_settings(config).psa, config)
        yield found


@pytest.fixture(scope="session")
def shared_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, bytes]]:
    """One ledger that every test empties: a new one would have to prepare each statement anew.

    In memory where there is such a place: a ledger waits for the disk at every entry.
    """
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("ledger")
        if os.access(memory, os.W_OK):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=memory)))
        path = folder / "ledger.db"
        ledger = Ledger(path)
        stack.callback(ledger.engine.dispose)
        yield ledger, path.read_bytes()


@pytest.fixture
def bench(
    kind: str,
    all_served: dict[str, Served],
    shared_ledger: tuple[Ledger, bytes],
    pauses: list[float],
) -> Iterator[Bench]:
    served = all_served[kind]
    server = served.simulation.systems[kind]
    server.log.clear()
    server.targets.clear()
    server.app.writes.clear()
    ledger, empty = shared_ledger
    assert ledger.path is not None
    for path in ledger.path.parent.iterdir():
        path.unlink()
    ledger.path.write_bytes(empty)
    bench = Bench(kind, served, ledger)
    yield bench
    server.faults.clear()
    server.app._late.clear()
    server.state.throttle = None
    server.state.world.agreements.clear()
    server.state.world.lines.clear()
    server.state.changed()
    with ledger.reading() as connection:
        verdict = verify(connection)
    assert verdict.trouble == "", "the chain of the ledger does not hold"


@pytest.fixture
def start(bench: Bench, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """(crash, is_parent) -> a process of its own that runs one batch on the bench's ledger."""
    with ExitStack() as stack:

        def begin(*, crash: str = "", is_parent: bool = False) -> "subprocess.Popen[str]":
            order = {
                "config": str(bench.served.config),
                "ledger": str(bench.ledger.path),
                "now": bench.clock().isoformat(),
                "crash": crash,
                "is_parent": is_parent,
            }
            path = tmp_path / "order.json"
            path.write_text(json.dumps(order), encoding="utf-8")
            acting = Path(__file__).with_name("acting.py")
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, acting, path], stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin
