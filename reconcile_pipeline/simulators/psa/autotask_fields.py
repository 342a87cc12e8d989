"""The PSA's entities by field: names, types and the picklists of one tenant.

Names and numbers only, as the PSA's own field lists tell them; no records here.
"""

from typing import Any

PICKLISTS = {
    ("Companies", "companyType"): {
        1: "Customer", 2: "Lead", 3: "Prospect", 4: "Dead", 6: "Cancelation", 7: "Vendor",
        8: "Partner",
    },
    ("Contracts", "contractType"): {
        1: "Time & Materials", 3: "Fixed Price", 4: "Block Hours", 6: "Retainer",
        7: "Recurring Service", 8: "Incident",
    },
    ("Contracts", "status"): {0: "Inactive", 1: "Active"},
    ("Contracts", "contractPeriodType"): {
        1: "Monthly", 2: "Quarterly", 3: "Semi-Annual", 4: "Yearly",
    },
    ("Services", "periodType"): {
        1: "One-Time", 2: "Monthly", 3: "Quarterly", 4: "Semi-Annual", 5: "Yearly",
    },
    ("ServiceBundles", "periodType"): {2: "Monthly", 3: "Quarterly", 4: "Semi-Annual", 5: "Yearly"},
}  # fmt: skip

_UNITS = (
    "units:integer startDate:datetime endDate:datetime price:decimal cost:decimal"
    " internalCurrencyPrice:decimal approveAndPostDate:datetime"
    " organizationalLevelAssociationID:integer"
)
_LINE = (
    "unitPrice:decimal internalCurrencyUnitPrice:decimal internalCurrencyAdjustedPrice:decimal"
    " invoiceDescription:string internalDescription:string quoteItemID:integer"
)
_ITEM = (
    "id:integer name:string description:string invoiceDescription:string isActive:boolean"
    " periodType:integer unitPrice:decimal unitCost:decimal billingCodeID:integer"
    " lastModifiedDate:datetime"
)
FIELDS = {
    "Companies": "id:integer companyName:string companyNumber:string companyType:integer"
    " isActive:boolean parentCompanyID:integer currencyID:integer classification:integer"
    " city:string lastTrackedModifiedDateTime:datetime lastActivityDate:datetime",
    "Contracts": "id:integer companyID:integer contractName:string contractNumber:string"
    " contractType:integer contractCategory:integer status:integer contractPeriodType:integer"
    " startDate:datetime endDate:datetime isDefaultContract:boolean billToCompanyID:integer"
    " renewedContractID:integer setupFee:decimal billingPreference:integer",
    "ContractServices": f"id:integer contractID:integer serviceID:integer unitCost:decimal {_LINE}",
    "ContractServiceUnits": "id:integer contractID:integer contractServiceID:integer"
    f" serviceID:integer vendorCompanyID:integer {_UNITS}",
    "ContractServiceBundles": "id:integer contractID:integer serviceBundleID:integer"
    f" adjustedPrice:decimal {_LINE}",
    "ContractServiceBundleUnits": "id:integer contractID:integer contractServiceBundleID:integer"
    f" serviceBundleID:integer {_UNITS}",
    "Services": f"{_ITEM} vendorCompanyID:integer sku:string externalID:string",
    "ServiceBundles": f"{_ITEM} unitDiscount:decimal percentageDiscount:decimal",
    "ServiceBundleServices": "id:integer serviceBundleID:integer serviceID:integer",
}
ADJUSTMENTS = {
    "ContractServiceAdjustments": "id:integer contractID:integer contractServiceID:integer"
    " serviceID:integer unitChange:integer effectiveDate:datetime adjustedUnitPrice:decimal"
    " adjustedUnitCost:decimal allowRepeatService:boolean quoteItemID:integer",
    "ContractServiceBundleAdjustments": "id:integer contractID:integer"
    " contractServiceBundleID:integer serviceBundleID:integer unitChange:integer"
    " effectiveDate:datetime adjustedUnitPrice:decimal allowRepeatServiceBundle:boolean"
    " quoteItemID:integer",
}


def typed(fields: str) -> dict[str, str]:
    """Names and types of a line of fields."""
    return dict(field.split(":") for field in fields.split())


def field_list(entity: str, fields: dict[str, str]) -> list[dict[str, Any]]:
    """The fields of an entity as `entityInformation/fields` tells them."""
    return [
        {
            "name": name,
            "dataType": kind,
            "isRequired": name == "id",
            "isQueryable": True,
            "isPickList": (entity, name) in PICKLISTS,
            "picklistValues": [
                {
                    "value": str(value),
                    "label": label,
                    "isDefaultValue": order == 1,
                    "sortOrder": order,
                    "isActive": True,
                    "isSystem": True,
                }
                for order, (value, label) in enumerate(PICKLISTS[entity, name].items(), start=1)
            ]
            if (entity, name) in PICKLISTS
            else None,
        }
        for name, kind in fields.items()
    ]
