"""How Halo writes its records as JSON, made when asked for, from the world.

A recurring invoice is an agreement of the world, its contract has the agreement's number. Chosen by
id: which invoices have a number above zero, how an empty date looks, which lines stand in a bundle,
renew themselves or came from another client, and what stands on an invoice besides the lines.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from reconcile_pipeline.simulators.server import State
from reconcile_pipeline.simulators.stamps import Stamps
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.dates import month_end
from reconcile_pipeline.simulators.world.records import Agreement, Company, Line, Product

UNKNOWN_CLIENT = 1
"""The client that every Halo has from the start."""
HEADING, METER, BUNDLE = 1_000_000, 2_000_000, 3_000_000
"""Added to an agreement's or a line's number: the number of what stands on the invoice besides."""
EMPTY_DATES = ("1901-01-01T00:00:00", "1900-01-01T00:00:00", "0001-01-01T00:00:00", None)
MONTHS = {lookups.MONTHLY: 1, lookups.QUARTERLY: 3, lookups.YEARLY: 12}
Row = dict[str, Any]


@dataclass(slots=True)
class HaloState(State):
    """Halo's state, and what a test may turn while it runs."""

    largest_page: int = 100
    granted: set[str] = field(default_factory=set)
    """Scopes of the application; asking for another one is refused."""
    licences: dict[int, Decimal] = field(default_factory=dict)
    """By line: the count that Halo writes over its quantity, whatever somebody wrote."""
    pending: set[int] = field(default_factory=set)
    """Agreements whose recurring invoice waits for an approval."""
    is_detail_refused: bool = False
    """The agent may list records and not open one: 401, with a good token."""
    server_zone_hours: int = 0
    """How far the server's zone is from UTC: filters without a zone are understood in it."""
    unpaged: set[str] = field(default_factory=set)
    """Lists that ignore paging: a bare array, cut off."""
    warning: str = ""
    """What answers to changes warn of."""
    minted: list[Any] = field(default_factory=list)
    """Recurring invoices that somebody made real invoices of."""


def invoice_id(agreement_id: int) -> int:
    """The recurring invoice's number: negative, as on live systems, and now and then not."""
    return agreement_id if agreement_id % 7 == 0 else -agreement_id


