"""Two years of devices in one warehouse: is a card's question slower because others have many?

    python -m benchmarks.entities --rows 1e6,1e7,1e8 --folder /somewhere/with/room

Rows are written as pulls write them: month by month and system by system, in order of accounts.
Then the card page's own question is asked for one account in the newest and in the oldest month,
as is what `recon.counts` asks of a whole month, and the warehouse is copied as publishing does.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.connect import open_for_reading, open_for_writing
from reconcile_pipeline.warehouse.publish import publish
from reconcile_pipeline.warehouse.sql_files import sql_file

SYSTEMS, MONTHS, EACH = 5, 24, 40
"""So many rows an account has in one pull."""
INSERT = """
    insert into core.entities by name
    select
        concat('vendor', $system) as system,
        concat('account', printf('%08d', i // $each)) as account_id,
        concat('service', i % 3) as service_id,
        concat('device-', $system, '-', i) as entity_id,
        concat('DESKTOP-', md5(cast(i as varchar))[:8]) as name,
        'WINDOWS_WORKSTATION' as kind,
        md5(cast(i as varchar))[:12] as serial,
        'customer.example' as domain,
        timestamp '2026-11-20 06:00:00' - interval (i % 100) hour as last_seen_at,
        $pull_id as pull_id
    from range($rows) as numbers (i)
"""
PERIOD = "2026-11"
PSA = """
    insert into core.pulls by name
    select
        'psa' as pull_id, $period as period, 'psa' as system, 'connectwise' as kind, 'psa' as role,
        'complete' as state, 'full' as mode, true as is_evidence, false as is_stale,
        false as is_grace, now()::timestamp as started_at, now()::timestamp as finished_at,
        0 as calls, 0 as retries, 0 as throttled_seconds, 0 as pages, 0 as records,
        '' as landing_path
"""
WHOLE_MONTH = """
    select count(*), count(distinct account_id) from core.entities
    where list_contains($pulls, pull_id) and regexp_matches(lower(name), '^desktop-0')
"""


def main() -> None:
    options = _options()
    print(
        f"duckdb {duckdb.__version__}, {os.cpu_count()} processors,"
        f" load {os.getloadavg()[0]:.1f} at the start; {SYSTEMS} systems, {MONTHS} months"
    )
    print()
    print(
        "| entity rows | a month's | GB | card, newest month ms | card, oldest month ms"
        " | whole month ms | publish s |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="reconcile-entities-", dir=options.folder) as name:
            print(_measured(rows, Path(name), options), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.entities", description=__doc__)
    parser.add_argument(
        "--rows",
        type=lambda text: [int(float(part)) for part in text.split(",")],
        default=[1_000_000, 10_000_000],
    )
    parser.add_argument("--repeat", type=int, default=20, help="times each question is asked")
    parser.add_argument("--memory-limit", default="3GB", help="DuckDB's limit")
    parser.add_argument("--folder", type=Path, help="where temporary files go")
    return parser.parse_args()


def _measured(rows: int, folder: Path, options: argparse.Namespace) -> str:
    warehouse, copy = folder / "warehouse.duckdb", folder / "published.duckdb"
    each = rows // (SYSTEMS * MONTHS)
    with open_for_writing(warehouse) as connection:
        connection.execute(f"set memory_limit = '{options.memory_limit}'")
        create_tables(connection)
        for month in range(MONTHS):
            for system in range(SYSTEMS):
                values = {"system": system, "each": EACH, "rows": each}
                connection.execute(INSERT, {**values, "pull_id": f"{month:02}-{system}"})
        connection.execute(PSA, {"period": PERIOD})
    started = time.perf_counter()
    publish(warehouse, copy, period=PERIOD)
    seconds = time.perf_counter() - started
    with open_for_reading(copy) as connection:
        connection.execute("set threads = 1")
        newest, oldest = (
            _median(lambda month=month: _card(connection, month, each), options.repeat)
            for month in (MONTHS - 1, 0)
        )
        connection.execute("reset threads")
        pulls = {"pulls": _pulls(MONTHS - 1)}
        whole = _median(lambda: connection.execute(WHOLE_MONTH, pulls).fetchall(), 5)
    return (
        f"| {rows:,} | {each * SYSTEMS:,} | {copy.stat().st_size / 1e9:.2f} | {newest:.1f}"
        f" | {oldest:.1f} | {whole:.0f} | {seconds:.1f} |"
    )


def _card(connection: duckdb.DuckDBPyConnection, month: int, each: int) -> list[Any]:
    """What the card page asks: an account's devices of two services in this month."""
    question = sql_file("pages", "card_entities").read_text(encoding="utf-8")
    values = {
        "pulls": _pulls(month),
        "accounts": [f"account{each // EACH // 2:08d}"],
        "services": ["service0", "service1"],
    }
    found = connection.execute(question, values).fetchall()
    if not found:
        raise RuntimeError("the account has no devices: nothing was measured")
    return found


def _pulls(month: int) -> list[str]:
    return [f"{month:02}-{system}" for system in range(SYSTEMS)]


def _median(ask: Callable[[], object], repeat: int) -> float:
    """Milliseconds."""
    times = []
    for _number in range(repeat):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
