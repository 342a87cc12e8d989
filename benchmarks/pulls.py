"""How long all systems take to pull at once, beside the slowest of them alone.

    python -m benchmarks.pulls --size small --latency-ms 100

Every system is served by its simulator, in a process of its own, and pulled by the real client.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reconcile_pipeline.landing.pull import Pull, pull_all
from reconcile_pipeline.model import PullState
from reconcile_pipeline.periods import local_day, open_period
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.systems.registry import SYSTEMS

GOAL_RATIO = 1.15


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as name:
        folder = Path(name)
        config = folder / "reconcile.toml"
        with _simulated(config, options):
            settings = load_settings(config)
            print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start,")
            print(f"world {options.size}, seed {options.seed}, latency {options.latency_ms} ms")
            print()
            print("| system | calls | seconds alone |")
            print("|:---|---:|---:|")
            _report(settings, folder, options.repeat)


def _report(settings: Settings, folder: Path, repeat: int) -> None:
    alone = {}
    for system in settings.systems:
        seconds, calls = min(
            _pull(settings, [system.name], folder / f"alone-{system.name}-{turn}")
            for turn in range(repeat)
        )
        alone[system.name] = seconds
        print(f"| {system.name} | {calls} | {seconds:.2f} |", flush=True)
    names = [system.name for system in settings.systems]
    together, calls = min(
        _pull(settings, names, folder / f"together-{turn}") for turn in range(repeat)
    )
    slowest = max(alone, key=lambda name: alone[name])
    ratio = together / alone[slowest]
    print(f"| all at once | {calls} | {together:.2f} |")
    print()
    print(f"All at once take {ratio:.2f} x the slowest alone ({slowest}; goal {GOAL_RATIO});")
    print(f"one after the other they would take {sum(alone.values()) / together:.1f} x as long.")


def _pull(settings: Settings, names: list[str], landing: Path) -> tuple[float, int]:
    """Pull the systems into an empty folder; returns seconds and calls."""
    landing.mkdir()
    now = datetime.now(UTC)
    pulls = [
        Pull(
            system=SYSTEMS[account.kind],
            account=account,
            landing=landing,
            period=open_period(now, settings.timezone),
            is_grace=False,
            on=local_day(now, settings.timezone),
            now=lambda: datetime.now(UTC),
        )
        for account in settings.systems
        if account.name in names
    ]

    async def collect() -> int:
        calls = 0
        async for manifest in pull_all(pulls):
            if manifest.state is not PullState.COMPLETE:
                sys.exit(f"{manifest.system}: {manifest.reason}")
            calls += manifest.calls
        return calls

    started = time.perf_counter()
    calls = asyncio.run(collect())
    return time.perf_counter() - started, calls


@contextmanager
def _simulated(config: Path, options: argparse.Namespace) -> Iterator[None]:
    """Serve the world in another process: servers and clients must not share an interpreter."""
    command = [
        *(sys.executable, "-c", "from reconcile_pipeline.cli import main; main()", "simulate"),
        *("--seed", str(options.seed), "--size", options.size, "--psa", options.psa),
        *("--latency-ms", str(options.latency_ms), "--write-config", str(config)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
        try:
            if not any('"ready"' in line for line in process.stdout or ()):
                sys.exit("The simulated systems did not come up.")
            yield
        finally:
            process.terminate()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pulls", description=__doc__)
    parser.add_argument("--size", default="small")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--psa", default="connectwise")
    parser.add_argument("--latency-ms", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
