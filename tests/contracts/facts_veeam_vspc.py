"""What the documentation says about the lists of a Veeam console, and how a world looks in them."""

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.world.vendors.veeam_vspc import VEEAM_VSPC

FACTS = Facts(
    page_size=500,
    size_param="limit",
    holds={
        "companies": lambda world: ids(world.at[VEEAM_VSPC].companies),
        "usage": lambda world: ids(world.at[VEEAM_VSPC].locations),
        "licensing": lambda world: sorted({i.company_id for i in world.at[VEEAM_VSPC].licences}),
    },
    world_lists={"companies": "veeam_vspc.companies", "usage": "veeam_vspc.locations"},
    account_of={"usage": "company_id"},
    empty=b'{"data":[],"meta":{"pagingInfo":{"total":0,"count":0,"offset":0}},"errors":null}',
    announces_totals=True,
    settings={"read_licences": True},
    paged="usage",
    state=("companies", "status"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        27: "no answer names the next page: it is reckoned here",
    },
)
