"""What counts at N-able N-sight: every device of a client, by type; nothing is left out."""

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.nable_nsight import (
    NABLE_NSIGHT,
    SIDE,
    TYPES,
    NSightRecords,
)

SERVICE_OF = {kind: service for service, kind in TYPES.items()}


def count(world: World, usage: Usage) -> None:
    """Devices per client: in all, and by type."""
    held: NSightRecords = world.at[NABLE_NSIGHT]
    for client in held.clients:
        usage.accounts[NABLE_NSIGHT, str(client.id)] = client.name
    for service_id, name in SIDE.services.items():
        usage.services[NABLE_NSIGHT, service_id] = name
    for device in held.devices:
        client_id = str(device.client_id)
        usage.totals[NABLE_NSIGHT, client_id, "total_devices"] += 1
        usage.totals[NABLE_NSIGHT, client_id, SERVICE_OF[device.type]] += 1


def calls(_world: World) -> int:
    """Calls of the cheapest full sync: all counts come in one."""
    return 1
