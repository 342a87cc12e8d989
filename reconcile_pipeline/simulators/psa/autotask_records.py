"""How the PSA writes its records as JSON: every entity with its fields, from the world.

Includes the looseness seen in the wild: a contract without an end has null or the year 1 there,
and the provider's own company has id 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from reconcile_pipeline.simulators.psa.autotask_fields import FIELDS, typed
from reconcile_pipeline.simulators.psa.autotask_units import UnitsBook, UnitsRow, shown_day
from reconcile_pipeline.simulators.server import State
from reconcile_pipeline.simulators.stamps import Stamps
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import Agreement, Company, Line, Product

CUSTOMER, LEAD, PROSPECT, VENDOR = 1, 2, 3, 7
TIME_AND_MATERIALS, FIXED_PRICE, BLOCK_HOURS, RECURRING = 1, 3, 4, 7
BUNDLE_IDENTIFIER = "FLAT"
"""The product that is sold as a bundle in this PSA."""
NO_DATE = "0001-01-01T00:00:00Z"
CONTRACT_PERIODS = {lookups.MONTHLY: 1, lookups.QUARTERLY: 2, lookups.YEARLY: 4}


@dataclass(frozen=True, slots=True)
class Entity:
    """One list: its name, its fields with their types, and its rows by id."""

    name: str
    fields: dict[str, str]
    rows: Callable[[], list[dict[str, Any]]]


class AutotaskView:
    """Every entity of a world; rows are written anew whenever the world changes."""

    def __init__(self, state: State, book: UnitsBook) -> None:
        self._state = state
        self._world = state.world
        self._book = book
        self._products = {product.id: product for product in self._world.products}
        world = self._world
        self._stamps = Stamps(
            state, companies=lambda: world.companies, services=lambda: world.products
        )
        makers: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "Companies": self._companies,
            "Contracts": lambda: [self._contract(each) for each in self._world.agreements],
            "ContractServices": lambda: [self._line(each) for each in self.lines(bundles=False)],
            "ContractServiceUnits": lambda: self._units(bundles=False),
            "ContractServiceBundles": lambda: [
                self._line(each) for each in self.lines(bundles=True)
            ],
            "ContractServiceBundleUnits": lambda: self._units(bundles=True),
            "Services": lambda: [self._item(each) for each in self._items(bundles=False)],
            "ServiceBundles": lambda: [self._item(each) for each in self._items(bundles=True)],
            "ServiceBundleServices": self._members,
        }
        self.entities = {
            name.lower(): Entity(name, typed(FIELDS[name]), self._kept(name, make))
            for name, make in makers.items()
        }

    def _kept(
        self, name: str, make: Callable[[], list[dict[str, Any]]]
    ) -> Callable[[], list[dict[str, Any]]]:
        def rows() -> list[dict[str, Any]]:
            if name not in self._state.cache:
                self._state.cache[name] = sorted(make(), key=lambda row: int(row["id"]))
            found: list[dict[str, Any]] = self._state.cache[name]
            return found

        return rows

    def is_bundle(self, line: Line) -> bool:
        """Whether the line's product is sold as a bundle."""
        return self._product(line).identifier == BUNDLE_IDENTIFIER

    def lines(self, *, bundles: bool) -> list[Line]:
        """The lines that are services, or bundles."""
        return [line for line in self._book.lines() if self.is_bundle(line) is bundles]

    def _items(self, *, bundles: bool) -> list[Product]:
        """What is sold again and again; hardware is in another list of this PSA."""
        sold = [product for product in self._world.products if product.is_recurring]
        return [item for item in sold if (item.identifier == BUNDLE_IDENTIFIER) is bundles]

    def _companies(self) -> list[dict[str, Any]]:
        own = {
            "id": 0,
            "companyName": "Northgate Managed IT",
            "companyNumber": "",
            "companyType": VENDOR,
            "isActive": True,
            "parentCompanyID": None,
            "lastTrackedModifiedDateTime": f"{self._world.as_of.year - 3}-01-07T09:00:00.13Z",
        }
        self._stamps.look()
        rows = [own, *map(self._company, self._world.companies)]
        return [
            row | {"currencyID": 1, "classification": 12, "userDefinedFields": []} for row in rows
        ]

    def _company(self, company: Company) -> dict[str, Any]:
        # With parts of seconds, and as many digits of them as there happen to be.
        stamp = self._stamps.of("companies", company).replace("Z", ".38Z")
        return {
            "id": company.id,
            "companyName": company.name,
            "companyNumber": company.identifier,
            "companyType": _company_type(company),
            # There is no recycle bin: what was deleted elsewhere is inactive here.
            "isActive": company.status_id != lookups.INACTIVE and not company.is_deleted,
            "parentCompanyID": company.parent_id,
            "city": company.city,
            "lastTrackedModifiedDateTime": stamp,
            "lastActivityDate": company.updated_at,
        }

    def _contract(self, agreement: Agreement) -> dict[str, Any]:
        as_of = self._world.as_of
        ends_on = _stamp(agreement.ends_on) if agreement.ends_on else None
        is_active = agreement.status == "Active" and not agreement.is_cancelled
        return {
            "id": agreement.id,
            "companyID": agreement.company_id,
            "contractName": agreement.name,
            "contractNumber": "",
            "contractType": _contract_type(agreement),
            "contractCategory": agreement.type_id,
            "status": 1 if is_active else 0,
            "contractPeriodType": CONTRACT_PERIODS.get(agreement.cycle_id or 0),
            "startDate": _stamp(shown_day(agreement.starts_on, as_of)),
            "endDate": ends_on or (NO_DATE if agreement.id % 2 else None),
            "isDefaultContract": False,
            "billToCompanyID": None,
            "renewedContractID": None,
            "setupFee": 0.0,
            "billingPreference": 2,
            "userDefinedFields": [],
        }

    def _line(self, line: Line) -> dict[str, Any]:
        product = self._product(line)
        price = float(line.unit_price)
        own: dict[str, Any] = {"serviceID": line.product_id, "unitCost": float(product.cost)}
        if self.is_bundle(line):
            own = {"serviceBundleID": line.product_id, "adjustedPrice": price}
        return {
            "id": line.id,
            "contractID": line.agreement_id,
            **own,
            "unitPrice": price,
            "internalCurrencyUnitPrice": price,
            "internalCurrencyAdjustedPrice": price,
            "invoiceDescription": product.description if line.id % 3 else "",
            "internalDescription": "",
            "quoteItemID": None,
        }

    def _units(self, *, bundles: bool) -> list[dict[str, Any]]:
        lines = {line.id: line for line in self.lines(bundles=bundles)}
        return [
            self._row(row, lines[row.line_id], is_bundle=bundles)
            for row in self._book.rows(lines.values())
        ]

    def _row(self, row: UnitsRow, line: Line, *, is_bundle: bool) -> dict[str, Any]:
        names = ("contractServiceBundleID", "serviceBundleID") if is_bundle else (
            "contractServiceID", "serviceID"
        )  # fmt: skip
        price = round(float(line.unit_price) * row.units, 2)
        return {
            "id": row.id,
            "contractID": line.agreement_id,
            names[0]: line.id,
            names[1]: line.product_id,
            "units": row.units,
            "startDate": _stamp(row.starts_on),
            "endDate": _stamp(row.ends_on),
            "price": price,
            "cost": round(float(self._product(line).cost) * row.units, 2),
            "internalCurrencyPrice": price,
            "approveAndPostDate": _stamp(row.posted_on) if row.posted_on else None,
            **({} if is_bundle else {"vendorCompanyID": None}),
            "organizationalLevelAssociationID": 5,
        }

    def _item(self, product: Product) -> dict[str, Any]:
        is_bundle = product.identifier == BUNDLE_IDENTIFIER
        made = f"{self._world.as_of.year - 1}-05-{product.id % 28 + 1:02}T00:00:00Z"
        own: dict[str, Any] = {"vendorCompanyID": None, "sku": None, "externalID": None}
        return {
            "id": product.id,
            "name": product.description,
            "description": "",
            "invoiceDescription": product.description,
            "isActive": not product.is_inactive,
            "periodType": 2,
            "unitPrice": float(product.price),
            "unitCost": float(product.cost),
            "billingCodeID": 7,
            "lastModifiedDate": self._stamps.of("services", product, made),
            **({"unitDiscount": 0.0, "percentageDiscount": None} if is_bundle else own),
        }

    def _members(self) -> list[dict[str, Any]]:
        """What the bundle consists of: the first two services."""
        services = self._items(bundles=False)[:2]
        pairs = [(bundle, service) for bundle in self._items(bundles=True) for service in services]
        return [
            {"id": number, "serviceBundleID": bundle.id, "serviceID": service.id}
            for number, (bundle, service) in enumerate(pairs, start=1)
        ]

    def _product(self, line: Line) -> Product:
        if line.product_id not in self._products:
            self._products = {product.id: product for product in self._world.products}
        return self._products[line.product_id]


def _company_type(company: Company) -> int:
    """A company has one type here: who is a customer is nothing else besides."""
    known = {lookups.CLIENT: CUSTOMER, lookups.PROSPECT: PROSPECT, lookups.VENDOR: VENDOR}
    return next((known[kind] for kind in known if kind in company.type_ids), LEAD)


def _contract_type(agreement: Agreement) -> int:
    if agreement.is_one_time:
        return FIXED_PRICE
    if agreement.cycle_id is None:
        return TIME_AND_MATERIALS
    return BLOCK_HOURS if agreement.cycle_id == lookups.ONCE else RECURRING


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
