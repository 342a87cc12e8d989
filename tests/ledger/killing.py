"""Child processes that write into a ledger and are killed, or all open one at the same moment.

Executed in a process of its own, single-threaded, which forks: a child costs milliseconds, not
an import. Reads one order as JSON from its input, and writes what became of it to its output:
    place: the ledger; is_file: whether that is a path;
    kills: [n, "before" | "after"] each: a child of its own records until its n-th commit;
    together: so many children open the ledger at one moment.
The answer to each kill is [how the child ended, the decisions that were acknowledged to it].
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

import sqlalchemy as sa

from reconcile_pipeline.ledger import store
from reconcile_pipeline.ledger.chain import verify
from reconcile_pipeline.ledger.changes import PlannedChange
from reconcile_pipeline.ledger.decisions import Basis, Decided, record_decisions
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


def record(place: Path | str, name: str, acknowledge: int) -> None:
    """Decide one card after the other; tell each id only when it was acknowledged."""
    ledger = Ledger(place)
    with ledger.reading() as connection:
        # What the one before left when it was killed.
        if verify(connection).trouble:
            raise SystemExit(BROKEN)
    for number in range(10):
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
        os.write(acknowledge, f"{decision_id}\n".encode())


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


def killed(place: Path | str, name: str, number: int, when: str) -> tuple[int, list[str]]:
    read, write = os.pipe()

    def act() -> None:
        arm(number, when)
        record(place, name, write)

    child = forked(act)
    os.close(write)
    with os.fdopen(read) as pipe:
        acknowledged = pipe.read().split()
    return ended(child), acknowledged


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
    order: dict[str, Any] = json.load(sys.stdin)
    place = Path(order["place"]) if order["is_file"] else order["place"]
    kills = [
        killed(place, f"round-{index}", number, when)
        for index, (number, when) in enumerate(order["kills"])
    ]
    together = opened_together(place, order["together"])
    sys.stdout.write(json.dumps({"kills": kills, "together": together}))


main()
