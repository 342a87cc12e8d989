"""Plots of what benchmarks print: their Markdown tables are read back, nothing is measured here.

matplotlib is no dependency; without it the page has no pictures.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, str]
Drawing = Callable[[Any, list[Row]], None]
_NUMBER = re.compile(r"-?[\d,]+(?:\.\d+)?")


def draw(name: str, text: str, path: Path) -> bool:
    """Draw a section's plot, if its first table has rows and matplotlib is there."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - not a dependency
    except ImportError:
        return False
    rows = table_in(text)
    if not rows:
        return False
    mpl.use("svg")
    # The same plot is the same file, byte by byte.
    mpl.rcParams.update({"svg.hashsalt": name, "font.size": 9, "svg.fonttype": "none"})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    PLOTS[name](axes, rows)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.25)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return True


def table_in(text: str) -> list[Row]:
    """The rows of the first Markdown table, by column; lines of remarks are left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    if not lines:
        return []
    head, _rule, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    rows = [dict(zip(head, cells, strict=False)) for cells in body]
    return [row for row in rows if len(row) == len(head) and row[head[0]]]


def number(cell: str) -> float:
    """The first number of a cell: `1,234.5 (1,200 to 1,300)` is 1234.5."""
    found = _NUMBER.search(cell)
    if found is None:
        raise ValueError(f"no number in {cell!r}")
    return float(found[0].replace(",", ""))


def _lines(axes: Any, rows: list[Row], *, across: str, up: dict[str, str], by: str = "") -> None:
    """One line for each value of `by`, or for each column of `up`; both axes logarithmic."""
    for column, label in up.items():
        kinds = list(dict.fromkeys(row[by] for row in rows)) if by else [""]
        for kind in kinds:
            picked = [row for row in rows if not by or row[by] == kind]
            axes.plot(
                [number(row[across]) for row in picked],
                [number(row[column]) for row in picked],
                marker="o",
                label=kind or label,
            )
    axes.set(xscale="log", yscale="log", xlabel=across)
    axes.legend(frameon=False)


def _tables(axes: Any, rows: list[Row]) -> None:
    _lines(axes, rows, across="usage rows", up={"pipeline s": ""}, by="layer")
    axes.set_ylabel("seconds")


def _rivals(axes: Any, rows: list[Row]) -> None:
    _lines(axes, rows, across="usage rows", up={"seconds": ""}, by="engine")
    axes.set_ylabel("seconds")


def _engines(axes: Any, rows: list[Row]) -> None:
    _lines(axes, rows, across="usage rows", up={"duckdb s": "DuckDB", "spark s": "Spark"})
    axes.set_ylabel("seconds")


def _latency(axes: Any, rows: list[Row]) -> None:
    """How far from the floor, by latency; without any there is no floor."""
    rows = [row for row in rows if number(row["latency ms"])]
    for psa in dict.fromkeys(row["PSA"] for row in rows):
        picked = [row for row in rows if row["PSA"] == psa]
        axes.plot(
            [number(row["latency ms"]) for row in picked],
            [number(row["ratio"]) for row in picked],
            marker="o",
            label=psa,
        )
    axes.axhline(1.1, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="latency, ms", ylabel="seconds / floor")
    axes.legend(frameon=False, ncols=2)


PLOTS: dict[str, Drawing] = {
    "tables": _tables,
    "rivals": _rivals,
    "rival_pages": _rivals,
    "engines": _engines,
    "latency": _latency,
}
