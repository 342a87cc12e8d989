"""Which test runs which lines of the code that is mutated, and how long it takes.

One traced run of each test file, kept until the file or the code changes.
"""

import ast
import builtins
import hashlib
import importlib.abc
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mutants import told

QUIET = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0", "--hypothesis-seed=0"]
# The mutants' runs import plugins early on purpose; pytest would rather have rewritten them.
QUIET += ["-m", "not slow", "-W", "ignore::pytest.PytestAssertRewriteWarning"]

HOOK = "_mutation_tells"
"""Where the code that is told finds whom to tell, among Python's own names."""


class Swapped(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives another tree to whoever imports a module."""

    def __init__(self, target: str, tree: ast.Module) -> None:
        self._name, self._target, self._tree = module_of(target), target, tree

    def find_spec(self, fullname: str, _path: Any, _into: Any = None) -> Any:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._target, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, str(Path(self._target).resolve()), "exec"), module.__dict__)  # noqa: S102


class Tracer:
    """A pytest plugin that notes the lines of the targets each test runs, and its seconds."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._current: set[tuple[str, int]] = set()
        self.lines: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}
        for number, target in enumerate(targets):
            tell = f"{HOOK}_{number}"
            setattr(builtins, tell, lambda line, target=target: self._current.add((target, line)))
            source = Path(target).read_text(encoding="utf-8")
            sys.meta_path.insert(0, Swapped(target, told(source, tell)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._current = self.lines.setdefault(item.nodeid, set())
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        before = self.seconds.get(report.nodeid, 0.0)
        self.seconds[report.nodeid] = before + report.duration


def reach_of(targets: Sequence[str], tests: Sequence[str], kept: Path) -> dict[str, Any]:
    """By test file: the lines it reaches, and its seconds; traced anew where something changed."""
    known = json.loads(kept.read_text()) if kept.is_file() else {}
    code = "".join(Path(target).read_text(encoding="utf-8") for target in targets)
    files = sorted({str(file) for place in tests for file in Path(place).rglob("test_*.py")})
    keys = {name: _hash(code + Path(name).read_text(encoding="utf-8")) for name in files}
    stale = [name for name in files if known.get(name, {}).get("key") != keys[name]]
    if stale:
        traced = kept.with_name("traced.json")
        if (child := os.fork()) == 0:
            os._exit(_trace(targets, stale, traced))
        _pid, status = os.waitpid(child, 0)
        if status:
            raise SystemExit("The tests fail without any mutant: nothing can be said.")
        found = json.loads(traced.read_text())
        known |= {name: {**found[name], "key": keys[name]} for name in stale}
        kept.write_text(json.dumps(known))
    return {name: known[name] for name in files}


def _trace(targets: Sequence[str], files: Sequence[str], traced: Path) -> int:
    tracer = Tracer(targets)
    code = pytest.main([*QUIET, *files], plugins=[tracer])
    found: dict[str, Any] = {name: {"lines": {}, "seconds": {}} for name in files}
    for test, pairs in tracer.lines.items():
        mine = found[test.split("::")[0]]
        by_target = mine["lines"][test] = {}
        for target, line in sorted(pairs):
            by_target.setdefault(target, []).append(line)
        mine["seconds"][test] = round(tracer.seconds[test], 3)
    traced.write_text(json.dumps(found))
    return int(code)


def module_of(path: str) -> str:
    """The dotted name of a file of the package."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
