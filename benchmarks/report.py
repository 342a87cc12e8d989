"""Runs every benchmark and writes one page of what they print: docs/benchmarks.md, with plots.

    python -m benchmarks.report --quick            # small sizes, minutes: does everything run?
    python -m benchmarks.report                    # the sizes of the goals, hours
    python -m benchmarks.report rivals nightly     # only these anew; the others as they were

What a benchmark printed is kept in .benchmarks/, one file each, so that hours can be spread over
days. Every section tells its own day, commit and command. `make benchmarks` brings the packages.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.plots import PLOTS, draw

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".benchmarks"
PAGE, PICTURES = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "plots"
PACKAGES = (
    *("duckdb", "polars", "pandas", "datacompy", "pyspark", "sqlglot"),
    *("httpx", "dagster", "pyarrow", "uvicorn"),
)
INTRODUCTION = (
    "Written by `make benchmarks`; what is measured, and what is left out, stands in"
    " [benchmarks/README.md](../benchmarks/README.md). Ratios travel between machines, seconds do"
    " not."
)
BARS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r[^\n]*\r")


@dataclass(frozen=True)
class Section:
    """One heading of the page, and the command below it."""

    name: str
    title: str
    module: str
    full: str
    quick: str

    def command(self, *, is_quick: bool) -> list[str]:
        """What to type after the interpreter."""
        return ["-m", self.module, *(self.quick if is_quick else self.full).split()]


SECTIONS = (
    Section(
        "tables",
        "Tables, beside the bare SQL",
        "benchmarks",
        "--rows 1e4,1e5,1e6,1e7 --repeat 5,5,3,1 --memory-limit 3GB",
        "--rows 1e4,1e5 --repeat 1",
    ),
    Section(
        "rivals",
        "From usage rows to cards, beside bare SQL, Polars, pandas and datacompy",
        "benchmarks.rivals",
        "--rows 1e5,1e6,1e7 --repeat 3",
        "--rows 1e4,1e5 --repeat 1",
    ),
    Section(
        "rival_pages",
        "The same from landed pages",
        "benchmarks.rivals",
        "--start pages --rows 1e5,1e6 --repeat 3",
        "--start pages --rows 1e4 --repeat 1",
    ),
    Section(
        "engines",
        "Spark and DuckDB",
        "benchmarks.engines",
        "--rows 1e4,1e5,1e6 --repeat 3",
        "--rows 1e3 --repeat 1",
    ),
    Section(
        "latency",
        "Pulling, at four latencies",
        "benchmarks.pull_speed",
        "--size medium --latency-ms 0,50,100,250",
        "--size small --latency-ms 0,50",
    ),
    Section(
        "floors",
        "Pulling a large world under the vendors' limits, on a clock that jumps",
        "benchmarks.pull_speed",
        "--size large --latency-ms 100 --limits sheets --clock jumping",
        "--size small --latency-ms 100 --limits sheets --clock jumping",
    ),
    Section(
        "incremental",
        "A night that asks for changes",
        "benchmarks.incremental",
        "--size large",
        "--size small",
    ),
    Section(
        "nightly",
        "A night, and Dagster's part of it",
        "benchmarks.nightly",
        "--nights 5",
        "--nights 1",
    ),
    Section(
        "review_app",
        "The review app",
        "benchmarks.review_app",
        "--cards 100000",
        "--cards 2000 --requests 10",
    ),
    Section(
        "entities",
        "Two years of devices",
        "benchmarks.entities",
        "--rows 1e6,1e7,1e8",
        "--rows 1e4,1e5",
    ),
    Section("decoding", "Decoding pages", "benchmarks.decoding", "", "--repeat 1"),
)


def main() -> None:
    options = _options()
    KEPT.mkdir(exist_ok=True)
    failed = [
        section.name
        for section in SECTIONS
        if section.name in (options.sections or [each.name for each in SECTIONS])
        and not _run(section, is_quick=options.quick)
    ]
    _write_page()
    print(f"Written: {PAGE.relative_to(ROOT)}")
    if failed:
        raise SystemExit(f"These did not come to their end: {', '.join(failed)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    names = [section.name for section in SECTIONS]
    parser.add_argument("sections", nargs="*", choices=[*names, []], help="all, unless named")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    return parser.parse_args()


def _run(section: Section, *, is_quick: bool) -> bool:
    """Keep what one benchmark prints; what ran before stays if it fails."""
    command = section.command(is_quick=is_quick)
    print(f"{datetime.now(UTC):%H:%M} {section.title}: python {' '.join(command)}", flush=True)
    ended = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    told = f"`python {' '.join(command)}`, {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}"
    text = f"{told}\n\n{BARS.sub('', ended.stdout).strip()}\n"
    place = KEPT / f"{section.name}.md"
    (place if ended.returncode == 0 else place.with_suffix(".failed")).write_text(text, "utf-8")
    return ended.returncode == 0


def _write_page() -> None:
    parts = [
        "# Benchmarks, as they came out",
        INTRODUCTION,
        _machine(),
    ]
    for section in SECTIONS:
        kept = KEPT / f"{section.name}.md"
        if not kept.exists():
            continue
        text = kept.read_text("utf-8")
        parts += [f"## {section.title}", text.strip()]
        if section.name in PLOTS and draw(section.name, text, PICTURES / f"{section.name}.svg"):
            parts.append(f"![{section.title}](plots/{section.name}.svg)")
    PAGE.write_text("\n\n".join(parts) + "\n", "utf-8")


def _machine() -> str:
    names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES if _version(name))
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} processors,"
        f" {memory:.0f} GiB, {platform.system()} {platform.release()}; Python"
        f" {platform.python_version()}, {packages}."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - whichever git the user has
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout.strip()


if __name__ == "__main__":
    main()
