"""What was acknowledged is kept: killed writers, several first openings, backups while writing."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

from reconcile_pipeline.ledger.accepted import accept_pull, accepted_pull_ids
from reconcile_pipeline.ledger.chain import GENESIS, Stamp, Verdict, verify
from reconcile_pipeline.ledger.changes import read_changes
from reconcile_pipeline.ledger.decisions import confirmed_kinds, read_decisions
from reconcile_pipeline.ledger.store import Ledger

Place = Path | str
OpenLedger = Callable[[Place], Ledger]
KILLING = Path(__file__).with_name("killing.py")


def answers(*steps: tuple[str, Place, Any]) -> list[Any]:
    """What became of the steps; see killing.py."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(KILLING)],
        input=json.dumps(steps, default=str),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_what_was_acknowledged_outlives_a_kill(place: Place, open_ledger: OpenLedger) -> None:
    """Killed at any commit, before or after it: nothing acknowledged is lost, nothing is half."""
    rounds = 50 if isinstance(place, Path) else 20
    kills = [(1 + index % 3 % 2, ("before", "after")[index % 2]) for index in range(rounds)]
    ((warm, *ends),) = answers(("kill", place, kills))
    assert [code for code, _ids in ends] == [-signal.SIGKILL] * rounds
    assert [len(ids) for _code, ids in ends] == [number - 1 for number, _when in kills]
    ledger = open_ledger(place)
    with ledger.reading() as connection:
        assert verify(connection).trouble == ""
    found = {item.decision_id: item.card_id for item in read_decisions(ledger)}
    acknowledged = {decision_id for _code, ids in [warm, *ends] for decision_id in ids}
    assert acknowledged <= set(found)
    # Only what was killed between the commit and its acknowledgement is there besides.
    unheard = {found[decision_id] for decision_id in set(found) - acknowledged}
    assert unheard == {
        f"round-{index}-{number - 1}"
        for index, (number, when) in enumerate(kills)
        if when == "after"
    }
    assert {change.decision_id for change in read_changes(ledger)} == set(found)
    assert confirmed_kinds(ledger) == dict.fromkeys(found, frozenset({"large"}))


def test_a_kill_while_a_ledger_is_made_leaves_it_to_the_next(
    new_place: Callable[[], Place], open_ledger: OpenLedger
) -> None:
    """A process that dies making a new ledger leaves none, or a whole one; others begin at once."""
    places = {"before": new_place(), "after": new_place()}
    steps: list[tuple[str, Place, Any]] = []
    for when, place in places.items():
        steps += [("make", place, when), ("open", place, 3)]
    assert answers(*steps) == [-signal.SIGKILL, [0, 0, 0]] * 2
    for place in places.values():
        with open_ledger(place).reading() as connection:
            assert verify(connection) == Verdict(0, GENESIS)


def test_a_backup_while_somebody_writes_is_whole(
    tmp_path: Path, open_ledger: OpenLedger, stamp: Callable[..., Stamp]
) -> None:
    """A copy by SQLite's online backup holds what was acknowledged before, and its chain holds."""
    ledger = open_ledger(tmp_path / "ledger.db")
    acknowledged: list[str] = []
    has_written, is_over = Event(), Event()

    def write() -> None:
        while not is_over.is_set():
            name = f"p{len(acknowledged)}"
            accept_pull(ledger, name, reason="r", stamp=stamp())
            acknowledged.append(name)
            has_written.set()

    copies = []
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for number in range(5):
                has_written.clear()
                assert has_written.wait(10)
                copies.append((tmp_path / f"copy-{number}.db", set(acknowledged)))
                back_up(tmp_path / "ledger.db", copies[-1][0])
        finally:
            is_over.set()
        writing.result(10)
    for path, known in copies:
        with contextlib.closing(sqlite3.connect(path)) as file:
            assert file.execute("pragma integrity_check").fetchall() == [("ok",)]
        copy = open_ledger(path)
        with copy.reading() as connection:
            assert verify(connection).trouble == ""
        assert known <= accepted_pull_ids(copy) <= set(acknowledged)
    assert len(copies[-1][1]) >= 5


def back_up(ledger: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(ledger)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
