"""What the documentation says about Sophos Central's lists."""

from typing import Any

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.sophos import SOPHOS, SophosLine, SophosRecords

LAST_MONTH = "/partner/v1/billing/usage/2026/10"


def of(world: World) -> SophosRecords:
    records: SophosRecords = world.at[SOPHOS]
    return records


def line_id(line: SophosLine) -> str:
    """What tells a line from the others: an order line is shared by customers."""
    told = (
        line.account_id,
        line.assigned_to,
        line.serial,
        line.product_code,
        line.sku,
        line.order,
        line.order_line,
        line.id,
        line.starts_on,
    )
    return "|".join("" if part is None else str(part) for part in told)


def shown_licences(world: World) -> list[Any]:
    """Licences of the term customers that let the partner see them."""
    tenants = {t.id for t in of(world).tenants if t.billing_type == "term" and t.has_assistance}
    return [licence.id for licence in of(world).licences if licence.tenant_id in tenants]


def term_tenants(world: World) -> set[Any]:
    return {tenant.id for tenant in of(world).tenants if tenant.billing_type == "term"}


FACTS = Facts(
    page_size=100,
    size_param="pagesize",
    smaller_pages={LAST_MONTH: 1000},
    unpaged=r"/whoami/v1|/licenses/v1/licenses",
    holds={
        "whoami": lambda world: [of(world).partner_id],
        "tenants": lambda world: ids(of(world).tenants),
        "usage": lambda world: [line_id(line) for line in of(world).lines],
        "licences": shown_licences,
    },
    world_lists={
        "tenants": "sophos.tenants",
        "usage": "sophos.lines",
        "licences": "sophos.licences",
    },
    in_use={"tenants": term_tenants},
    account_of={"usage": "customer"},
    world_id=lambda number: number.split("|")[-2],
    child_paths={
        "tenants": "/partner/v1/tenants$",
        "usage": f"{LAST_MONTH}$",
        "licences": "/licenses/v1/licenses$",
    },
    empty=b'{"items":[],"pages":{"current":1,"size":100,"total":0,"items":0,"maxSize":100}}',
    empty_of={"licences": b'{"licenses":[]}'},
    token_path="/api/v2/oauth2/token",
    settings={"requests_per_minute": 10_000},
    single=frozenset({"whoami"}),
    announces_totals=frozenset({"tenants"}),
    made_keys=frozenset({"usage"}),
    answered_by={"licences": 403},
    paged="usage",
    cursor="pages.nextKey",
    sub_calls="licences",
    state=("tenants", "billingType"),
)
