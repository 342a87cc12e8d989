"""What the documentation says about Liongard's lists."""

from typing import Any

from contracts_bench.facts import Facts, ids

from reconcile_pipeline.simulators.serve import SimulatedServer
from reconcile_pipeline.simulators.truth.liongard import counted_metrics, judged_systems
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.liongard import LIONGARD, PREFIX


def values(world: World) -> list[str]:
    """Every system that is asked and answers, with every metric of its call."""
    metrics = counted_metrics(world.at[LIONGARD])
    asked = [system for system, reason in judged_systems(world.at[LIONGARD]) if reason is None]
    asked.sort(key=lambda system: (str(system.inspector_id), system.id))
    found = []
    for start in range(0, len(asked), 10):
        chunk = asked[start : start + 10]
        inspectors = {system.inspector_id for system in chunk}
        found += [
            f"{system.id}/{metric.id}"
            for system in chunk
            if system.is_inspected
            for metric in metrics
            if metric.inspector_id in inspectors
        ]
    return found


def hide_parents(server: SimulatedServer) -> None:
    state: Any = server.state
    state.hides_parents = True


FACTS = Facts(
    page_size=0,
    size_param="",
    # Lists come in one piece; how many systems a call has is looked at in test_liongard_system.
    unpaged=r".*",
    holds={
        "environments": lambda world: ids(world.at[LIONGARD].environments),
        "metrics": lambda world: ids(world.at[LIONGARD].metrics),
        "systems": lambda world: ids(world.at[LIONGARD].systems),
        # Only asked where systems don't tell whose child their launchpoint is.
        "launchpoints": lambda _world: [],
        "metric_values": values,
    },
    world_lists={
        "environments": "liongard.environments",
        "metrics": "liongard.metrics",
        "systems": "liongard.systems",
    },
    in_use={
        "metrics": lambda world: {
            metric.id for metric in world.at[LIONGARD].metrics if metric.made_as.startswith(PREFIX)
        },
        "systems": lambda world: {
            system.id
            for system, reason in judged_systems(world.at[LIONGARD])
            if reason == "parent_inspector"
        },
    },
    account_of={"systems": "environment_id"},
    child_paths={
        "environments": r"/environments$",
        "metrics": r"/metrics$",
        "systems": r"/systems$",
        "launchpoints": r"/launchpoints$",
        "metric_values": r"/metrics/bulk$",
    },
    names=frozenset({"access_key_id"}),
    single=frozenset({"launchpoints", "metric_values"}),
    made_keys=frozenset({"metric_values"}),
    empty_of={"metric_values": b"{}"},
    prepare=hide_parents,
    moves=True,
    settings={"requests_per_minute": 400},
    sub_calls="metric_values",
    state=("environments", "Status"),
    without={
        20: "its lists come in one piece",
        21: "its lists come in one piece",
        25: "its lists come in one piece",
        26: "its lists come in one piece",
        27: "its lists come in one piece",
    },
)
