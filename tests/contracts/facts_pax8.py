"""What the documentation says about Pax8's lists."""

from contracts_bench.facts import Facts, ids

FACTS = Facts(
    page_size=200,
    size_param="size",
    holds={
        "companies": lambda world: ids(world.pax8_companies),
        "subscriptions": lambda world: ids(world.subscriptions),
    },
    world_lists={"companies": "pax8_companies", "subscriptions": "subscriptions"},
    account_of={"subscriptions": "company_id"},
    empty=b'{"content":[],"page":{"size":200,"totalElements":0,"totalPages":0,"number":0}}',
    token_path="/v1/token",
    announces_totals=True,
    paged="subscriptions",
    state=("subscriptions", "status"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        27: "no answer names the next page: it is reckoned here",
    },
)
