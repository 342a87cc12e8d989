"""Child processes that write into a ledger and are killed, or all open one at the same moment.

Executed in a process of its own, single-threaded, which forks: a child costs milliseconds, not
an import. Reads a list of steps as JSON from its input, and writes one answer to each as JSON:
    ["make", place, "before" | "after"]: kill a child around the commit that makes a ledger;
        answers how it ended.
    ["open", place, n]: n children open the ledger at one moment; answers how each ended.
    ["kill", place, [[n, "before" | "after"], …]]: kill a child around its n-th commit, and then
        the next; answers how each ended and which decisions were acknowledged to it.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg  # noqa: F401 - these are imported here once, and not in every child
import sqlalchemy as sa
import sqlalchemy.dialects.postgresql.psycopg
import sqlalchemy.dialects.sqlite.pysqlite
import sqlalchemy.engine.reflection

from reconcile_pipeline.ledger import store
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.changes import PlannedChange
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.decisions import record_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Decision

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LINE = PlannedChange(
    *("connectwise", "Acme", "Seat", "a1", "l1"),
    *(Decimal(1), Decimal(2), date(2026, 12, 1), None, None),
)
BASIS = Basis("7", "Acme", "g1", "Seat", "under_billed", *([None] * 6))
UNBROKEN, BROKEN = 0, 3


def arm(number: int, when: str) -> None:
    """Kill this process around its n-th commit."""
    right, count = store.commit, 0

    def deadly(transaction: sa.RootTransaction) -> None:
        nonlocal count
        count += 1
        if (count, when) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        right(transaction)
        if (count, when) == (number, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    store.commit = deadly


def record(ledger: Ledger, name: str, count: int, acknowledge: Callable[[str], None]) -> None:
    """Decide one card after the other; tell each id only when it was acknowledged."""
    with ledger.reading() as connection:
        # What the one before left when it was killed.
        if verify(connection).trouble:
            raise SystemExit(BROKEN)
    for number in range(count):
        decided = Decided(
            period="2026-11",
            card_id=f"{name}-{number}",
            card_version="v1",
            decision=Decision.RECONCILE,
            qty_target=Decimal(2),
            reviewer="dana",
            note=None,
            decided_at=NOON,
            basis=BASIS,
            changes=(LINE,),
            confirmed=frozenset({"large"}),
        )
        (decision_id,) = record_decisions(ledger, [decided], origin="tests").new
        acknowledge(decision_id)


def forked(act: Callable[[], None]) -> int:
    """Start a child that does this and nothing after it; returns its process id."""
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            act()
            code = UNBROKEN
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            # Not by raising: the parent's half of this script is not the child's.
            os._exit(code)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(ledger: Ledger, name: str, number: int, when: str) -> tuple[int, list[str]]:
    read, write = os.pipe()

    def act() -> None:
        arm(number, when)
        record(ledger, name, 10, lambda decision_id: tell(write, decision_id))

    child = forked(act)
    os.close(write)
    with os.fdopen(read) as pipe:
        acknowledged = pipe.read().split()
    return ended(child), acknowledged


def tell(pipe: int, decision_id: str) -> None:
    os.write(pipe, f"{decision_id}\n".encode())


def killed_all(place: Path | str, kills: list[tuple[int, str]]) -> list[tuple[int, list[str]]]:
    # Its statements are compiled here once, and no connection is open when a child is made.
    ledger = Ledger(place)
    warm: list[str] = []
    record(ledger, "warm", 1, warm.append)
    ledger.engine.dispose()
    rounds = [
        killed(ledger, f"round-{index}", number, when) for index, (number, when) in enumerate(kills)
    ]
    return [(UNBROKEN, warm), *rounds]


def killed_making(place: Path | str, when: str) -> int:
    def act() -> None:
        arm(1, when)
        Ledger(place)

    return ended(forked(act))


def opened_together(place: Path | str, count: int) -> list[int]:
    start, go = os.pipe()

    def act() -> None:
        os.close(go)
        os.read(start, 1)
        Ledger(place)

    children = [forked(act) for _ in range(count)]
    # Once nobody holds it open any more, all of them go on.
    os.close(go)
    os.close(start)
    return [ended(child) for child in children]


def main() -> None:
    acts: dict[str, Callable[[Path | str, Any], object]] = {
        "make": killed_making,
        "open": opened_together,
        "kill": killed_all,
    }
    steps = json.load(sys.stdin)
    answers = [
        acts[act](place if "://" in place else Path(place), how) for act, place, how in steps
    ]
    sys.stdout.write(json.dumps(answers))


main()
