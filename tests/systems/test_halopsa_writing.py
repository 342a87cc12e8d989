"""HaloPSA lines for write-back: what is read, when a line must be left alone, what is sent."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError, Certainty, Change, ChangeError
from reconcile_pipeline.model import Category
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.systems.psa.halopsa import HALOPSA
from reconcile_pipeline.systems.psa.halopsa_writing import WRITE_BACK, read
from reconcile_pipeline.systems.writing import LineRef, LineSeen

LINE = LineRef("-240", "5011")
ON = date(2026, 12, 1)
NO_DAY = "1901-01-01T00:00:00"
ROW = {
    "id": 5011,
    "ihid": -240,
    "qty_order": Decimal("42.5"),
    "unit_price": Decimal("26.4"),
    "enddate": NO_DAY,
    "prorata_data": [{"id": 3}],
}
INVOICE = {
    "id": -240,
    "disabled": False,
    "enddate": NO_DAY,
    "last_modified": "2026-11-01T06:00:00",
    "lines": [ROW, {"id": 5012, "qty_order": 7}],
}


class Answers:
    """A client that shows one invoice and a list; a number is a refusal with that status."""

    system = "halo"

    def __init__(self, invoice: Any, invoices: Any) -> None:
        self.invoice, self.invoices = invoice, invoices

    async def get(self, request: Any) -> Any:
        answer = self.invoices if request.path == "/RecurringInvoice" else self.invoice
        if isinstance(answer, int):
            message = f"halo: GET {request.template} answered {answer}"
            raise ApiError(message, next_step="", category=Category.CREDENTIALS, status=answer)
        return type("Reply", (), {"data": answer, "status": 200})()


def seen(invoice: Any, invoices: Any = 404) -> LineSeen:
    client: Any = Answers(invoice, invoices)
    return asyncio.run(read(client, LINE, ON))


def test_a_line_comes_with_its_whole_invoice() -> None:
    """Quantity, version, and all that has to be sent back."""
    found = seen(INVOICE)
    assert found == LineSeen(Decimal("42.5"), "2026-11-01T06:00:00", "")
    assert found.record == INVOICE


def test_everything_goes_back_as_it_was_read() -> None:
    """One quantity differs; siblings, prices and pro rata stay, and the trail stays short."""
    change = WRITE_BACK.change(LINE, seen(INVOICE), Decimal(45), ON)
    assert (change.method, change.path) == ("POST", "/RecurringInvoice")
    assert change.body == [
        INVOICE | {"lines": [ROW | {"qty_order": Decimal(45)}, {"id": 5012, "qty_order": 7}]}
    ]
    assert change.trail == (
        "POST /RecurringInvoice recurring invoice -240, line 5011: qty_order 42.5 -> 45,"
        " everything else as read"
    )
    assert "process" not in change.path


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"disabled": True}, "disabled"),
        ({"requires_approval": True}, "under approval"),
        ({"approval_status": 1}, "under approval"),
        ({"enddate": "2026-11-30T00:00:00"}, "ended on 2026-11-30"),
        ({"contains_calculated_quantity": True}, "works out"),
    ],
)
def test_an_invoice_that_must_be_left_alone(header: dict[str, Any], why: str) -> None:
    """The reason is said, nothing will be sent."""
    assert why in seen(INVOICE | header).cannot_change


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"isinactive": True}, "inactive"),
        ({"isgroupdesc": True}, "heading"),
        ({"onetimecharge": True}, "once only"),
        ({"enddate": "2026-11-30T00:00:00"}, "ended on 2026-11-30"),
        ({"_is_calculated_line": True}, "works out"),
        ({"recurring_invoice_quantity_type": 2}, "works out"),
        ({"quantity_subscriptions": [{"id": 1}]}, "works out"),
    ],
)
def test_a_line_that_must_be_left_alone(row: dict[str, Any], why: str) -> None:
    """So it is with a line that is not billed, or that Halo counts itself."""
    assert why in seen(INVOICE | {"lines": [ROW | row]}).cannot_change


def test_a_line_beside_a_calculated_one_may_be_changed() -> None:
    """Where Halo tells which line it calculates, the others are free; a renewal has no end."""
    other = {"id": 5012, "qty_order": 7, "quantity_licences": [{"id": 1}]}
    own = ROW | {"enddate": "2026-01-31T00:00:00", "autorenew": True}
    record = INVOICE | {"contains_calculated_quantity": True, "lines": [own, other]}
    assert seen(record).cannot_change == ""


def test_gone_is_told_from_a_moved_api() -> None:
    """404 rejects a change only where the list of recurring invoices is still there."""
    assert seen(INVOICE | {"lines": []}).cannot_change == "the line is gone"
    there = {"record_count": 0, "invoices": []}
    assert seen(404, there).cannot_change == "its recurring invoice is gone"
    for moved in (404, 500):
        with pytest.raises(ApiError):
            seen(404, moved)


def test_a_single_record_that_is_refused_is_a_permission() -> None:
    """401 on one record is no token that ended: a new one was refused as well."""
    with pytest.raises(ApiError) as caught:
        seen(401)
    assert caught.value.category is Category.PERMISSION


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [INVOICE],
        INVOICE | {"id": -241},
        INVOICE | {"lines": None},
        INVOICE | {"lines": [ROW, ROW]},
        INVOICE | {"lines": [ROW | {"qty_order": "5"}]},
        {name: value for name, value in INVOICE.items() if name != "disabled"},
    ],
)
def test_an_odd_answer_is_no_fact_about_the_line(answer: Any) -> None:
    """200 without the invoice that was asked for rejects nothing: it is an error of its shape."""
    with pytest.raises(ApiError) as caught:
        seen(answer)
    assert caught.value.category is Category.SHAPE


def test_an_answer_with_a_warning_is_looked_up(make_account: Any) -> None:
    """Nothing but the line itself says what became of a change that was saved with a warning."""
    with running(build_world(7, "small", date(2026, 11, 22)), psa="halopsa") as simulation:
        server: Any = simulation.systems["halopsa"]
        server.app.psa.warning = "The tax code is missing"
        account = make_account("halopsa", resource_url=server.base_url)
        for name in ("client_id", "client_secret"):
            account.secrets.environ[f"HALOPSA_{name.upper()}"] = server.credentials[name]
        line = next(each for each in simulation.world.lines if each.id not in server.state.licences)
        number = str(-line.agreement_id if line.agreement_id % 7 else line.agreement_id)

        async def send() -> None:
            async with HALOPSA.writer(account) as client:  # type: ignore[misc]
                ref = LineRef(number, str(line.id))
                change: Change = WRITE_BACK.change(ref, await read(client, ref, ON), Decimal(9), ON)
                await client.send(change)

        with pytest.raises(ChangeError) as caught:
            asyncio.run(send())
        assert caught.value.certainty is Certainty.UNKNOWN
        assert caught.value.says == "The tax code is missing"
        assert line.quantity == Decimal(9)
