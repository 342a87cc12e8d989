"""How Syncro takes a changed quantity: the whole line, put back with another quantity.

A PUT resets what it does not name, so every field of the line goes back as it was read right
before. The order of steps that makes a change happen exactly once is the write-back room's.
"""

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import quote

from reconcile_pipeline.http import ApiClient, ApiError, Change, Request
from reconcile_pipeline.model import Category
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.psa.syncro_lists import quantity_of
from reconcile_pipeline.systems.reading import at, list_under
from reconcile_pipeline.systems.writing import LineRef, LineSeen, WriteBack

_SCHEDULE = "/schedules/{id}"
_LINE = f"{_SCHEDULE}/line_items/{{id}}"
FIELDS = (
    "product_id",
    "name",
    "description",
    "position",
    "retail_cents",
    "cost_cents",
    "taxable",
    "one_time_charge",
    "user_id",
    "asset_type_id",
    "contact_field_type_id",
    "contact_field_answer_id",
    "recurring_type_id",
    "saved_asset_search_id",
)
"""What a line can be told, besides its quantity."""
COUNTED_BY = (
    "recurring_type_id",
    "asset_type_id",
    "saved_asset_search_id",
    "contact_field_type_id",
    "contact_field_answer_id",
)
"""Fields by which Syncro counts a line itself, from assets or contacts."""


async def read(client: ApiClient, line: LineRef, on: date) -> LineSeen:  # noqa: ARG001
    """Read a line with its schedule; one call, two when the schedule is not there."""
    path = f"/schedules/{quote(line.agreement_id, safe='')}"
    try:
        data = (await client.get(Request(path, template=_SCHEDULE))).data
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        # A moved API must not pass for a deleted schedule.
        list_under("schedules")((await client.get(Request("/schedules"))).data)
        return LineSeen(None, cannot_change="its schedule is gone")
    schedule = at(data, "schedule")
    if not isinstance(schedule, dict) or str(schedule.get("id")) != line.agreement_id:
        raise _unreadable(client)
    lines = schedule.get("lines")
    if not isinstance(lines, list) or not all(isinstance(each, dict) for each in lines):
        raise _unreadable(client)
    if not isinstance(schedule.get("paused"), bool):
        raise _unreadable(client)
    found = [each for each in lines if str(each.get("id")) == line.line_id]
    if not found:
        return LineSeen(None, cannot_change="the line is gone")
    quantity = quantity_of(found[0])
    if quantity is None or not found[0].get("name"):
        raise _unreadable(client)
    return LineSeen(
        qty=quantity,
        stamp=f"next run {schedule.get('next_run') or 'unknown'}",
        cannot_change=_why_not(schedule, found[0]),
        record=found[0],
    )


def change(line: LineRef, seen: LineSeen, wanted: Decimal, _on: date) -> Change:
    """Build the call: the line as read, with another quantity."""
    schedule, number = (quote(part, safe="") for part in (line.agreement_id, line.line_id))
    record: Record = seen.record
    kept = {name: record[name] for name in FIELDS if name in record}
    return Change(
        method="PUT",
        path=f"/schedules/{schedule}/line_items/{number}",
        body={**kept, "quantity": wanted},
        template=_LINE,
    )


def _why_not(schedule: Record, line: Record) -> str:
    if schedule["paused"]:
        return "its schedule is paused"
    if line.get("one_time_charge"):
        return "the line is charged once only"
    if any(line.get(name) is not None for name in COUNTED_BY):
        return "Syncro counts the line itself"
    return ""


def _unreadable(client: ApiClient) -> ApiError:
    return ApiError(
        f"{client.system}: GET {_SCHEDULE} answered without the line that belongs there.",
        next_step="Try again; if it repeats, Syncro's API has changed: report it. Nothing was"
        " written.",
        category=Category.SHAPE,
        system=client.system,
    )


WRITE_BACK = WriteBack(
    style="absolute",
    takes_effect="at_once",
    is_whole_units=False,
    # Two more than the requests that may be under way: those stay busy while others are recorded.
    changes_at_once=6,
    settle_seconds=90.0,
    repeat_is_harmless=True,
    undo_days_later=0,
    read=read,
    change=change,
    effect="Syncro changes the line at once: the schedule's next run bills it.",
)
