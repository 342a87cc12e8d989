"""`reconcile simulate` as anybody would start it: JSON lines, files, and a clean end."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

PROGRAM = Path(sys.executable).parent / "reconcile"
SEED = 64_209
LONGEST_SECONDS = 60.0


@pytest.fixture
def simulating(own_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The real command in a process of its own, its output on a pipe."""
    # With it set, even output that is never flushed would come.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    files = ["--write-config", "msp/reconcile.toml", "--truth", "truth/truth.json"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [PROGRAM, "simulate", "--seed", str(SEED), "--vendors", "huntress", *files],
        cwd=own_folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # A line that never comes ends the test instead of hanging it.
        deadline = threading.Timer(LONGEST_SECONDS, process.kill)
        deadline.start()
        yield process
        deadline.cancel()
        if process.poll() is None:
            process.kill()


def lines_until_ready(output: IO[str] | None) -> list[dict[str, Any]]:
    """The JSON lines that come while the process lives on: none is held back in a buffer."""
    assert output is not None
    lines: list[dict[str, Any]] = []
    for line in output:
        lines.append(json.loads(line))
        if lines[-1] == {"ready": True}:
            return lines
    raise AssertionError(f"it ended after {lines}")


def test_simulate_serves_until_told_to_stop(
    simulating: subprocess.Popen[str], own_folder: Path, reconcile: Any, rows_of: Any, period: str
) -> None:
    """It says where each system is, its settings work as they are, and SIGTERM ends it."""
    lines = lines_until_ready(simulating.stdout)
    served = ["connectwise", "pax8", "ninjaone", "huntress"]
    assert [line["system"] for line in lines[:-1]] == served
    assert all(line["base_url"].startswith("http://127.0.0.1:") for line in lines[:-1])
    assert all(line["credentials"] for line in lines[:-1])
    truth = json.loads((own_folder / "truth" / "truth.json").read_text(encoding="utf-8"))
    assert (truth["seed"], truth["period"]) == (SEED, period)
    elsewhere = own_folder / "elsewhere"
    elsewhere.mkdir()
    config = own_folder / "msp" / "reconcile.toml"
    ended = reconcile("run", "--config", config, cwd=str(elsewhere))
    assert ended.code == 0, ended.told
    assert not list(elsewhere.iterdir())
    published = own_folder / "msp" / ".reconcile" / "published.duckdb"
    [found] = rows_of(published, "select count(*) as cards from recon.cards")
    assert found["cards"] == len(truth["cards"])
    simulating.send_signal(signal.SIGTERM)
    out, err = simulating.communicate(timeout=30)
    assert (simulating.returncode, out, err) == (0, "", "")
