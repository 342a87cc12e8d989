"""Asked to end in the middle, a pull and a build end clean, and the next run is fine.

What a write-back does then is in test_write_back_kills.py.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from reconcile_pipeline.cancelling import told_to_end
from reconcile_pipeline.landing.manifest import read_manifests

SameNumbers = Callable[[Path], dict[str, list[str]]]
CANCELLED = "was cancelled before it was through. Next: Start it again"
BUILD = "reconcile_pipeline.warehouse.build:fill_table:4:after"


def run_status(msp: Any) -> dg.DagsterRunStatus:
    """How the newest run ended, as the Dagster UI shows it."""
    with dg.DagsterInstance.from_config(str(msp.state.dagster)) as instance:
        [run] = instance.get_runs(limit=1)
        return run.status


def cancel(msp: Any, command: Any, *, through_dagster: bool) -> None:
    """Ask a command to end: as a terminal does, or as Dagster does, which notes the wish first."""
    if through_dagster:
        with dg.DagsterInstance.from_config(str(msp.state.dagster)) as instance:
            [run] = instance.get_runs(limit=1)
            instance.report_run_canceling(run)
    os.kill(command.pid, signal.SIGTERM)


@pytest.mark.fault(58)
def test_a_wish_to_end_is_heard_before_an_answer_that_came_after_it() -> None:
    """However busy the machine is: who was asked first begins nothing on account of the answer."""
    ours, theirs = socket.socketpair()

    async def heard() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, lambda: order.append("answer") or loop.remove_reader(ours))
        with told_to_end(lambda: order.append("end")):
            signal.raise_signal(signal.SIGTERM)
            theirs.send(b"200 OK")
            for _round in range(5):
                await asyncio.sleep(0)
        return order

    with ours, theirs:
        assert asyncio.run(heard()) == ["end", "answer"]


@pytest.mark.slow
@pytest.mark.parametrize("through_dagster", [False, True])
@pytest.mark.fault(58)
def test_a_pull_that_is_asked_to_end_says_so(
    installed: Any,
    reconcile: Any,
    *,
    period: str,
    same_numbers: SameNumbers,
    through_dagster: bool,
) -> None:
    """Its manifest is failed and cancelled, nothing half is left, and the next run is whole."""
    golden = same_numbers(installed.state.published)

    def end(_state: Any) -> None:
        cancel(installed, reconcile.running[-1], through_dagster=through_dagster)

    installed.server("connectwise").faults.add("", kind="hook", after_n_calls=20, value=end)
    ended = reconcile("run", "--config", installed.config)
    assert ended.code == 1, ended.told
    assert f"Failed: The pull {CANCELLED}" in ended.told
    assert "Traceback" not in ended.told
    assert len(installed.server("connectwise").log) < 50
    pulls = {each.system: each for each in read_manifests(installed.state.landing, period)}
    pull = pulls["connectwise"]
    assert (pull.state, pull.category) == ("failed", "cancelled")
    assert pull.reason == "The pull of ConnectWise PSA was cancelled before it was through."
    assert not list(installed.state.landing.glob("*/*/.*")), "half a pull was left"
    wanted = dg.DagsterRunStatus.CANCELED if through_dagster else dg.DagsterRunStatus.FAILURE
    assert run_status(installed) is wanted
    installed.quiet()
    again = reconcile("run", "--config", installed.config)
    assert again.code == 0, again.told
    assert same_numbers(installed.state.published) == golden


@pytest.mark.slow
@pytest.mark.fault(58)
def test_a_build_that_is_asked_to_end_lets_go(
    installed: Any, reconcile: Any, same_numbers: SameNumbers
) -> None:
    """Ended between two tables: told in words, what is published stays, the next run is whole."""
    golden = same_numbers(installed.state.published)
    before = installed.state.published.resolve()
    ended = reconcile("run", "--config", installed.config, crash=BUILD, signal=signal.SIGTERM)
    assert ended.code == 1, ended.told
    assert f"Failed: The run {CANCELLED}" in ended.told
    assert "Stack Trace" not in ended.told
    assert installed.state.published.resolve() == before
    assert run_status(installed) is dg.DagsterRunStatus.FAILURE
    again = reconcile("run", "--config", installed.config)
    assert again.code == 0, again.told
    assert same_numbers(installed.state.published) == golden
