"""What the documentation says about the lists of Kaseya BMS, and how a world looks in them."""

from collections import Counter
from typing import Any

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.truth.kaseya import KaseyaTruth
from reconcile_pipeline.simulators.world.records import World


def contracts_of_namesakes(world: World) -> list[Any]:
    """Contracts of accounts that share their name with another."""
    names = {company.id: company.name for company in world.companies}
    count = Counter(names.values())
    return [a.id for a in world.agreements if count[names[a.company_id]] > 1]


def opened_lines(world: World) -> list[Any]:
    """Lines of the invoices that may be some contract's last."""
    return [item.id for made in KaseyaTruth(world).opened for item in made.items]


FACTS = Facts(
    page_size=100,
    size_param="pagesize",
    holds={
        "accounts": lambda world: ids(world.companies),
        "contracts": lambda world: ids(world.agreements),
        "services": lambda world: [item.id for item in world.products if item.is_recurring],
        "account_contracts": contracts_of_namesakes,
        "invoices": lambda world: ids(KaseyaTruth(world).listed),
        "invoice_lines": opened_lines,
    },
    world_lists={"accounts": "companies", "contracts": "agreements"},
    in_use={
        "accounts": lambda world: {agreement.company_id for agreement in world.agreements},
        # What they are invoiced for is guarded, too: only the others can vanish alone.
        "contracts": lambda world: {agreement.id for agreement in KaseyaTruth(world).in_scope},
    },
    account_of={"contracts": "company_id"},
    child_paths={
        "account_contracts": r"/contracts/lookup$",
        "invoices": r"/invoices/summary$",
        "invoice_lines": r"/invoices/\d+$",
    },
    empty=b'{"success":true,"error":null,"totalRecords":0,"result":[]}',
    empty_of={
        "invoice_lines": b'{"success":true,"error":null,"result":{"id":1,"lineItems":[]}}',
    },
    guarded_by={"invoice_lines": "last_invoices"},
    token_path="/v2/security/authenticate",
    names=frozenset({"username"}),
    announces_totals=frozenset({"accounts", "contracts", "services"}),
    unpaged=r"/v2/finance/(contracts/lookup|invoices/\d+)",
    paged="accounts",
    sub_calls="invoice_lines",
    state=("contracts", "status"),
    without={
        27: "no answer names the next page: it is reckoned here",
    },
)
