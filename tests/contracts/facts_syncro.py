"""What the documentation says about Syncro's lists, and how a world looks in them."""

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.psa.syncro_records import SyncroState
from reconcile_pipeline.simulators.serve import SimulatedServer
from reconcile_pipeline.simulators.truth.syncro import SyncroTruth
from reconcile_pipeline.simulators.world.records import World


def without_lines(world: World) -> list[int]:
    """Ids of the schedules that run and have no line in the list."""
    truth = SyncroTruth(world)
    counted = {line.agreement_id for line in truth.lines}
    return [number for number in truth.in_scope if number not in counted and number % 6 != 0]


def leave_lines_out(server: SimulatedServer) -> None:
    """Make the list of schedules come without lines, as it may, so that each is asked for them."""
    assert isinstance(server.state, SyncroState)
    server.state.has_lines_in_list = False


FACTS = Facts(
    page_size=25,
    # The server's own length: nobody can ask for another.
    size_param=lambda _params: "25",
    holds={
        "customers": lambda world: ids(world.companies),
        "schedules": lambda world: ids(world.agreements),
        "products": lambda world: ids(world.products),
        "schedule_details": without_lines,
    },
    world_lists={
        "customers": "companies",
        "schedules": "agreements",
        "products": "products",
    },
    in_use={
        "customers": lambda world: {agreement.company_id for agreement in world.agreements},
        "products": lambda world: {line.product_id for line in world.lines},
    },
    account_of={"schedules": "company_id"},
    child_paths={"schedule_details": r"/schedules/\d+$"},
    empty=b'{"customers":[],"schedules":[],"products":[],"meta":{"total_pages":1,'
    b'"total_entries":0,"per_page":25,"page":1}}',
    announces_totals=frozenset({"customers"}),
    single=frozenset({"schedule_details"}),
    settings={"requests_per_minute": 1_000_000},
    prepare=leave_lines_out,
    paged="products",
    sub_calls="schedule_details",
    state=("schedules", "frequency"),
    without={
        27: "no answer names the next page: it is reckoned here",
    },
)
