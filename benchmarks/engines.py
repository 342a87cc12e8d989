"""The same month on DuckDB and on Spark, at growing sizes: medians, ratio, and where they cross.

    python -m benchmarks.engines --rows 10000,100000,1000000 --repeat 3 --spark "local[*]"

Core is built once for each size; then both engines map and compare it, in turn, each on a copy of
the warehouse, and every row of the two has to be the same. The lake starts empty each time, so
Spark's figure holds what its first run of a night holds. The last lines are the constants of
docs/scale.md for this machine.
"""

import argparse
import os
import resource
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from benchmarks.landed import PERIOD, land
from benchmarks.layers import Bench, Connection, build_core_of
from reconcile_pipeline.spark.engine import SparkEngine
from reconcile_pipeline.spark.frames import Session
from reconcile_pipeline.spark.lake import LocalLake
from reconcile_pipeline.spark.session import open_session
from reconcile_pipeline.warehouse.build import (
    RECON_ORDER,
    Fill,
    build_map,
    build_recon,
)

COMPARED = ("map.accounts", "map.services", "map.service_groups", *RECON_ORDER)


@dataclass
class Size:
    """One size and what it took, in seconds of wall time."""

    rows: int
    cards: int = 0
    core: list[float] = field(default_factory=list)
    duckdb: list[float] = field(default_factory=list)
    spark: list[float] = field(default_factory=list)
    landing_bytes: float = 0.0
    warehouse_bytes: float = 0.0

    def line(self) -> str:
        """One row of the table."""
        ratio = statistics.median(self.spark) / statistics.median(self.duckdb)
        return (
            f"| {self.rows:,} | {self.cards:,} | {_spread(self.duckdb)} | {_spread(self.spark)}"
            f" | {ratio:.2f} |"
        )


def main() -> None:
    options = _options()
    session = open_session(options.spark)
    print(
        f"duckdb {duckdb.__version__}, Spark {options.spark}, {os.cpu_count()} processors,"
        f" load {os.getloadavg()[0]:.1f} at the start"
    )
    print()
    print("| usage rows | cards | duckdb s | spark s | spark / duckdb |")
    print("|---:|---:|:---|:---|---:|")
    sizes = []
    for rows in options.rows:
        sizes.append(_measured(rows, options, session))
        print(sizes[-1].line(), flush=True)
    print()
    print("\n".join(constants(sizes)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--rows", type=_numbers, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3, help="readings of each engine and size")
    parser.add_argument("--spark", default="local[*]", help="as [compute] spark in reconcile.toml")
    parser.add_argument("--memory-limit", default="8GB", help="DuckDB's limit")
    parser.add_argument("--folder", type=Path, help="where temporary files go")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(float(part)) for part in text.split(",")]


def _measured(rows: int, options: argparse.Namespace, session: Session) -> Size:
    size = Size(rows)
    with tempfile.TemporaryDirectory(prefix="reconcile-engines-", dir=options.folder) as name:
        folder = Path(name)
        bench = Bench(land(folder / "landing", rows), folder, options.memory_limit)
        size.core.append(bench.clock(bench.product, lambda c: build_core_of(c, bench.landed)).wall)
        for number in range(options.repeat):
            lake = folder / f"lake-{number}"
            turns: list[tuple[list[float], str, Fill | None]] = [
                (size.duckdb, "duckdb", None),
                (size.spark, "spark", SparkEngine(session, LocalLake(lake))),
            ]
            for seconds, engine, fill in turns if number % 2 == 0 else reversed(turns):
                seconds.append(_turn(bench, folder / f"{engine}.duckdb", fill))
            size.cards = _same(bench, folder / "duckdb.duckdb", folder / "spark.duckdb")
            shutil.rmtree(lake)
        size.landing_bytes = bench.landed.size / rows
        size.warehouse_bytes = (folder / "duckdb.duckdb").stat().st_size / rows
    return size


def _turn(bench: Bench, path: Path, fill: Fill | None) -> float:
    """Map and compare a copy of the warehouse; the copying is not counted."""
    shutil.copyfile(bench.product, path)

    def build(connection: Connection) -> None:
        build_map(connection, period=PERIOD, mappings=bench.landed.mappings, fill=fill)
        build_recon(connection, period=PERIOD, fill=fill)

    return bench.clock(path, build).wall


def _same(bench: Bench, by_duckdb: Path, by_spark: Path) -> int:
    """Refuse times of different work; returns the number of cards."""
    with bench.opened(by_duckdb) as connection:
        connection.execute(f"attach '{by_spark}' as other (read_only)")
        for name in COMPARED:
            here, there = (
                connection.execute(
                    f"select count(*), sum(hash(t)) from {source}{name} as t"
                ).fetchall()
                for source in ("", "other.")
            )
            if here != there:
                raise RuntimeError(f"{name} differs: DuckDB {here}, Spark {there}")
        found = connection.execute("select count(*) from recon.cards").fetchall()
    return int(found[0][0])


def constants(sizes: Sequence[Size]) -> list[str]:
    """Straight lines through the medians: what a run costs without rows, and what each row adds."""
    last = sizes[-1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = [
        f"peak memory of this process {peak:,} kB, without Spark's own",
        f"b_landing {last.landing_bytes:.0f}, b_warehouse {last.warehouse_bytes:.0f} bytes a row",
        f"core {last.core[-1]:.2f} s at {last.rows:,} rows, the same for both",
    ]
    if len(sizes) == 1:
        return [*lines, "one size alone has no slope: give more with --rows"]
    here, there = (
        _fitted(sizes, lambda size: statistics.median(size.duckdb)),
        _fitted(sizes, lambda size: statistics.median(size.spark)),
    )
    for name, (fixed, each) in (("duckdb", here), ("spark", there)):
        lines.append(f"{name}: t_fixed {fixed:.2f} s, t_row {each * 1e6:.2f} s a million rows")
    if there[1] >= here[1]:
        return [*lines, "crossover: none on this machine, each row costs Spark more"]
    crossover = (there[0] - here[0]) / (here[1] - there[1])
    return [*lines, f"crossover: about {crossover:,.0f} rows"]


def _fitted(sizes: Sequence[Size], seconds: Callable[[Size], float]) -> tuple[float, float]:
    line = statistics.linear_regression([size.rows for size in sizes], [*map(seconds, sizes)])
    return line.intercept, line.slope


def _spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"


if __name__ == "__main__":
    main()
