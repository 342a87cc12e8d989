"""What the documentation says about Microsoft Graph's lists, and how a world looks in them."""

from collections.abc import Callable
from typing import Any

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.truth.microsoft_graph import asked
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    GRAPH,
    PARTNER_TENANT,
)


def in_ready_tenants(name: str) -> Callable[[World], list[Any]]:
    """Ids of the records of tenants that answer."""

    def read(world: World) -> list[Any]:
        ready = {tenant.id for tenant in world.at[GRAPH].tenants if tenant.access == "ready"}
        return ids(row for row in getattr(world.at[GRAPH], name) if row.tenant_id in ready)

    return read


FACTS = Facts(
    page_size=300,
    size_param="$top",
    holds={
        "customers": lambda world: ids(world.at[GRAPH].tenants),
        "relationships": lambda world: ids(world.at[GRAPH].relationships),
        "subscribed_skus": in_ready_tenants("skus"),
        "directory_subscriptions": in_ready_tenants("subscriptions"),
    },
    world_lists={
        "subscribed_skus": f"{GRAPH}.skus",
        "directory_subscriptions": f"{GRAPH}.subscriptions",
    },
    account_of={"subscribed_skus": "tenant_id"},
    child_paths={
        "subscribed_skus": r"^/v1.0/subscribedSkus$",
        "directory_subscriptions": r"^/v1.0/directory/subscriptions$",
    },
    unpaged=r"/v1.0/(subscribedSkus|directory/subscriptions)|/[^/]+/oauth2/v2.0/token",
    empty=b'{"@odata.context":"x","value":[]}',
    token_path=f"/{PARTNER_TENANT}/oauth2/v2.0/token",
    more_tokens=rf"/(?!{PARTNER_TENANT})[^/]+/oauth2/v2.0/token",
    tokens=lambda world: 1 + len(asked(world.at[GRAPH])),
    answers=frozenset({200, 400, 403}),
    calls_in_turn=2,
    settings={"read_sellers": True},
    paged="customers",
    paged_rows=f"{GRAPH}.tenants",
    cursor="@odata.nextLink",
    sub_calls="subscribed_skus",
    state=("subscribed_skus", "capabilityStatus"),
)
