"""What counts at Liongard: displayed metrics with the prefix, on systems that are inspected.

Reasons, in the order in which the first that holds wins:
    account: inactive
    metric: not_displayed, renamed
    system: parent_inspector, account_inactive, system_inactive, system_hidden,
        launchpoint_disabled, launchpoint_inactive
    metric_value: not_evaluated, evaluation_failed, not_a_count
    environment_metric: not_inspected
The last two are counts that nobody knows.
"""

import math

from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.liongard import (
    LIONGARD,
    PREFIX,
    LiongardMetric,
    LiongardRecords,
    LiongardSystem,
    as_count,
)


def count(world: World, usage: Usage) -> None:
    """Units per environment and metric."""
    held: LiongardRecords = world.at[LIONGARD]
    for environment in held.environments:
        if environment.status == 1:
            usage.accounts[LIONGARD, str(environment.id)] = environment.name
        else:
            usage.exclude(LIONGARD, "account", str(environment.id), "inactive")
    _list_metrics(held, usage)
    looked_at = _add_values(held, usage)
    for environment in held.environments:
        for metric in counted_metrics(held):
            if environment.status == 1 and (environment.id, metric.uuid) not in looked_at:
                usage.untold.add((LIONGARD, str(environment.id), metric.uuid))
                record_id = f"{environment.id}/{metric.uuid}"
                usage.exclude(LIONGARD, "environment_metric", record_id, "not_inspected")


def _list_metrics(held: LiongardRecords, usage: Usage) -> None:
    counted = counted_metrics(held)
    for metric in held.metrics:
        if metric in counted:
            usage.services[LIONGARD, metric.uuid] = metric.name
        elif metric.name.startswith(PREFIX):
            usage.exclude(LIONGARD, "metric", metric.uuid, "not_displayed")
        elif metric.made_as.startswith(PREFIX):
            usage.exclude(LIONGARD, "metric", metric.uuid, "renamed")


def _add_values(held: LiongardRecords, usage: Usage) -> set[tuple[int, str]]:
    """Add up what systems come to; returns the environments and metrics that somebody looks at."""
    looked_at = set()
    for system, reason in judged_systems(held):
        if reason is not None:
            usage.exclude(LIONGARD, "system", str(system.id), reason)
            continue
        for metric in counted_metrics(held):
            if metric.inspector_id == system.inspector_id:
                looked_at.add((system.environment_id, metric.uuid))
                _add(usage, system, metric.uuid)
    return looked_at


def _add(usage: Usage, system: LiongardSystem, uuid: str) -> None:
    key = (LIONGARD, str(system.environment_id), uuid)
    value = system.values.get(uuid)
    number = as_count(value)
    if system.is_inspected and uuid not in system.errors and number is not None:
        usage.totals[key] += number
        return
    reason = "not_a_count" if value is not None else "no_value"
    if uuid in system.errors:
        reason = "evaluation_failed"
    if not system.is_inspected:
        reason = "not_evaluated"
    usage.untold.add(key)
    usage.exclude(LIONGARD, "metric_value", f"{system.id}/{uuid}", reason)


def counted_metrics(held: LiongardRecords) -> list[LiongardMetric]:
    """Metrics that are displayed and have the prefix."""
    return [m for m in held.metrics if m.name.startswith(PREFIX) and m.is_displayed]


def judged_systems(held: LiongardRecords) -> list[tuple[LiongardSystem, str | None]]:
    """Systems that a counted metric is about, with the reason why one is not asked."""
    inspectors = {metric.inspector_id for metric in counted_metrics(held)}
    parents = {system.parent_id for system in held.systems}
    active = {environment.id for environment in held.environments if environment.status == 1}
    found = []
    for system in held.systems:
        checks = (
            ("parent_inspector", system.launchpoint_id in parents),
            ("account_inactive", system.environment_id not in active),
            ("system_inactive", system.status != 1),
            ("system_hidden", not system.is_visible),
            ("launchpoint_disabled", not system.is_enabled),
            ("launchpoint_inactive", system.launchpoint_status != "Active"),
        )
        if system.inspector_id in inspectors:
            found.append((system, next((name for name, holds in checks if holds), None)))
    return found


def calls(world: World) -> int:
    """Calls of the cheapest full sync: three lists and ten systems an evaluation, each moved."""
    asked = sum(reason is None for _, reason in judged_systems(world.at[LIONGARD]))
    # Every call is first answered with where to ask it.
    return 2 * (3 + math.ceil(asked / 10))
