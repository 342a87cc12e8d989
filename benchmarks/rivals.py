"""The same month by the product, bare SQL, Polars, pandas and datacompy: seconds and memory.

    python -m benchmarks.rivals --start tables --rows 1e6,1e7 --repeat 3

Every engine runs in a process of its own, from the landed pages or from typed tables to compared
quantities. What the others leave out is listed in README.md; that what they do find is the same is
checked here, to the last unit. pandas and datacompy are measured where they are installed; they
are no dependency.
"""

import argparse
import multiprocessing
import os
import pickle
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.landed import PERIOD, Landed, land
from benchmarks.layers import Bench, build_core_of, time_product
from benchmarks.rival_cards import cards_by_pandas, export_cards_input, print_of
from benchmarks.rival_frames import Totals, by_datacompy, by_pandas, by_polars, by_sql
from benchmarks.rival_pages import pandas_pages, polars_pages
from benchmarks.rival_tables import export, pandas_tables, polars_tables
from reconcile_pipeline.warehouse.build import build_map, build_recon_table

KB = 1024
OURS = "reconcile_pipeline"
FROM_PAGES: dict[str, tuple[str, Callable[[Landed], Totals]]] = {
    "Polars": ("polars", lambda landed: by_polars(polars_pages(landed))),
    "pandas": ("pandas", lambda landed: by_pandas(pandas_pages(landed))),
    "datacompy": ("datacompy", lambda landed: by_datacompy(pandas_pages(landed))),
}
FROM_TABLES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "bare SQL": ("duckdb", by_sql),
    "Polars": ("polars", lambda folder: by_polars(polars_tables(folder))),
    "pandas": ("pandas", lambda folder: by_pandas(pandas_tables(folder))),
    "datacompy": ("datacompy", lambda folder: by_datacompy(pandas_tables(folder))),
    "pandas, whole cards": ("pandas", cards_by_pandas),
}
TOTALS = """
    select count(*), coalesce(sum(qty_psa), 0), coalesce(sum(qty_vendor), 0),
        count(*) filter (coalesce(qty_psa, 0) <> coalesce(qty_vendor, 0))
    from {cards} where period = ?
"""


@dataclass(frozen=True)
class Reading:
    """One engine's way to compared totals, in its own process."""

    seconds: float
    cpu: float
    peak_mb: float
    totals: Totals


def main() -> None:
    options = _options()
    names = ("duckdb", "polars", "pandas", "datacompy")
    print(", ".join(f"{name} {_version(name)}" for name in names), end="; ")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    print()
    print("| usage rows | engine | seconds | of ours | processor s | of ours | peak MB | cards |")
    print("|---:|:---|---:|---:|---:|---:|---:|---:|")
    for rows in options.rows:
        _print_size(rows, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__)
    parser.add_argument("--start", choices=["pages", "tables"], default="tables")
    parser.add_argument("--rows", type=_numbers, default=[100_000, 1_000_000])
    parser.add_argument("--each", type=int, default=500, help="usage rows of an account")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory-limit", default="3GB", help="DuckDB's limit")
    parser.add_argument("--folder", type=Path, help="where temporary files go")
    parser.add_argument(
        "--engine",
        type=lambda text: text.split(","),
        default=[*FROM_TABLES],
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
    known: dict[str, tuple[str, Any]] = {
        **(FROM_PAGES if options.start == "pages" else FROM_TABLES)
    }
    engines = [
        name
        for name, (package, _) in known.items()
        if name in options.engine and "not" not in _version(package)
    ]
    with tempfile.TemporaryDirectory(prefix="reconcile-rivals-", dir=options.folder) as name:
        landed = land(Path(name) / "landing", rows, each=options.each)
        (Path(name) / "landed").write_bytes(pickle.dumps(landed))
        task = (options.start, Path(name), options.memory_limit)
        if options.start == "tables":
            _alone(_make_tables, *task[1:])
        readings: dict[str, list[Reading]] = {engine: [] for engine in (OURS, *engines)}
        for _round in range(options.repeat):
            for engine, found in readings.items():
                found.append(_alone(_read, engine, *task))
    ours = readings[OURS]
    for engine, found in readings.items():
        seconds, cpu = (
            median(getattr(reading, what) for reading in found) for what in ("seconds", "cpu")
        )
        print(
            f"| {rows:,} | {engine} | {seconds:.2f}"
            f" | {seconds / median(reading.seconds for reading in ours):.2f} | {cpu:.2f}"
            f" | {cpu / median(reading.cpu for reading in ours):.2f}"
            f" | {max(reading.peak_mb for reading in found):,.0f} | {found[0].totals.cards:,} |",
            flush=True,
        )
        wanted, told = ours[0].totals, found[0].totals
        if told != (wanted if told.print else replace(wanted, print="")):
            raise SystemExit(f"{engine} found {told}, and the product {wanted}")


def _alone(work: Callable[..., Any], *values: object) -> Any:
    """In a fresh process: memory that another engine left behind is nobody's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, values)


def _make_tables(folder: Path, memory_limit: str) -> None:
    """The product's core and map, for itself in its warehouse, for the others as Parquet."""
    landed = _landed(folder)
    bench = Bench(landed, folder, memory_limit)
    with bench.opened(bench.product) as connection:
        build_core_of(connection, landed)
        build_map(connection, period=PERIOD, mappings=landed.mappings)
        export(connection, folder / "tables")
        export_cards_input(connection, folder / "tables")


def _read(engine: str, start: str, folder: Path, memory_limit: str) -> Reading:
    bench = Bench(_landed(folder), folder, memory_limit)
    made: Any = None
    if engine != OURS:
        # Importing is not what is measured.
        for package in (FROM_TABLES[engine][0], "pyarrow.dataset"):
            import_module(package)
    with _clock() as took:
        if engine == OURS:
            _product(bench, start)
        elif start == "pages":
            made = FROM_PAGES[engine][1](bench.landed)
        else:
            made = FROM_TABLES[engine][1](folder / "tables")
    if not isinstance(made, Totals):
        made = _totals(bench, made)
    return Reading(*took, made)


@contextmanager
def _clock() -> Iterator[list[float]]:
    """Seconds, processor seconds and the process's largest memory in MB, when it is over."""
    took: list[float] = []
    started, used = time.perf_counter(), time.process_time()
    yield took
    took += [time.perf_counter() - started, time.process_time() - used]
    # Of this program alone: getrusage also remembers what the starting process had.
    [peak] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    took.append(int(peak) / KB)


def _product(bench: Bench, start: str) -> None:
    if start == "pages":
        time_product(bench)
        return
    with bench.opened(bench.product) as connection:
        for name in ("recon.counts", "recon.cards"):
            build_recon_table(connection, name, period=PERIOD)


def _landed(folder: Path) -> Landed:
    landed: Landed = pickle.loads((folder / "landed").read_bytes())  # noqa: S301 - our own
    return landed


def _totals(bench: Bench, frame: Any) -> Totals:
    """Of the product's cards, or of a frame with the same columns."""
    with bench.opened(bench.product) as connection:
        cards = "recon.cards"
        if frame is not None:
            cards = "frame"
            connection.register(cards, frame)
        found = connection.execute(TOTALS.format(cards=cards), [PERIOD]).fetchall()[0]
        return Totals(*(int(number) for number in found), print_of(connection, cards))


if __name__ == "__main__":
    main()
