"""How ConnectWise takes a changed quantity: an absolute value, on the addition, at once.

A quantity set by PATCH counts from the next invoice on; ConnectWise knows no effective date for
it. It keeps no version to compare with, so the line is read right before and right after.
"""

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import quote

from reconcile_pipeline.http import ApiClient, ApiError, Change, Request
from reconcile_pipeline.model import Category
from reconcile_pipeline.systems.base import Account, Record
from reconcile_pipeline.systems.psa.connectwise_account import api_base
from reconcile_pipeline.systems.reading import at
from reconcile_pipeline.systems.writing import LineRef, LineSeen, WriteBack

_AGREEMENT = "/finance/agreements/{id}"
_ADDITION = f"{_AGREEMENT}/additions/{{id}}"


async def read_line(client: ApiClient, line: LineRef, on: date) -> LineSeen:
    """Read one addition; `cannot_change` says why it must be left alone."""
    try:
        reply = await client.get(Request(_path(line), template=_ADDITION))
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return LineSeen(None, cannot_change=await _what_is_missing(client, line))
    record: Record = reply.data if isinstance(reply.data, dict) else {}
    qty = record.get("quantity")
    if isinstance(qty, bool) or not isinstance(qty, int | Decimal) or "billCustomer" not in record:
        # Never taken as a fact about the line: it might reject a change that is right.
        raise ApiError(
            f"{client.system}: GET {_ADDITION} answered without the line that belongs there.",
            next_step="Try again; if it repeats, ConnectWise's API has changed: report it.",
            category=Category.SHAPE,
            system=client.system,
            status=reply.status,
        )
    return LineSeen(
        qty=Decimal(qty),
        stamp=str(at(record, "_info.lastUpdated") or ""),
        cannot_change=_why_not(record, on),
    )


def change_line(line: LineRef, _seen: LineSeen, qty_to: Decimal, _on: date) -> Change:
    """Set the quantity, and nothing else: price and text stay as they are."""
    return Change(
        method="PATCH",
        path=_path(line),
        body=[{"op": "replace", "path": "quantity", "value": qty_to}],
        template=_ADDITION,
    )


def tenant(account: Account) -> str:
    """Name the company whose agreements would be changed, and the site it lives on."""
    host = api_base(account).split("://", 1)[-1].split("/", 1)[0]
    return f"{account.text('company_id')} at {host}"


def _why_not(record: Record, on: date) -> str:
    cancelled = str(record.get("cancelledDate") or "")[:10]
    # Only the agreement's own status is sent on every release; the addition's is not.
    status = record.get("agreementStatus")
    if cancelled and cancelled <= on.isoformat():
        return f"the line was cancelled on {cancelled}"
    if record.get("billCustomer") != "Billable":
        return f"the line is not billed any more ({record.get('billCustomer')})"
    if status is not None and status != "Active":
        return f"its agreement is not active any more ({status})"
    return ""


async def _what_is_missing(client: ApiClient, line: LineRef) -> str:
    """Tell a deleted line from a moved API: only the first may reject a change."""
    try:
        agreement = f"/finance/agreements/{quote(line.agreement_id, safe='')}"
        await client.get(Request(agreement, template=_AGREEMENT))
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        await client.get(Request("/system/info"))
        return "its agreement was deleted"
    return "the line was deleted"


def _path(line: LineRef) -> str:
    agreement, addition = (quote(part, safe="") for part in (line.agreement_id, line.line_id))
    return f"/finance/agreements/{agreement}/additions/{addition}"


WRITE_BACK = WriteBack(
    style="absolute",
    takes_effect="at_once",
    is_whole_units=False,
    # Two more than the requests that may be under way: those stay busy while others are recorded.
    changes_at_once=6,
    settle_seconds=90.0,
    repeat_is_harmless=True,
    undo_days_later=0,
    read=read_line,
    change=change_line,
    effect="ConnectWise changes the line at once: the next invoice bills it for the whole period.",
)
