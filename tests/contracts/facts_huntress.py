"""What the documentation says about Huntress's lists."""

from contracts_bench.facts import Facts, ids

FACTS = Facts(
    page_size=500,
    size_param="limit",
    holds={"organizations": lambda world: ids(world.at["huntress"].organizations)},
    world_lists={"organizations": "huntress.organizations"},
    account_of={"organizations": "id"},
    empty=b'{"organizations":[],"pagination":{}}',
    names=frozenset({"public_key"}),
    settings={"requests_per_minute": 1_000_000},
    paged="organizations",
    cursor="pagination.next_page_token",
    without={
        42: "its organizations carry counts, and no state",
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
    },
)
