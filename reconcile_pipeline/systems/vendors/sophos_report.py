"""Sophos Central's monthly usage report: which month is read, and what tells its lines apart.

Pure functions on settings and parsed pages. Which lines count is decided in SQL.
"""

from datetime import date, timedelta

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Account, Record
from reconcile_pipeline.systems.reading import choice, list_under

MONTHS = ("previous", "current")
LINE_FIELDS = (
    "accountId",
    "assignedAccountIdentifier",
    "accountNumberOrSerialNumber",
    "productCode",
    "sku",
    "orderNumber",
    "orderLineItemNumber",
    "externalId",
    "billingStartDate",
)
"""Together they tell one line from another: one order line is shared by several customers."""
_items = list_under("items")


def report_month(account: Account, on: date) -> date:
    """Return the first day of the month whose report is read, as the settings choose it."""
    first = on.replace(day=1)
    is_current = choice(account, "usage_month", MONTHS) == "current"
    return first if is_current else month_before(first)


def month_before(month: date) -> date:
    """Return the first day of the month before."""
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def report_path(month: date) -> str:
    """Return where a month's report is; Sophos: months are written without a leading zero."""
    return f"/partner/v1/billing/usage/{month.year}/{month.month}"


def report_lines(data: object) -> list[Record]:
    """Return a page's lines, each with its made-up `line_id` and its `account_key`.

    Raises:
        PipelineError: `shape`, for anything but a list, or for a page that doesn't say whether
            another follows: nothing else proves that the report is whole.
    """
    lines = _items(data)
    if not isinstance(data, dict) or not isinstance(data.get("pages"), dict):
        raise PipelineError(
            "Sophos Central sent a page of the usage report that does not say whether there is"
            " another one.",
            next_step="Nothing of this pull is used, as it can't be proven whole. Run it again; if"
            " it stays, Sophos's format has changed: report it to this project.",
            category=Category.SHAPE,
        )
    for line in lines:
        line["line_id"] = "|".join(str(line.get(name) or "") for name in LINE_FIELDS)
        line["account_key"] = _account_key(line)
    return lines


def _account_key(line: Record) -> str:
    """Name the customer of a line as SQL does: firewalls sold alone have no tenant's id."""
    if line.get("accountId"):
        return str(line["accountId"])
    if line.get("assignedAccountIdentifier"):
        return f"assigned:{line['assignedAccountIdentifier']}"
    if line.get("accountNumberOrSerialNumber"):
        return f"serial:{line['accountNumberOrSerialNumber']}"
    return "unassigned"
