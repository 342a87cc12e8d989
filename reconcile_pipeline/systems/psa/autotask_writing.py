"""How Autotask takes changed units: an adjustment adds to a line, or takes away, from a day on.

Only how a line is read again and what a change looks like; the order of steps that makes it
happen exactly once is the write-back room's.
"""

import json
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from reconcile_pipeline.http import ApiClient, ApiError, Change, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.psa.autotask_refusals import is_refusal
from reconcile_pipeline.systems.reading import list_under
from reconcile_pipeline.systems.writing import LineRef, LineSeen, WriteBack

BUNDLE = "bundle:"
"""How the id of a line begins that is a bundle: services and bundles are numbered apart."""

_INACTIVE = 0
_NOT_FOUND = 404


class _Kind(NamedTuple):
    """The two twins: their lists of units, what they call a line, and where changes go."""

    units: str
    line_field: str
    adjustments: str


_SERVICE = _Kind("/ContractServiceUnits/query", "contractServiceID", "/ContractServiceAdjustments")
_BUNDLE = _Kind(
    "/ContractServiceBundleUnits/query",
    "contractServiceBundleID",
    "/ContractServiceBundleAdjustments",
)


async def read(client: ApiClient, line: LineRef, on: date) -> LineSeen:
    """Read a line's units on a day, and whether the contract lets them change then; two calls."""
    kind, line_id = _parts(line)
    covering = [
        {"op": "eq", "field": kind.line_field, "value": line_id},
        {"op": "lte", "field": "startDate", "value": on.isoformat()},
        {"op": "gte", "field": "endDate", "value": on.isoformat()},
    ]
    query = {"filter": [{"op": "and", "items": covering}]}
    asked = Request(kind.units, params={"search": json.dumps(query, separators=(",", ":"))})
    rows = list_under("items")((await client.get(asked)).data)
    contract = await _contract(client, _number(line.agreement_id))
    row = max(rows, key=_latest) if rows else None
    return LineSeen(
        qty=None if row is None else _units(row),
        stamp="" if row is None else f"units row {row.get('id')} from {_day(row, 'startDate')}",
        cannot_change=_obstacle(contract, row, on),
    )


def change(line: LineRef, seen: LineSeen, wanted: Decimal, on: date) -> Change:
    """Build the adjustment; `input` for anything but whole units. The line is named by its id.

    Naming contract and service instead would make a second line where there is no first one.
    """
    kind, line_id = _parts(line)
    difference = wanted - (seen.qty or 0)
    if difference != difference.to_integral_value():
        raise PipelineError(
            f"Autotask takes whole units only, not a change by {difference:f}.",
            next_step="Decide on a whole number.",
            category=Category.INPUT,
        )
    return Change(
        method="POST",
        path=kind.adjustments,
        body={
            "contractID": _number(line.agreement_id),
            kind.line_field: line_id,
            "unitChange": int(difference),
            "effectiveDate": on.isoformat(),
        },
        template=kind.adjustments,
    )


def _parts(line: LineRef) -> tuple[_Kind, int]:
    if line.line_id.startswith(BUNDLE):
        return _BUNDLE, _number(line.line_id.removeprefix(BUNDLE))
    return _SERVICE, _number(line.line_id)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise PipelineError(
            f"{text!r} is no id of Autotask.",
            next_step="Pull again, then decide the card anew.",
            category=Category.INPUT,
        )
    return int(text)


async def _contract(client: ApiClient, contract_id: int) -> Record | None:
    """The contract; None when it is gone, which is said in two ways."""
    request = Request(f"/Contracts/{contract_id}", template="/Contracts/{id}")
    try:
        data = (await client.get(request)).data
    except ApiError as error:
        # The address is right: the units were read from the same one a moment ago.
        if error.status == _NOT_FOUND:
            return None
        raise
    item = data.get("item", data) if isinstance(data, dict) else data
    if item is not None and (not isinstance(item, dict) or "status" not in item):
        raise _unreadable("contract")
    return item


def _latest(row: Record) -> tuple[date, int]:
    """Rows are successive totals: the last one begun counts, of two the higher id."""
    starts_on, number = _day(row, "startDate"), row.get("id")
    if starts_on is None or not isinstance(number, int):
        raise _unreadable("row of units")
    return starts_on, number


def _units(row: Record) -> Decimal:
    value = row.get("units")
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _unreadable("row of units")
    return Decimal(value)


def _obstacle(contract: Record | None, row: Record | None, on: date) -> str:
    if contract is None:
        return "its contract is gone"
    if contract["status"] == _INACTIVE:
        return "its contract is not active"
    starts_on, ends_on = _day(contract, "startDate"), _day(contract, "endDate")
    if (starts_on is not None and on < starts_on) or (ends_on is not None and on > ends_on):
        return (
            f"its contract runs from {starts_on or 'ever'} to {ends_on or 'no end'}, which"
            f" {on} is not in"
        )
    if row is not None and row.get("approveAndPostDate") is not None:
        return f"the period that {on} is in has been invoiced already"
    return ""


def _day(record: Record, name: str) -> date | None:
    """The date part of a moment; the year 1 stands for none."""
    value = record.get(name)
    if value is None:
        return None
    try:
        day = date.fromisoformat(str(value)[:10])
    except ValueError:
        raise _unreadable("date") from None
    return None if day.year == 1 else day


def _unreadable(what: str) -> PipelineError:
    return PipelineError(
        f"Autotask sent a {what} that can't be read.",
        next_step="Its API has changed: report it to this project. Nothing was written.",
        category=Category.SHAPE,
    )


WRITE_BACK = WriteBack(
    style="delta",
    takes_effect="on_date",
    is_whole_units=True,
    # Three calls at once is the documented limit for one list and one integration.
    changes_at_once=3,
    settle_seconds=120,
    # Autotask refuses a second adjustment of one line on one day, so of two the same only one
    # can ever count.
    repeat_is_harmless=True,
    # For the same reason an undoing can't take effect on the day of what it undoes.
    undo_days_later=1,
    read=read,
    change=change,
    effect="The invoice shows the change from its effective day on; days before it stay as they"
    " are.",
    is_refusal=is_refusal,
)
