"""Killed at any moment: what was published stays, and the next run ends as if nothing had been."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tables = dict[str, list[str]]
SameNumbers = Callable[[Path], Tables]
KILLED = -signal.SIGKILL
PULL = "reconcile_pipeline.landing"
BUILD = "reconcile_pipeline.warehouse.build"
PUBLISH = "reconcile_pipeline.warehouse.publish"

# In the order in which a run passes them: each later kill first has to get through what the
# earlier ones left behind.
MOMENTS = {
    "first page": f"{PULL}.pages:PageWriter.add:1:before",
    "middle of the pages": f"{PULL}.pages:PageWriter.add:60:after",
    "last page": f"{PULL}.pages:PageWriter.add:LAST:after",
    "manifest without its name": f"{PULL}.pull:sync_folder:1:before",
    "half of the systems landed": f"{PULL}.pull:sync_folder:4:after",
    "core half loaded": f"{BUILD}:run_core:2:after",
    "mappings in the ledger only": "reconcile_pipeline.building:record_mappings:1:after",
    "cards without their lists": f"{BUILD}:fill_table:4:after",
    "draft of the published copy": f"{PUBLISH}:shutil.copyfile:1:after",
    "version without a link": f"{PUBLISH}:_point:1:before",
}
LATEST = {"published, not finished": f"{PUBLISH}:_forget_old_versions:1:before"}


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def last_page(msp: Any, rows_of: Callable[..., list[Any]]) -> str:
    [row] = rows_of(msp.state.published, "select sum(pages) as pages from core.pulls")
    return str(row["pages"])


@pytest.mark.slow
@pytest.mark.fault(57)
def test_killed_again_and_again(
    installed: Any,
    reconcile: Any,
    *,
    same_numbers: SameNumbers,
    rows_of: Callable[..., list[Any]],
) -> None:
    """Kills in a row never touch what is published; the run after them is like the first."""
    golden = same_numbers(installed.state.published)
    before = (installed.state.published.resolve(), digest(installed.state.published))
    pages = last_page(installed, rows_of)
    for moment, crash in MOMENTS.items():
        ended = reconcile("run", "--config", installed.config, crash=crash.replace("LAST", pages))
        assert ended.code == KILLED, f"{moment}: {ended.told}"
        now = (installed.state.published.resolve(), digest(installed.state.published))
        assert now == before, moment
    for moment, crash in LATEST.items():
        assert reconcile("run", "--config", installed.config, crash=crash).code == KILLED
        assert installed.state.published.resolve() != before[0], moment
        assert same_numbers(installed.state.published) == golden, moment
    ended = reconcile("run", "--config", installed.config)
    assert ended.code == 0, ended.told
    assert same_numbers(installed.state.published) == golden
    assert not list(installed.state.landing.glob("*/*/.*")), "half a pull was left"


@pytest.mark.slow
@pytest.mark.parametrize("moment", [*MOMENTS, *LATEST])
@pytest.mark.fault(57)
def test_killed_in_its_first_run(
    good_run: Any,
    own_folder: Path,
    reconcile: Any,
    *,
    same_numbers: SameNumbers,
    rows_of: Callable[..., list[Any]],
    moment: str,
) -> None:
    """Killed before anything was published: nothing half is shown, and the next run is whole."""
    msp = type(good_run.msp)(good_run.msp.simulation, own_folder / "reconcile.toml")
    msp.simulation.write_config(msp.config)
    crash = {**MOMENTS, **LATEST}[moment].replace("LAST", last_page(good_run.msp, rows_of))
    assert reconcile("run", "--config", msp.config, crash=crash).code == KILLED
    assert msp.state.published.exists() == (moment in LATEST)
    ended = reconcile("run", "--config", msp.config)
    assert ended.code == 0, ended.told
    assert same_numbers(msp.state.published) == same_numbers(good_run.msp.state.published)


@pytest.mark.slow
@pytest.mark.fault(57)
def test_real_process_killed_while_it_pulls(
    installed: Any, reconcile: Any, same_numbers: SameNumbers
) -> None:
    """The installed command, killed by the PSA's 50th call, leaves nothing that harms the next."""
    golden = same_numbers(installed.state.published)
    before = (installed.state.published.resolve(), digest(installed.state.published))
    program = Path(sys.executable).parent / "reconcile"
    server = installed.server("connectwise")
    with subprocess.Popen(  # noqa: S603 - our own command
        [program, "run", "--config", installed.config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        server.faults.add(
            "", kind="hook", after_n_calls=49, value=lambda _state: os.killpg(process.pid, 9)
        )
        assert process.wait(timeout=120) == KILLED
    server.faults.clear()
    assert 50 <= len(server.log) < 60
    assert (installed.state.published.resolve(), digest(installed.state.published)) == before
    ended = reconcile("run", "--config", installed.config)
    assert ended.code == 0, ended.told
    assert same_numbers(installed.state.published) == golden