class HaloView:
    """Indexes of a world, and the JSON of each record."""

    def __init__(self, state: HaloState) -> None:
        self._state = state
        world = state.world
        self.stamps = Stamps(state, clients=lambda: world.companies)
        self._version = -1
        self._reindex()

    def _reindex(self) -> None:
        if self._version == self._state.version:
            return
        self._version = self._state.version
        world = self._state.world
        self._names = {company.id: company.name for company in world.companies}
        self._products = {product.id: product for product in world.products}
        self._lines: dict[int, list[Line]] = defaultdict(list)
        for line in world.lines:
            self._lines[line.agreement_id].append(line)

    def lines_of(self, agreement: Agreement) -> list[Line]:
        """The lines of the world on one recurring invoice."""
        self._reindex()
        return self._lines[agreement.id]

    def clients(self) -> list[Row]:
        """Every client; whoever buys nothing is kept inactive."""
        rows = [self._client(company) for company in self._state.world.companies]
        return [{**_CLIENT, "id": UNKNOWN_CLIENT, "name": "Unknown", "inactive": False}, *rows]

    def client_stamps(self) -> dict[int, str]:
        """When each client was changed last, by its number."""
        self.stamps.look()
        companies = self._state.world.companies
        made = f"{self._state.world.as_of.year - 3}-01-07T09:00:00Z"
        stamps = {company.id: self.stamps.of("clients", company) for company in companies}
        return {UNKNOWN_CLIENT: made, **stamps}

    def _client(self, company: Company) -> Row:
        is_customer = not set(company.type_ids) <= {lookups.PROSPECT}
        is_active = is_customer and not company.is_deleted
        return {
            **_CLIENT,
            "id": company.id,
            "name": company.name,
            "inactive": not is_active or company.status_id == lookups.INACTIVE,
            "main_site_id": company.id * 2,
            "main_site_name": "Main",
        }

    def contract(self, agreement: Agreement) -> Row:
        """The contract behind a recurring invoice; it lends its name and type."""
        return {
            "id": agreement.id,
            "ref": agreement.name,
            "client_id": agreement.company_id,
            "client_name": self._names[agreement.company_id],
            "site_id": 0,
            "start_date": _stamp(agreement.starts_on),
            "end_date": _stamp(agreement.ends_on, agreement.id),
            "active": agreement.status == "Active",
            "contracttype": agreement.type_id,
            "contracttype_name": lookups.AGREEMENT_TYPE_NAME[agreement.type_id],
            "contract_status": agreement.status,
            "dontinvoice": False,
            "last_modified": agreement.updated_at.removesuffix("Z"),
        }

    def item(self, product: Product) -> Row:
        """One item of the catalogue."""
        price, cost = float(product.price), float(product.cost)
        return {
            "id": product.id,
            "name": product.description,
            "status": 0,
            "assetgroup_id": 55,
            "baseprice": price,
            "costprice": cost,
            "recurringprice": price if product.is_recurring else 0.0,
            "recurringcost": cost if product.is_recurring else 0.0,
            "isrecurringitem": product.is_recurring,
            "dontinvoice": False,
            "supplier_part_code": product.vendor_sku,
            "lastmodified": f"{self._state.world.as_of.year - 1}-05-01T00:00:00",
        }

    def invoice(self, agreement: Agreement, *, has_lines: bool) -> Row:
        """One recurring invoice; without lines, as lists have it unless they are asked for."""
        self._reindex()
        months = MONTHS.get(agreement.cycle_id or 0, 0)
        as_of = self._state.world.as_of
        is_linked = agreement.id % 5 != 3  # noqa: PLR2004 one in five has no contract
        waits = agreement.id in self._state.pending
        row: Row = {
            "id": invoice_id(agreement.id),
            "client_id": agreement.company_id,
            "client_name": self._names[agreement.company_id],
            "contract_id": agreement.id if is_linked else 0,
            "contract_ref": agreement.name if is_linked else "",
            "is_recurring_invoice": True,
            "disabled": agreement.is_cancelled or agreement.status != "Active",
            "schedule_id": agreement.id + 400 if months else 0,
            "nextcreationdate": _stamp(month_end(as_of) if months else None, agreement.id),
            "period": months,
            "period_type": 0,
            "periodname": lookups.CYCLE_NAME[agreement.cycle_id or 0] if months else "",
            "startdate": _stamp(agreement.starts_on),
            "enddate": _stamp(agreement.ends_on, agreement.id),
            "currency_code": 1,
            "approval_status": 1 if waits else 0,
            "requires_approval": waits,
            "contains_calculated_quantity": any(
                line.id in self._state.licences for line in self._lines[agreement.id]
            ),
            "client_to_invoice_to_id": agreement.bill_to_id,
            "last_modified": agreement.updated_at.removesuffix("Z"),
            "_warning": "",
        }
        if has_lines:
            row["lines"] = list(self._invoice_lines(agreement))
        return row

    def _invoice_lines(self, agreement: Agreement) -> Iterator[Row]:
        if agreement.id % 5 == 0:
            yield _extra(agreement, HEADING + agreement.id, 0, isgroupdesc=True)
        for line in self._lines[agreement.id]:
            yield self._line(agreement, line)
            if _is_in_bundle(line, self._state.world.as_of):
                parent = {"group_id": line.id, "qty_order": float(line.quantity)}
                yield _extra(agreement, BUNDLE + line.id, line.product_id, **parent)
        if agreement.id % 6 == 0:
            item = self._state.world.products[0].id
            yield _extra(agreement, METER + agreement.id, item, is_meter=True, qty_order=250.0)

    def _line(self, agreement: Agreement, line: Line) -> Row:
        as_of = self._state.world.as_of
        product = self._products[line.product_id]
        is_free = line.bill_customer == "NoCharge"
        price = Decimal(0) if is_free else line.unit_price
        ends_on = line.cancelled_on - timedelta(days=1) if line.cancelled_on else None
        is_over = line.cancelled_on is not None and line.cancelled_on <= as_of
        # Every other line that is over was only switched off, its dates left as they were.
        is_off = is_over and line.id % 2 == 0
        renews = line.id % 11 == 0 and line.cancelled_on is None
        return {
            **_LINE,
            "id": line.id,
            "ihid": invoice_id(agreement.id),
            # What is free is a line of text here.
            "_itemid": 0 if is_free else product.id,
            "item_code": product.identifier,
            "item_shortdescription": product.description,
            "qty_order": float(line.quantity),
            "unit_price": float(price),
            "unit_cost": float(product.cost),
            "net_amount": float((line.quantity * price).quantize(Decimal("0.01"))),
            "isinactive": line.bill_customer == "DoNotBill" or is_off,
            "startdate": _stamp(line.effective_on),
            "enddate": _stamp(
                month_end(as_of, -2) if renews else None if is_off else ends_on, line.id
            ),
            "autorenew": line.cancelled_on is None,
            "onetimecharge": agreement.is_one_time,
            "group_id": line.id if _is_in_bundle(line, as_of) else 0,
            "is_bundled_line": _is_in_bundle(line, as_of),
            "original_client_id": agreement.company_id + 1 if line.id % 17 == 0 else 0,
            **self._calculation(line),
        }

    def _calculation(self, line: Line) -> Row:
        """The three ways in which a line shows that Halo works out its quantity."""
        if line.id not in self._state.licences:
            return {}
        licence = {"id": line.id * 3, "invoice_line_id": line.id, "licence_id": line.id % 90 + 1}
        ways: tuple[Row, ...] = (
            {"_is_calculated_line": True},
            {"quantity_licences": [licence]},
            {"recurring_invoice_quantity_type": 2},
        )
        return ways[line.id % len(ways)]


