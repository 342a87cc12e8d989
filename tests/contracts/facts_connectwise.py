"""What the documentation says about ConnectWise's lists."""

from typing import Any

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.truth.connectwise import ConnectWiseTruth
from reconcile_pipeline.simulators.world import lookups
from reconcile_pipeline.simulators.world.records import World


def lines_in_scope(world: World) -> list[Any]:
    agreements = ConnectWiseTruth(world).in_scope
    return [line.id for line in world.lines if line.agreement_id in agreements]


FACTS = Facts(
    page_size=1000,
    size_param="pagesize",
    holds={
        "companies": lambda world: ids(world.companies),
        "company_statuses": lambda _world: ids(lookups.COMPANY_STATUSES),
        "company_types": lambda _world: ids(lookups.COMPANY_TYPES),
        "billing_cycles": lambda _world: ids(lookups.BILLING_CYCLES),
        "agreement_types": lambda _world: ids(lookups.AGREEMENT_TYPES),
        "agreements": lambda world: ids(world.agreements),
        "catalogue": lambda world: ids(world.products),
        "additions": lines_in_scope,
    },
    world_lists={"companies": "companies", "catalogue": "products", "additions": "lines"},
    in_use={
        "companies": lambda world: {
            company_id
            for agreement in world.agreements
            for company_id in (agreement.company_id, agreement.bill_to_id)
        },
        "catalogue": lambda world: {line.product_id for line in world.lines},
    },
    account_of={"additions": "agreement_id"},
    child_paths={"additions": r"/agreements/\d+/additions$"},
    paged="companies",
    cursor="Link",
    sub_calls="additions",
    state=("agreements", "billingCycle.id"),
)
