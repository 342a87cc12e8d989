"""What counts at the vendor of managed security: the counts that each organization shows.

Nothing is left out: an organization has no status, and an agent not heard of for months is billed
like any other. A product that no organization uses was not bought, and is no service.
"""

import math
from decimal import Decimal

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.huntress import (
    HUNTRESS,
    PRODUCTS,
    HuntressRecords,
)

PAGE = 500


def count(world: World, usage: Usage) -> None:
    """Units per organization and product, zeros included."""
    records: HuntressRecords = world.at[HUNTRESS]
    bought: set[str] = set()
    for organization in records.organizations:
        usage.accounts[HUNTRESS, str(organization.id)] = organization.name
        units = {
            "edr": organization.agents,
            "itdr": organization.identities,
            "sat": organization.learners,
        }
        bought.update(product for product, number in units.items() if number)
        for product, number in units.items():
            usage.totals[HUNTRESS, str(organization.id), product] += Decimal(number)
    for product in sorted(bought):
        usage.services[HUNTRESS, product] = PRODUCTS[product]


def calls(world: World) -> int:
    """Calls of the cheapest full sync: the organizations, 500 at a time, all but the last twice."""
    records: HuntressRecords = world.at[HUNTRESS]
    return 2 * max(1, math.ceil(len(records.organizations) / PAGE)) - 1
