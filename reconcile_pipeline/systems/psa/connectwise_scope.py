"""Which ConnectWise agreements are in scope on a day, and why the others are not.

Pure rules over agreement records. The answer decides whose additions are asked for, and is
landed with the pull, so every agreement that was left out can be explained later.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Record
from reconcile_pipeline.systems.reading import at

NOT_RECURRING = "NotRecurring"
SCOPE_FIELDS = (
    "agreementStatus",
    "billingCycle",
    "cancelledFlag",
    "endDate",
    "noEndingDateFlag",
    "oneTimeFlag",
    "startDate",
    "type",
)
"""What of an agreement is looked at here, besides its id."""
_UNSET = ("", "0001-01-01")


def cycle_options(billing_cycles: Sequence[Record]) -> dict[str, str]:
    """Return each billing cycle's `billingOptions` by id: names can be edited, these can't."""
    return {str(cycle["id"]): str(cycle["billingOptions"]) for cycle in billing_cycles}


def types_in_scope(wanted: Sequence[str], types: Sequence[Record]) -> frozenset[str] | None:
    """Return the ids of the wanted agreement types, given by name or id; None means all.

    Raises:
        PipelineError: `settings`, if one does not exist; the error lists those that do.
    """
    if not wanted:
        return None
    ids = {str(kind["id"]) for kind in types}
    by_name: dict[str, set[str]] = {}
    for kind in types:
        by_name.setdefault(str(kind["name"]).strip().casefold(), set()).add(str(kind["id"]))
    chosen: set[str] = set()
    for word in wanted:
        named = by_name.get(word.casefold(), {word} & ids)
        if not named:
            names = ", ".join(sorted(str(kind["name"]) for kind in types))
            raise PipelineError(
                f"ConnectWise shows no agreement type {word!r}, which 'agreement_types' asks for.",
                next_step=f"Correct 'agreement_types' in reconcile.toml. There are: {names}. If"
                " yours is missing, the API member's role hides it: Finance > Agreements >"
                " Customize.",
                category=Category.SETTINGS,
            )
        chosen |= named
    return frozenset(chosen)


def agreement_excluded_reason(
    agreement: Record,
    billing_cycles: Mapping[str, str],
    types_in_scope: frozenset[str] | None,
    on: date,
) -> str | None:
    """Return the first reason why an agreement is out of scope on a day; None if it is in.

    Args:
        agreement: the record as ConnectWise sends it.
        billing_cycles: `billingOptions` by billing cycle id.
        types_in_scope: ids of agreement types; None for all.
        on: the day in the billing time zone.

    Raises:
        PipelineError: `incomplete`, if the agreement's billing cycle is not among those shown;
            `shape`, for a date that is none.
    """
    for reason, holds in (
        ("cancelled", agreement.get("cancelledFlag") is True),
        ("not_active", agreement.get("agreementStatus") != "Active"),
        ("not_started", _starts_after(agreement, on)),
        ("ended", _ended_before(agreement, on)),
    ):
        if holds:
            return reason
    cycle = at(agreement, "billingCycle.id")
    if not cycle:
        return "no_billing_cycle"
    if _options_of(agreement, str(cycle), billing_cycles) == NOT_RECURRING:
        return "not_recurring"
    if agreement.get("oneTimeFlag") is True:
        return "one_time"
    if types_in_scope is not None and str(at(agreement, "type.id")) not in types_in_scope:
        return "type_not_in_scope"
    return None


def _starts_after(agreement: Record, on: date) -> bool:
    starts = _day(agreement, "startDate")
    return starts is not None and starts > on


def _ended_before(agreement: Record, on: date) -> bool:
    if agreement.get("noEndingDateFlag") is True:
        return False
    ends = _day(agreement, "endDate")
    return ends is not None and ends < on


def _day(agreement: Record, name: str) -> date | None:
    """Read the date part: days come as UTC midnights, which local time would shift by one."""
    value = agreement.get(name)
    text = "" if value is None else str(value)[:10]
    if text in _UNSET:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PipelineError(
            f"ConnectWise sent agreement {agreement.get('id')} with a {name} that is no date.",
            next_step="Look at the agreement in ConnectWise; if its date is right there, report"
            " the changed format to this project.",
            category=Category.SHAPE,
        ) from None


def _options_of(agreement: Record, cycle: str, billing_cycles: Mapping[str, str]) -> str:
    if cycle in billing_cycles:
        return billing_cycles[cycle]
    # Treating it as not recurring would silently stop billing this agreement's lines.
    raise PipelineError(
        f"ConnectWise agreement {agreement.get('id')} uses billing cycle {cycle}, which the list"
        " of billing cycles does not show.",
        next_step="Allow 'Invoicing / Billing Cycle' for the API member's role under System >"
        " Table Setup > Customize, then pull again.",
        category=Category.INCOMPLETE,
    )
