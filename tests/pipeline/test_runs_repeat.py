"""Run it twice, rebuild it, read it meanwhile: the published tables stay what they are."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

ENOUGH = 100
Row = dict[str, Any]
Tables = dict[str, list[str]]
COUNT = "select count(*) as cards, count(distinct period) as periods from recon.cards"
MAPPING = "select kind, system, item_id, target_id, leg, multiplier, state, method from mappings"


def ledger_mappings(path: Path) -> Counter[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return Counter(connection.execute(MAPPING).fetchall())
    finally:
        connection.close()


@dataclass(frozen=True)
class SecondRun:
    """The same world run again, and read by another process all the while."""

    msp: Any
    tables_before: Tables
    mapped_before: Counter[tuple[Any, ...]]
    wanted: Row
    seen: list[Row]
    first_version: Path


@pytest.fixture(scope="module")
def second_run(  # as many fixtures as there are sides to one run
    good_run: Any,
    shared_reconcile: Any,
    *,
    workshop: Path,
    same_numbers: Callable[[Path], Tables],
    rows_of: Callable[..., list[Row]],
) -> SecondRun:
    msp = good_run.copy_to(workshop / "second")
    msp.quiet()
    published = msp.state.published
    tables, mapped = same_numbers(published), ledger_mappings(msp.state.ledger)
    [wanted] = rows_of(published, COUNT)
    first_version = published.resolve()
    seen: list[Row] = []
    # One run may be over before a reader on a busy machine has looked a hundred times.
    while len(seen) < ENOUGH:
        wait = shared_reconcile.start("run", "--config", msp.config)
        while shared_reconcile.running[-1].is_alive():
            seen += rows_of(published, COUNT)
            # Leaves the run some air: it shares two cores with this reader.
            shared_reconcile.running[-1].join(0.01)
        ended = wait()
        assert ended.code == 0, ended.told
    return SecondRun(msp, tables, mapped, wanted, seen, first_version)


def test_second_run_changes_nothing(
    second_run: SecondRun, same_numbers: Callable[[Path], Tables]
) -> None:
    """Two runs over one world publish the same tables, the second in a version of its own."""
    published = second_run.msp.state.published
    assert published.resolve() != second_run.first_version
    assert same_numbers(published) == second_run.tables_before


def test_mappings_are_recorded_once(second_run: SecondRun) -> None:
    """The ledger gains nothing by a second run: no mapping stands there twice."""
    assert len(second_run.mapped_before) > 50
    assert set(second_run.mapped_before.values()) == {1}
    assert ledger_mappings(second_run.msp.state.ledger) == second_run.mapped_before


@pytest.mark.fault(63)
def test_readers_never_fail_during_a_run(second_run: SecondRun) -> None:
    """While runs write, another process opens the published file 100 times without an error."""
    assert len(second_run.seen) >= ENOUGH
    assert second_run.wanted["cards"] > 100
    assert all(row == second_run.wanted for row in second_run.seen)


def test_rebuild_is_identical(
    installed: Any, reconcile: Any, tables_of: Callable[..., Tables], period: str
) -> None:
    """Without its warehouse, `rebuild` makes every row of every table again, asking nobody."""
    published = tables_of(installed.state.published)
    warehouse = tables_of(installed.state.warehouse)
    assert sum(map(len, published.values())) > 1000
    installed.state.warehouse.unlink()
    ended = reconcile("rebuild", "--config", installed.config)
    assert ended.code == 0, ended.told
    assert period in ended.out
    assert tables_of(installed.state.warehouse) == warehouse
    assert tables_of(installed.state.published) == published
    servers = installed.simulation.systems.values()
    assert not [call for server in servers for call in server.log]


@pytest.mark.slow
@pytest.mark.fault(23)
def test_records_that_come_twice_count_once(
    installed: Any, reconcile: Any, same_numbers: Callable[[Path], Tables]
) -> None:
    """Records that two pages repeat, identical, change no card, no sum and no list."""
    before = same_numbers(installed.state.published)

    def repeat(body: bytes) -> bytes:
        data = json.loads(body)
        rows = data["content"] if isinstance(data, dict) else data
        rows.extend(rows[:3])
        return json.dumps(data).encode()

    lists = {
        "connectwise": "/(companies|agreements|catalog|additions|statuses|billingCycles)$",
        "pax8": "/(companies|subscriptions)$",
    }
    for name, path in lists.items():
        faults = installed.server(name).faults
        faults.add(path, kind="replace_body", value=repeat, times=None)
    pulled = reconcile("pull", "--config", installed.config)
    assert pulled.code == 0, pulled.told
    rebuilt = reconcile("rebuild", "--config", installed.config)
    assert rebuilt.code == 0, rebuilt.told
    after = same_numbers(installed.state.published)
    # How many records arrived is told there, and that is more.
    assert after.pop("core.pulls") != before.pop("core.pulls")
    assert after == before


def test_reader_keeps_its_version(installed: Any, reconcile: Any) -> None:
    """Somebody who has the published file open reads on in it while a newer one is published."""
    query = "select * from recon.cards order by card_id"
    published = installed.state.published
    with duckdb.connect(str(published.resolve()), read_only=True) as reader:
        before = reader.execute(query).fetchall()
        assert len(before) > 100
        inode = published.stat().st_ino
        assert reconcile("rebuild", "--config", installed.config).code == 0
        assert published.stat().st_ino != inode
        assert reader.execute(query).fetchall() == before
