"""Prints how long a large write-back takes, beside the floor that the PSA's limits set.

    python -m benchmarks.write_back --changes 5000 --latency-ms 100
    python -m benchmarks.write_back --changes 1000 --latency-ms 100 --kill-after 10

The floor: every change is read, sent and read back, four at a time as ConnectWise is asked, and
every answer takes the latency. With --kill-after the writing process is killed after so many
seconds, once, and a second one goes on; then every line must hold its agreed quantity.
"""

import argparse
import asyncio
import math
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from reconcile_pipeline.ledger.changes import PlannedChange, read_changes
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.decisions import record_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import ChangeState, Decision, Finding
from reconcile_pipeline.reconciling.cards import Card
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.settings_checks import Table, read_table
from reconcile_pipeline.settings_systems import SecretSource, SystemSettings
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import Line, World
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.writeback.batch import Batch, apply_batch
from reconcile_pipeline.writeback.plan import Gate

KIND = "connectwise"
PERIOD = "2026-11"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALLS_PER_CHANGE = 3
REQUESTS_AT_ONCE = 4
GOAL_RATIO = 1.2


def main() -> None:
    options = _options()
    world = build_world(7, "medium", NOW.date())
    lines = _writable(world)[: options.changes]
    wanted = {str(line.id): line.quantity + 1 for line in lines}
    with (
        tempfile.TemporaryDirectory(prefix="reconcile-bench-", dir=options.folder) as name,
        running(world, latency_ms=options.latency_ms) as simulation,
    ):
        server = simulation.systems[KIND]
        ledger = Ledger(Path(name) / "ledger.db")
        _decide(ledger, lines)
        place = (name, server.base_url, dict(server.credentials))
        started, cpu = time.perf_counter(), time.process_time()
        runs = _run_twice(place, options.kill_after) if options.kill_after else [_run(place)]
        took, cpu = time.perf_counter() - started, time.process_time() - cpu
        _print(options, took, cpu, server, runs)
        _check(ledger, server, world, wanted)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.write_back", description=__doc__)
    parser.add_argument("--changes", type=int, default=5000)
    parser.add_argument("--latency-ms", type=int, default=100)
    parser.add_argument("--kill-after", type=float, default=0.0, help="seconds; 0: never")
    parser.add_argument("--folder", type=Path, help="where the ledger goes")
    return parser.parse_args()


def _run(place: tuple[str, str, dict[str, str]]) -> str:
    """One batch over everything that waits; returns how it ended."""
    folder, base_url, credentials = place
    system = SYSTEMS[KIND]
    account = _account(Path(folder), base_url, credentials)
    ledger = Ledger(Path(folder) / "ledger.db")
    cards = {card.card_id: card for card in map(_card_of, read_changes(ledger))}
    limits = Limits(most_changes=100_000, large_units=Decimal(1000), large_money=Decimal(10**9))
    batch = Batch(
        ledger=ledger,
        period=PERIOD,
        read_cards=lambda: cards,
        gate=lambda _now: Gate(limits, system.write_back, 24.0, NOW),
        now=lambda: datetime.now(UTC),
        origin="benchmark",
    )
    if system.writer is None or system.write_back is None:
        raise RuntimeError(f"{KIND} takes no changes")
    # What a killed run left open is looked up at once: waiting 90 s would only measure the wait.
    report = asyncio.run(
        apply_batch(batch, system.writer(account), system.write_back, sleep=_no_wait)
    )
    return f"{Counter(map(str, report.ended.values()))}" + (
        f", stopped: {report.stopped}" if report.stopped else ""
    )


async def _no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


def _run_twice(place: tuple[str, str, dict[str, str]], kill_after: float) -> list[str]:
    context = multiprocessing.get_context("spawn")
    first = context.Process(target=_run, args=(place,))
    first.start()
    first.join(kill_after)
    first.kill()
    first.join()
    return [f"killed after {kill_after:g} s", _run(place)]


