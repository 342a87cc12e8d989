"""How Kaseya BMS and Pulseway PSA write their records as JSON, from the world."""

from datetime import date
from decimal import Decimal
from typing import Any

from reconcile_pipeline.simulators.psa.kaseya_invoices import Invoice, Item
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import Agreement, Company, Line, Product

CYCLES = {lookups.MONTHLY: "Monthly", lookups.QUARTERLY: "Quarterly", lookups.YEARLY: "Yearly"}
TYPES = {lookups.PROJECT: "Fixed Price", lookups.BLOCK: "Retainer by Hours"}
"""Agreements of other types are recurring services."""
ACCOUNT_TYPES = ((lookups.CLIENT, "Customer"), (lookups.PROSPECT, "Prospect"))
STATUS_IDS = {"Sent": 3, "Draft": 1, "Void": 6}


def account(company: Company, tenant: str, stamp: str) -> dict[str, Any]:
    """One account; `stamp` tells in UTC when it was changed last."""
    return {
        "id": company.id,
        "accountCode": company.identifier,
        "accountName": company.name,
        "accountTypeId": 1,
        "accountType": account_type(company),
        "parentId": company.parent_id,
        "isActive": is_active(company),
        "isBilling": lookups.CLIENT in company.type_ids,
        "currencyId": 1,
        "currencyName": "USD",
        "tenantName": tenant,
        "createdOn": company.updated_at[:19],
        "modifiedOn": stamp[:19],
        "locations": [{"id": company.id * 3, "locationName": "Main", "isMain": True}],
    }


def account_type(company: Company) -> str | None:
    """The account's one type; the world's companies may have several."""
    for type_id, name in ACCOUNT_TYPES:
        if type_id in company.type_ids:
            return name
    return "Vendor" if lookups.VENDOR in company.type_ids else None


def is_active(company: Company) -> bool:
    """There is no recycle bin here: what the world deleted is inactive."""
    return not company.is_deleted and company.status_id != lookups.INACTIVE


def contract_type(agreement: Agreement) -> str:
    """Only recurring services have lines with units."""
    return TYPES.get(agreement.type_id, "Recurring Services")


def contract(agreement: Agreement, account_name: str) -> dict[str, Any]:
    """One contract of the list: it names its account and has no account id."""
    return {
        "id": agreement.id,
        "contractName": agreement.name,
        "accountName": account_name,
        "contractType": contract_type(agreement),
        "contractBillingPrice": 0.0,
        "status": agreement.status,
        "contractNumber": f"C-{agreement.id:06}",
        "billingCycle": _cycle(agreement),
        "startDate": _stamp(agreement.starts_on),
        "endDate": _stamp(agreement.ends_on) if agreement.ends_on else None,
    }


def contract_of_account(agreement: Agreement) -> dict[str, Any]:
    """One contract as an account's look-up shows it."""
    return {
        "id": agreement.id,
        "name": agreement.name,
        "isDefault": False,
        "slaId": 5,
        "slaName": "Gold",
        "isActive": agreement.status == "Active",
        "endDate": _stamp(agreement.ends_on) if agreement.ends_on else None,
    }


def _cycle(agreement: Agreement) -> str | None:
    """No cycle is written as null or as the word, turn and turn about."""
    return CYCLES.get(agreement.cycle_id or 0, "None" if agreement.id % 2 else None)


def service(product: Product) -> dict[str, Any]:
    """One service as the look-up shows it: without prices."""
    return {"id": product.id, "name": product.description, "description": ""}


def invoice(made: Invoice, account_name: str) -> dict[str, Any]:
    """One invoice of the list."""
    total = float(made.total)
    return {
        "id": made.id,
        "invoiceNumber": f"INV-{made.id}",
        "statusId": STATUS_IDS[made.status],
        "statusName": made.status,
        "accountId": made.account_id,
        "accountName": account_name,
        "totalPrice": total,
        "totalTax": 0.0,
        "grandTotal": total,
        "invoiceDate": _stamp(made.made_on),
        "dueDate": _stamp(made.made_on),
        "invoiceFrom": _stamp(made.made_on),
        "invoiceTo": None,
        "sentOn": None,
        "postedToAccounting": made.status == "Sent",
        "generatedOn": f"{made.made_on.isoformat()}T06:00:00",
        "createdOn": f"{made.made_on.isoformat()}T06:00:00",
        "modifiedOn": f"{made.made_on.isoformat()}T06:00:00",
    }


def invoice_item(item: Item, made: Invoice, contract_name: str | None) -> dict[str, Any]:
    """One line of an invoice: the service by its name, never by its id."""
    return {
        "id": item.id,
        "invoiceId": made.id,
        "invoiceNumber": f"INV-{made.id}",
        "name": item.name,
        "description": "",
        "typeId": 2,
        "typeName": item.type_name,
        "qty": float(item.qty),
        "unitPrice": float(item.unit_price),
        "totalPrice": _money(item.qty * item.unit_price),
        "valueDate": _stamp(made.made_on),
        "contractId": item.contract_id,
        "contractName": contract_name,
        "isTaxable": False,
    }


def line(held: Line, product: Product, contract_name: str) -> dict[str, Any]:
    """One line of a contract, as the published call that adds lines answers it."""
    return {
        "id": held.id,
        "serviceId": product.id,
        "serviceName": product.description,
        "description": "",
        "contractId": held.agreement_id,
        "contractName": contract_name,
        "units": float(held.quantity),
        "unitCost": float(product.cost),
        "unitPrice": float(held.unit_price),
        "totalCost": _money(held.quantity * product.cost),
        "totalPrice": _money(held.quantity * held.unit_price),
        "effectiveDate": _stamp(held.effective_on),
        "sortOrder": 1,
    }


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


def _money(amount: Decimal) -> float:
    return float(amount.quantize(Decimal("0.01")))
