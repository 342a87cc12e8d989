"""`/writeback`: what would be written, a dry run, the write-back, what stands still, closing.

Only what people decided is written; this page starts it and shows it. The plan that somebody
confirms is the one they saw: another one is shown anew first.
"""

import asyncio
import hashlib
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from reconcile_pipeline.applying import DryRun, dry_run, plan_of, unfinished
from reconcile_pipeline.building import refresh_review
from reconcile_pipeline.closing import close_month, report_of
from reconcile_pipeline.ledger.changes import Change, read_changes, read_trail
from reconcile_pipeline.ledger.closings import closing_of, reopen_period
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.reconciling.board import STUCK
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.connect import open_for_reading
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.render import moved_on, page
from reconcile_pipeline.writeback.plan import Plan
from reconcile_pipeline.writeback.undo import Choice, settle_change, undo_decision

CHOICES: dict[str, Choice] = {"applied": "applied", "retry": "retry", "drop": "drop"}
LONGEST_LOOK = 60.0
"""Seconds a dry run may take before the page gives up."""
UNPROCESSABLE, CONFLICT = 422, 409


def show(call: Call) -> Response:
    """Show what waits, and how far the rest got."""
    return _page(call)


def look(call: Call) -> Response:
    """Dry run: read every line that would be changed; the client used can't write."""
    try:
        found = asyncio.run(asyncio.wait_for(_look(call), LONGEST_LOOK))
    except TimeoutError:
        error = PipelineError(
            f"The PSA did not show all lines within {LONGEST_LOOK:.0f} seconds.",
            next_step="Try again later, or run `reconcile dry-run`.",
            category=Category.UNREACHABLE,
        )
        return _page(call, error=error, status=502)
    except PipelineError as error:
        return _page(call, error=error, status=502)
    return _page(call, looked=found)


def apply(call: Call) -> Response:
    """Start the write-back of exactly the plan that was shown."""
    plan = plan_of(call.desk.site, call.period, now=call.desk.now)
    count = call.text("count")
    if call.text("plan") != digest(plan):
        error = _refusal(
            "What is ready has changed since this page was shown; nothing was written.",
            "Look at the list as it is now, and type its number.",
            Category.CONFLICT,
        )
        return _page(call, error=error, status=CONFLICT)
    if not (count.isascii() and count.isdigit()) or int(count) != len(plan.ready):
        error = _refusal(
            f"{len(plan.ready)} changes are ready, not {count[:20] or 'none'}: nothing is written.",
            "Type the number of changes that the list shows.",
            Category.INPUT,
        )
        return _page(call, error=error, status=UNPROCESSABLE, typed=count)
    arguments = ["write-back", "--yes", str(len(plan.ready)), "--period", call.period]
    call.desk.tasks.start("Write back", arguments, by=call.user.name)
    return moved_on(f"/writeback?period={call.period}")


def settle(call: Call) -> Response:
    """Record what somebody found out about a change that stands still, or did by hand."""
    choice = CHOICES.get(call.text("choice"))
    if choice is None:
        raise HTTPException(404)
    try:
        settle_change(
            call.desk.site.ledger,
            call.values["change_id"],
            choice,
            stamp=call.stamp(),
        )
    except PipelineError as error:
        return _page(call, error=error, status=CONFLICT)
    call.desk.follow()
    return moved_on(f"/writeback?period={call.period}")


def undo(call: Call) -> Response:
    """Take decisions back by their changes; the next write-back reverses what is in the PSA."""
    door, undone = call.door, 0
    try:
        for change_id in call.texts("change"):
            undo_decision(
                call.desk.site.ledger,
                change_id,
                door.write_back,
                reason=call.text("reason") or "undone",
                stamp=call.stamp(),
            )
            undone += 1
    except PipelineError as error:
        return _page(call, error=error, status=CONFLICT)
    finally:
        if undone:
            call.desk.follow()
    return moved_on(f"/writeback?period={call.period}")


def close(call: Call) -> Response:
    """Close the month, if everything that was written is proved."""
    site, reason = call.desk.site, call.text("reason")
    try:
        # The report is written from the tables: they must know the last word.
        refresh_review(site, call.period)
        with open_for_reading(site.state.published) as connection:
            close_month(connection, site, call.period, reason=reason, stamp=call.stamp())
        refresh_review(site, call.period)
    except PipelineError as error:
        return _page(call, error=error, status=CONFLICT)
    return moved_on(f"/writeback?period={call.period}")


def reopen(call: Call) -> Response:
    """Open a closed month again; needs a reason."""
    reason = call.text("reason")
    if not reason:
        error = _refusal(
            "Nobody says why the month is opened again.", "Write the reason.", Category.INPUT
        )
        return _page(call, error=error, status=UNPROCESSABLE)
    reopen_period(call.desk.site.ledger, call.period, reason=reason, stamp=call.stamp())
    call.desk.follow_now()
    return moved_on(f"/writeback?period={call.period}")


def report(call: Call) -> Response:
    """Download the report of a closed month."""
    path = report_of(call.desk.site, call.period)
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, filename=path.name)


def digest(plan: Plan) -> str:
    """A name for exactly these changes: another plan has another one."""
    said = [(c.change_id, str(c.qty_from), str(c.qty_to)) for c in plan.ready]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


async def _look(call: Call) -> DryRun:
    return await dry_run(call.desk.site, call.period, now=call.desk.now)


def _page(
    call: Call,
    *,
    status: int = 200,
    error: PipelineError | None = None,
    looked: DryRun | None = None,
    typed: str = "",
) -> Response:
    site, period = call.desk.site, call.period
    plan = looked.plan if looked else plan_of(site, period, now=call.desk.now)
    changes = read_changes(site.ledger, period)
    live = [change for change in changes if not change.is_withdrawn]
    closing = closing_of(site.ledger, period)
    write_back = SYSTEMS[site.settings.psa.kind].write_back
    return page(
        call,
        "writeback.html",
        status=status,
        plan=plan,
        digest=digest(plan),
        sums=_sums(plan.ready),
        looked=looked,
        seen={item.change.change_id: item for item in looked.previews} if looked else {},
        changes=[change for change in changes if change not in plan.ready][::-1],
        told=_last_words(call, changes),
        stuck=[change for change in live if change.state in STUCK],
        unproved=[c for c in unfinished(live) if c.state not in STUCK and c not in plan.ready],
        is_enabled=site.settings.is_writing_enabled and site.settings.tenant == call.tenant,
        effect=write_back.effect if write_back else "",
        can_write=write_back is not None,
        limits=site.settings.limits,
        closing=closing,
        month=call.books.ask_once("overview_month")[0],
        error=error,
        typed=typed,
    )


def _last_words(call: Call, changes: list[Change]) -> dict[str, dict[str, Any]]:
    """Of each change, the latest step that says something or shows a quantity."""
    trail = read_trail(call.desk.site.ledger)
    return {
        change.change_id: step
        for change in changes
        for step in trail.get(change.change_id, ())
        if step["step"] == "outcomes" and (step["says"] or step["qty_seen"] is not None)
    }


def _sums(changes: tuple[Change, ...]) -> list[tuple[str, Any, Any]]:
    """Money up and down per currency."""
    found: dict[str, list[Any]] = {}
    for change in changes:
        sums = found.setdefault(change.currency or "", [0, 0])
        if change.amount is not None:
            sums[0 if change.amount > 0 else 1] += change.amount
    return [(currency, up, down) for currency, (up, down) in sorted(found.items())]


def _refusal(message: str, next_step: str, category: Category) -> PipelineError:
    return PipelineError(message, next_step=next_step, category=category)
