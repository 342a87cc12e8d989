"""Kaseya BMS and Pulseway PSA before the SQL: which contracts, which invoices, which refusals."""

import asyncio
from datetime import date
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa import kaseya_invoices as invoices
from reconcile_pipeline.systems.psa import kaseya_scope as scope
from reconcile_pipeline.systems.psa.kaseya import KASEYA_BMS, PULSEWAY
from reconcile_pipeline.systems.psa.kaseya_reading import lines_of_invoice, result_list
from reconcile_pipeline.systems.psa.kaseya_refusals import diagnose, explain, stands_for

ON = date(2026, 11, 22)
CONTRACT = {
    "id": 1,
    "accountName": "Acme",
    "contractType": "Recurring Services",
    "status": "Active",
    "billingCycle": "Monthly",
    "startDate": "2024-01-01T00:00:00",
    "endDate": None,
}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"endDate": "2026-11-22T00:00:00"}, None),
        ({"endDate": "0001-01-01T00:00:00"}, None),
        ({"contractType": "Fixed Price"}, "not_recurring_services"),
        ({"status": "Inactive"}, "not_active"),
        ({"startDate": "2026-11-23T00:00:00"}, "not_started"),
        ({"endDate": "2026-11-21T00:00:00"}, "ended"),
        ({"billingCycle": None}, "no_billing_cycle"),
        ({"billingCycle": "None"}, "no_billing_cycle"),
    ],
)
def test_which_contracts_count(changed: dict[str, Any], reason: str | None) -> None:
    """A contract counts when it recurs, is active, runs on the day and has a cycle."""
    assert scope.excluded_reason(CONTRACT | changed, ["active"], ON) == reason


@pytest.mark.fault(54)
def test_a_date_that_is_none_stops_the_pull() -> None:
    """What can't be read as a day is never taken for an open end."""
    with pytest.raises(PipelineError) as caught:
        scope.excluded_reason(CONTRACT | {"endDate": "next year"}, ["Active"], ON)
    assert caught.value.category is Category.SHAPE


def test_namesakes_are_asked_and_no_others() -> None:
    """Only accounts that share a name which a contract gives are asked for their contracts."""
    names = ("Acme", "Acme", "Solo", "Twin", "Twin")
    accounts = [{"id": number, "accountName": name} for number, name in enumerate(names)]
    assert scope.shared_names(accounts, [CONTRACT]) == ["0", "1"]


def test_how_far_back_invoices_are_read() -> None:
    """One cycle of the longest contract and 15 days more; nothing without a contract in scope."""
    rows = [{"months": 1, "excluded_reason": None}, {"months": 12, "excluded_reason": "ended"}]
    assert invoices.earliest_needed(rows, ON) == date(2026, 10, 7)
    assert invoices.first_day(date(2026, 3, 31), 1) == date(2026, 2, 13)
    assert invoices.first_day(date(2026, 11, 22), 12) == date(2025, 11, 7)
    assert invoices.earliest_needed(rows[1:], ON) is None


def invoice(number: int, day: str, **changed: Any) -> dict[str, Any]:
    made = {"id": number, "accountId": 1, "statusName": "Sent", "grandTotal": 10}
    return made | {"invoiceDate": f"{day}T00:00:00"} | changed


EARLIER: dict[str, Any] = {
    "contract_scope": [
        {"contract_id": "1", "account_ids": ["1"], "months": 1, "excluded_reason": None},
        {"contract_id": "2", "account_ids": ["2"], "months": 12, "excluded_reason": "ended"},
    ]
}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"accountId": 2}, "no_contract_in_scope"),
        ({"statusName": "VOID"}, "status_not_counted"),
        ({"statusName": "Draft", "invoiceDate": None}, "status_not_counted"),
        ({"invoiceDate": "2026-10-06T00:00:00"}, "older_than_a_cycle"),
        ({"grandTotal": -5}, "credit_note"),
    ],
)
def test_which_invoices_are_opened(changed: dict[str, Any], reason: str | None) -> None:
    """Those of accounts with a contract in scope, of one cycle, that somebody has to pay."""
    listed = {"invoices": [invoice(9, "2026-11-01", **changed)]}
    [row] = invoices.invoice_scope(EARLIER | listed, ["Void", "Draft"], ON)
    assert row == {"invoice_id": "9", "excluded_reason": reason}


