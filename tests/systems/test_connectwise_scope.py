"""Which ConnectWise agreements are in scope, and which reason is given for the others."""

from datetime import date
from typing import Any

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa.connectwise_scope import (
    agreement_excluded_reason,
    cycle_options,
    types_in_scope,
)

ON = date(2026, 11, 22)
CYCLES = cycle_options(
    [
        {"id": 2, "name": "Monthly", "billingOptions": "Monthly"},
        {"id": 9, "name": "Monthly (old)", "billingOptions": "NotRecurring"},
    ]
)
TYPES = [{"id": 3, "name": "Managed Services"}, {"id": 4, "name": "Block Time"}]


def agreement(**changes: Any) -> dict[str, Any]:
    return {
        "id": 55,
        "type": {"id": 3, "name": "Managed Services"},
        "startDate": "2023-01-01T00:00:00Z",
        "endDate": None,
        "noEndingDateFlag": True,
        "cancelledFlag": False,
        "agreementStatus": "Active",
        "billingCycle": {"id": 2, "name": "Monthly"},
        "oneTimeFlag": False,
    } | changes


def reason(types: frozenset[str] | None = None, **changes: Any) -> str | None:
    return agreement_excluded_reason(agreement(**changes), CYCLES, types, ON)


def test_a_running_recurring_agreement_is_in_scope() -> None:
    """Nothing speaks against it, so its additions are asked for."""
    assert reason() is None
    assert reason(frozenset({"3"})) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cancelledFlag": True}, "cancelled"),
        ({"agreementStatus": "Expired"}, "not_active"),
        ({"agreementStatus": "Inactive"}, "not_active"),
        ({"agreementStatus": "Cancelled"}, "not_active"),
        ({"startDate": "2026-11-23T00:00:00Z"}, "not_started"),
        ({"noEndingDateFlag": False, "endDate": "2026-11-21T00:00:00Z"}, "ended"),
        ({"billingCycle": None}, "no_billing_cycle"),
        ({"billingCycle": {"id": 0}}, "no_billing_cycle"),
        ({"billingCycle": {"id": 9, "name": "Monthly (old)"}}, "not_recurring"),
        ({"oneTimeFlag": True}, "one_time"),
        ({"type": {"id": 4, "name": "Block Time"}}, "type_not_in_scope"),
    ],
)
def test_each_reason_is_given_where_it_holds(changes: dict[str, Any], expected: str) -> None:
    """An agreement that is left out says why."""
    assert reason(frozenset({"3"}), **changes) == expected


def test_the_first_reason_in_order_is_given() -> None:
    """With several reasons the most telling one stands, whatever the record's order."""
    worst = {
        "cancelledFlag": True,
        "agreementStatus": "Inactive",
        "startDate": "2027-01-01",
        "noEndingDateFlag": False,
        "endDate": "2026-01-01",
        "billingCycle": None,
        "oneTimeFlag": True,
        "type": {"id": 4},
    }
    cures = [
        ("cancelled", {"cancelledFlag": False}),
        ("not_active", {"agreementStatus": "Active"}),
        ("not_started", {"startDate": "2020-01-01"}),
        ("ended", {"endDate": ""}),
        ("no_billing_cycle", {"billingCycle": {"id": 9}}),
        ("not_recurring", {"billingCycle": {"id": 2}}),
        ("one_time", {"oneTimeFlag": False}),
        ("type_not_in_scope", {"type": {"id": 3}}),
    ]
    for expected, cure in cures:
        assert reason(frozenset({"3"}), **worst) == expected
        worst |= cure
    assert reason(frozenset({"3"}), **worst) is None


@pytest.mark.parametrize("unset", [None, "", "0001-01-01T00:00:00Z"])
@pytest.mark.fault(54)
def test_unset_dates_exclude_nothing(unset: str | None) -> None:
    """A date that is null, empty or the year one is no date."""
    assert reason(startDate=unset, endDate=unset, noEndingDateFlag=False) is None


@pytest.mark.fault(54)
def test_absent_dates_exclude_nothing() -> None:
    """Keys that are not sent count as unset."""
    record = agreement()
    for name in ("startDate", "endDate", "noEndingDateFlag", "oneTimeFlag"):
        del record[name]
    assert agreement_excluded_reason(record, CYCLES, None, ON) is None


@pytest.mark.fault(54)
def test_first_and_last_day_are_in_scope() -> None:
    """Only the date part counts: a UTC midnight never moves to the day before."""
    same_day = "2026-11-22T00:00:00Z"
    assert reason(startDate=same_day) is None
    assert reason(endDate=same_day, noEndingDateFlag=False) is None


@pytest.mark.fault(54)
def test_an_end_date_without_effect_is_ignored() -> None:
    """Where ConnectWise says that there is no end, an old end date stays without effect."""
    assert reason(endDate="2020-01-01T00:00:00Z", noEndingDateFlag=True) is None


def test_a_malformed_date_is_refused() -> None:
    """A date that can't be read is never taken for no date."""
    with pytest.raises(PipelineError, match="agreement 55") as caught:
        reason(startDate="soon")
    assert caught.value.category is Category.SHAPE


@pytest.mark.fault(42)
def test_an_unknown_billing_cycle_is_refused() -> None:
    """A cycle the role hides must not silently stop an agreement from being billed."""
    with pytest.raises(PipelineError, match="billing cycle 77") as caught:
        reason(billingCycle={"id": 77, "name": "Hidden"})
    assert caught.value.category is Category.INCOMPLETE
    assert "Billing Cycle" in caught.value.next_step
    assert reason(billingCycle={"id": 77}, cancelledFlag=True) == "cancelled"


def test_types_are_wanted_by_name_or_id() -> None:
    """Names are compared without case; ids work too; nothing wanted means all."""
    assert types_in_scope((), TYPES) is None
    assert types_in_scope(("managed services",), TYPES) == {"3"}
    assert types_in_scope(("4", "Managed Services"), TYPES) == {"3", "4"}


def test_types_of_one_name_are_all_wanted() -> None:
    """Two types that share a name are both in scope."""
    assert types_in_scope(("Block time",), [*TYPES, {"id": 8, "name": "BLOCK TIME"}]) == {"4", "8"}


def test_an_unknown_type_is_a_settings_error_that_lists_those_there_are() -> None:
    """A misspelled type never quietly empties the scope."""
    with pytest.raises(PipelineError, match="'Managed Service'") as caught:
        types_in_scope(("Managed Service",), TYPES)
    assert caught.value.category is Category.SETTINGS
    assert "Block Time, Managed Services" in caught.value.next_step
