"""One night of the made-up provider with every vendor: what our steps take, and what Dagster adds.

    python -m benchmarks.nightly --nights 5

The servers answer from another process. The first night is not counted: it warms caches and makes
the tables. Time inside of a step's own function is ours, waiting for answers included; all other
time of the run is Dagster's: planning, its history on disk, one event after the other.
"""

import argparse
import inspect
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import dagster as dg

from reconcile_pipeline.cli.running import run_job
from reconcile_pipeline.jobs import RECONCILE
from reconcile_pipeline.periods import open_period
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.vendors import SIDES

GOAL_SECONDS = 2.0
DECORATORS = ("asset", "multi_asset", "asset_check", "multi_asset_check")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly", description=__doc__)
    parser.add_argument("--nights", type=int, default=5, help="how many are counted")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    print(
        f"dagster {dg.__version__}, {os.cpu_count()} processors,"
        f" load {os.getloadavg()[0]:.1f} at the start"
    )
    with tempfile.TemporaryDirectory(prefix="reconcile-nightly-") as name:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        context = multiprocessing.get_context("spawn")
        server = context.Process(target=serve, args=(theirs, Path(name), options.seed))
        server.start()
        try:
            print_nights(ours.recv(), options.nights)
        finally:
            ours.send(None)
            server.join()


def serve(parent: Connection, folder: Path, seed: int) -> None:
    """Serve every system of one provider until the parent says anything."""
    world = build_world(seed, "small", datetime.now(UTC).date(), list(SIDES))
    with running(world) as simulation:
        config = folder / "reconcile.toml"
        simulation.write_config(config)
        parent.send(config)
        parent.recv()


def print_nights(config: Path, nights: int) -> None:
    """Play the nights, one process, one installation, and print each."""
    settings = load_settings(config)
    period = open_period(datetime.now(UTC), settings.timezone)
    spent: Counter[str] = Counter()
    added = []
    print(f"{len(settings.systems)} systems")
    print()
    print("| night | run s | our steps s | Dagster s | steps |")
    print("|:---|---:|---:|---:|---:|")
    with timed_steps(spent):
        for night in range(nights + 1):
            spent.clear()
            started = time.perf_counter()
            outcome = run_job(settings, RECONCILE, period)
            seconds = time.perf_counter() - started
            if not outcome.is_success:
                raise SystemExit("\n".join(outcome.failures))
            own = sum(spent.values())
            label = str(night) if night else "the first, not counted"
            print(f"| {label} | {seconds:.2f} | {own:.2f} | {seconds - own:.2f} | {len(spent)} |")
            if night:
                added.append(seconds - own)
    print()
    print(
        f"Dagster adds {median(added):.2f} s ({min(added):.2f}–{max(added):.2f}),"
        f" {median(added) / len(spent) * 1000:.0f} ms a step; the goal is {GOAL_SECONDS:.0f} s"
    )


@contextmanager
def timed_steps(spent: Counter[str]) -> Iterator[None]:
    """Add up the time inside of each step's function, of all definitions made meanwhile."""
    right = {name: getattr(dg, name) for name in DECORATORS}

    def timing(decorator: Callable[..., Any]) -> Callable[..., Any]:
        def with_options(*arguments: Any, **options: Any) -> Any:
            made = decorator(*arguments, **options)
            return lambda step: made(_timed(step, spent))

        return with_options

    for name, decorator in right.items():
        setattr(dg, name, timing(decorator))
    try:
        yield
    finally:
        for name, decorator in right.items():
            setattr(dg, name, decorator)


def _timed(step: Callable[..., Any], spent: Counter[str]) -> Callable[..., Any]:
    """The same step, its seconds noted; of one that yields, those between its yields."""
    name = step.__name__

    @contextmanager
    def clock() -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            spent[name] += time.perf_counter() - started  # type: ignore[assignment]

    @wraps(step)
    def plain(*arguments: Any, **named: Any) -> Any:
        with clock():
            return step(*arguments, **named)

    @wraps(step)
    def yielding(*arguments: Any, **named: Any) -> Iterator[Any]:
        results = step(*arguments, **named)
        while True:
            with clock():
                result = next(results, None)
            if result is None:
                return
            yield result

    @wraps(step)
    async def yielding_later(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
        results = step(*arguments, **named)
        while True:
            with clock():
                result = await anext(results, None)
            if result is None:
                return
            yield result

    if inspect.isasyncgenfunction(step):
        return yielding_later
    return yielding if inspect.isgeneratorfunction(step) else plain


if __name__ == "__main__":
    main()
