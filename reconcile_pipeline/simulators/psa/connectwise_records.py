"""How the PSA writes its records as JSON, made when asked for, from the world.

Includes the vendor's looseness: unset dates arrive as null, as "" or not at all.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from reconcile_pipeline.simulators.server import State
from reconcile_pipeline.simulators.stamps import Stamps
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import Agreement, Company, Line, Product

DOLLAR = {"id": 7, "name": "US Dollar"}
UNSET_DATE_SHAPES = 3


class PsaView:
    """Indexes of a world by id and by parent, and the JSON of each record."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._world = state.world
        self._version = -1
        world = state.world
        self.stamps = Stamps(
            state,
            companies=lambda: world.companies,
            agreements=lambda: world.agreements,
            catalogue=lambda: world.products,
        )
        self._reindex()

    def _reindex(self) -> None:
        """Index anew after records came or went; a changed quantity needs no new index."""
        if self._version == self._state.version:
            return
        self._version = self._state.version
        self._companies = {company.id: company for company in self._world.companies}
        self._products = {product.id: product for product in self._world.products}
        self.agreements = {agreement.id: agreement for agreement in self._world.agreements}
        self._lines: dict[int, list[Line]] = defaultdict(list)
        for line in self._world.lines:
            self._lines[line.agreement_id].append(line)

    def lines_of(self, agreement_id: int) -> list[Line] | None:
        """The agreement's additions by id; None when there is no such agreement."""
        self._reindex()
        return self._lines.get(agreement_id, []) if agreement_id in self.agreements else None

    def touch(self, line: Line) -> None:
        """Move `lastUpdated` on by a second, as a write does."""
        seconds = (int(line.updated_at[17:19]) + 1) % 60
        line.updated_at = f"{line.updated_at[:17]}{seconds:02}Z"

    def associations(self) -> list[dict[str, Any]]:
        """Every link of a company to one of its types."""
        pairs = [(c, type_id) for c in self._world.companies for type_id in c.type_ids]
        return [
            {
                "id": number,
                "type": {"id": type_id, "name": lookups.TYPE_NAME[type_id]},
                "company": self._company_reference(company.id),
            }
            for number, (company, type_id) in enumerate(pairs, start=1)
        ]

    def company(self, company: Company) -> dict[str, Any]:
        """One company."""
        types = [{"id": t, "name": lookups.TYPE_NAME[t]} for t in company.type_ids]
        return {
            "id": company.id,
            "identifier": company.identifier,
            "name": company.name,
            "status": {"id": company.status_id, "name": lookups.STATUS_NAME[company.status_id]},
            "types": types,
            "addressLine1": f"{company.id % 900 + 1} Main St",
            "city": company.city,
            "deletedFlag": company.is_deleted,
            "dateDeleted": company.deleted_at,
            "deletedBy": "jdoe" if company.is_deleted else None,
            "isVendorFlag": lookups.VENDOR in company.type_ids,
            "parentCompany": self._company_reference(company.parent_id),
            "defaultContact": {"id": company.id * 2, "name": company.contact},
            "numberOfEmployees": company.headcount,
            "territory": {"id": 2, "name": "Corporate"},
            "currency": DOLLAR,
            "_info": {
                "lastUpdated": self.stamps.of("companies", company),
                "updatedBy": "jdoe",
            },
        }

    def agreement(self, agreement: Agreement) -> dict[str, Any]:
        """One agreement; `billingCycle` null is Billing Cycle = None on the screen."""
        self._reindex()
        company = self._companies[agreement.company_id]
        cycle = agreement.cycle_id
        parent = self.agreements.get(agreement.parent_id or 0)
        type_name = lookups.AGREEMENT_TYPE_NAME[agreement.type_id]
        return {
            "id": agreement.id,
            "name": agreement.name,
            "type": {"id": agreement.type_id, "name": type_name},
            "company": self._company_reference(company.id),
            "contact": {"id": company.id * 2, "name": company.contact},
            "site": {"id": company.id * 3, "name": "Main"},
            "parentAgreement": {"id": parent.id, "name": parent.name} if parent else None,
            "billToCompany": self._company_reference(agreement.bill_to_id),
            "startDate": _stamp(agreement.starts_on),
            "endDate": _stamp(agreement.ends_on) if agreement.ends_on else None,
            "noEndingDateFlag": agreement.ends_on is None,
            "cancelledFlag": agreement.is_cancelled,
            "dateCancelled": _stamp(agreement.cancelled_on) if agreement.cancelled_on else None,
            "reasonCancelled": "Moved to another plan" if agreement.is_cancelled else None,
            "billingCycle": {"id": cycle, "name": lookups.CYCLE_NAME[cycle]} if cycle else None,
            "billOneTimeFlag": agreement.is_one_time,
            "oneTimeFlag": agreement.is_one_time,
            "invoicingCycle": "CalendarYear",
            "periodType": "Current",
            "billAmount": 0.0,
            "billStartDate": _stamp(agreement.starts_on),
            "autoInvoiceFlag": False,
            "prorateFlag": agreement.id % 4 == 0,
            "invoiceProratedAdditionsFlag": False,
            "taxable": True,
            "currency": DOLLAR,
            "agreementStatus": agreement.status,
            "customFields": [],
            "_info": {
                "lastUpdated": self.stamps.of("agreements", agreement),
                "updatedBy": "apiMember",
            },
        }

    def addition(self, line: Line) -> dict[str, Any]:
        """One addition; the product has no name here, only its key."""
        product = self._products[line.product_id]
        billed = line.quantity - line.less_included
        record: dict[str, Any] = {
            "id": line.id,
            "product": {
                "id": product.id,
                "identifier": product.identifier,
                "serializedFlag": False,
            },
            "quantity": float(line.quantity),
            "lessIncluded": float(line.less_included),
            "unitPrice": float(line.unit_price),
            "unitCost": float(product.cost),
            "billCustomer": line.bill_customer,
            "effectiveDate": _stamp(line.effective_on),
            "cancelledDate": _stamp(line.cancelled_on) if line.cancelled_on else None,
            "taxableFlag": True,
            "serialNumber": "",
            "invoiceDescription": product.description,
            "description": product.description,
            "purchaseItemFlag": False,
            "specialOrderFlag": False,
            "agreementId": line.agreement_id,
            "billedQuantity": float(billed),
            "uom": "Each",
            "extPrice": _money(billed * line.unit_price),
            "extCost": _money(line.quantity * product.cost),
            "sequenceNumber": 1.0,
            "margin": _money(billed * line.unit_price - line.quantity * product.cost),
            "prorateCost": 0.0,
            "proratePrice": 0.0,
            "agreementStatus": self.agreements[line.agreement_id].status,
            "customFields": [],
            "_info": {"lastUpdated": line.updated_at, "updatedBy": "jdoe"},
        }
        if line.cancelled_on is None:
            _unset(record, "cancelledDate", line.id)
        return record

    def product(self, product: Product) -> dict[str, Any]:
        """One catalogue item."""
        made = f"{self._world.as_of.year - 1}-05-{product.id % 28 + 1:02}T08:00:00Z"
        return {
            "id": product.id,
            "identifier": product.identifier,
            "description": product.description,
            "customerDescription": product.description,
            "inactiveFlag": product.is_inactive,
            "productClass": product.product_class,
            "price": float(product.price),
            "cost": float(product.cost),
            "recurringFlag": product.is_recurring,
            "recurringBillCycle": {"id": lookups.MONTHLY, "name": "Monthly"}
            if product.is_recurring
            else None,
            "vendorSku": product.vendor_sku,
            "category": {"id": 4, "name": "Services" if product.is_recurring else "Hardware"},
            "_info": {"lastUpdated": self.stamps.of("catalogue", product, made)},
        }

    def _company_reference(self, company_id: int | None) -> dict[str, Any] | None:
        self._reindex()
        company = self._companies.get(company_id or 0)
        if company is None:
            return None
        return {"id": company.id, "identifier": company.identifier, "name": company.name}


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _money(amount: Decimal) -> float:
    return float(amount.quantize(Decimal("0.01")))


def _unset(record: dict[str, Any], field: str, record_id: int) -> None:
    """An unset date as null, as an empty text or as an absent field, turn and turn about."""
    shape = record_id % UNSET_DATE_SHAPES
    if shape == 1:
        record[field] = ""
    elif shape == UNSET_DATE_SHAPES - 1:
        del record[field]