def _print(
    options: argparse.Namespace, took: float, cpu: float, server: SimulatedServer, runs: list[str]
) -> None:
    calls = options.changes * CALLS_PER_CHANGE
    floor = math.ceil(calls / REQUESTS_AT_ONCE) * options.latency_ms / 1000
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print("| changes | latency ms | requests at once | calls | took s | floor s | ratio | cpu s |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {options.changes:,} | {options.latency_ms} | {REQUESTS_AT_ONCE} | {len(server.log):,}"
        f" | {took:.1f} | {floor:.1f} | {took / floor:.2f} | {cpu:.1f} |"
    )
    for ended in runs:
        print(ended)
    print(f"The goal is a ratio of at most {GOAL_RATIO}; server and client share this machine.")


def _check(
    ledger: Ledger, server: SimulatedServer, world: World, wanted: dict[str, Decimal]
) -> None:
    """Stop unless every line holds what was agreed, and the log shows no other value."""
    held = {str(line.id): line.quantity for line in world.lines}
    wrong = [line for line, quantity in wanted.items() if held[line] != quantity]
    strange = [item for item in server.app.writes if item.qty_after != wanted[item.line_id]]
    states = Counter(str(change.state) for change in read_changes(ledger))
    writes = Counter(item.line_id for item in server.app.writes)
    repeated = sum(count - 1 for count in writes.values())
    print(f"states {dict(states)}; {len(wrong)} wrong, {len(strange)} strange, {repeated} repeated")
    if wrong or strange or set(states) != {str(ChangeState.VERIFIED)}:
        raise SystemExit("A line does not hold what was agreed.")


def _writable(world: World) -> list[Line]:
    active = {
        agreement.id
        for agreement in world.agreements
        if agreement.status == "Active" and not agreement.is_cancelled
    }
    return [
        line
        for line in world.lines
        if line.agreement_id in active
        and line.bill_customer == "Billable"
        and line.cancelled_on is None
    ]


def _decide(ledger: Ledger, lines: list[Line]) -> None:
    record_decisions(ledger, map(_decided, lines), origin="benchmark")


def _decided(line: Line) -> Decided:
    return Decided(
        period=PERIOD,
        card_id=f"card-{line.id}",
        card_version="v1",
        decision=Decision.RECONCILE,
        qty_target=line.quantity + 1,
        reviewer="benchmark",
        note=None,
        decided_at=NOW,
        basis=Basis(
            company_id="1",
            company_name="Acme",
            service_group_id=f"g{line.id}",
            service_name="Service",
            finding=str(Finding.UNDER_BILLED),
            qty_psa=line.quantity,
            qty_vendor=line.quantity + 1,
            unit_price=line.unit_price,
            currency="USD",
            mapping_version="m",
            evidence_as_of=NOW,
        ),
        changes=(
            PlannedChange(
                system=KIND,
                company_name="Acme",
                service_name="Service",
                agreement_id=str(line.agreement_id),
                line_id=str(line.id),
                qty_from=line.quantity,
                qty_to=line.quantity + 1,
                effective_on=date(2026, 12, 1),
                unit_price=line.unit_price,
                currency="USD",
            ),
        ),
    )


def _card_of(change: Any) -> Card:
    return Card(
        period=PERIOD,
        card_id=f"card-{change.line_id}",
        card_version="v1",
        company_id="1",
        company_name="Acme",
        service_name="Service",
        finding=Finding.UNDER_BILLED,
        qty_psa=change.qty_from,
        qty_vendor=change.qty_to,
        unit_price=change.unit_price,
        currency="USD",
        amount_delta=change.unit_price,
        mapping_version="m",
        evidence_as_of=NOW,
    )


def _account(folder: Path, base_url: str, credentials: dict[str, str]) -> SystemSettings:
    system = SYSTEMS[KIND]
    known = {"base_url": base_url, **credentials}
    secrets = {item.name: item.variable for item in system.fields if item.kind == "secret"}
    table: dict[str, Any] = {
        name: {"env": secrets[name]} if name in secrets else value for name, value in known.items()
    }
    environ = {variable: known[name] for name, variable in secrets.items()}
    return SystemSettings(
        name=KIND,
        kind=KIND,
        title=system.title,
        role=system.role,
        folder=folder,
        values=read_table(Table("benchmark", KIND), table, system.fields),
        secrets=SecretSource(folder, environ),
    )


if __name__ == "__main__":
    main()
