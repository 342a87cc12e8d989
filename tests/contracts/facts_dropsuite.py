"""What the documentation says about Dropsuite's lists."""

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.world.vendors.dropsuite import DROPSUITE

FACTS = Facts(
    page_size=100,
    size_param="per_page",
    holds={
        "plans": lambda world: ids(world.at[DROPSUITE].plans),
        "users": lambda world: ids(world.at[DROPSUITE].users),
    },
    world_lists={"users": "dropsuite.users"},
    account_of={"users": "organization_id"},
    empty=b'{"result_set":[],"pagination":{"current_page":1,"total_pages":0,"total_entries":0}}',
    settings={"requests_per_minute": 10_000},
    announces_totals=True,
    paged="users",
    without={
        42: "its records carry flags, and no state that could be another",
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        27: "no answer names the next page: it is reckoned here",
    },
)
