"""Made-up MSPs for every test that wants one: a world, its servers, and an installation's folder.

Light on purpose: this file is loaded by every test, so it imports no Dagster and no DuckDB.
"""

import os
import runpy
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from reconcile_pipeline.http import ApiClient
from reconcile_pipeline.simulators.serve import SimulatedServer, Simulation, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.state import State

LONGEST = {"nemesis", "pipeline"}
"""Folders whose files take longest."""
FAULTS = runpy.run_path(str(Path(__file__).parent / "faults" / "page.py"))
GUARDED = runpy.run_path(str(Path(__file__).with_name("guarded.py")))
CANARIES = pytest.StashKey[tuple[int, list[str]]]()
"""How many secrets were looked for, and where they were found."""

hypothesis_settings.register_profile("thorough", max_examples=2000, deadline=None)


def pytest_configure() -> None:
    """From here on, no test reaches beyond this machine or really waits: tests/guarded.py."""
    GUARDED["install"]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let tests wait that say why."""
    GUARDED["may_wait"][:] = [reason for mark in item.iter_markers("waits") for reason in mark.args]
    try:
        return (yield)
    finally:
        GUARDED["may_wait"].clear()


def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: whole runs wait for their child processes much of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults-page",
        type=Path,
        help="Write what became of each fault of tests/faults/catalogue.csv to this file.",
    )
    parser.addoption(
        "--canaries",
        action="store_true",
        help="Look for secrets in everything the tests left behind, when they are done.",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put whole runs and long games first: what begins last keeps one worker busy to the end."""
    items.sort(key=lambda item: LONGEST.isdisjoint(item.path.parts))
    FAULTS["mark"](items)


@pytest.fixture(scope="session")
def search_for_secrets(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Fail if a folder that is about to be thrown away holds a secret; only with `--canaries`."""
    config = request.config

    def search(folder: Path) -> None:
        if config.getoption("--canaries"):
            leaks = _scan()["leaks_in"](folder)
            _count(config, len(_scan()["secrets_in"](folder)), leaks)
            assert leaks == []

    return search


@cache
def _scan() -> dict[str, Any]:
    """The search itself; it loads DuckDB, which most tests never need."""
    return runpy.run_path(str(Path(__file__).parent / "canaries.py"))


def _count(config: pytest.Config, secrets: int, leaks: list[str]) -> None:
    looked_for, found = config.stash.get(CANARIES, (0, []))
    config.stash[CANARIES] = (looked_for + secrets, [*found, *leaks])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Judge the faults and look for secrets, where that is asked for; workers tell theirs."""
    config = session.config
    _judge_faults(session)
    if not config.getoption("--canaries"):
        return
    if hasattr(config, "workerinput"):
        config.workeroutput["canaries"] = config.stash.get(CANARIES, (0, []))  # type: ignore[attr-defined]
        return
    left = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    leaks = _scan()["leaks_in"](left)
    _count(config, len(_scan()["secrets_in"](left)), leaks)
    if leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _tried(terminalreporter: Any) -> dict[int, Any]:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    tried: dict[int, Any] = FAULTS["tally"](reports)
    return tried


def _judge_faults(session: pytest.Session) -> None:
    """Fail a run that writes the page of faults, if one was tried less often than it must be."""
    config = session.config
    if config.getoption("--faults-page") is None or hasattr(config, "workerinput"):
        return
    tried = _tried(config.pluginmanager.get_plugin("terminalreporter"))
    if FAULTS["shortfalls"](tried, FAULTS["needed"]()) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker searched."""
    _count(node.config, *getattr(node, "workeroutput", {}).get("canaries", (0, [])))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell what was found of secrets, and write the page of faults, where they are asked for."""
    if config.getoption("--canaries"):
        looked_for, leaks = config.stash.get(CANARIES, (0, []))
        terminalreporter.section(f"canaries: {looked_for} secrets, found in {len(leaks)} places")
        for leak in leaks:
            terminalreporter.line(leak)
    target = config.getoption("--faults-page")
    if target is not None:
        tried, needed = _tried(terminalreporter), FAULTS["needed"]()
        target.write_text(FAULTS["page"](tried, needed), encoding="utf-8")
        rows = FAULTS["shortfalls"](tried, needed)
        terminalreporter.section(f"faults: {len(rows)} are not tried as often as they must be")
        for row in rows:
            terminalreporter.line(row)


@dataclass(frozen=True)
class MadeUpMsp:
    """A world that is being served, and the folder of an installation that reads it."""

    simulation: Simulation
    config: Path

    @property
    def folder(self) -> Path:
        return self.config.parent

    @property
    def state(self) -> State:
        return State(self.folder / ".reconcile")

    def server(self, name: str) -> SimulatedServer:
        return self.simulation.systems[name]

    def quiet(self) -> None:
        """End every fault, and forget what was asked so far."""
        for server in self.simulation.systems.values():
            server.faults.clear()
            server.log.clear()
            server.targets.clear()
            server.state.forbidden.clear()

    def edit_config(self, old: str, new: str) -> None:
        text = self.config.read_text(encoding="utf-8")
        assert old in text, f"reconcile.toml holds no {old!r}"
        self.config.write_text(text.replace(old, new, 1), encoding="utf-8")

    def edit_secret(self, variable: str, value: str) -> None:
        path = self.folder / ".env"
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith(f"{variable}=")]
        assert len(kept) < len(lines), f".env holds no {variable}"
        path.write_text("\n".join([*kept, f"{variable}={value}", ""]), encoding="utf-8")


OpenMsp = Callable[..., MadeUpMsp]
"""(folder, seed, as_of) -> a made-up MSP, served until the fixture ends."""


def _opener(stack: ExitStack) -> OpenMsp:
    def open_msp(folder: Path, seed: int, as_of: date) -> MadeUpMsp:
        simulation = stack.enter_context(running(build_world(seed, "small", as_of)))
        config = folder / "reconcile.toml"
        simulation.write_config(config)
        return MadeUpMsp(simulation, config)

    return open_msp


@pytest.fixture
def open_msp() -> Iterator[OpenMsp]:
    with ExitStack() as stack:
        yield _opener(stack)


@pytest.fixture(scope="session")
def open_shared_msp() -> Iterator[OpenMsp]:
    """As `open_msp`, but served until all tests are over: look, don't change."""
    with ExitStack() as stack:
        yield _opener(stack)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every API client made from now on notes its pauses here instead of waiting."""
    noted: list[float] = []

    async def note(seconds: float) -> None:
        noted.append(seconds)

    defaults = ApiClient.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", note)
    return noted
