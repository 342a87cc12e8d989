"""What a night costs that asks for changes only, beside one that reads everything.

    python -m benchmarks.incremental --size small --changed 0.01

Each PSA that tells changes is served by its simulator, in a process of its own, and pulled by the
real client: everything, then, after some of its companies, agreements and products were edited,
the changes.
"""

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

from reconcile_pipeline.landing.basis import Rhythm
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.model import PullMode, PullState
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.systems.registry import SYSTEMS

PSAS = ("connectwise", "autotask", "halopsa", "kaseya_bms")
DAY = date(2026, 11, 10)
NIGHT = datetime(2026, 11, 10, 23, tzinfo=UTC)
SECONDS_TO_WAIT = 600
INCREMENTAL = Rhythm(is_incremental=True)


def main() -> None:
    options = _options()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start,")
    print(f"world {options.size}, seed {options.seed}, latency {options.latency_ms} ms,")
    print(f"{options.changed:.0%} of companies, agreements and products edited in between")
    print()
    print("| PSA | all calls, full | changes | s, full | changes | asked lists, full | changes |")
    print("|:---|---:|---:|---:|---:|---:|---:|")
    for psa in options.psa.split(","):
        with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as name:
            _report(psa, Path(name), options)


def _report(psa: str, folder: Path, options: argparse.Namespace) -> None:
    with _served(psa, folder / "reconcile.toml", options) as edit:
        full, whole_seconds = _pull(folder, replace(INCREMENTAL, is_forced_full=True))
        edit()
        night, seconds = _pull(folder, INCREMENTAL)
    if night.mode is not PullMode.INCREMENTAL:
        sys.exit(f"{psa}: not incremental: {[stream.note for stream in night.streams]}")
    before = {stream.name: stream.pages for stream in full.streams}
    asked = [stream for stream in night.streams if stream.changed is not None]
    # Its own pages lie above those of the full pull; one call more tells the total.
    changes = sum(stream.pages - before[stream.name] + 1 for stream in asked)
    everything = sum(before[stream.name] for stream in asked)
    print(
        f"| {psa} | {full.calls} | {night.calls} | {whole_seconds:.2f} | {seconds:.2f}"
        f" | {everything} | {changes} ({changes / everything:.0%}) |",
        flush=True,
    )


def _pull(folder: Path, rhythm: Rhythm) -> tuple[Manifest, float]:
    landing = folder / "landing"
    landing.mkdir(exist_ok=True)
    account = load_settings(folder / "reconcile.toml", environ={}).psa
    pull = Pull(
        system=SYSTEMS[account.kind],
        account=account,
        landing=landing,
        period=f"{DAY:%Y-%m}",
        is_grace=False,
        on=DAY,
        now=lambda: NIGHT,
        rhythm=rhythm,
    )
    started = time.perf_counter()
    manifest = asyncio.run(pull_system(pull))
    if manifest.state is not PullState.COMPLETE:
        sys.exit(f"{manifest.system}: {manifest.reason}")
    return manifest, time.perf_counter() - started


class _Editing:
    """Has the other process edit its world; returns when that is done."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.ready, self.wanted, self.done = (context.Event() for _ in range(3))
        self.over = context.Event()

    def __call__(self) -> None:
        self.wanted.set()
        _wait(self.done)


@contextmanager
def _served(psa: str, config: Path, options: argparse.Namespace) -> Iterator[_Editing]:
    """Serve the world in another process: servers and clients must not share an interpreter."""
    editing = _Editing()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve,
        args=(psa, str(config), options.size, options.seed, options.latency_ms, options.changed),
        kwargs={
            "ready": editing.ready,
            "wanted": editing.wanted,
            "done": editing.done,
            "over": editing.over,
        },
    )
    process.start()
    try:
        _wait(editing.ready)
        yield editing
    finally:
        editing.over.set()
        process.join()


def _serve(  # noqa: PLR0917 - what the other process has to know
    psa: str,
    config: str,
    size: str,
    seed: int,
    latency_ms: int,
    changed: float,
    *,
    ready: Event,
    wanted: Event,
    done: Event,
    over: Event,
) -> None:
    world = build_world(seed, size, DAY)  # type: ignore[arg-type] - checked there
    with running(world, psa=psa, has_vendors=False, latency_ms=latency_ms) as simulation:
        simulation.write_config(Path(config))
        ready.set()
        _wait(wanted)
        for records, name in (
            (world.companies, "name"),
            (world.agreements, "name"),
            (world.products, "description"),
        ):
            for record in records[:: max(1, round(1 / changed))]:
                setattr(record, name, f"{getattr(record, name)} (edited)")
        simulation.systems[psa].state.changed()
        done.set()
        _wait(over)


def _wait(event: Event) -> None:
    if not event.wait(SECONDS_TO_WAIT):
        sys.exit("The other process did not answer in time.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.incremental", description=__doc__)
    parser.add_argument("--size", default="small")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--psa", default=",".join(PSAS))
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--changed", type=float, default=0.01)
    return parser.parse_args()


if __name__ == "__main__":
    main()
