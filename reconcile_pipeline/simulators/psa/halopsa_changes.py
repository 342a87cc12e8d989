"""Changes of recurring invoices: whole records posted back, and what becomes of what is left out.

A POST is an array of records. Lines that a posted invoice does not hold are dropped, properties
that a line does not hold fall back to their defaults, and what Halo calculates stays calculated.
"""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Protocol

from reconcile_pipeline.simulators.psa.halopsa_records import HaloState, HaloView, invoice_id
from reconcile_pipeline.simulators.server import Answer, Query, Refusal, Write
from reconcile_pipeline.simulators.world.records import Agreement, Line

Row = dict[str, Any]


class Commits(Protocol):
    """What the server does for a change: its state, and the log that judges."""

    psa: HaloState
    view: HaloView

    def commit(self, write: Write, apply: Callable[[Decimal], None]) -> None:
        """Apply a change as this call's faults want it."""


class Poster:
    """Takes posted recurring invoices, and posted lines of them."""

    def __init__(self, server: Commits) -> None:
        self._server = server

    def invoices(self, query: Query) -> Answer:
        """Update recurring invoices; the saved record comes back bare or in an array."""
        saved = []
        for record in _records(query):
            agreement = self._agreement(record.get("id"))
            if "lines" in record:
                self._replace_lines(agreement, record["lines"])
            agreement.updated_at = _later(agreement.updated_at)
            row = self._server.view.invoice(agreement, has_lines=True)
            saved.append({**row, "_warning": self._server.psa.warning})
        is_bare = len(saved) == 1 and saved[0]["id"] % 2 == 0
        return Answer(saved[0] if is_bare else saved, HTTPStatus.CREATED)

    def lines(self, query: Query) -> Answer:
        """Update single lines, each named by its own number and its invoice's."""
        records = _records(query)
        for record in records:
            agreement = self._agreement(record.get("ihid"))
            own = {line.id: line for line in self._server.view.lines_of(agreement)}
            line = own.get(_number(record.get("id")))
            if line is None:
                raise Refusal(HTTPStatus.NOT_FOUND, "The line was not found.")
            self._set_quantity(line, _decimal(record, "qty_order"))
        return Answer(records, HTTPStatus.CREATED)

    def process(self, query: Query) -> Answer:
        """Make real invoices, which nobody can take back."""
        ids = json.loads(query.body)
        self._server.psa.minted.extend(ids)
        return Answer(ids, HTTPStatus.CREATED)

    def _agreement(self, number: object) -> Agreement:
        agreements = self._server.psa.world.agreements
        found = next((each for each in agreements if invoice_id(each.id) == number), None)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "The recurring invoice was not found.")
        return found

    def _replace_lines(self, agreement: Agreement, posted: object) -> None:
        if not isinstance(posted, list) or not all(isinstance(row, dict) for row in posted):
            raise Refusal(HTTPStatus.BAD_REQUEST, "lines must be an array.")
        by_id: dict[int, Row] = {_number(row.get("id")): row for row in posted}
        quantities = {number: _decimal(row, "qty_order") for number, row in by_id.items()}
        lines = self._server.view.lines_of(agreement)
        dropped = [line for line in lines if line.id not in by_id]
        for line in lines:
            if line.id in by_id:
                _reset_absent(agreement, line, by_id[line.id])
                self._set_quantity(line, quantities[line.id])
        if dropped:
            gone = {line.id for line in dropped}
            world = self._server.psa.world
            world.lines[:] = [line for line in world.lines if line.id not in gone]
            self._server.psa.changed()

    def _set_quantity(self, line: Line, quantity: Decimal) -> None:
        if quantity == line.quantity:
            return
        agreements = self._server.psa.world.agreements
        agreement = next(each for each in agreements if each.id == line.agreement_id)

        def apply(applied: Decimal) -> None:
            # A calculated line is counted anew at once, whatever somebody wrote.
            line.quantity = self._server.psa.licences.get(line.id, applied)

        number = str(invoice_id(agreement.id))
        self._server.commit(Write(number, str(line.id), line.quantity, quantity, None), apply)


def _reset_absent(agreement: Agreement, line: Line, row: Row) -> None:
    if "unit_price" not in row:
        line.unit_price = Decimal(0)
    if "startdate" not in row:
        line.effective_on = agreement.starts_on
    if "enddate" not in row:
        line.cancelled_on = None


def _records(query: Query) -> list[Row]:
    try:
        body = json.loads(query.body, parse_float=Decimal)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Unexpected character in the body.") from error
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise Refusal(HTTPStatus.BAD_REQUEST, "Cannot deserialize: the body must be an array.")
    return body


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(HTTPStatus.BAD_REQUEST, "id must be a number.")
    return value


def _decimal(row: Row, name: str) -> Decimal:
    value = row.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} must be a number.")
    return Decimal(value).normalize() + 0


def _later(stamp: str) -> str:
    """The moment of a change: a second after the one before."""
    day, seconds = date.fromisoformat(stamp[:10]), (int(stamp[17:19]) + 1) % 60
    return f"{day}{stamp[10:17]}{seconds:02}Z"
