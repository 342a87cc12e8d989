"""What the documentation says about Cove's lists."""

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.world.vendors.cove import COVE

PARTNERS, DEVICES = "/jsonapi EnumeratePartners", "/jsonapi EnumerateAccountStatistics"

FACTS = Facts(
    page_size=5000,
    # The size stands in the body: test_cove_system looks at it there.
    size_param="RecordsCount",
    unpaged=r"/jsonapi .*",
    holds={
        "partners": lambda world: ids(world.at[COVE].partners),
        "devices": lambda world: ids(world.at[COVE].devices),
    },
    world_lists={"partners": "cove.partners", "devices": "cove.devices"},
    # Whoever is below a partner that is gone is gone, too.
    in_use={"partners": lambda world: {p.parent_id for p in world.at[COVE].partners}},
    account_of={"devices": "partner_id"},
    child_paths={"partners": f"{PARTNERS}$", "devices": f"{DEVICES}$"},
    empty=b'{"id":"1","jsonrpc":"2.0","result":{"result":[]}}',
    token_path="/jsonapi Login",
    reads_by_post=frozenset({PARTNERS, DEVICES}),
    refuses_keys_with=200,
    # Login, partners, and one page of devices.
    calls_in_turn=3,
    paged="devices",
    state=("partners", "State"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        20: "a page that is not full is the documented end",
        21: "a page that is not full is the documented end",
        27: "no answer names the next page: it is reckoned here",
    },
)
