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
    paged="devices",
    state=("devices", "approvalStatus"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        20: "a page that is not full is the documented end",
        21: "a page that is not full is the documented end",
        27: "no answer names the next page: it is reckoned here",
    },
)
