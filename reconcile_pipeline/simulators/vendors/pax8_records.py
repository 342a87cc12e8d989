"""How the distributor writes its records as JSON.

Includes its looseness: dates in three shapes, optional fields that are absent or null.
"""

from datetime import date
from typing import Any

from reconcile_pipeline.simulators.world.catalogue import pax8_service_name
from reconcile_pipeline.simulators.world.records import Pax8Company, Pax8Product, Subscription

Row = dict[str, Any]


def subscription_row(item: Subscription, product: Pax8Product) -> Row:
    """One subscription; absent and null commitments take turns."""
    turn = int(item.id[0], 16)
    row: Row = {
        "id": item.id,
        "parentSubscriptionId": item.parent_id,
        "companyId": item.company_id,
        "productId": item.product_id,
        "vendorSubscriptionId": f"vendor-{item.id}",
        # A number, not an integer: a tenth of the rows write it as a float.
        "quantity": float(item.quantity) if turn == 0 else item.quantity,
        "startDate": f"{item.starts_on}T08:30:00Z",
        "endDate": f"{item.ends_on}T08:30:00Z" if item.ends_on else None,
        "createdDate": _created(item.starts_on, turn),
        "updatedDate": f"{item.starts_on}T03:12:14.453-0300",
        "billingStart": item.starts_on.isoformat(),
        "status": item.status,
        "price": float(product.price),
        "currencyCode": "USD",
        "partnerCost": float(product.cost),
        "productName": product.name,
        "billingTerm": item.billing_term,
    }
    if item.commitment_term:
        row["commitmentTerm"] = {
            "id": f"c1e2{item.id[4:]}",
            "term": item.commitment_term,
            "endDate": f"{item.commitment_ends_on}T00:00:00Z",
        }
    elif turn % 2:
        row["commitmentTerm"] = None
    return row


def company_row(company: Pax8Company) -> Row:
    """One company; optional fields are left out where nothing is known."""
    row: Row = {
        "id": company.id,
        "name": company.name,
        "address": {
            "street": "1 Main St",
            "city": company.city,
            "stateOrProvince": "CO",
            "postalCode": "80210",
            "country": "US",
        },
        "billOnBehalfOfEnabled": False,
        "selfServiceAllowed": False,
        "orderApprovalRequired": False,
        "status": company.status,
        "updatedDate": f"{company.updated_on}T11:33:12.314-0600",
    }
    if company.external_id is not None:
        row["externalId"] = company.external_id
    return row


def product_row(product: Pax8Product) -> Row:
    """One product, without its prices."""
    return {
        "id": product.id,
        "name": product.name,
        "vendorName": product.vendor_name,
        "shortDescription": product.name,
        "sku": product.sku,
        "vendorSku": product.sku,
        "altVendorSku": None,
        "requiresCommitment": all(commitment for _, commitment in product.terms),
    }


def price_row(product: Pax8Product, term: tuple[str, str | None]) -> Row:
    """One term version of a product, with its price."""
    billing, commitment = term
    return {
        "productId": product.id,
        "productName": pax8_service_name(product.name, term),
        "billingTerm": billing,
        "commitmentTerm": commitment,
        "commitmentTermInMonths": 12 if commitment else None,
        "type": "Flat",
        "unitOfMeasurement": "Each",
        "rates": [
            {
                "partnerBuyRate": float(product.cost),
                "suggestedRetailPrice": float(product.price),
                "startQuantityRange": 0,
                "endQuantityRange": None,
                "chargeType": "Per Unit",
            }
        ],
    }


def _created(day: date, turn: int) -> str:
    """The creation day in one of the three shapes that dates have here."""
    shapes = (f"{day}T13:20:13Z", f"{day}", f"{day}T13:20:13.153-0700")
    return shapes[turn % len(shapes)]
