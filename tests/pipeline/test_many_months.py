"""The two years of `make long-run`, in short: months in a row, each closed on the one before."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_months_in_a_row_are_each_the_truth_and_stay_closed() -> None:
    """Four months, a vendor added in the third: every night the truth, every close as it was."""
    command = [sys.executable, "-m", "benchmarks.months", "--months", "4", "--nights", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 closed months rebuilt" in done.stdout
    assert "chain: whole" in done.stdout
