"""The invoices that the made-up MSP has made in Kaseya BMS: one per customer and month, some odd.

A contract is on its customer's invoice of every month that its billing cycle reaches, counted from
the month it began. The last invoice shows the lines in force on the world's day; older ones show
one unit more of each, so that whoever reads the wrong one is found out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.dates import month_start
from reconcile_pipeline.simulators.world.records import Agreement, Line, World

CYCLE_MONTHS = {lookups.MONTHLY: 1, lookups.QUARTERLY: 3, lookups.YEARLY: 12}
MONTHS_KEPT = 14
ITEMS_PER_LINE = 1000
IDS_PER_COMPANY = 1000
DRAFT, VOID, CREDIT, RUN = 500, 600, 700, 900
SERVICE, PRORATED, PRODUCT = "Recurring Services", "Prorated", "Product"


@dataclass(slots=True)
class Item:
    """One line of an invoice; no contract is 0."""

    id: int
    contract_id: int
    name: str
    type_name: str
    qty: Decimal
    unit_price: Decimal


@dataclass(slots=True)
class Invoice:
    """One invoice of one account."""

    id: int
    account_id: int
    made_on: date
    status: str
    items: list[Item] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """What the customer pays, or gets back."""
        return sum((item.qty * item.unit_price for item in self.items), Decimal(0))


@dataclass(slots=True)
class InvoiceRun:
    """Invoices made on a day for everything that was on contracts then."""

    made_on: date
    quantities: dict[int, Decimal]


class InvoiceBook:
    """Every invoice of a world; made anew when asked, so that it follows the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.billed: dict[int, Decimal] = {}
        """Units that were invoiced of lines that somebody has edited since."""
        self.runs: list[InvoiceRun] = []

    def invoices(self) -> list[Invoice]:
        """All invoices, by id."""
        made: list[Invoice] = []
        names = {product.id: product.description for product in self._world.products}
        lines: dict[int, list[Line]] = defaultdict(list)
        for line in self._world.lines:
            if is_on_contract(line, self._world.as_of):
                lines[line.agreement_id].append(line)
        contracts: dict[int, list[Agreement]] = defaultdict(list)
        for agreement in self._world.agreements:
            if agreement.cycle_id in CYCLE_MONTHS and agreement.status == "Active":
                contracts[agreement.company_id].append(agreement)
        for company_id, owned in contracts.items():
            made.extend(_of_company(company_id, owned, lines, _Maker(self._world, names, self)))
        return sorted(made, key=lambda invoice: invoice.id)

    def run(self, made_on: date) -> None:
        """Invoice everything that is on contracts now."""
        self.runs.append(
            InvoiceRun(made_on, {line.id: line.quantity for line in self._world.lines})
        )


class _Maker:
    """What it takes to write the invoices of one customer."""

    def __init__(self, world: World, names: Mapping[int, str], book: InvoiceBook) -> None:
        self.as_of = world.as_of
        self.runs = book.runs
        self._names = names
        self._billed = book.billed

    def item(self, line: Line, slot: int, extra: Decimal, type_name: str = SERVICE) -> Item:
        quantity = self._billed.get(line.id, line.quantity) + extra
        return self._item(line, slot, quantity, type_name)

    def item_of_run(self, line: Line, slot: int, quantity: Decimal) -> Item:
        return self._item(line, slot, quantity, SERVICE)

    def prorated(self, line: Line, slot: int) -> Item:
        return self._item(line, slot, Decimal(1), PRORATED)

    def _item(self, line: Line, slot: int, quantity: Decimal, type_name: str) -> Item:
        return Item(
            id=line.id * ITEMS_PER_LINE + slot,
            contract_id=line.agreement_id,
            name=self._names[line.product_id],
            type_name=type_name,
            qty=quantity,
            unit_price=line.unit_price,
        )


def is_on_contract(line: Line, day: date) -> bool:
    """Whether a line bills on a day: what is free or not billed is no contract line here."""
    is_over = line.cancelled_on is not None and line.cancelled_on <= day
    return line.bill_customer == "Billable" and line.effective_on <= day and not is_over


def is_due(agreement: Agreement, day: date) -> bool:
    """Whether the contract is on an invoice of the day, a first of a month."""
    if agreement.starts_on > day or (agreement.ends_on is not None and agreement.ends_on < day):
        return False
    months = (day.year - agreement.starts_on.year) * 12 + day.month - agreement.starts_on.month
    return months % CYCLE_MONTHS[agreement.cycle_id or 0] == 0


def _of_company(
    company_id: int, owned: list[Agreement], lines: Mapping[int, list[Line]], maker: _Maker
) -> Iterator[Invoice]:
    seen: set[int] = set()
    last: list[Line] = []
    for months in range(MONTHS_KEPT):
        day = month_start(maker.as_of, -months)
        invoice = Invoice(company_id * IDS_PER_COMPANY + months, company_id, day, "Sent")
        for agreement in owned:
            if not is_due(agreement, day):
                continue
            is_last = agreement.id not in seen
            seen.add(agreement.id)
            mine = lines.get(agreement.id, [])
            extra = Decimal(0 if is_last else 1)
            invoice.items += [maker.item(line, months, extra) for line in mine]
            if is_last and mine and agreement.id % 7 == 3:  # noqa: PLR2004 changed in mid-month
                invoice.items.append(maker.prorated(mine[0], months + 100))
            if is_last:
                last += mine
        if invoice.items and company_id % 6 == 0:
            invoice.items.append(_keyboard(invoice.id))
        if invoice.items:
            yield invoice
    yield from _runs(company_id, last, maker)
    if last:
        yield from _oddities(company_id, last[0], maker)


def _keyboard(invoice_id: int) -> Item:
    """Something sold once, on no contract."""
    number = 10**9 + invoice_id
    return Item(number, 0, "Wireless keyboard", PRODUCT, Decimal(2), Decimal(35))


def _runs(company_id: int, lines: list[Line], maker: _Maker) -> Iterator[Invoice]:
    for number, run in enumerate(maker.runs):
        made = Invoice(company_id * IDS_PER_COMPANY + RUN + number, company_id, run.made_on, "Sent")
        made.items = [
            maker.item_of_run(line, RUN + number, run.quantities[line.id])
            for line in lines
            if line.id in run.quantities
        ]
        if made.items:
            yield made


def _oddities(company_id: int, line: Line, maker: _Maker) -> Iterator[Invoice]:
    """A draft, a voided one, a credit note: all newer than the last invoice, none to be counted."""
    first = company_id * IDS_PER_COMPANY
    if company_id % 5 == 0:
        items = [maker.item(line, DRAFT, Decimal(5))]
        yield Invoice(first + DRAFT, company_id, maker.as_of, "Draft", items)
    if company_id % 5 == 1:
        items = [maker.item(line, VOID, Decimal(9))]
        yield Invoice(first + VOID, company_id, maker.as_of, "Void", items)
    if company_id % 7 == 2:  # noqa: PLR2004 one in seven
        item = maker.item(line, CREDIT, Decimal(0))
        item.qty = Decimal(-1)
        yield Invoice(first + CREDIT, company_id, maker.as_of, "Sent", [item])
