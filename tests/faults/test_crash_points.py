"""Every place that makes something durable is known, and most are places where a child dies."""

import ast
import csv
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DURABLE = runpy.run_path(str(HERE / "durable.py"))
JOB = "job "
NOT_YET = "not yet: "
OPEN = 6
"""Places that no test kills at yet and one should. May only become fewer."""
DAILY = ("keys",)
ATOMIC = {"remember", "add user", "migration file", "publish", "backup", "move ledger"}
"""Jobs that know no state between before and after."""


def registered() -> list[dict[str, str]]:
    with (HERE / "crash_points.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


JOBS = sorted(
    {row["killed_by"].removeprefix(JOB) for row in registered() if row["killed_by"].startswith(JOB)}
)


def test_every_durable_place_is_registered() -> None:
    """What is written, renamed, removed or committed stands in the list, and nothing else does."""
    listed = {row["place"]: row["does"] for row in registered()}
    assert listed == DURABLE["places"](), "mend tests/faults/crash_points.csv"


def test_every_place_is_killed_at_or_says_why_not() -> None:
    """A row names a test that is there, or the reason why it needs none; never both."""
    for row in registered():
        assert bool(row["killed_by"]) != bool(row["spared_because"]), row["place"]
        assert row["commits"], row["place"]
        if row["killed_by"] and not row["killed_by"].startswith(JOB):
            path, _, test = row["killed_by"].partition("::")
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert test in names, row["place"]


def test_what_is_not_killed_yet_becomes_less() -> None:
    """A new place comes with its kill: the list of those without one never grows."""
    missing = [row["place"] for row in registered() if row["spared_because"].startswith(NOT_YET)]
    assert len(missing) <= OPEN, missing


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("os.replace(a, b)", "swap"),
        ("draft.replace(path)", "swap"),
        ("text.replace('a', 'b')", None),
        ("at.replace(tzinfo=None)", None),
        ("path.open('w')", "write"),
        ("path.open()", None),
        ("open(path, mode='ab')", "write"),
        ("os.open(path, os.O_WRONLY | os.O_CREAT)", "write"),
        ("os.open(path, os.O_RDONLY)", None),
        ("os.fsync(file)", "sync"),
        ("shutil.rmtree(folder)", "remove"),
        ("shutil.copy(a, b)", "copy"),
        ("options.copy()", None),
        ("ledger.writing()", "transaction"),
        ("connection.execute('begin immediate')", "transaction"),
        ("connection.execute('select 1')", None),
    ],
)
def test_the_finder_knows_what_is_durable(code: str, kind: str | None) -> None:
    """Calls that leave something behind are told from calls of the same name that do not."""
    call = ast.parse(code, mode="eval").body
    assert DURABLE["kind_of"](call) == kind


def swept(job: str, folder: Path) -> dict[str, Any]:
    """All kills of one job, made in a process of its own."""
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, HERE / "killing.py"],
        input=json.dumps({"job": job, "folder": str(folder)}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize(
    "job", [pytest.param(job, marks=[] if job in DAILY else pytest.mark.slow) for job in JOBS]
)
@pytest.mark.fault(57)
def test_killed_around_everything_it_makes_durable(job: str, tmp_path: Path) -> None:
    """Whenever it dies, readers see something whole; done again, it ends as if it never had."""
    found = swept(job, tmp_path)
    assert found["golden"] != found["before"]
    assert found["kills"]
    assert [kill["then"] for kill in found["kills"]] == [found["golden"]] * len(found["kills"])
    struck = {place for kill in found["kills"] for place in kill["places"]}
    meant = {row["place"] for row in registered() if row["killed_by"] == JOB + job}
    assert meant <= struck
    seen = [kill["seen"] for kill in found["kills"]]
    if job in ATOMIC:
        # One instant divides the old from the new; nothing third is ever seen.
        new = seen.index(found["golden"])
        assert all(one == found["before"] for one in seen[:new])
        assert all(one == found["golden"] for one in seen[new:])
