"""What counts in the backup vendor's file: every row, as it stands there."""

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import BACKUP_CSV, World


def count(world: World, usage: Usage) -> None:
    """Units per account and service, as listed."""
    for row in world.backup_rows:
        usage.accounts[BACKUP_CSV, row.account_id] = row.account_name
        usage.services[BACKUP_CSV, row.service_key] = row.service_name
        usage.totals[BACKUP_CSV, row.account_id, row.service_key] += row.quantity


def calls(_world: World) -> int:
    """A file costs no call."""
    return 0
