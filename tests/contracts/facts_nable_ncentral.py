"""What the documentation says about N-able N-central's lists."""

from contracts_bench.facts import Facts, ids

FACTS = Facts(
    page_size=500,
    size_param="pagesize",
    holds={
        "customers": lambda world: ids(world.at["nable_ncentral"].customers),
        "sites": lambda world: ids(world.at["nable_ncentral"].sites),
        "devices": lambda world: ids(world.at["nable_ncentral"].devices),
    },
    world_lists={
        "customers": "nable_ncentral.customers",
        "sites": "nable_ncentral.sites",
        "devices": "nable_ncentral.devices",
    },
    account_of={"devices": "org_unit_id"},
    empty=b'{"data":[],"totalItems":0,"pageNumber":1,"pageSize":500,"totalPages":0,"_links":{}}',
    token_path="/api/auth/authenticate",
    announces_totals=True,
    paged="devices",
    state=("devices", "licenseMode"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        27: "no answer names the next page: it is reckoned here",
    },
)
