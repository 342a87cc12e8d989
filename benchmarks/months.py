"""Two years in one command: every night a pull and a build, every month decisions and a close.

    python -m benchmarks.months --months 24

One installation without sockets (the nemesis' house): real readers, landing, SQL and ledger against
simulated systems whose world changes every night. Vendors are added, companies renamed, agreements
put to sleep and woken, quantities typed. After each night the cards are compared with the world's
truth; after each month it is decided, written, proved, closed and pruned. In the end every closed
month must come out of a rebuild as it was closed. Dagster is left out: its history is its own.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb

from reconcile_pipeline.closing import close_month
from reconcile_pipeline.ledger.chain import Stamp, verify
from reconcile_pipeline.nemesis.clockwork import START, JumpingLoop
from reconcile_pipeline.nemesis.house import House, simulated
from reconcile_pipeline.nemesis.month import Month
from reconcile_pipeline.nemesis.outside import Outside
from reconcile_pipeline.nemesis.people import People
from reconcile_pipeline.periods import next_period
from reconcile_pipeline.pruning import prune
from reconcile_pipeline.rebuilding import rebuild_warehouse
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import BACKUP_CSV, NINJAONE, PAX8
from reconcile_pipeline.warehouse.connect import open_for_writing

FIRST, PSA = "2026-12", "connectwise"
ADDED = {3: PAX8, 9: NINJAONE}
"""In which month each vendor is added; the file is there from the first day."""
A_DAY, KEPT_DAYS = 6, 60
FLAT = 1.25
KEPT = ("landing", "warehouse", "ledger")
"""What policy keeps of every month: it grows, and must not grow faster than the months do."""
LONG_ENOUGH = 21
"""Months, so that early and late ones are not the same."""
HEAD = (
    "month     nights  s/night  s/end  cards  decided  written  landing MB  warehouse MB"
    "  ledger MB  RSS MB"
)


@dataclass
class Figures:
    """One month, as it was."""

    period: str
    nights: list[float] = field(default_factory=list)
    end: float = 0.0
    cards: int = 0
    decided: int = 0
    written: int = 0
    landing: float = 0.0
    warehouse: float = 0.0
    ledger: float = 0.0
    memory: float = 0.0

    def line(self) -> str:
        """One row of the table."""
        return (
            f"{self.period} {len(self.nights):>9} {statistics.median(self.nights):>8.2f}"
            f" {self.end:>6.2f} {self.cards:>6} {self.decided:>8} {self.written:>8}"
            f" {self.landing:>11.1f} {self.warehouse:>13.1f} {self.ledger:>10.2f}"
            f" {self.memory:>7.0f}"
        )


class TwoYears:
    """The installation and its clock."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311 - a game of chance, the same each time
        self.loop = JumpingLoop()
        world = build_world(seed, "small", date(2026, 12, 1))
        self.house = House(folder, simulated(world, PSA), self.loop, self.dice)
        self.outside = Outside(self.house, self.dice, lambda _text: None)
        self.systems = [PSA, BACKUP_CSV]
        self.asleep: list[int] = []
        self.asked: set[str] = set()
        self.told: list[str] = []

    def go_to(self, day: date, hour: int) -> None:
        """Let the clock run until an hour of a day; the world is that day's from then on."""
        instant = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=hour)
        self.loop.pass_time((instant - START).total_seconds() - self.loop.time())
        self.house.simulation.world.as_of = day

    def play(self, period: str, number: int, nights: int) -> Figures:
        """One month, from its first night to its close."""
        if number == 1 or number in ADDED:
            self.systems += [ADDED[number]] if number in ADDED else []
            missing = [name for month, name in ADDED.items() if month > number]
            self.house.configure(without=missing)
            with self.house.config.open("r+", encoding="utf-8") as file:
                text = file.read().replace(
                    "[state]\n", f"[state]\nkeep_unused_days = {KEPT_DAYS}\n"
                )
                file.seek(0)
                file.write(text)
            self.house.restart()
        month = Month(self.house, period, lambda _text: None)
        self.outside.note = month.note
        people = People(month, self.dice, f"months/{period}", self.asked, self.told)
        told_before = len(self.told)
        figures = Figures(period)
        year, which = int(period[:4]), int(period[5:])
        last = monthrange(year, which)[1]
        chosen = sorted({1 + (last - 1) * step // max(1, nights - 1) for step in range(nights)})
        self.office_changes()
        for night in chosen:
            self.go_to(date(year, which, night), 2)
            for _change in range(A_DAY):
                self.outside.something_changes()
            began = time.perf_counter()
            month.pull(self.systems)
            if night == chosen[0]:
                month.publish_first()
            else:
                month.publish()
            figures.nights.append(time.perf_counter() - began)
            _hold(month)
        began = time.perf_counter()
        self.go_to(date(year, which, last), 12)
        self.end(month, people)
        figures.end = time.perf_counter() - began
        figures.decided, figures.written = (
            len(self.told) - told_before,
            month.count["writes verified"],
        )
        self.measure(figures, month)
        return figures

    def configure(self, number: int) -> None:
        """Write the settings of the systems that there are in a month."""
        self.systems += [ADDED[number]] if number in ADDED else []
        self.house.configure(without=[name for month, name in ADDED.items() if month > number])
        text = self.house.config.read_text(encoding="utf-8")
        kept = f"[state]\nkeep_unused_days = {KEPT_DAYS}\n"
        self.house.config.write_text(text.replace("[state]\n", kept), encoding="utf-8")
        self.house.restart()

    def office_changes(self) -> None:
        """What a PSA's people do once a month: a new name, an agreement put to sleep or woken."""
        world = self.house.simulation.world
        accounts = [*world.pax8_companies, *world.organizations]
        names = {each.name for each in accounts} | {row.account_name for row in world.backup_rows}
        # Mappings made by a name outlive it; the truth, which knows no yesterday, can't tell.
        company = self.dice.choice([each for each in world.companies if each.name not in names])
        company.name = f"{company.name.removesuffix(' Group')} Group"
        for agreement in world.agreements:
            if agreement.id in self.asleep:
                agreement.status = "Active"
        active = [each for each in world.agreements if each.status == "Active"]
        sleeper = self.dice.choice(active)
        sleeper.status, self.asleep = "Inactive", [sleeper.id]
        self.outside.a_file_row()
        self.house.simulation.systems[PSA].state.changed()

    def end(self, month: Month, people: People) -> None:
        """Decide, write, look again, prove, close, prune."""
        for _round in range(4):
            people.decide_some()
        people.write_back()
        self.loop.pass_time(60)
        month.pull(self.systems)
        month.publish()
        people.prove()
        people.judge_ledger()
        _hold(month)
        site, stamp = self.house.site, Stamp("Ann", self.house.now(), "months")
        with open_for_writing(site.state.warehouse) as connection:
            close_month(connection, site, month.period, reason="month end", stamp=stamp)
        prune(site, now=self.house.now())

    def measure(self, figures: Figures, month: Month) -> None:
        """What the month left behind."""
        state = self.house.site.state
        figures.cards = month.digest()["recon.cards"][0]
        pages = (path for path in state.landing.rglob("*") if path.is_file())
        figures.landing = _megabytes(sum(path.stat().st_size for path in pages))
        figures.warehouse = _megabytes(_used(state.warehouse))
        figures.ledger = _megabytes(state.ledger.stat().st_size)
        pages_held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        figures.memory = _megabytes(pages_held * resource.getpagesize())


def _hold(month: Month) -> None:
    if month.judgement.violations:
        raise SystemExit(f"{month.period}: " + "\n".join(month.judgement.violations[:5]))


def _used(warehouse: Path) -> int:
    """Bytes of the blocks that hold something; DuckDB keeps freed ones for the next night."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [(_name, _size, block_size, _all, used, *_rest)] = connection.execute(
            "pragma database_size"
        ).fetchall()
    return int(block_size) * int(used)


def _megabytes(size: int) -> float:
    return size / 1_000_000


def verdict(months: list[Figures]) -> tuple[list[str], bool]:
    """Late months against the months after the last vendor came, and whether all stays flat."""
    early, late = months[9:15], months[-6:]
    lines, is_flat = ["\nlast six months against months 10 to 15:"], True
    for name in ("nights", "end", "memory", *KEPT):
        first, second = (_typical(group, name, months) for group in (early, late))
        ratio = second / first if first else 1.0
        is_flat = is_flat and ratio <= FLAT
        what = f"{name}, MB for each month kept" if name in KEPT else name
        lines.append(
            f"  {what:<34} {first:>9.3f} {second:>9.3f}  x {ratio:.2f}"
            f"  {'flat' if ratio <= FLAT else 'GROWS'}"
        )
    return lines, is_flat


def _typical(group: list[Figures], name: str, months: list[Figures]) -> float:
    """A month's usual figure; of what is kept for ever, how much of it there is for each month."""
    if name == "nights":
        return statistics.median(second for each in group for second in each.nights)
    if name in KEPT:
        return float(getattr(group[-1], name)) / (months.index(group[-1]) + 1)
    return statistics.median(float(getattr(each, name)) for each in group)


def main() -> None:
    """Play the months, print the table, and end with 1 if something grows or is not as it was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--nights", type=int, default=30, help="of each month, evenly spread")
    parser.add_argument("--seed", type=int, default=2026)
    asked = parser.parse_args()
    months: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder:
        years = TwoYears(Path(folder), asked.seed)
        period = FIRST
        print(HEAD)
        with years.house.connected():
            for number in range(1, asked.months + 1):
                months.append(years.play(period, number, asked.nights))
                print(months[-1].line(), flush=True)
                period = next_period(period)
            began = time.perf_counter()
            site = years.house.site
            rebuilt = rebuild_warehouse(
                site.settings, now=years.house.now(), tell=lambda _text: None
            )
        with site.ledger.reading() as connection:
            trouble = verify(connection).trouble
        print(
            f"\n{len(rebuilt)} closed months rebuilt in {time.perf_counter() - began:.0f} s, each"
            f" with the cards it was closed with; ledger's chain: {trouble or 'whole'}"
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(f"peak memory {peak:,.0f} MB")
        years.house.close()
    lines, is_flat = verdict(months) if len(months) >= LONG_ENOUGH else ([], True)
    print("\n".join(lines))
    sys.exit(0 if is_flat and not trouble else 1)


if __name__ == "__main__":
    main()
