"""A new connector begins with files that work together, and with a failing test for every guess."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.scaffold.new_vendor import FILES, scaffold_vendor

ROOT = Path(__file__).parents[2]
NEEDED = ("reconcile_pipeline", "sql", "tests", "docs")
FILES_NEEDED = ("pyproject.toml", "README.md", ".env.example")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this one, without what is generated."""
    junk = shutil.ignore_patterns("__pycache__", "*.png", "*.svg")
    for name in NEEDED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=junk)
    for name in FILES_NEEDED:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, so that its packages are the copy's."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603 - our own words
        [sys.executable, *arguments],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_guess_fails_with_what_to_fill_in(checkout: Path) -> None:
    """Each marker in the new files is one failing test that names its place; none is forgotten."""
    scaffold_vendor(checkout, "zeta_guard", "Zeta Guard")
    places = [checkout / place.format(name="zeta_guard") for place in FILES.values()]
    texts = [path.read_text(encoding="utf-8") for path in places]
    guesses = sum(text.count("FILL IN:") for text in texts)
    assert guesses > 25
    assert not any("acme" in text.lower() for text in texts)
    run = python(checkout, "-m", "pytest", "-q", "-p", "no:randomly", str(places[6]))
    assert f"{guesses} failed" in run.stdout
    assert "zeta_guard.sql:4: the counting rules in plain words" in run.stdout


@pytest.mark.slow
def test_the_new_files_pass_every_check_but_the_guesses(checkout: Path) -> None:
    """Style, types and all contract tests hold for them from the first minute."""
    written = scaffold_vendor(checkout, "zeta_guard", "Zeta Guard")
    names = [str(path) for path in written if path.suffix == ".py"]
    for command in (["ruff", "check", *names], ["ruff", "format", "--check", *names], ["mypy"]):
        checked = python(checkout, "-m", *command)
        assert checked.returncode == 0, checked.stdout
    contracts = ["pytest", "-q", "tests/contracts", "-k", "zeta_guard"]
    run = python(checkout, "-m", *contracts)
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Zeta", "can't be the name"),
        ("zeta-guard", "can't be the name"),
        ("zeta__guard", "can't be the name"),
        ("../zeta", "can't be the name"),
        ("z" * 25, "can't be the name"),
        ("pax8", "pax8.py exists already; nothing was written"),
    ],
)
def test_a_name_that_can_not_be_used_writes_nothing(checkout: Path, name: str, told: str) -> None:
    """The sentence says why, and the checkout is as it was."""
    before = sorted(path for path in checkout.rglob("*") if path.is_file())
    with pytest.raises(PipelineError, match=told):
        scaffold_vendor(checkout, name, "")
    assert sorted(path for path in checkout.rglob("*") if path.is_file()) == before


def test_elsewhere_than_in_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    """An installed package has no tests to put beside a connector."""
    with pytest.raises(PipelineError, match="is no checkout of this project"):
        scaffold_vendor(tmp_path, "zeta_guard", "")
    assert list(tmp_path.iterdir()) == []
