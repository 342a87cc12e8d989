"""The source code as data: each module, its tree, and what it imports wherever it does so."""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "reconcile_pipeline"


@dataclass(frozen=True)
class Module:
    """One file of code; `imports` are dotted names, those inside functions included."""

    name: str
    path: Path
    tree: ast.Module
    imports: frozenset[str]

    @property
    def room(self) -> str:
        """The package a module lives in, or its own name if it stands at the top."""
        return self.name.split(".")[1] if "." in self.name else ""

    @property
    def rooms_used(self) -> set[str]:
        ours = (name.split(".") for name in self.imports if name.startswith(f"{PACKAGE}."))
        return {parts[1] for parts in ours} - {self.room}

    @property
    def packages_used(self) -> set[str]:
        return {name.split(".")[0] for name in self.imports} - {PACKAGE}


def read_module(path: Path) -> Module:
    *package, stem = path.relative_to(ROOT).with_suffix("").parts
    name = package if stem == "__init__" else [*package, stem]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return Module(".".join(name), path, tree, frozenset(_imports(tree, package)))


def _imports(tree: ast.Module, package: list[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def read_all(folder: str) -> list[Module]:
    return [read_module(path) for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """The package's modules."""
    return read_all(PACKAGE)


@pytest.fixture(scope="session")
def everything(modules: list[Module]) -> list[Module]:
    """The package, the tests and the benchmarks."""
    return [*modules, *read_all("tests"), *read_all("benchmarks")]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
