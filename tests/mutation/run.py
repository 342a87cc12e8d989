"""Puts one mistake after the other into the code, and looks whether the quick tests notice.

Nothing on disk is touched: a forked child takes the mutant in where the module would be imported,
and runs the tests that reach its line, the quickest first, until one fails. Run by `make mutation`.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mutants import Mutant, mutants_of
from page import page
from reach import QUIET, Swapped, module_of, reach_of

PACKAGE = "reconcile_pipeline"
LEDGER = ("chain", "store", "decisions", "decided", "changes", "closings", "mappings", "moves")
TARGETS = [
    *(f"{PACKAGE}/landing/{name}.py" for name in ("guards", "completeness")),
    *sorted(str(path) for path in Path(PACKAGE, "reconciling").glob("[a-z]*.py")),
    *sorted(str(path) for path in Path(PACKAGE, "writeback").glob("[a-z]*.py")),
    *(f"{PACKAGE}/ledger/{name}.py" for name in LEDGER),
]
TESTS = ["tests/landing", "tests/reconciling", "tests/writeback", "tests/ledger"]
STATE = Path(".mutation")
LONGEST_TEST = 2.5
"""Seconds; a longer test is no quick one."""
PATIENCE = 15.0
"""Seconds of tests that one mutant may cost."""
NEEDS_SERVER = "postgresql"
"""Starting one costs seconds: those cases run only where no other test reaches the mutant."""


class Chosen:
    """A pytest plugin: only these tests, in this order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._order = {name: number for number, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order),
            key=lambda item: self._order[item.nodeid],
        )


def main() -> None:
    """Run all mutants, or those that are asked for, and write docs/mutation.md."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("targets", nargs="*", metavar="TARGET", help="a part of a module's path")
    asked.add_argument("--again", action="store_true", help="only what survived the last time")
    options = asked.parse_args()
    STATE.mkdir(exist_ok=True)
    # Compiled files of our own, however often a child imports the same modules.
    sys.pycache_prefix = str((STATE / "pycache").resolve())
    sys.dont_write_bytecode = False
    sys.path.insert(0, str(Path.cwd()))
    reached = reach_of(TARGETS, TESTS, STATE / "reach.json")
    chosen = [
        target
        for target in TARGETS
        if not options.targets or any(part in target for part in options.targets)
    ]
    for target in chosen:
        began = time.monotonic()
        # Each module gets a process of its own, which knows nothing of that module yet.
        if (child := os.fork()) == 0:
            os._exit(_try_all(target, reached, is_again=options.again))
        _pid, status = os.waitpid(child, 0)
        if status:
            raise SystemExit(f"{target} could not be tried.")
        _say(f"{target}: {time.monotonic() - began:.0f} s")
    results = {target: _kept(target) for target in TARGETS}
    Path("docs/mutation.md").write_text(page(results), encoding="utf-8")


def _try_all(target: str, reached: dict[str, Any], *, is_again: bool) -> int:
    source = Path(target).read_text(encoding="utf-8")
    digest = hashlib.sha256(source.encode()).hexdigest()
    before = _kept(target)
    is_same = is_again and before.get("source") == digest
    old = [found["outcome"] for found in before["mutants"]] if is_same else []
    _warm_up(target)
    tried = []
    mutants = mutants_of(source)
    everything = {test for mutant in mutants for test in _tests_for(target, mutant, reached)[0]}
    if _try(target, ast.parse(source), sorted(everything), 300) != "survived":
        _say(f"{target}: its tests fail without any mutant")
        return 1
    for number, mutant in enumerate(mutants):
        if is_same and old[number] != "survived":
            outcome = old[number]
        else:
            tests, seconds = _tests_for(target, mutant, reached)
            outcome = _try(target, mutant.tree(), tests, seconds) if tests else "survived"
        tried.append(
            {
                "line": mutant.line,
                "before": mutant.before,
                "after": mutant.after,
                "outcome": outcome,
            }
        )
    _file(target).write_text(json.dumps({"source": digest, "mutants": tried}, indent=1))
    return 0


def _tests_for(target: str, mutant: Mutant, reached: dict[str, Any]) -> tuple[list[str], float]:
    """The tests that run a mutant's line, as many as there is patience for, with their seconds.

    The quickest case of each test comes first, then their second cases: many cases of one test
    must not keep the others out. PostgreSQL is started only for what SQLite never runs.
    """
    room = f"tests/{Path(target).parent.name}/"
    cases: dict[str, list[tuple[float, str]]] = {}
    for name, file in reached.items():
        if not name.startswith(room):
            continue
        for test, by_target in file["lines"].items():
            lines = by_target.get(target, [])
            if lines and mutant.statement in (None, *lines):
                cases.setdefault(test.split("[")[0], []).append((file["seconds"][test], test))
    if not all(NEEDS_SERVER in test for several in cases.values() for _seconds, test in several):
        cases = {
            name: [case for case in several if NEEDS_SERVER not in case[1]]
            for name, several in cases.items()
        }
    found = sorted(
        (rank, *case) for several in cases.values() for rank, case in enumerate(sorted(several))
    )
    chosen: list[str] = []
    total = 0.0
    for _rank, seconds, test in found:
        if not chosen or (seconds <= LONGEST_TEST and total + seconds <= PATIENCE):
            chosen.append(test)
            total += seconds
    return chosen, total


def _try(target: str, tree: ast.Module, tests: Sequence[str], seconds: float) -> str:
    child = os.fork()
    if child == 0:
        os.setsid()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = 1
        try:
            sys.meta_path.insert(0, Swapped(target, tree))
            files = dict.fromkeys(test.split("::")[0] for test in tests)
            with tempfile.TemporaryDirectory() as folder:
                own = ["-x", f"--basetemp={folder}/tests", *files]
                code = int(pytest.main([*QUIET, *own], plugins=[Chosen(tests)]))
        finally:
            os._exit(code)
    was_stopped = threading.Event()

    def stop() -> None:
        was_stopped.set()
        os.killpg(child, signal.SIGKILL)

    timer = threading.Timer(10 + 2 * seconds, stop)
    timer.start()
    _pid, status = os.waitpid(child, 0)
    timer.cancel()
    timer.join()
    if was_stopped.is_set():
        return "timed out"
    return "killed" if status else "survived"


def _warm_up(target: str) -> None:
    """Import what all mutants share: everything but the modules that stand on this one."""
    for name in ("hypothesis", "polars", "sqlalchemy.orm", "psycopg", "httpx", "uvicorn"):
        importlib.import_module(name)
    texts = {module_of(str(path)): path.read_text() for path in Path(PACKAGE).rglob("*.py")}
    imports = {name: set(_imported(name, text)) for name, text in texts.items()}
    tainted = {module_of(target)}
    while more := {name for name, found in imports.items() if found & tainted} - tainted:
        tainted |= more
    wanted = {name for name in texts if name.split(".")[1:2] in WARM}
    for name in sorted(wanted - tainted):
        importlib.import_module(name)


WARM = [[room] for room in ("model", "http", "systems", "landing", "matching", "reconciling")]
WARM += [[room] for room in ("ledger", "writeback", "simulators", "state", "settings")]


def _imported(name: str, text: str) -> Iterable[str]:
    """The modules that a module imports; importing one imports its packages as well."""
    yield from (name.rsplit(".", up)[0] for up in range(1, name.count(".") + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _file(target: str) -> Path:
    return STATE / f"{module_of(target)}.json"


def _kept(target: str) -> dict[str, Any]:
    file = _file(target)
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"mutants": []}
    return found


if __name__ == "__main__":
    main()
