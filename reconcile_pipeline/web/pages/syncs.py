"""`/syncs`: how each connection stands, what its pulls brought, and the buttons that pull.

A pull that was held back is shown beside the one in use, service by service, before somebody may
accept it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from reconcile_pipeline.landing.manifest import Manifest, read_manifests
from reconcile_pipeline.ledger.accepted import accept_pull, accepted_pull_ids
from reconcile_pipeline.model import Category, PipelineError, PullState
from reconcile_pipeline.web.connections import connections_of
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.render import moved_on, page
from reconcile_pipeline.web.trial_pull import Difference, what_would_change

MOST_ATTEMPTS = 20
UNPROCESSABLE = 422


@dataclass(frozen=True)
class Held:
    """A pull that was held back, and what accepting it would change."""

    pull: Manifest
    difference: Difference


def show(call: Call) -> Response:
    """Show every connection."""
    return page(call, "syncs.html", connections=connections_of(call))


def show_one(call: Call) -> Response:
    """Show one connection with its latest pulls."""
    return _one(call, None, 200)


def difference(call: Call) -> Response:
    """Tell what accepting a held-back pull would change: a part of the overview, asked for later.

    The month is built once more for it, which takes a moment.
    """
    name = call.values["system"]
    accepted = accepted_pull_ids(call.desk.site.ledger)
    held = _held(call, _attempts_of(call, name), accepted)
    return page(call, "_difference.html", name=name, held=held)


def run(call: Call) -> Response:
    """Pull and compare, or pull one system; in a process of its own."""
    name = call.text("system")
    if name:
        system = call.desk.site.settings.system(name)
        call.desk.tasks.start(
            f"Pull {system.name}", ["pull", "--system", system.name], by=call.user.name
        )
        return moved_on(f"/syncs/{system.name}")
    call.desk.tasks.start("Pull and compare", ["run"], by=call.user.name)
    return moved_on("/syncs")


def refresh(call: Call) -> Response:
    """Build without pulling."""
    arguments = ["refresh", "--period", call.period]
    call.desk.tasks.start("Bring the tables up to date", arguments, by=call.user.name)
    return moved_on(f"/syncs?period={call.period}")


def accept(call: Call) -> Response:
    """Believe a pull that was held back, with a reason; the tables follow."""
    pull_id, reason = call.text("pull_id"), call.text("reason")
    known = {pull.pull_id: pull for pull in _attempts(call)}
    pull = known.get(pull_id)
    if pull is None or pull.state is not PullState.QUARANTINED:
        raise HTTPException(404)
    if not reason:
        error = PipelineError(
            "Nobody says why the smaller numbers are right.",
            next_step="Write the reason: it stays with the pull.",
            category=Category.INPUT,
        )
        return _one(call, error, UNPROCESSABLE)
    accept_pull(call.desk.site.ledger, pull_id, reason=reason, stamp=call.stamp())
    call.desk.follow_now()
    return moved_on(f"/syncs/{pull.system}?period={call.period}")


def _one(call: Call, error: PipelineError | None, status: int) -> Response:
    name = call.values["system"]
    found = [item for item in connections_of(call) if item.name == name]
    if not found:
        raise HTTPException(404)
    attempts = _attempts_of(call, name)
    accepted = accepted_pull_ids(call.desk.site.ledger)
    return page(
        call,
        "sync.html",
        status=status,
        connection=found[0],
        attempts=attempts,
        accepted=accepted,
        held=_held(call, attempts, accepted),
        error=error,
        typed=call.text("reason"),
    )


def _attempts(call: Call) -> list[Manifest]:
    """The month's pulls, newest first."""
    return read_manifests(call.desk.site.state.landing, call.period)[::-1]


def _attempts_of(call: Call, name: str) -> list[Manifest]:
    return [pull for pull in _attempts(call) if pull.system == name][:MOST_ATTEMPTS]


def _held(call: Call, attempts: list[Manifest], accepted: frozenset[str]) -> Held | None:
    """The newest pull, if it was held back and nobody accepted it."""
    if not attempts or attempts[0].state is not PullState.QUARANTINED:
        return None
    if attempts[0].pull_id in accepted:
        return None
    return Held(attempts[0], what_would_change(call, attempts[0]))


def total(rows: list[dict[str, Any]], name: str) -> Decimal:
    """The sum of a column."""
    return sum((Decimal(row[name]) for row in rows), Decimal(0))
