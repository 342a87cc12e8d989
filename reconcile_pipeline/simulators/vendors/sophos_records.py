"""How Sophos Central writes its records as JSON, with its fields that come and go."""

from datetime import timedelta
from typing import Any

from reconcile_pipeline.simulators.world.dates import month_end
from reconcile_pipeline.simulators.world.vendors.sophos import (
    CODES,
    LICENCES,
    SophosLicence,
    SophosLine,
    SophosTenant,
)

Row = dict[str, Any]


def tenant_row(tenant: SophosTenant, partner_id: str) -> Row:
    """One customer as lists show it: a display name and a status are not always there."""
    row: Row = {
        "id": tenant.id,
        "name": tenant.name,
        "dataGeography": tenant.geography,
        "dataRegion": tenant.region,
        "billingType": tenant.billing_type,
        "partner": {"id": partner_id},
        "apiHost": f"https://api-{tenant.region}.central.sophos.com",
    }
    if tenant.show_as is not None:
        row["showAs"] = tenant.show_as
    if int(tenant.id[0], 16) % 3:
        row["status"] = "active"
    return row


def line_row(line: SophosLine) -> Row:
    """One line of the report; what only some reports show is there for some lines only."""
    turn = int(line.id[0], 16)
    quantity = int(line.quantity)
    product = CODES.get(line.product_code)
    row: Row = {
        "partnerAccountId": "d31ab2df-7005-4c06-bd7d-2bc8de44be06",
        "partnerEdiAccountNumber": "1231231",
        "partnerAccountName": "Northgate Managed IT",
        # Both spellings have been seen.
        ("destributorAccountName" if turn % 2 else "distributorAccountName"): "Distri AG",
        "billingStartDate": line.starts_on.isoformat(),
        "billingEndDate": month_end(line.starts_on).isoformat(),
        "orderNumber": line.order,
        "orderLineItemNumber": line.order_line,
        "accountNumberOrSerialNumber": line.serial,
        "accountStatus": line.account_status,
        "externalId": line.id,
        "productCode": line.product_code,
        "sku": line.sku,
        "productGroup": product.group if product else "User",
        "productDescription": line.description,
        "actualQuantity": line.actual,
        "billableQuantity": float(quantity) if turn == 0 else quantity,
    }
    if line.account_id is not None:
        row["accountId"] = line.account_id
    if line.assigned_to is not None:
        row["assignedAccountIdentifier"] = line.assigned_to
    if line.unit_price is not None:
        # The net price is that of the whole order line, which other customers share.
        row |= {"unitPrice": float(line.unit_price), "netPrice": float(line.unit_price * 400)}
        row["orderedQuantity"] = 0
    return row


def licence_row(licence: SophosLicence) -> Row:
    """One licence; end, quantity and use are not always there."""
    row: Row = {
        "id": licence.id,
        "licenseIdentifier": f"L{int(licence.id[:6], 16):010}",
        "product": {"code": licence.code, "name": LICENCES[licence.code]},
        "startDate": licence.starts_on.isoformat(),
        "perpetual": licence.ends_on is None,
        "type": licence.kind,
        "unlimited": licence.is_unlimited,
    }
    if licence.ends_on is not None:
        row["endDate"] = licence.ends_on.isoformat()
    if licence.quantity is not None:
        day = licence.starts_on + timedelta(days=9)
        row["quantity"] = licence.quantity
        row["usage"] = {"current": {"count": licence.quantity // 2, "date": day.isoformat()}}
    return row
