"""What the documentation says about Autotask's lists, and how a world looks in them."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.psa.autotask_units import ROWS_PER_LINE, UnitsBook
from reconcile_pipeline.simulators.truth.autotask import AutotaskTruth
from reconcile_pipeline.simulators.world.records import World

NEXT_MONTH = date(2026, 12, 1)
BUNDLES = {436}
"""The product that Autotask shows as a bundle: Managed Services Flat Fee."""


def contract_lines(*, bundles: bool) -> Callable[[World], list[Any]]:
    """Ids of the lines that Autotask shows as services, or as bundles."""

    def read(world: World) -> list[Any]:
        truth = AutotaskTruth(world)
        return [line.id for line in truth.lines if truth.is_bundle(line) is bundles]

    return read


def unit_rows(*, bundles: bool) -> Callable[[World], list[Any]]:
    """Ids of the rows of units that hold the day Autotask is read for."""

    def read(world: World) -> list[Any]:
        book = UnitsBook(world)
        shown = set(contract_lines(bundles=bundles)(world))
        rows = book.rows(line for line in book.lines() if line.id in shown)
        return [row.id for row in rows if row.starts_on <= NEXT_MONTH <= row.ends_on]

    return read


def lines_with_units(world: World) -> set[Any]:
    """Lines that can't go all at once: their rows of units would go with them, and are guarded.

    A fifth of them may, where their contract keeps another.
    """
    counted = [row_id // ROWS_PER_LINE for row_id in unit_rows(bundles=False)(world)]
    contracts = {line.id: line.agreement_id for line in world.lines}
    left = Counter(contracts[line_id] for line_id in counted)
    free: set[Any] = set()
    for line_id in counted:
        if len(free) < int(len(counted) * 0.2) and left[contracts[line_id]] > 1:
            left[contracts[line_id]] -= 1
            free.add(line_id)
    return set(counted) - free


def autotask_size(params: Mapping[str, str]) -> str | None:
    """The page size in a query, or in the link to its next page."""
    name, key = ("paging", "pageSize") if "paging" in params else ("search", "MaxRecords")
    return str(json.loads(params[name])[key]) if name in params else None


FACTS = Facts(
    page_size=500,
    size_param=autotask_size,
    holds={
        # The provider's own company comes first.
        "companies": lambda world: [0, *ids(world.companies)],
        "contracts": lambda world: ids(world.agreements),
        "contract_services": contract_lines(bundles=False),
        "contract_service_units": unit_rows(bundles=False),
        "contract_service_bundles": contract_lines(bundles=True),
        "contract_service_bundle_units": unit_rows(bundles=True),
        "services": lambda world: [
            item.id for item in world.products if item.is_recurring and item.id not in BUNDLES
        ],
        "service_bundles": lambda _world: sorted(BUNDLES),
    },
    world_lists={
        "companies": "companies",
        "contract_services": "lines",
        "contract_service_units": "lines",
    },
    in_use={
        "companies": lambda world: {agreement.company_id for agreement in world.agreements},
        "contract_services": lines_with_units,
    },
    account_of={"contract_service_units": "agreement_id"},
    empty=b'{"items":[],"pageDetails":{"count":0,"requestCount":500,"prevPageUrl":null,'
    b'"nextPageUrl":null}}',
    look_up="/ATServicesRest/v1.0/zoneInformation",
    names=frozenset({"user"}),
    next_path="(/next)?",
    world_id=lambda row_id: str(int(row_id) // ROWS_PER_LINE),
    paged="companies",
    cursor="pageDetails.nextPageUrl",
    state=("contracts", "status"),
    without={
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
    },
)
