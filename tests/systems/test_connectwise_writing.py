"""ConnectWise lines for write-back: what is read, when a line must be left alone, what is sent."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError
from reconcile_pipeline.model import Category
from reconcile_pipeline.systems.psa.connectwise_writing import WRITE_BACK, read_line, tenant
from reconcile_pipeline.systems.writing import LineRef, LineSeen

LINE = LineRef("55", "9001")
ON = date(2026, 12, 1)
ADDITION = {
    "id": 9001,
    "quantity": Decimal("42.5"),
    "billCustomer": "Billable",
    "cancelledDate": None,
    "agreementStatus": "Active",
    "_info": {"lastUpdated": "2026-11-02T16:40:00Z"},
}


class Answers:
    """A client that answers by path; 404 where nothing is set."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.system = "cw"
        self.asked: list[str] = []

    async def get(self, request: Any) -> Any:
        self.asked.append(request.path)
        kind = {"/system/info": "info"}.get(request.path, "")
        kind = kind or ("addition" if "additions" in request.path else "agreement")
        answer = self.answers.get(kind, 404)
        if isinstance(answer, int):
            raise ApiError("cw", next_step="", category=Category.SHAPE, system="cw", status=answer)
        return type("Reply", (), {"data": answer, "status": 200})()


def read(**answers: Any) -> LineSeen:
    client: Any = Answers(**answers)
    return asyncio.run(read_line(client, LINE, ON))


def test_a_line_shows_quantity_and_version() -> None:
    """The quantity comes exactly, with the instant of its last change for the trail."""
    assert read(addition=ADDITION) == LineSeen(Decimal("42.5"), "2026-11-02T16:40:00Z", "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cancelledDate": "2026-11-30T00:00:00Z"}, "cancelled on 2026-11-30"),
        ({"billCustomer": "NoCharge"}, "not billed any more"),
        ({"agreementStatus": "Expired"}, "agreement is not active"),
    ],
)
def test_a_line_out_of_billing_is_left_alone(change: dict[str, Any], why: str) -> None:
    """Cancelled, free or on an ended agreement: the reason is said, nothing will be sent."""
    assert why in read(addition=ADDITION | change).cannot_change


@pytest.mark.parametrize(
    "change",
    [
        {"cancelledDate": ""},
        {"cancelledDate": "2026-12-31T00:00:00Z"},
        {"agreementStatus": None},
    ],
)
def test_a_line_in_billing_may_be_changed(change: dict[str, Any]) -> None:
    """An unset date, a later cancellation and a status nobody sends don't stand in the way."""
    assert read(addition=ADDITION | change).cannot_change == ""


def test_a_deleted_line_is_told_from_a_moved_api() -> None:
    """404 rejects a change only when the PSA shows that the line itself is gone."""
    assert read(agreement={"id": 55}).cannot_change == "the line was deleted"
    assert read(info={"version": "v"}).cannot_change == "its agreement was deleted"
    with pytest.raises(ApiError):
        read()


@pytest.mark.parametrize("answer", [{}, [], {"id": 9001, "quantity": "5"}, {"message": "hello"}])
def test_an_odd_answer_is_no_fact_about_the_line(answer: Any) -> None:
    """200 without an addition rejects nothing: it is an error of its shape."""
    with pytest.raises(ApiError) as caught:
        read(addition=answer)
    assert caught.value.category is Category.SHAPE


def test_other_refusals_stay_what_they_are() -> None:
    """A missing permission is no missing line."""
    with pytest.raises(ApiError) as caught:
        read(addition=403)
    assert caught.value.status == 403


def test_only_the_quantity_is_sent() -> None:
    """An absolute value for one field: price, text and product stay as they are."""
    change = WRITE_BACK.change(LineRef("5/5", "90 01"), LineSeen(Decimal(3)), Decimal("4.5"), ON)
    assert change.method == "PATCH"
    assert change.path == "/finance/agreements/5%2F5/additions/90%2001"
    assert change.body == [{"op": "replace", "path": "quantity", "value": Decimal("4.5")}]


def test_the_tenant_names_company_and_site(make_account: Callable[..., Any]) -> None:
    """Two companies, or production and staging, never have the same name."""
    ours = make_account("connectwise", company_id="acme")
    staging = make_account(
        "connectwise", company_id="acme", base_url="https://staging.connectwisedev.com"
    )
    assert tenant(ours) == "acme at api-na.myconnectwise.net"
    assert tenant(staging) == "acme at staging.connectwisedev.com"
