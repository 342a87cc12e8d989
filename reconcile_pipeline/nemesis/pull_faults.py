"""What goes wrong while a system is read: faults that a pull must survive or refuse, never believe.

Only such as can be told from a whole answer: a vendor that leaves out three rows and says that
these are all is beyond any reader.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from reconcile_pipeline.simulators.serve import SimulatedServer

FAILURES = (500, 502, 503, 504)


def plan_pull_faults(dice: Random, server: SimulatedServer, note: Callable[[str], None]) -> None:
    """One to three faults among the next calls to one system."""
    for _number in range(dice.choice([1, 1, 2, 3])):
        plan = dice.choice([_failing, _failing, _limited, _cut, _strange, _again, _total, _barred])
        after = dice.choice([0, 0, 1, 2, 3, 5, 8, 40])
        note(f"fault of {server.app.name}: {plan(dice, server, after)} after {after}")


def _failing(dice: Random, server: SimulatedServer, after: int) -> str:
    status, times = dice.choice(FAILURES), dice.choice([1, 2, 4, None])
    server.faults.add("", kind="status", value=status, after_n_calls=after, times=times)
    return f"{status}, {times} times"


def _limited(dice: Random, server: SimulatedServer, after: int) -> str:
    wait, times = dice.choice([None, 1, 30, 200]), dice.choice([1, 2, 5, None])
    server.faults.add(
        "", kind="status", value=429, retry_after=wait, after_n_calls=after, times=times
    )
    return f"429 for {wait} s, {times} times"


def _cut(dice: Random, server: SimulatedServer, after: int) -> str:
    times = dice.choice([1, 3, None])
    server.faults.add("", kind="close_midway", after_n_calls=after, times=times)
    return f"cut off, {times} times"


def _strange(dice: Random, server: SimulatedServer, after: int) -> str:
    bodies: dict[str, Callable[[bytes], bytes]] = {
        "half": lambda body: body[: len(body) // 2],
        "a web page": lambda _body: b"<html><body>Log in</body></html>",
        "nothing": lambda _body: b"",
        "null": lambda _body: b"null",
        "no number": lambda body: body.replace(b":1", b":NaN", 1),
    }
    name, times = dice.choice([*bodies]), dice.choice([1, 2, None])
    server.faults.add("", kind="replace_body", value=bodies[name], after_n_calls=after, times=times)
    return f"{name} as the answer, {times} times"


def _again(dice: Random, server: SimulatedServer, after: int) -> str:
    # A page of this pull: yesterday's last one as today's first is a lie that nobody can tell.
    server.app._last_body.clear()
    server.faults.add("", kind="duplicate_page", after_n_calls=after, times=dice.choice([1, 2]))
    return "a page twice"


def _total(dice: Random, server: SimulatedServer, after: int) -> str:
    off = dice.choice([-3, -1, 1, 7])
    server.faults.add("", kind="total_lies", value=off, after_n_calls=after, times=1)
    return f"a total that is {off} off"


def _barred(dice: Random, server: SimulatedServer, after: int) -> str:
    status: Any = dice.choice([401, 403])
    server.faults.add("", kind="status", value=status, after_n_calls=after, times=None)
    return f"{status} from then on"
