"""What goes wrong with the next calls of a write-back: faults of the PSA, the wire, and luck.

Only plans; when and whom a fault strikes is seen by the wire and told to the oracle.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from reconcile_pipeline.nemesis.oracle import usual_day
from reconcile_pipeline.nemesis.wire import Wire

REFUSALS = (400, 409, 422)
FAILURES = (500, 502, 503, 504)


def plan_faults(
    dice: Random, wire: Wire, period: str, settle_seconds: float, note: Callable[[str], None]
) -> None:
    """One to three faults among the next few changing calls, and now and then of reading ones."""
    often = [_lost, _status, _late]
    plans = [*often, *often, _lying, _late_by_calls, _edit, _reading, _unreachable]
    for _number in range(dice.choice([1, 1, 1, 2, 2, 3])):
        plan = dice.choice(plans)
        note(f"fault: {plan(dice, wire, period, settle_seconds)}")


def _add(dice: Random, wire: Wire, kind: Any, **more: Any) -> str:
    after, times = dice.randrange(3), dice.choice([1, 1, 1, 2, 3])
    psa = wire.psa
    psa.app.faults.add(
        psa.changing, kind=kind, method=psa.verb, after_n_calls=after, times=times, **more
    )
    told = {name: value for name, value in more.items() if not callable(value)}
    return f"{kind} {told or ''} after {after}, {times} times"


def _lost(dice: Random, wire: Wire, _period: str, _settle: float) -> str:
    return _add(dice, wire, dice.choice(["drop_before", "ack_lost"]))


def _status(dice: Random, wire: Wire, _period: str, _settle: float) -> str:
    """Refused, failed, turned away, or done and then failed."""
    choice = dice.randrange(5)
    if choice == 0:
        return _add(dice, wire, "status", value=dice.choice(REFUSALS), text="not now")
    if choice == 1:
        return _add(dice, wire, "status", value=429, retry_after=dice.choice([2, 40, 900]))
    if choice == 2:
        return _add(dice, wire, "status", value=dice.choice([401, 403]))
    if choice == 3:
        return _add(dice, wire, "status", value=dice.choice(FAILURES))
    return _add(dice, wire, "status_after", value=dice.choice(FAILURES))


def _lying(dice: Random, wire: Wire, _period: str, _settle: float) -> str:
    if dice.random() < 0.5:
        return _add(dice, wire, "not_applied")
    return _add(dice, wire, "apply_differently", value=lambda quantity: quantity + 1)


def _late(dice: Random, wire: Wire, _period: str, settle: float) -> str:
    """Applied some time later: as a rule within the time that the engine promises to wait."""
    within = dice.random() < 0.8
    seconds = dice.uniform(1, 0.95 * settle) if within else settle * dice.uniform(1.1, 20)
    wire.delays.append(seconds)
    return f"the next change is applied {seconds:.0f} s late"


def _late_by_calls(dice: Random, wire: Wire, _period: str, _settle: float) -> str:
    return _add(dice, wire, "late_apply", value=dice.choice([0, 0, 1, 2, 5, 20]))


def _edit(dice: Random, wire: Wire, period: str, _settle: float) -> str:
    """Somebody types a quantity after the engine looked and before its change arrives."""
    quantity = dice.randrange(10)

    def edit(_state: object) -> None:
        if wire.sending is not None:
            wire.psa.edit(wire.sending.line, quantity, usual_day(period))
            wire.oracle.edited(wire.sending.line)

    return f"edit to {quantity}: " + _add(dice, wire, "hook", value=edit)


def _unreachable(dice: Random, wire: Wire, _period: str, _settle: float) -> str:
    wire.unreachable += dice.choice([1, 2, 7])
    return f"{wire.unreachable} changes do not leave"


def _reading(dice: Random, wire: Wire, _period: str, _settle: float) -> str:
    kind: Any = dice.choice(["status", "close_midway"])
    value = dice.choice([500, 503, 429]) if kind == "status" else None
    times = dice.choice([1, 2, 8])
    after = dice.randrange(8)
    wire.psa.app.faults.add(
        "", kind=kind, method="GET", after_n_calls=after, times=times, value=value
    )
    return f"reading: {kind} {value or ''} after {after}, {times} times"
