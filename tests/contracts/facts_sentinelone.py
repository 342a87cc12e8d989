"""What the documentation says about SentinelOne's lists, and how a world looks in them."""

from collections.abc import Callable
from typing import Any

from contracts_bench.facts import Facts

from reconcile_pipeline.simulators.world.records import World


def sites(*, active: bool) -> Callable[[World], list[Any]]:
    """Ids of the sites that are active, or of those that are over."""

    def read(world: World) -> list[Any]:
        held = world.at["sentinelone"].sites
        return [site.id for site in held if (site.state == "active") is active]

    return read


FACTS = Facts(
    page_size=1000,
    size_param="limit",
    holds={"sites": sites(active=True), "closed_sites": sites(active=False)},
    world_lists={"sites": "sentinelone.sites"},
    account_of={"sites": "id"},
    child_paths={"closed_sites": r"/sites\?states=expired,deleted$"},
    empty=b'{"data":{"allSites":{},"sites":[]},"pagination":{"totalItems":0,"nextCursor":null}}',
    announces_totals=True,
    paged="sites",
    cursor="pagination.nextCursor",
    state=("sites", "state"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
    },
)
