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
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.pull_speed_client import Pulled, pull_once
from benchmarks.pull_speed_server import LIMITS, Ask, serve
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
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as name:
        ours, theirs = context.Pipe()
        server = context.Process(
            target=serve, args=(theirs, Path(name), options.size, options.seed, options.limits)
        )
        server.start()
        try:
            for psa in options.psa:
                for latency in options.latency_ms:
                    _measure(ours, Path(name), psa, latency, options.limits)
        finally:
            ours.send(None)
            server.join()


def _measure(server: Connection, folder: Path, psa: str, latency_ms: int, limits: str) -> None:
    server.send(Ask(psa, latency_ms))
    config: Path = server.recv()
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        landing = folder / f"landing-{psa}-{latency_ms}"
        pulled: Pulled = pool.apply(pull_once, (config, psa, landing))
    # The pull is over: what the server saw of it can be asked for.
    server.send("seen")
    arrived: list[float]
    answered: list[float]
    arrived, answered = server.recv()
    most, window = LIMITS[psa]
    floor = _floor(pulled, len(arrived), latency_ms / 1000)
    if limits == "sheets" and most is not None:
        floor = replace(floor, limit=(len(arrived) - 1) // most * window)
    ratio = f"{pulled.seconds / floor.seconds:.2f}" if floor.seconds else "–"
    print(
        f"| {psa} | {latency_ms} | {len(arrived):,} | {pulled.seconds:.1f} | {floor.at_once:.1f}"
        f" | {floor.chain:.1f} | {floor.limit:.1f} | {ratio} | {pulled.mb_before:.0f}"
        f" | {pulled.mb_most:.0f} | {_most_under_way(arrived, answered)}"
        f" of {pulled.concurrency} | {_most_within(arrived, window):,} of"
        f" {'–' if most is None else f'{most:,}'} |",
        flush=True,
    )
    if pulled.calls != len(arrived):
        sys.exit(f"{psa}: the manifest says {pulled.calls} calls, the server saw {len(arrived)}")


def _floor(pulled: Pulled, calls: int, latency: float) -> Floor:
    # Whatever brought no page was a login or a look-up: nothing goes before those.
    chain = calls - pulled.pages + pulled.longest_chain
    return Floor(calls * latency / pulled.concurrency, chain * latency, limit=0.0)


def _most_under_way(arrived: list[float], answered: list[float]) -> int:
    events = sorted([(at, 1) for at in arrived] + [(at, -1) for at in answered])
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
