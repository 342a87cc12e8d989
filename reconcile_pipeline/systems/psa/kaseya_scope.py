"""Which contracts of Kaseya BMS or Pulseway PSA count on a day, and why the others do not.

Pure rules over records. The answer decides whose invoices are asked for, and is landed with the
pull. A contract's list names its account only by name: `candidates` says which accounts that may
be, and accounts that share a name are asked for their contracts, so that nobody guesses.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record

RECURRING = "recurring services"
MONTHS = {"weekly": 1, "monthly": 1, "quarterly": 3, "semi-annually": 6, "yearly": 12}
LONGEST = 12
"""Months that a cycle of an unknown name is taken to last: too many only cost calls."""
SCOPE_FIELDS = ("accountName", "billingCycle", "contractType", "endDate", "startDate", "status")
"""What of a contract is looked at here, besides its id."""
_NO_CYCLE = frozenset({"", "none"})


def candidates(accounts: Sequence[Record]) -> dict[str, list[str]]:
    """Return the ids of the accounts of each name, each id once."""
    found: dict[str, dict[str, None]] = {}
    for account in accounts:
        found.setdefault(str(account["accountName"]), {})[str(account["id"])] = None
    return {name: list(ids) for name, ids in found.items()}


def shared_names(accounts: Sequence[Record], contracts: Sequence[Record]) -> list[str]:
    """Return the ids of accounts that share the name that some contract gives."""
    named = {str(contract["accountName"]) for contract in contracts}
    return [
        account_id
        for name, ids in candidates(accounts).items()
        if len(ids) > 1 and name in named
        for account_id in ids
    ]


def contract_scope(
    earlier: Mapping[str, Sequence[Record]], active_statuses: Sequence[str], on: date
) -> list[Record]:
    """Judge every contract on a day in the billing time zone.

    Returns:
        `{contract_id, account_ids, months, excluded_reason}`: the accounts it may belong to, the
        months that its billing cycle lasts at most, and null for a contract in scope.
    """
    accounts = candidates(earlier["accounts"])
    contracts = {str(contract["id"]): contract for contract in earlier["contracts"]}
    return [
        {
            "contract_id": contract_id,
            "account_ids": accounts.get(str(contract["accountName"]), []),
            "months": MONTHS.get(_cycle(contract), LONGEST),
            "excluded_reason": excluded_reason(contract, active_statuses, on),
        }
        for contract_id, contract in contracts.items()
    ]


def excluded_reason(contract: Record, active_statuses: Sequence[str], on: date) -> str | None:
    """Return the first reason why a contract does not count on a day; None if it does.

    Raises:
        PipelineError: `shape`, for a date that is none.
    """
    starts, ends = day_of(contract, "startDate"), day_of(contract, "endDate")
    known = {status.casefold() for status in active_statuses}
    for reason, holds in (
        ("not_recurring_services", str(contract["contractType"]).casefold() != RECURRING),
        ("not_active", str(contract["status"]).casefold() not in known),
        ("not_started", starts is not None and starts > on),
        ("ended", ends is not None and ends < on),
        ("no_billing_cycle", _cycle(contract) in _NO_CYCLE),
    ):
        if holds:
            return reason
    return None


def day_of(record: Record, name: str) -> date | None:
    """Return the day of a moment as it is written: another zone could make it the day before.

    Raises:
        PipelineError: `shape`, for a date that is none.
    """
    value = record.get(name)
    text = "" if value is None else str(value)[:10]
    if text in ("", "0001-01-01"):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PipelineError(
            f"The PSA sent a record (id {record.get('id')}) with a {name} that is no date.",
            next_step="Look at the record in the PSA; if its date is right there, report the"
            " changed format to this project.",
            category=Category.SHAPE,
        ) from None


def _cycle(contract: Record) -> str:
    return str(contract.get("billingCycle") or "").strip().casefold()
