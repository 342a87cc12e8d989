"""Many decisions at once: look first, then confirm; the result stays to be read and taken along.

The list is frozen between the two: a card that moved meanwhile is refused by itself, and a second
click changes nothing. Files of decisions end in the same two steps (`importing`).
"""

from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from reconcile_pipeline.ledger.decisions import decisions_of
from reconcile_pipeline.model import Category, Decision, PipelineError
from reconcile_pipeline.reconciling.cards import Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.review.foresight import foresee
from reconcile_pipeline.web.desk import ORIGIN, Call
from reconcile_pipeline.web.filters import Filter
from reconcile_pipeline.web.pages.deciding import day_of
from reconcile_pipeline.web.previews import MOST_CARDS, Preview, Result, too_many
from reconcile_pipeline.web.render import moved_on, page
from reconcile_pipeline.web.verdicts import csv_of, shown

CHOICES = (Decision.RECONCILE, Decision.APPROVE, Decision.NO_CHANGE)
CONFLICT, UNPROCESSABLE = 409, 422


def prepare(call: Call) -> Response:
    """Freeze the chosen cards and what would become of them."""
    wanted = Filter.of(call.query)
    try:
        decision = _decision(call)
        effective_on = _effective_on(call, decision)
        asked = _asked(call, wanted)
    except PipelineError as error:
        return _choose_again(call, wanted, error)
    note = call.text("note")
    rows = [
        Wanted(
            card_id=card_id,
            card_version=version,
            decision=decision,
            qty_target=None,
            reviewer=call.user.name,
            note=note or None,
            effective_on=effective_on,
        )
        for card_id, version in asked.items()
    ]
    preview = freeze(
        call,
        rows,
        query=wanted.query(period=call.period),
        decision=decision,
        note=note,
        effective_on=effective_on,
    )
    return moved_on(address_of(preview))


def show(call: Call) -> Response:
    """Show the preview, or its result once it is confirmed."""
    try:
        preview = kept(call, call.values["preview_id"])
    except PipelineError as error:
        return _choose_again(call, Filter.of(call.query), error, status=CONFLICT)
    if preview.result is None:
        return _look(call, preview)
    return page(
        call,
        "bulk_result.html",
        preview=preview,
        result=preview.result,
        rows=shown(preview),
    )


def confirm(call: Call) -> Response:
    """Record what the preview promised; a repeat shows what the first one did."""
    try:
        preview = kept(call, call.text("preview"))
    except PipelineError as error:
        return _choose_again(call, Filter.of(call.query), error, status=CONFLICT)
    with preview.lock:
        if preview.result is None:
            if preview.wants_a_look and call.text("looked") != "yes":
                return _look(call, preview, "Tick that you looked at the largest, then record.")
            try:
                preview.result = _record(call, preview)
            except PipelineError as error:
                return _look(call, preview, str(error))
    return moved_on(address_of(preview))


def download(call: Call) -> Response:
    """Every card of the preview with what became of it, as CSV."""
    preview = kept(call, call.values["preview_id"])
    name = f"decisions-{preview.period}.csv"
    return Response(
        csv_of(preview),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def freeze(call: Call, wanted: list[Wanted], **about: Any) -> Preview:  # noqa: ANN401 - Preview's
    """Ask what these decisions would do, and keep the answer for the one who asked."""
    now = call.desk.now()
    limits = call.desk.site.settings.limits
    rows = foresee(call.books.connection(), call.door, limits, wanted, now=now)
    return call.desk.previews.keep(
        Preview(
            owner=call.user.name,
            period=call.period,
            made_at=now,
            rows=tuple(rows),
            most_changes=limits.most_changes,
            **about,
        )
    )


def address_of(preview: Preview) -> str:
    """Where a preview, and later its result, is shown."""
    query = preview.query or urlencode({"period": preview.period})
    place = "/import" if preview.file else "/review/bulk"
    return f"{place}/{preview.preview_id}?{query}"


def kept(call: Call, preview_id: str) -> Preview:
    """The user's own preview; `conflict` when it is kept no longer, or never was."""
    return call.desk.previews.of(
        preview_id, owner=call.user.name, period=call.period, now=call.desk.now()
    )


def _record(call: Call, preview: Preview) -> Result:
    now = call.desk.now()
    wanted = [
        # The key is the same at every try, so a try whose answer was lost is found again.
        replace(row.wanted, client_key=f"{preview.preview_id}-{row.wanted.card_id}")
        for row in preview.promised
    ]
    taken = decide(
        call.books.connection(),
        call.door,
        wanted,
        now=now,
        origin=ORIGIN,
        is_all_or_nothing=False,
    )
    if taken.new:
        call.desk.follow()
    call.books.catch_up(call.door)
    repeated = list(taken.repeated)
    again = frozenset(item.card_id for item in decisions_of(call.desk.site.ledger, repeated))
    return Result(len(taken.new), again, dict(taken.refused), now)


def _look(call: Call, preview: Preview, trouble: str = "") -> Response:
    return page(
        call,
        "bulk.html",
        status=UNPROCESSABLE if trouble else 200,
        preview=preview,
        trouble=trouble,
        rows=shown(preview),
        usual_day=call.door.usual_day,
        takes_a_day=takes_a_day(call),
    )


def _choose_again(
    call: Call, wanted: Filter, error: PipelineError, *, status: int = UNPROCESSABLE
) -> Response:
    """Say what is missing, with the filter and everything that was typed."""
    totals = call.books.ask("review_totals", **wanted.parameters)
    return page(
        call,
        "bulk_again.html",
        status=status,
        error=error,
        filter=wanted,
        found=sum(row["cards"] for row in totals),
        note=call.text("note"),
        decision=call.text("decision"),
        chosen=call.texts("card")[:MOST_CARDS],
        day=call.text("effective_on"),
        takes_a_day=takes_a_day(call),
    )


def takes_a_day(call: Call) -> bool:
    """Whether the PSA lets a quantity count from a day on."""
    write_back = call.door.write_back
    return write_back is not None and write_back.takes_effect == "on_date"


def _decision(call: Call) -> Decision:
    said = call.text("decision")
    if said not in {*CHOICES}:
        raise PipelineError(
            "The form does not say what to decide.",
            next_step="Use one of the buttons above the list.",
            category=Category.INPUT,
        )
    return Decision(said)


def _effective_on(call: Call, decision: Decision) -> date | None:
    if decision is not Decision.RECONCILE or not takes_a_day(call):
        return None
    day = day_of(call, "effective_on")
    return None if day == call.door.usual_day else day


def _asked(call: Call, wanted: Filter) -> dict[str, str]:
    """Card id -> the version that was seen, each card once."""
    if call.text("again"):
        rows = kept(call, call.text("again")).rows
        return {row.wanted.card_id: row.wanted.card_version for row in rows}
    if call.text("all") == "yes":
        found = call.books.ask("bulk_cards", **wanted.parameters)
        asked = {row["card_id"]: row["card_version"] for row in found}
    else:
        pairs = (value.partition(":") for value in call.texts("card"))
        asked = {card_id: version for card_id, _, version in pairs}
    if not asked:
        raise PipelineError(
            "No card is selected.",
            next_step="Tick the cards in the list, or take all of the filter.",
            category=Category.INPUT,
        )
    if len(asked) > MOST_CARDS:
        raise too_many(len(asked), "Narrow the filter, for example to one vendor or service.")
    return asked
