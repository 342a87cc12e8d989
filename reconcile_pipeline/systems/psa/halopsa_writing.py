"""How HaloPSA takes a changed quantity: the whole recurring invoice, sent back with one difference.

Halo may drop lines that a change leaves out and resets properties it does not name, so everything
goes back as it was read right before. The order of steps that makes a change happen exactly once
is the write-back room's. `POST /RecurringInvoice/process` makes real invoices: nothing here calls
it.
"""

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import quote

from reconcile_pipeline.http import ApiClient, ApiError, Change, Request
from reconcile_pipeline.model import Category
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.psa.halopsa_lists import day_of, is_quantity, rows_under
from reconcile_pipeline.systems.psa.halopsa_refusals import PERMISSIONS
from reconcile_pipeline.systems.writing import LineRef, LineSeen, WriteBack

_INVOICES = "/RecurringInvoice"
_INVOICE = f"{_INVOICES}/{{id}}"
_FIRST_REAL_YEAR = 1950
"""Empty dates come as a day of 1, 1900 or 1901."""
_QUANTITY_SOURCES = (
    "quantity_licences",
    "quantity_subscriptions",
    "quantity_users",
    "quantity_assets",
)


async def read(client: ApiClient, line: LineRef, on: date) -> LineSeen:
    """Read a line with its whole recurring invoice, which `change` sends back; one call."""
    path = f"{_INVOICES}/{quote(line.agreement_id, safe='')}"
    request = Request(path, params={"includedetails": "true"}, template=_INVOICE)
    try:
        data = (await client.get(request)).data
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            await _expect_list(client)
            return LineSeen(None, cannot_change="its recurring invoice is gone")
        if error.status == HTTPStatus.UNAUTHORIZED and "/token " not in error.message:
            raise _missing_permission(client) from error
        raise
    invoice = _checked(client, data, line)
    found = [each for each in invoice["lines"] if str(each["id"]) == line.line_id]
    if not found:
        return LineSeen(None, cannot_change="the line is gone")
    if len(found) > 1 or not is_quantity(found[0].get("qty_order")):
        raise _unreadable(client)
    return LineSeen(
        qty=Decimal(found[0]["qty_order"]),
        stamp=str(invoice.get("last_modified") or ""),
        cannot_change=_about_invoice(invoice, on) or _about_line(invoice, found[0], on),
        record=invoice,
    )


def change(line: LineRef, seen: LineSeen, wanted: Decimal, _on: date) -> Change:
    """Build the call: the invoice as read, with another quantity on one line."""
    invoice: Record = seen.record
    lines = [
        {**each, "qty_order": wanted} if str(each["id"]) == line.line_id else each
        for each in invoice["lines"]
    ]
    return Change(
        method="POST",
        path=_INVOICES,
        body=[{**invoice, "lines": lines}],
        template=_INVOICES,
        summary=f"recurring invoice {line.agreement_id}, line {line.line_id}: qty_order"
        f" {seen.qty} -> {wanted}, everything else as read",
    )


def is_calculated(invoice: Record, line: Record) -> bool:
    """Tell whether Halo works out a line's quantity itself, and would overwrite ours.

    An invoice may say so without telling which line: then it may be any of them.
    """
    if not invoice.get("contains_calculated_quantity"):
        return _says_calculated(line)
    return _says_calculated(line) or not any(map(_says_calculated, invoice["lines"]))


def _says_calculated(line: Record) -> bool:
    return bool(
        line.get("_is_calculated_line")
        or line.get("recurring_invoice_quantity_type")
        or any(line.get(name) for name in _QUANTITY_SOURCES)
    )


def _about_invoice(invoice: Record, on: date) -> str:
    if invoice["disabled"] is not False:
        return "its recurring invoice is disabled"
    # What the numbers mean is not published, so whatever is not plainly nothing stops us.
    if invoice.get("requires_approval") or invoice.get("approval_status"):
        return "its recurring invoice is under approval"
    ends_on = _real_day(invoice.get("enddate"))
    if ends_on is not None and ends_on < on:
        return f"its recurring invoice ended on {ends_on}"
    return ""


def _about_line(invoice: Record, line: Record, on: date) -> str:
    if line.get("isinactive"):
        return "the line is inactive"
    if line.get("isgroupdesc"):
        return "the line is a heading"
    if line.get("onetimecharge"):
        return "the line is charged once only"
    if is_calculated(invoice, line):
        return "HaloPSA works out the quantity of the line itself"
    ends_on = _real_day(line.get("enddate"))
    if ends_on is not None and ends_on < on and not line.get("autorenew"):
        return f"the line ended on {ends_on}"
    return ""


def _real_day(value: object) -> date | None:
    day = day_of(value)
    return day if day is not None and day.year >= _FIRST_REAL_YEAR else None


def _checked(client: ApiClient, data: object, line: LineRef) -> Record:
    """The invoice, if it is the one that was asked for; an odd answer is no fact about a line."""
    if not isinstance(data, dict) or str(data.get("id")) != line.agreement_id:
        raise _unreadable(client)
    lines = data.get("lines")
    if not isinstance(lines, list) or "disabled" not in data:
        raise _unreadable(client)
    if not all(isinstance(each, dict) and "id" in each for each in lines):
        raise _unreadable(client)
    return data


async def _expect_list(client: ApiClient) -> None:
    """Read one recurring invoice: a moved API must not pass for a deleted record."""
    params = {"pageinate": "true", "page_size": "1", "page_no": "1"}
    reply = await client.get(Request(_INVOICES, params=params))
    rows_under("invoices")(reply.data)


def _missing_permission(client: ApiClient) -> ApiError:
    """A new token was refused as well, so this 401 is no token that ended."""
    return ApiError(
        f"{client.system}: HaloPSA lists recurring invoices but refuses to show one of them.",
        next_step=f"Allow it to the agent and to the application alike:"
        f" {PERMISSIONS['recurring_invoices']} and edit:invoices.",
        category=Category.PERMISSION,
        system=client.system,
        status=HTTPStatus.UNAUTHORIZED,
    )


def _unreadable(client: ApiClient) -> ApiError:
    return ApiError(
        f"{client.system}: GET {_INVOICE} answered without the line that belongs there.",
        next_step="Try again; if it repeats, HaloPSA's API has changed: report it. Nothing was"
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
    turns="agreement",
    read=read,
    change=change,
    effect="HaloPSA changes the line at once: the next invoice created from the recurring invoice"
    " bills it for the whole period.",
)
