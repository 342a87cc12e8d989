"""What the documentation says about Partner Center's lists."""

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    PARTNER_CENTER,
    PARTNER_TENANT,
)

FACTS = Facts(
    page_size=500,
    size_param="size",
    holds={
        "customers": lambda world: ids(world.at[PARTNER_CENTER].customers),
        "subscriptions": lambda world: ids(world.at[PARTNER_CENTER].subscriptions),
    },
    world_lists={"subscriptions": f"{PARTNER_CENTER}.subscriptions"},
    account_of={"subscriptions": "customer_id"},
    child_paths={"subscriptions": r"^/v1/customers/[^/]+/subscriptions$"},
    unpaged=r"/v1/customers/[^/]+/subscriptions",
    empty=b'{"totalCount":0,"items":[],"attributes":{"objectType":"Collection"}}',
    token_path=f"/{PARTNER_TENANT}/oauth2/v2.0/token",
    calls_in_turn=1,
    # So that our own limit costs no time.
    settings={"requests_per_minute": 60_000},
    paged="customers",
    paged_rows=f"{PARTNER_CENTER}.customers",
    cursor="links.next",
    sub_calls="subscriptions",
    state=("subscriptions", "status"),
)
