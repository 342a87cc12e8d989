"""Adjustments of the PSA: units added to a line or taken away from a day on, and all refusals.

What the API answers for a change; the rows of units themselves are in `autotask_units`.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Protocol

from reconcile_pipeline.simulators.psa.autotask_fields import ADJUSTMENTS, typed
from reconcile_pipeline.simulators.psa.autotask_queries import day_of, refuse
from reconcile_pipeline.simulators.psa.autotask_records import AutotaskView
from reconcile_pipeline.simulators.psa.autotask_units import NO_END, UnitsBook, shown_day
from reconcile_pipeline.simulators.server import Answer, Query, Refusal, State, Write
from reconcile_pipeline.simulators.world.records import Agreement, Line

BUNDLE = "bundle:"
"""Stands before the id of a line that is a bundle: both twins have numbers of their own."""
DUPLICATE = "Attempt to insert duplicate data into contract_service_period"
Body = dict[str, Any]


class Commits(Protocol):
    """What the server does for a change: its state, and the log that judges."""

    state: State

    def commit(self, write: Write, apply: Callable[[Decimal], None]) -> None:
        """Apply a change as this call's faults want it."""


class Adjuster:
    """Takes adjustments of services and of bundles."""

    def __init__(self, server: Commits, book: UnitsBook, view: AutotaskView) -> None:
        self._server = server
        self._book = book
        self._view = view
        self._adjusted: set[tuple[int, date]] = set()

    def poster(self, kind: str) -> Callable[..., Answer]:
        """The handler of one twin, directly or below its contract."""

        def post(query: Query, parent: str | None = None) -> Answer:
            self._adjust(kind, _read(query.body, kind, parent))
            # Adjustments can't be read again, so they have no id.
            return Answer({"itemId": None})

        return post

    def _adjust(self, kind: str, body: Body) -> None:
        change = _whole(body.get("unitChange"), "unitChange")
        day = day_of(body.get("effectiveDate"))
        line = self._line(kind, body)
        contract = self._contract(line)
        as_of = self._server.state.world.as_of
        if not shown_day(contract.starts_on, as_of) <= day <= (contract.ends_on or NO_END):
            raise refuse("effectiveDate must be within the dates of the contract.")
        if (line.id, day) in self._adjusted:
            raise refuse(DUPLICATE)
        running = self._book.running(line.id, day)
        if running is not None and running.posted_on is not None:
            raise refuse("The period of effectiveDate has already been approved and posted.")
        if self._book.lowest_after(line.id, day) + change < 0:
            raise refuse("The number of units can't be less than 0.")
        before = Decimal(running.units if running else 0)

        def apply(quantity: Decimal) -> None:
            lines = self._server.state.world.lines
            if line not in lines:
                lines.append(line)
            self._book.set_total(line.id, day, int(quantity))
            self._adjusted.add((line.id, day))

        self._server.commit(
            Write(str(contract.id), f"{kind}{line.id}", before, before + change, day), apply
        )

    def _line(self, kind: str, body: Body) -> Line:
        """The line by its id, or by contract and service; a second of those is made if wanted."""
        id_field, item_field, repeat = _names(kind)
        lines = self._view.lines(bundles=bool(kind))
        contract_id = body.get("contractID")
        if body.get(id_field) is not None:
            found = [line for line in lines if line.id == body[id_field]]
            if not found or contract_id not in (None, found[0].agreement_id):
                raise refuse(f"{id_field} {body[id_field]} does not exist on this contract.")
            return found[0]
        if contract_id is None or body.get(item_field) is None:
            raise refuse(f"{id_field}, or contractID and {item_field}, must be given.")
        on_contract = [line for line in lines if line.agreement_id == contract_id]
        matching = [line for line in on_contract if line.product_id == body[item_field]]
        if matching and body.get(repeat) is not True:
            return matching[0]
        return self._new_line(kind, contract_id, body[item_field], body)

    def _new_line(self, kind: str, contract_id: object, item_id: object, body: Body) -> Line:
        world = self._server.state.world
        products = {product.id: product for product in world.products if product.is_recurring}
        contracts = {agreement.id for agreement in world.agreements}
        line = Line(
            id=max((each.id for each in world.lines), default=9000) + 1,
            agreement_id=_whole(contract_id, "contractID"),
            product_id=_whole(item_id, "serviceID"),
            quantity=Decimal(0),
            unit_price=Decimal(0),
            effective_on=day_of(body.get("effectiveDate")),
            updated_at=f"{world.as_of.isoformat()}T12:00:00Z",
        )
        if line.agreement_id not in contracts or line.product_id not in products:
            raise refuse("The contract or the service does not exist.")
        if self._view.is_bundle(line) is not bool(kind):
            raise refuse("The contract or the service does not exist.")
        line.unit_price = products[line.product_id].price
        self._book.open_line(line)
        return line

    def _contract(self, line: Line) -> Agreement:
        agreements = self._server.state.world.agreements
        return next(each for each in agreements if each.id == line.agreement_id)


def _names(kind: str) -> tuple[str, str, str]:
    if kind:
        return "contractServiceBundleID", "serviceBundleID", "allowRepeatServiceBundle"
    return "contractServiceID", "serviceID", "allowRepeatService"


def _read(content: bytes, kind: str, parent: str | None) -> Body:
    """The body as an object with the API's own field names, which may be written in any case."""
    try:
        raw = json.loads(content)
    except ValueError as error:
        raise refuse("The body is not valid JSON.") from error
    if not isinstance(raw, Mapping):
        raise refuse("The body must be an object.")
    entity = "ContractServiceBundleAdjustments" if kind else "ContractServiceAdjustments"
    known = {name.lower(): name for name in typed(ADJUSTMENTS[entity])}
    body: Body = {}
    for name, value in raw.items():
        if name.lower() not in known:
            raise refuse(f"Could not find member '{name}' on object of type '{entity}'.")
        body[known[name.lower()]] = value
    if parent is not None:
        if body.get("contractID", int(parent)) != int(parent):
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "contractID is not the parent's id.")
        body["contractID"] = int(parent)
    return body


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise refuse(f"{name} is required and must be a whole number.")
    return int(value)
