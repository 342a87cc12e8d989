"""The repository itself: no secret in it, every package pinned, unsafe calls refused."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = (
    re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    re.compile(r"\bxox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}\b"),
    re.compile(r"\bsk_live_[A-Za-z0-9]{20,}\b"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\b"),
)
"""Forms that real secrets have, and made-up ones of our simulators never."""


def tracked() -> list[Path]:
    git = ["git", "-C", str(ROOT), "ls-files", "-z"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        pytest.skip("not a checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name]


@pytest.mark.fault(112)
def test_no_file_holds_a_real_secret() -> None:
    """Nothing that looks like a real key is committed, in whatever file."""
    found = []
    for path in tracked():
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        found += [path for form in SECRETS if form.search(text)]
    assert found == []


@pytest.mark.fault(112)
def test_every_package_is_pinned_by_hash() -> None:
    """What is installed is what was looked at: each requirement has a version and hashes."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    packages = [line for line in lock.splitlines() if re.match(r"[a-z0-9]", line)]
    assert packages
    assert [line for line in packages if "==" not in line] == []
    blocks = re.split(r"\n(?=[a-z0-9])", lock)
    without = [block.split()[0] for block in blocks if "==" in block and "--hash=" not in block]
    assert without == []


@pytest.mark.fault(112)
def test_unsafe_calls_are_refused_by_the_linter() -> None:
    """The linter's security rules are on, and no rule is off for all that works."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lint = settings["tool"]["ruff"]["lint"]
    assert "ALL" in lint["select"] or "S" in lint["select"]
    assert [rule for rule in lint["ignore"] if re.fullmatch(r"S\d*", rule)] == []
