"""The PSA's set-up tables: company statuses and types, agreement types, billing cycles.

Ids and names only; which of them bill or count is for whoever reads them to work out.
"""

from typing import Any

ACTIVE, INACTIVE, NOT_APPROVED, IMPORTED = 1, 2, 12, 15
CLIENT, PROSPECT, VENDOR = 1, 2, 4
MANAGED, CLOUD, BACKUP, PROJECT, BLOCK, HARDWARE = 3, 5, 6, 8, 9, 11
MONTHLY, QUARTERLY, YEARLY, ONCE = 2, 3, 5, 7

COMPANY_STATUSES: list[dict[str, Any]] = [
    {"id": ACTIVE, "name": "Active", "defaultFlag": True, "inactiveFlag": False},
    # The name says active, the flag does not: only the flag counts.
    {"id": INACTIVE, "name": "Active (former customer)", "inactiveFlag": True},
    {"id": NOT_APPROVED, "name": "Not-Approved", "inactiveFlag": False},
    {"id": IMPORTED, "name": "Inactive import 2019", "inactiveFlag": False},
]
COMPANY_TYPES: list[dict[str, Any]] = [
    {"id": CLIENT, "name": "Client", "defaultFlag": True, "vendorFlag": False},
    {"id": PROSPECT, "name": "Prospect", "defaultFlag": False, "vendorFlag": False},
    {"id": VENDOR, "name": "Vendor", "defaultFlag": False, "vendorFlag": True},
]
AGREEMENT_TYPES: list[dict[str, Any]] = [
    {"id": MANAGED, "name": "Managed Services", "oneTimeFlag": False},
    {"id": CLOUD, "name": "Cloud Services", "oneTimeFlag": False},
    {"id": BACKUP, "name": "Backup & Continuity", "oneTimeFlag": False},
    {"id": PROJECT, "name": "Project", "oneTimeFlag": True},
    {"id": BLOCK, "name": "Block Hours", "oneTimeFlag": False},
    # No agreement has this type: what a role that hides a type would look like.
    {"id": HARDWARE, "name": "Hardware as a Service", "oneTimeFlag": False},
]
BILLING_CYCLES: list[dict[str, Any]] = [
    {"id": MONTHLY, "identifier": "M", "name": "Monthly", "billingOptions": "Monthly"},
    {"id": QUARTERLY, "identifier": "Q", "name": "Every 3 months", "billingOptions": "Quarterly"},
    {"id": YEARLY, "identifier": "Y", "name": "Yearly", "billingOptions": "Yearly"},
    # The editable name says monthly, the option says it never repeats.
    {"id": ONCE, "identifier": "1", "name": "Monthly (one off)", "billingOptions": "NotRecurring"},
]
AGREEMENT_TYPE_NAME = {row["id"]: row["name"] for row in AGREEMENT_TYPES}
STATUS_NAME = {row["id"]: row["name"] for row in COMPANY_STATUSES}
TYPE_NAME = {row["id"]: row["name"] for row in COMPANY_TYPES}
CYCLE_NAME = {row["id"]: row["name"] for row in BILLING_CYCLES}
