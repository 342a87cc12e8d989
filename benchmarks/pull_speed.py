"""How near a full pull of each PSA comes to the shortest time that its server allows.

    python -m benchmarks.pull_speed --size medium --latency-ms 0,100 --psa connectwise,autotask

Each PSA alone: the real client in a process of its own, its simulator in another. What the floor is
made of and what the columns mean is said in README.md.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.pull_speed_client import Pulled, pull_once
from benchmarks.pull_speed_jumping import pull_jumping, world_of
from benchmarks.pull_speed_server import LIMITS, Ask, Seen, serve
from reconcile_pipeline.simulators.registry import PSAS

GOAL_RATIO = 1.10
HEAD = (
    "| PSA | latency ms | calls | seconds | at once s | chain s | limit s | ratio | MB before"
    " | MB at most | under way | in a window |"
)


@dataclass(frozen=True)
class Floor:
    """The shortest time that is possible, in seconds, for three reasons; the longest one counts."""

    at_once: float
    chain: float
    limit: float

    @property
    def seconds(self) -> float:
        """What no client can beat."""
        return max(self.at_once, self.chain, self.limit)


def main() -> None:
    options = _options()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start,")
    print(f"world {options.size}, seed {options.seed}, limits of the {options.limits}", flush=True)
    print()
    print(HEAD)
    print("|:---|" + "---:|" * 11)
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as name:
        pulls = _jumping if options.clock == "jumping" else _real
        for ask, pulled, seen in pulls(options, Path(name)):
            _show(ask, pulled, seen, options.limits)


def _real(options: argparse.Namespace, folder: Path) -> Iterator[tuple[Ask, Pulled, Seen]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(
        target=serve, args=(theirs, folder, options.size, options.seed, options.limits)
    )
    server.start()
    try:
        for ask in _asks(options):
            ours.send(ask)
            # Only the second pull is measured: a vendor's server has its data, and a simulator
            # makes its lists when they are first asked for.
            for name in ("unmeasured", "landing"):
                config: Path = ours.recv()
                landing = folder / f"{name}-{ask.psa}-{ask.latency_ms}"
                with context.Pool(1) as pool:
                    pulled: Pulled = pool.apply(pull_once, (config, ask.psa, landing))
                # What the server saw of the last one follows.
                ours.send("pulled")
            yield ask, pulled, ours.recv()
    finally:
        ours.send(None)
        server.join()


def _jumping(options: argparse.Namespace, folder: Path) -> Iterator[tuple[Ask, Pulled, Seen]]:
    world = world_of(options.seed, options.size)
    for ask in _asks(options):
        yield (ask, *pull_jumping(world, folder, ask, options.limits))


def _asks(options: argparse.Namespace) -> list[Ask]:
    return [Ask(psa, latency) for psa in options.psa for latency in options.latency_ms]


def _show(ask: Ask, pulled: Pulled, seen: Seen, limits: str) -> None:
    calls = len(seen.arrived)
    most, window = LIMITS[ask.psa]
    floor = _floor(pulled, seen, ask.latency_ms / 1000)
    if limits == "sheets" and most is not None:
        floor = replace(floor, limit=(calls - 1) // most * window)
    ratio = f"{pulled.seconds / floor.seconds:.2f}" if floor.seconds else "–"
    print(
        f"| {ask.psa} | {ask.latency_ms} | {calls:,} | {pulled.seconds:,.1f} | {floor.at_once:,.1f}"
        f" | {floor.chain:.1f} | {floor.limit:,.1f} | {ratio} | {pulled.mb_before:.0f}"
        f" | {pulled.mb_most:.0f} | {_most_under_way(seen)}"
        f" of {pulled.concurrency} | {_most_within(seen.arrived, window):,} of"
        f" {'–' if most is None else f'{most:,}'} |",
        flush=True,
    )
    if pulled.calls != calls:
        sys.exit(f"{ask.psa}: the manifest says {pulled.calls} calls, the server saw {calls}")


def _floor(pulled: Pulled, seen: Seen, latency: float) -> Floor:
    calls = len(seen.arrived)
    # Whatever brought no page for the first time was a login or a look-up, and those go before all
    # others; what is read twice may be asked for the second time all at once.
    look_ups = calls - pulled.pages - seen.again
    chain = look_ups + pulled.longest_chain + min(1, seen.again)
    return Floor(calls * latency / pulled.concurrency, chain * latency, limit=0.0)


def _most_under_way(seen: Seen) -> int:
    events = sorted([(at, 1) for at in seen.arrived] + [(at, -1) for at in seen.answered])
    most = now = 0
    for _at, change in events:
        now += change
        most = max(most, now)
    return most


def _most_within(arrived: list[float], seconds: float) -> int:
    """The most calls in any window of so many seconds."""
    times = sorted(arrived)
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pull_speed", description=__doc__)
    parser.add_argument("--size", default="medium", help="small, medium or large")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--psa", type=lambda text: text.split(","), default=list(PSAS))
    parser.add_argument(
        "--latency-ms", type=lambda text: [int(part) for part in text.split(",")], default=[100]
    )
    parser.add_argument("--clock", choices=("real", "jumping"), default="real")
    parser.add_argument(
        "--limits",
        choices=("sheets", "none"),
        default="none",
        help="sheets: the vendors' documented limits, kept by the client and enforced by the"
        " server; none: the client is told a limit that it never reaches",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
