"""Which invoices of Kaseya BMS or Pulseway PSA tell the units of a contract.

The API shows no contract lines, so the last invoice of each contract stands for them. Lists of
invoices name the account and not the contracts: an account's invoices of one billing cycle are
all opened, and then each contract's last one is known. Pure rules over records.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.psa.kaseya_scope import day_of

HEAD_FIELDS = ("accountId", "grandTotal", "invoiceDate", "statusName")
LINE_FIELDS = ("contractId", "invoiceId", "typeName")
"""What is looked at here of an invoice, besides its id, and of its lines."""
LATENESS = timedelta(days=15)
"""How much later than a cycle ago the last invoice may be due: not every month runs on the 1st."""


def first_day(on: date, months: int) -> date:
    """Return the earliest day on which the last invoice of such a cycle may have been made."""
    index = on.year * 12 + on.month - 1 - months
    year, month = divmod(index, 12)
    # The 28th is in every month; the days before it are covered by the lateness.
    return date(year, month + 1, min(on.day, 28)) - LATENESS


def earliest_needed(scope: Sequence[Record], on: date) -> date | None:
    """Return the day from which invoices are listed; None when no contract is in scope."""
    months = [row["months"] for row in scope if row["excluded_reason"] is None]
    return first_day(on, max(months)) if months else None


def invoice_scope(
    earlier: Mapping[str, Sequence[Record]], uncounted: Sequence[str], on: date
) -> list[Record]:
    """Say of every listed invoice whether it is opened: `{invoice_id, excluded_reason}`."""
    cycles: dict[str, int] = {}
    for row in earlier["contract_scope"]:
        if row["excluded_reason"] is None:
            for account_id in row["account_ids"]:
                cycles[account_id] = max(cycles.get(account_id, 0), row["months"])
    words = {word.casefold() for word in uncounted}
    invoices = {str(invoice["id"]): invoice for invoice in earlier["invoices"]}
    return [
        {
            "invoice_id": invoice_id,
            "excluded_reason": _invoice_reason(invoice, cycles, words, on),
        }
        for invoice_id, invoice in invoices.items()
    ]


def _invoice_reason(
    invoice: Record, cycles: Mapping[str, int], uncounted: set[str], on: date
) -> str | None:
    months = cycles.get(str(invoice["accountId"]))
    if months is None:
        return "no_contract_in_scope"
    if str(invoice.get("statusName") or "").casefold() in uncounted:
        return "status_not_counted"
    if invoiced_on(invoice) < first_day(on, months):
        return "older_than_a_cycle"
    return "credit_note" if (invoice.get("grandTotal") or 0) < 0 else None


def last_invoices(
    earlier: Mapping[str, Sequence[Record]], proration_types: Sequence[str]
) -> list[Record]:
    """Find the last invoice of each contract in scope: `{contract_id, invoice_id, invoiced_on}`.

    An invoice with nothing but prorated lines of a contract does not tell its units. Contracts
    without any invoice have no row.
    """
    prorated = {word.casefold() for word in proration_types}
    days = {str(invoice["id"]): invoiced_on(invoice) for invoice in opened(earlier)}
    wanted = {
        row["contract_id"] for row in earlier["contract_scope"] if row["excluded_reason"] is None
    }
    last: dict[str, tuple[date, int, str]] = {}
    for line in earlier["invoice_lines"]:
        contract_id, invoice_id = str(line.get("contractId")), str(line["invoiceId"])
        is_prorated = str(line.get("typeName") or "").casefold() in prorated
        if contract_id not in wanted or is_prorated:
            continue
        # Of two invoices of one day the later made one, whose number is the greater.
        found = (days[invoice_id], len(invoice_id), invoice_id)
        last[contract_id] = max(last.get(contract_id, found), found)
    return [
        {"contract_id": contract_id, "invoice_id": found[2], "invoiced_on": found[0].isoformat()}
        for contract_id, found in last.items()
    ]


def opened(earlier: Mapping[str, Sequence[Record]]) -> list[Record]:
    """Return the invoices that are opened, each once."""
    wanted = {
        row["invoice_id"] for row in earlier["invoice_scope"] if row["excluded_reason"] is None
    }
    invoices = {str(invoice["id"]): invoice for invoice in earlier["invoices"]}
    return [invoice for invoice_id, invoice in invoices.items() if invoice_id in wanted]


def invoiced_on(invoice: Record) -> date:
    """Return the invoice's day. Raises `PipelineError` (shape) for an invoice without one."""
    day = day_of(invoice, "invoiceDate")
    if day is None:
        raise PipelineError(
            f"The PSA sent an invoice (id {invoice.get('id')}) without invoiceDate.",
            next_step="Give the invoice a date in the PSA, or add its status to"
            " uncounted_invoice_statuses if nobody has to pay it.",
            category=Category.SHAPE,
        )
    return day