def test_an_invoice_without_a_day_stops_the_pull() -> None:
    """Nobody can tell which invoice is the last when one has no day."""
    with pytest.raises(PipelineError, match="invoice") as caught:
        invoices.invoice_scope(
            EARLIER | {"invoices": [invoice(9, "", invoiceDate=None)]}, ["Void"], ON
        )
    assert caught.value.category is Category.SHAPE


def test_the_last_invoice_is_the_latest_that_tells_units() -> None:
    """Of one day the greater number; one with nothing but prorated lines tells no units."""
    lines = [
        {"invoiceId": 9, "contractId": 1, "typeName": "Service"},
        {"invoiceId": 10, "contractId": 1, "typeName": "Service"},
        {"invoiceId": 11, "contractId": 1, "typeName": "Prorated"},
        {"invoiceId": 9, "contractId": 2, "typeName": "Service"},
    ]
    made = [invoice(9, "2026-11-01"), invoice(10, "2026-11-01"), invoice(11, "2026-11-15")]
    opened = [{"invoice_id": str(each["id"]), "excluded_reason": None} for each in made]
    earlier = {"invoices": made, "invoice_scope": opened, "invoice_lines": lines}
    assert invoices.last_invoices(EARLIER | earlier, ["prorated"]) == [
        {"contract_id": "1", "invoice_id": "10", "invoiced_on": "2026-11-01"}
    ]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"success": True, "result": []}, 200),
        ({"result": []}, 200),
        ([], 200),
        ({"success": False, "error": {"code": 403}}, 403),
        ({"Success": False, "Error": {"Code": 429}}, 429),
        ({"success": False, "error": {"code": 17}}, 400),
        ({"success": False, "error": None}, 400),
    ],
)
def test_a_refusal_inside_a_200_is_one(data: Any, status: int) -> None:
    """`success: false` is never an empty list; its code tells which refusal it is."""
    assert stands_for(data) == status


def test_refusals_are_told_in_the_vendors_words() -> None:
    """Message and details are shown, and never the stack that the vendor sends along."""
    error = {"message": "Denied.", "details": None, "stackStrace": "at x", "subErrors": ["Role."]}
    assert explain(400, {"success": False, "error": error}, "") == "Denied. Role."
    assert explain(400, {"success": False, "error": None}, "") is None


def test_lines_of_an_invoice_must_have_numbers() -> None:
    """A quantity that is a text or missing list of lines is refused, never read as zero."""
    for result in ({"lineItems": [{"id": 1, "qty": "5"}]}, {"lineItems": None}, []):
        with pytest.raises(PipelineError):
            lines_of_invoice({"result": result})
    assert result_list({"Result": [{"Id": 1}]}) == [{"id": 1}]


@pytest.mark.parametrize(
    ("status", "path", "category", "words"),
    [
        (401, "/v2/crm/accounts/summary", Category.CREDENTIALS, "tenant"),
        (403, "/v2/finance/invoices/summary", Category.PERMISSION, "Finance > Invoices"),
        (404, "/v2/finance/invoices/{id}", Category.INCOMPLETE, "again"),
        (
            404,
            "/v2/finance/contracts/recurringservices/{id}/services",
            Category.SETTINGS,
            "assume_unpublished_line_calls = false",
        ),
    ],
)
def test_what_a_person_has_to_do(
    make_account: Any, status: int, path: str, category: Category, words: str
) -> None:
    """Each refusal ends in one next step."""
    is_login = category is Category.CREDENTIALS
    error = ApiError(
        f"bms: GET {path} answered {status}.",
        next_step="original",
        category=Category.CREDENTIALS if is_login else Category.SHAPE,
        system="bms",
        status=status,
    )
    account = make_account("kaseya_bms")
    told: Any = asyncio.run(diagnose(None, account, error))  # type: ignore[arg-type]
    assert told.category is category
    assert words in told.next_step


@pytest.mark.parametrize("system", [KASEYA_BMS, PULSEWAY])
def test_nothing_is_ever_written(make_account: Any, system: Any) -> None:
    """Neither kind can change anything, whatever its settings say."""
    assert (system.write_back, system.writer) == (None, None)
    account = make_account(system.kind, assume_unpublished_line_calls=True)
    names = [stream.name for stream in system.streams(account, ON)]
    assert "contract_lines" in names
    assert "invoices" not in names
