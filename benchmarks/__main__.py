"""Prints how fast the tables are built, beside the same SQL run bare, and how fast we import.

    python -m benchmarks --rows 100000,1000000,10000000 --repeat 3,3,1

The arguments and the printed tables live here; what is measured is in layers.py and imports.py.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from benchmarks.imports import DAGSTER, DEFINITIONS, time_imports
from benchmarks.landed import land
from benchmarks.layers import LAYERS, Bench, Costs, Took, check_same, time_bare, time_product

IMPORTS = 5
GOAL_RATIO = 1.2
GOAL_IMPORT = 3.0


def main() -> None:
    options = _options()
    print(
        f"duckdb {duckdb.__version__}, {os.cpu_count()} processors,"
        f" load {os.getloadavg()[0]:.1f} at the start, memory limit {options.memory_limit}"
    )
    print()
    print("| usage rows | layer | rows/s | pipeline s | again s | bare s | ratio | ratio cpu |")
    print("|---:|:---|---:|:---|:---|:---|---:|---:|")
    for number, rows in enumerate(options.rows):
        repeats = options.repeat[min(number, len(options.repeat) - 1)]
        _print_size(rows, repeats, options)
    print()
    _print_imports()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows",
        type=_numbers,
        default=[100_000, 1_000_000, 10_000_000],
        help="vendor usage rows of each size, separated by commas",
    )
    parser.add_argument(
        "--repeat",
        type=_numbers,
        default=[3, 3, 1],
        help="readings of each size; the last number holds for the sizes after it",
    )
    parser.add_argument("--again", action="store_true", help="also replace the period's rows")
    parser.add_argument("--memory-limit", default="8GB", help="DuckDB's limit, on both sides")
    parser.add_argument("--folder", type=Path, help="where temporary files go")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(float(part)) for part in text.split(",")]


def _print_size(rows: int, repeats: int, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-", dir=options.folder) as name:
        started = time.perf_counter()
        landed = land(Path(name) / "landing", rows)
        made = f"{landed.size / 1e6:,.0f} MB made in {time.perf_counter() - started:.0f} s"
        bench = Bench(landed, Path(name), options.memory_limit)
        product, again, bare = _readings(bench, repeats, is_again=options.again)
        counts = check_same(bench)
    for layer in (*LAYERS, "all"):
        ours, ours_again, theirs = (_of(layer, costs) for costs in (product, again, bare))
        print(
            f"| {rows:,} | {layer} | {rows / _median(ours):,.0f} | {_spread(ours)}"
            f" | {_spread(ours_again)} | {_spread(theirs)}"
            f" | {_median(ours) / _median(theirs):.2f}"
            f" | {_median(ours, cpu=True) / _median(theirs, cpu=True):.2f} |",
            flush=True,
        )
    print(f"| | *landed* | | {made}; {_facts(counts)} | | | | |", flush=True)


def _readings(
    bench: Bench, repeats: int, *, is_again: bool
) -> tuple[list[Costs], list[Costs], list[Costs]]:
    """Take readings in turn; every other round starts with the bare side."""
    product: list[Costs] = []
    bare: list[Costs] = []
    again: list[Costs] = []
    for number in range(repeats):
        sides: list[Callable[[], None]] = [
            lambda: product.append(time_product(bench)),
            lambda: bare.append(time_bare(bench)),
        ]
        # The bare side borrows the product's groups, so the very first round can't start with it.
        for side in sides if number % 2 == 0 else reversed(sides):
            side()
        if is_again:
            again.append(time_product(bench, again=True))
    return product, again, bare


def _of(layer: str, costs: Sequence[Costs]) -> list[Took]:
    if layer != "all":
        return [cost[layer] for cost in costs]
    return [
        Took(sum(part.wall for part in cost.values()), sum(part.cpu for part in cost.values()))
        for cost in costs
    ]


def _median(costs: Sequence[Took], *, cpu: bool = False) -> float:
    return statistics.median(cost.cpu if cpu else cost.wall for cost in costs)


def _spread(costs: Sequence[Took]) -> str:
    if not costs:
        return "–"
    walls = [cost.wall for cost in costs]
    return f"{statistics.median(walls):.2f} ({min(walls):.2f}–{max(walls):.2f})"


def _facts(counts: dict[str, int]) -> str:
    wanted = ("core.agreement_lines", "core.usage", "map.accounts", "recon.cards")
    return ", ".join(f"{name} {counts[name]:,}" for name in wanted)


def _print_imports() -> None:
    seconds = time_imports(IMPORTS)
    medians = {module: statistics.median(found) for module, found in seconds.items()}
    print("| import | median s | min–max |")
    print("|:---|---:|:---|")
    for module, found in seconds.items():
        print(f"| {module} | {medians[module]:.2f} | {min(found):.2f}–{max(found):.2f} |")
    print()
    print(
        f"definitions / dagster = {medians[DEFINITIONS] / medians[DAGSTER]:.2f};"
        f" goals: ratio to bare SQL at most {GOAL_RATIO}, definitions in under {GOAL_IMPORT:.0f} s"
    )


if __name__ == "__main__":
    main()
