"""Writes a new vendor's files into a checkout, and its lines into the registries.

Existing files are never overwritten; nothing is written at all when anything is in the way.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from reconcile_pipeline.model import Category, PipelineError

TEMPLATES = Path(__file__).with_name("vendor")
FILES = {
    "system": "reconcile_pipeline/systems/vendors/{name}.py",
    "core": "sql/core/{name}.sql",
    "simulator": "reconcile_pipeline/simulators/vendors/{name}.py",
    "truth": "reconcile_pipeline/simulators/truth/{name}.py",
    "world": "reconcile_pipeline/simulators/world/vendors/{name}.py",
    "facts": "tests/contracts/facts_{name}.py",
    "todo": "tests/systems/test_{name}_to_fill_in.py",
    "guide": "docs/systems/{name}.md",
}
SYSTEMS = "reconcile_pipeline/systems/registry.py"
SIMULATORS = "reconcile_pipeline/simulators/registry.py"
SIDES = "reconcile_pipeline/simulators/world/vendors/__init__.py"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 24


@dataclass(frozen=True)
class Names:
    """One vendor's name in every spelling the files need."""

    name: str
    title: str

    @property
    def constant(self) -> str:
        """`ACME_RMM`."""
        return self.name.upper()

    @property
    def camel(self) -> str:
        """`AcmeRmm`."""
        return "".join(word.capitalize() for word in self.name.split("_"))

    def fill(self, text: str) -> str:
        """A template with the invented vendor's name replaced in all its spellings."""
        spellings = {
            "acme_rmm": self.name,
            "acme-rmm": self.name.replace("_", "-"),
            "ACME_RMM": self.constant,
            "AcmeRmm": self.camel,
            "Acme RMM": self.title,
            "Acme": self.title,
        }
        for invented, real in spellings.items():
            text = text.replace(invented, real)
        return text


def scaffold_vendor(root: Path, name: str, title: str) -> list[Path]:
    """Write the files and registry lines of a new vendor; returns what was written.

    Args:
        root: the checkout.
        name: the kind: lower-case words joined by underscores.
        title: the vendor's name as people write it; "" makes one from the name.

    Raises:
        PipelineError: `input`, for a name that can't be one, that is taken, or outside a checkout.
    """
    names = Names(name, title or name.replace("_", " ").title())
    files = {key: root / place.format(name=name) for key, place in FILES.items()}
    registries = [root / place for place in (SYSTEMS, SIMULATORS, SIDES)]
    _refuse_bad(root, names, [*files.values()], registries)
    for key, path in files.items():
        template = (TEMPLATES / f"{key}.txt").read_text(encoding="utf-8")
        path.write_text(names.fill(template), encoding="utf-8")
    for path, edit in zip(registries, (_in_systems, _in_simulators, _in_sides), strict=True):
        path.write_text(edit(path.read_text(encoding="utf-8"), names), encoding="utf-8")
    written = [*files.values(), *registries]
    _tidy([path for path in written if path.suffix == ".py"])
    return written


def _refuse_bad(root: Path, names: Names, files: list[Path], registries: list[Path]) -> None:
    if not _NAME.fullmatch(names.name) or len(names.name) > _LONGEST:
        raise _refused(
            f"{names.name!r} can't be the name of a system.",
            f"Use up to {_LONGEST} lower-case letters and digits, words joined by underscores.",
        )
    missing = [path for path in registries if not path.exists()]
    if missing:
        raise _refused(
            f"{root} is no checkout of this project.",
            "Clone the repository and run this command in its folder.",
        )
    there = [path for path in files if path.exists()]
    if there:
        raise _refused(
            f"{there[0].relative_to(root)} exists already; nothing was written.",
            "Choose another name, or go on with the files that are there.",
        )


def _in_systems(text: str, names: Names) -> str:
    line = f"from reconcile_pipeline.systems.vendors.{names.name} import {names.constant}\n"
    text = _after_imports(text, line)
    return text.replace("        CSV_FILE,\n", f"        {names.constant},\n        CSV_FILE,\n")


def _in_simulators(text: str, names: Names) -> str:
    room = "reconcile_pipeline.simulators"
    for line in (
        f"from {room}.truth import {names.name}\n",
        f"from {room}.vendors.{names.name} import {names.camel}\n",
        f"from {room}.world.vendors.{names.name} import {names.constant}\n",
    ):
        text = _after_imports(text, line)
    entry = f"    {names.constant}: SimulatedVendor({names.camel}, {names.name}),\n"
    return text.replace("VENDORS = {\n", f"VENDORS = {{\n{entry}")


def _in_sides(text: str, names: Names) -> str:
    text = _after_imports(
        text, f"from reconcile_pipeline.simulators.world.vendors import {names.name}\n"
    )
    start = "_ALL: tuple[VendorSide, ...] = ("
    return text.replace(start, f"{start}{names.name}.SIDE, ")


def _after_imports(text: str, line: str) -> str:
    """Put an import before the first one of ours; sorting follows."""
    at = text.index("from reconcile_pipeline")
    return f"{text[:at]}{line}{text[at:]}"


def _tidy(paths: list[Path]) -> None:
    """Sort imports and format, as `make check` wants it."""
    ruff = [sys.executable, "-m", "ruff"]
    names = [str(path) for path in paths]
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([*ruff, *command, *names], check=True)  # noqa: S603 - our own words


def _refused(message: str, next_step: str) -> PipelineError:
    return PipelineError(message, next_step=next_step, category=Category.INPUT)
