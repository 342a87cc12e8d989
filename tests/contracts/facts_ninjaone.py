"""What the documentation says about NinjaOne's lists."""

from contracts_bench.facts import Facts, ids

FACTS = Facts(
    page_size=1000,
    size_param="pagesize",
    holds={
        "organizations": lambda world: ids(world.organizations),
        "devices": lambda world: ids(world.devices),
    },
    world_lists={"organizations": "organizations", "devices": "devices"},
    account_of={"devices": "organization_id"},
    token_path="/ws/oauth/token",
    is_ordered_by_id=True,
)
