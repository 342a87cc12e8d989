"""How Syncro writes its records as JSON, made when asked for, from the world.

A schedule knows no dates and no status but paused, so whatever is out of force elsewhere is paused
here, and lines that are not billed now are not on it. Chosen by id: customers without a business
name, lines that Syncro counts itself, and manual lines that are charged once.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from reconcile_pipeline.simulators.server import State
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.records import Agreement, Company, Line, Product

Row = dict[str, Any]
VISIT = 5_000_000
"""What the id of a manual line is above that of its schedule."""
FREQUENCIES = {
    lookups.MONTHLY: "Monthly",
    lookups.QUARTERLY: "Quarterly",
    lookups.YEARLY: "Annually",
    lookups.ONCE: "Monthly",
}


@dataclass(slots=True)
class SyncroState(State):
    """The PSA's state, and what a test may turn while it runs."""

    has_lines_in_list: bool = True
    """Whether the list of schedules holds their lines; the single schedule always does."""
    page_length: int = 25
    """Records a page: fixed by the server, and not told."""
    counted: set[int] = field(default_factory=set)
    """Lines whose quantity Syncro counts itself."""
    descriptions: dict[int, str] = field(default_factory=dict)
    """Texts of lines that were changed through the API, by line id."""
    untaxed: set[int] = field(default_factory=set)
    """Lines whose `taxable` was reset because a change did not name it."""


class SyncroView:
    """Indexes of a world, and the JSON of each record."""

    def __init__(self, state: SyncroState) -> None:
        self._state = state
        self._version = -1
        self._reindex()

    def _reindex(self) -> None:
        if self._version == self._state.version:
            return
        self._version = self._state.version
        world = self._state.world
        self._products = {product.id: product for product in world.products}
        self._lines: dict[int, list[Line]] = defaultdict(list)
        for line in world.lines:
            self._lines[line.agreement_id].append(line)

    def lines_of(self, agreement: Agreement) -> list[Line]:
        """The lines of the world that stand on a schedule: those that are billed now."""
        self._reindex()
        return [line for line in self._lines[agreement.id] if is_shown(line, self._state)]

    def customer(self, company: Company) -> Row:
        """One customer; whoever buys nothing is kept disabled."""
        is_person = company.id % 17 == 0
        first, _, last = company.contact.partition(" ")
        return {
            "id": company.id,
            "firstname": first,
            "lastname": last,
            "fullname": company.name if is_person else company.contact,
            "business_name": None if is_person else company.name,
            "business_then_name": company.name,
            "email": f"billing@{company.identifier.lower()}.example",
            "disabled": is_disabled(company),
            "online_profile_url": f"https://northgate.syncromsp.com/my_profile/v2/{company.id * 7}",
            "properties": {},
            "contacts": [],
            "created_at": "2021-10-21T08:33:21.053Z",
            "updated_at": company.updated_at,
        }

    def schedule(self, agreement: Agreement, *, has_lines: bool) -> Row:
        """One schedule; lists may leave its lines empty."""
        return {
            "id": agreement.id,
            "account_id": 1,
            "customer_id": agreement.company_id,
            "name": agreement.name,
            "frequency": FREQUENCIES.get(agreement.cycle_id or 0, "Monthly"),
            "next_run": f"{month_start(self._state.world.as_of, 1)}T00:00:00.000Z",
            "paused": is_paused(agreement, self._state),
            "email_customer": True,
            "snail_mail": False,
            "charge_mop": False,
            "invoice_unbilled_ticket_charges": False,
            "subtotal": 0.0,
            "last_invoice_paid": None,
            "lines": list(self._rows(agreement)) if has_lines else [],
        }

    def product(self, product: Product) -> Row:
        """One product; its `quantity` is stock on hand."""
        return {
            "id": product.id,
            "name": product.description,
            "description": "",
            "price_cost": float(product.cost),
            "price_retail": float(product.price),
            "price_wholesale": 0,
            "quantity": product.id % 40,
            "maintain_stock": not product.is_recurring,
            "disabled": product.is_inactive,
            "taxable": True,
            "product_category": product.product_class,
            "upc_code": None,
            "vendor_ids": [],
            "product_skus": [],
        }

    def line(self, agreement: Agreement, line: Line, position: int = 0) -> Row:
        """One line; its quantity is a text."""
        product = self._products[line.product_id]
        return {
            "id": line.id,
            "schedule_id": agreement.id,
            "product_id": product.id,
            "name": product.description,
            "description": self._state.descriptions.get(line.id, "Per unit"),
            "quantity": as_text(line.quantity),
            "retail_cents": int(line.unit_price * 100),
            "cost_cents": int(product.cost * 100),
            "price_retail": float(line.unit_price),
            "price_cost": float(product.cost),
            "taxable": line.id not in self._state.untaxed,
            "position": position,
            "user_id": 1,
            "product_category": None,
            "asset_type_id": None,
            "recurring_type_id": 3 if line.id in self._state.counted else None,
            "device_ids": [],
            "one_time_charge": agreement.is_one_time,
        }

    def _rows(self, agreement: Agreement) -> Iterator[Row]:
        for position, line in enumerate(self.lines_of(agreement)):
            yield self.line(agreement, line, position)
        if agreement.id % 6 == 0:
            yield {
                "id": VISIT + agreement.id,
                "schedule_id": agreement.id,
                "product_id": None,
                "name": "On-site  visit",
                "description": "",
                "quantity": "1.5",
                "retail_cents": 9500,
                "cost_cents": 0,
                "taxable": True,
                "position": 99,
                "recurring_type_id": None,
                "one_time_charge": True,
            }


def is_disabled(company: Company) -> bool:
    """Prospects, former customers and those that were deleted elsewhere."""
    is_customer = not set(company.type_ids) <= {lookups.PROSPECT}
    return company.is_deleted or company.status_id == lookups.INACTIVE or not is_customer


def is_paused(agreement: Agreement, state: State) -> bool:
    """Whatever must not be invoiced now; a one-time agreement runs, its lines bill once."""
    day = state.world.as_of
    is_over = agreement.ends_on is not None and agreement.ends_on < day
    is_off = agreement.is_cancelled or agreement.status != "Active"
    has_cycle = agreement.cycle_id not in (None, lookups.ONCE)
    return is_off or is_over or agreement.starts_on > day or not has_cycle


def is_shown(line: Line, state: State) -> bool:
    """Billed, begun and not cancelled."""
    day = state.world.as_of
    is_over = line.cancelled_on is not None and line.cancelled_on <= day
    return line.bill_customer == "Billable" and line.effective_on <= day and not is_over


def as_text(quantity: Decimal) -> str:
    """A quantity as it comes: a text with a fraction, at least one digit of it."""
    text = f"{quantity.normalize():f}"
    return text if "." in text else f"{text}.0"
