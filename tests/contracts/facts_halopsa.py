"""What the documentation says about HaloPSA's lists, and how a world looks in them."""

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.truth.halopsa import shown
from reconcile_pipeline.simulators.world.records import World


def recurring_invoices(world: World) -> list[int]:
    return [shown(agreement.id) for agreement in world.agreements]


FACTS = Facts(
    page_size=100,
    smaller_pages={"/api/RecurringInvoice": 50},
    size_param="page_size",
    holds={
        # The placeholder that every Halo has comes first.
        "clients": lambda world: [1, *ids(world.companies)],
        "contracts": lambda world: ids(world.agreements),
        "recurring_invoices": recurring_invoices,
        "items": lambda world: ids(world.products),
    },
    world_lists={
        "clients": "companies",
        "recurring_invoices": "agreements",
        "items": "products",
    },
    in_use={
        "clients": lambda world: {agreement.company_id for agreement in world.agreements},
        "items": lambda world: {line.product_id for line in world.lines},
    },
    account_of={"recurring_invoices": "company_id"},
    empty=b'{"page_no":1,"page_size":50,"record_count":0,"clients":[],"contracts":[],"invoices":[],'
    b'"items":[]}',
    token_path="/auth/token",
    look_up="/api/authinfo",
    world_id=lambda number: str(abs(int(number))),
    announces_totals=True,
    paged="clients",
    state=("recurring_invoices", "period"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        27: "no answer names the next page: it is reckoned here",
    },
)
