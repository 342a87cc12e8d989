"""What the registry can't tell of a PSA that can be written: how people and mishaps are played.

A new kind of PSA needs an entry in `PLAYS` here and nothing else in this folder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from reconcile_pipeline.model import Category
from reconcile_pipeline.simulators.serve import SimulatedServer
from reconcile_pipeline.simulators.truth.halopsa import shown
from reconcile_pipeline.simulators.world.records import Agreement, Line

EFFECTIVE = date(2026, 12, 1)
Break = Callable[[SimulatedServer, Agreement, Line], None]


@dataclass(frozen=True)
class Play:
    """How people and mishaps are played in one PSA."""

    method: str
    changing: str
    """A pattern of the paths of calls that change a line."""
    shown: Callable[[SimulatedServer, str, date], Decimal | None]
    """What the PSA invoices for a line from a day on."""
    edit: Callable[[SimulatedServer, str, Decimal], None]
    """Somebody sets a line's quantity in the PSA itself."""
    breaks: dict[str, Break]
    """What makes a line one that must not be changed, by what the refusal says of it."""
    refusals: tuple[int, ...]
    """Statuses of answers that mean: refused, nothing was changed."""
    agreement_number: Callable[[int], int] = int
    """From the world's number of an agreement to the PSA's."""
    calls_per_look: int = 2
    """How many calls it takes to read a line."""
    reading: Callable[[str], str] = lambda _line_id: r"(?i)^(?!.*zoneinformation)"
    """A pattern of the paths of calls that read a line."""
    calls_to_start: int = 0
    """Calls of a new client before it looks at its first line."""
    token_path: str = ""
    """Where a client asks for a token; it asks once more when a call is refused as 401."""
    means_by_401: Category = Category.CREDENTIALS
    """What a line that is refused with 401 stands for, when a new token is refused as well."""

    @property
    def tries(self) -> int:
        """How often a call is made that is answered 401 each time."""
        return 2 if self.token_path else 1


def line_of(server: SimulatedServer, line_id: str) -> Line:
    return next(line for line in server.state.world.lines if line.id == int(line_id))


def _set(record: str, **values: Any) -> Break:
    def change(_server: SimulatedServer, agreement: Agreement, line: Line) -> None:
        for name, value in values.items():
            setattr(agreement if record == "agreement" else line, name, value)

    return change


def _delete(record: str) -> Break:
    def delete(server: SimulatedServer, agreement: Agreement, line: Line) -> None:
        world = server.state.world
        if record == "agreement":
            world.agreements.remove(agreement)
        else:
            world.lines.remove(line)

    return delete


def _post(server: Any, _agreement: Agreement, line: Line) -> None:
    server.app.units_on(str(line.id), EFFECTIVE)
    server.app.book.running(line.id, EFFECTIVE).posted_on = EFFECTIVE


def _edit_addition(server: SimulatedServer, line_id: str, quantity: Decimal) -> None:
    line_of(server, line_id).quantity = quantity


def _edit_units(server: Any, line_id: str, quantity: Decimal) -> None:
    server.app.edit_line(line_id, quantity, EFFECTIVE)


def _units(server: Any, line_id: str, day: date) -> Decimal | None:
    units = server.app.units_on(line_id, day)
    return None if units is None else Decimal(units)


def _calculate(server: Any, _agreement: Agreement, line: Line) -> None:
    server.app.psa.licences[line.id] = line.quantity


def _count(server: Any, _agreement: Agreement, line: Line) -> None:
    server.app.psa.counted.add(line.id)


def _submit(server: Any, agreement: Agreement, _line: Line) -> None:
    server.app.psa.pending.add(agreement.id)


PLAYS = {
    "connectwise": Play(
        method="PATCH",
        calls_per_look=1,
        reading=lambda line_id: rf"/additions/{line_id}$",
        changing=r"/additions/\d+$",
        shown=lambda server, line_id, _day: line_of(server, line_id).quantity,
        edit=_edit_addition,
        breaks={
            "the line was deleted": _delete("line"),
            "its agreement was deleted": _delete("agreement"),
            "the line was cancelled on 2026-11-30": _set("line", cancelled_on=date(2026, 11, 30)),
            "the line is not billed any more": _set("line", bill_customer="DoNotBill"),
            "its agreement is not active any more (Cancelled)": _set(
                "agreement", status="Cancelled", is_cancelled=True
            ),
            "its agreement is not active any more (Expired)": _set("agreement", status="Expired"),
        },
        refusals=(400, 409, 412, 422),
    ),
    "autotask": Play(
        method="POST",
        changing=r"(?i)/ContractServiceAdjustments$",
        shown=_units,
        edit=_edit_units,
        breaks={
            "the line is gone": _delete("line"),
            "its contract is gone": _delete("agreement"),
            "its contract is not active": _set("agreement", status="Cancelled", is_cancelled=True),
            "its contract runs from": _set("agreement", ends_on=date(2026, 11, 30)),
            "has been invoiced already": _post,
        },
        refusals=(400, 409, 412, 422, 500),
    ),
    "syncro": Play(
        method="PUT",
        calls_per_look=1,
        reading=lambda _line_id: r"/schedules/\d+$",
        changing=r"/line_items/\d+$",
        shown=lambda server, line_id, _day: line_of(server, line_id).quantity,
        edit=lambda server, line_id, qty: server.app.edit_line(line_id, qty, EFFECTIVE),
        breaks={
            "the line is gone": _delete("line"),
            "its schedule is gone": _delete("agreement"),
            "its schedule is paused": _set("agreement", status="Inactive"),
            "the line is charged once only": _set("agreement", is_one_time=True),
            "Syncro counts the line itself": _count,
        },
        refusals=(400, 404, 409, 422),
    ),
    "halopsa": Play(
        method="POST",
        changing=r"/api/RecurringInvoice$",
        calls_per_look=1,
        reading=lambda _line_id: r"/api/RecurringInvoice/",
        calls_to_start=2,
        token_path="/auth/token",
        means_by_401=Category.PERMISSION,
        agreement_number=shown,
        shown=lambda server, line_id, _day: line_of(server, line_id).quantity,
        edit=lambda server, line_id, qty: server.app.edit_line(line_id, qty, EFFECTIVE),
        breaks={
            "the line is gone": _delete("line"),
            "its recurring invoice is gone": _delete("agreement"),
            "its recurring invoice is disabled": _set("agreement", status="Inactive"),
            "its recurring invoice is under approval": _submit,
            "its recurring invoice ended on": _set("agreement", ends_on=date(2026, 11, 30)),
            "the line is inactive": _set("line", bill_customer="DoNotBill"),
            "the line is charged once only": _set("agreement", is_one_time=True),
            "the line ended on 2026-11-30": _set("line", cancelled_on=date(2026, 12, 1)),
            "HaloPSA works out the quantity": _calculate,
        },
        refusals=(400, 404, 409, 422),
    ),
}