_CLIENT: Row = {
    "toplevel_id": 1,
    "toplevel_name": "Northgate",
    "colour": "#2bd3c6",
    "accountsid": "",
    "client_to_invoice": 0,
    "use": "customer",
}
_LINE: Row = {
    "item_longdescription": "",
    "qty_order": 1.0,
    "unit_price": 0.0,
    "unit_cost": 0.0,
    "net_amount": 0.0,
    "tax_code": "1",
    "tax_rate": 20.0,
    "nominal_code": "4000",
    "isinactive": False,
    "startdate": EMPTY_DATES[0],
    "enddate": EMPTY_DATES[0],
    "autorenew": True,
    "billingperiod": 1,
    "line_periods": 1,
    "onetimecharge": False,
    "group_id": 0,
    "isgroupdesc": False,
    "is_bundled_line": False,
    "is_meter": False,
    "recurring_invoice_quantity_type": 0,
    "_is_calculated_line": False,
    "quantity_licences": [],
    "quantity_subscriptions": [],
    "quantity_users": [],
    "quantity_assets": [],
    "prorata_next_invoice": False,
    "prorata_quantity": 0.0,
    "prorata_data": [],
}


def _extra(agreement: Agreement, number: int, item: int, **values: Any) -> Row:  # noqa: ANN401
    own = {"id": number, "ihid": invoice_id(agreement.id), "_itemid": item}
    text = {"item_code": "", "item_shortdescription": f"Row {number}"}
    return {**_LINE, **own, **text, "onetimecharge": agreement.is_one_time, **values}


def _is_in_bundle(line: Line, as_of: date) -> bool:
    is_plain = line.bill_customer == "Billable" and line.effective_on <= as_of
    return is_plain and line.cancelled_on is None and line.id % 13 == 0


def _stamp(day: date | None, number: int = 0) -> str | None:
    """A moment; an empty one in one of the shapes it takes, turn and turn about."""
    return EMPTY_DATES[number % len(EMPTY_DATES)] if day is None else f"{day}T00:00:00"
