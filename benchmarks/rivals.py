"""The same month by the product, Polars, pandas and datacompy: seconds, memory, and equal totals.

    python -m benchmarks.rivals --rows 1e5,1e6 --repeat 3

Every engine runs in a process of its own and starts from the landed pages. What the others leave
out is listed in README.md; that what they do find is the same is checked here, to the last unit.
pandas and datacompy are measured where they are installed; they are no dependency.
"""

import argparse
import multiprocessing
import os
import pickle
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks.landed import PERIOD, Landed, land
from benchmarks.layers import Bench, time_product
from benchmarks.rival_frames import Totals, by_datacompy, by_pandas, by_polars

KB = 1024
ENGINES: dict[str, tuple[str, Callable[[Landed], Totals]]] = {
    "Polars": ("polars", by_polars),
    "pandas": ("pandas", by_pandas),
    "datacompy": ("datacompy", by_datacompy),
}
TOTALS = """
    select count(*), coalesce(sum(qty_psa), 0), coalesce(sum(qty_vendor), 0),
        count(*) filter (coalesce(qty_psa, 0) <> coalesce(qty_vendor, 0))
    from recon.cards where period = ?
"""


@dataclass(frozen=True)
class Reading:
    """One engine's way from landed pages to compared totals, in its own process."""

    seconds: float
    cpu: float
    peak_mb: float
    totals: Totals


def main() -> None:
    options = _options()
    names = ("duckdb", *(package for package, _ in ENGINES.values()))
    print(", ".join(f"{name} {_version(name)}" for name in names), end="; ")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    print()
    print("| usage rows | engine | seconds | slower than ours | processor s | peak MB | cards |")
    print("|---:|:---|---:|---:|---:|---:|---:|")
    for rows in options.rows:
        _print_size(rows, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__)
    parser.add_argument("--rows", type=_numbers, default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory-limit", default="3GB", help="DuckDB's limit")
    parser.add_argument("--folder", type=Path, help="where temporary files go")
    parser.add_argument(
        "--engine",
        type=lambda text: text.split(","),
        default=[*ENGINES],
        help="which to measure beside the product",
    )
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(float(part)) for part in text.split(",")]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"


def _print_size(rows: int, options: argparse.Namespace) -> None:
    engines = {
        name: engine
        for name, (package, engine) in ENGINES.items()
        if name in options.engine and "not" not in _version(package)
    }
    with tempfile.TemporaryDirectory(prefix="reconcile-rivals-", dir=options.folder) as name:
        landed = land(Path(name) / "landing", rows)
        (Path(name) / "landed").write_bytes(pickle.dumps(landed))
        readings: dict[str, list[Reading]] = {"reconcile_pipeline": []}
        readings |= {engine: [] for engine in engines}
        for _round in range(options.repeat):
            for engine, found in readings.items():
                found.append(_alone(engine, Path(name), options.memory_limit))
    ours = median(reading.seconds for reading in readings["reconcile_pipeline"])
    right = readings["reconcile_pipeline"][0].totals
    for engine, found in readings.items():
        seconds = median(reading.seconds for reading in found)
        print(
            f"| {rows:,} | {engine} | {seconds:.2f} | {seconds / ours:.2f}"
            f" | {median(reading.cpu for reading in found):.2f}"
            f" | {max(reading.peak_mb for reading in found):,.0f} | {found[0].totals.cards:,} |",
            flush=True,
        )
        if found[0].totals != right:
            raise SystemExit(f"{engine} found {found[0].totals}, and the product {right}")


def _alone(engine: str, folder: Path, memory_limit: str) -> Reading:
    """In a fresh process: memory that another engine left behind is nobody's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        reading: Reading = pool.apply(_read, (engine, folder, memory_limit))
        return reading


def _read(engine: str, folder: Path, memory_limit: str) -> Reading:
    landed: Landed = pickle.loads((folder / "landed").read_bytes())  # noqa: S301 - our own
    if engine in ENGINES:
        # Importing it is not what is measured.
        __import__(ENGINES[engine][0])
    started, used = time.perf_counter(), time.process_time()
    if engine in ENGINES:
        totals = ENGINES[engine][1](landed)
    else:
        bench = Bench(landed, folder, memory_limit)
        time_product(bench)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB
    if engine not in ENGINES:
        totals = _totals(bench)
    return Reading(seconds, cpu, peak, totals)


def _totals(bench: Bench) -> Totals:
    with bench.opened(bench.product) as connection:
        cards, psa, vendor, differing = connection.execute(TOTALS, [PERIOD]).fetchall()[0]
    return Totals(int(cards), Decimal(psa), Decimal(vendor), int(differing))


if __name__ == "__main__":
    main()
