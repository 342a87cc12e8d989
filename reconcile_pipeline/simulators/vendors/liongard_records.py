"""How Liongard writes its records: nested in each other, with texts that may hold secrets."""

from typing import Any

from reconcile_pipeline.simulators.world.vendors.liongard import (
    INSPECTORS,
    LiongardEnvironment,
    LiongardMetric,
    LiongardSystem,
)

Row = dict[str, Any]


def environment_row(environment: LiongardEnvironment) -> Row:
    """One environment; the tier is an object here and a text elsewhere."""
    return {
        "ID": environment.id,
        "ServiceProviderID": 1,
        "Name": environment.name,
        "ShortName": environment.name[:4].upper(),
        "Description": "Door code: simSecret-door",
        "Status": environment.status,
        "Visible": environment.status == 1,
        "Tier": {"Type": "Core", "CanDowngrade": False, "AssociatedInspectors": 14},
        "CreatedOn": "2021-09-10T19:21:03.195Z",
        "UpdatedOn": "2024-05-01T00:00:00.000Z",
    }


def system_row(
    system: LiongardSystem, environment: LiongardEnvironment | None, *, hides_parents: bool
) -> Row:
    """One system with its environment, inspector and launchpoint inside."""
    launchpoint = launchpoint_row(system)
    nested = {name: launchpoint[name] for name in launchpoint if name != "ParentAlias"}
    if hides_parents:
        del nested["ParentID"]
    return {
        "ID": system.id,
        "Name": system.name,
        "Description": "",
        "Environment": {
            "ID": system.environment_id,
            "Name": environment.name if environment else "",
            "Status": environment.status if environment else 1,
            "Description": "Door code: simSecret-door",
        },
        "Inspector": inspector_row(system.inspector_id),
        "Launchpoint": nested,
        "UniqueCompositeKey": "",
        "UserDefined": False,
        "Status": system.status,
        "Visible": system.is_visible,
    }


def launchpoint_row(system: LiongardSystem) -> Row:
    """The job that inspects a system; its settings are a text with whatever was typed in."""
    return {
        "ID": system.launchpoint_id,
        "Alias": system.name,
        "Config": '{"TIMEOUT":2,"SERVICE_ACCOUNT_PASSWORD":"simSecret-config"}',
        "Enabled": system.is_enabled,
        "Visible": True,
        "Status": system.launchpoint_status,
        "FreqType": "days",
        "FreqInterval": 1 + system.id % 2,
        "NextScheduledFor": "2024/06/02 02:00:00",
        "LastScheduledRun": "2024/06/01 02:00:00",
        "ParentID": system.parent_id,
        "ParentAlias": None,
        "EnvironmentID": system.environment_id,
    }


def metric_row(metric: LiongardMetric) -> Row:
    """One metric; the field of its UUID is spelled like this."""
    return {
        "ID": metric.id,
        "Name": metric.name,
        "UUIDS": metric.uuid,
        "UCK": metric.made_as,
        "Description": "",
        "Inspector": inspector_row(metric.inspector_id),
        "MetricDisplay": metric.is_displayed,
        "ChangesEnabled": True,
        "MetricVersions": [{"ID": 123, "InspectorVersionID": 65, "Query": "length(@)"}],
        "HasActiveAlertRule": False,
        "BelongsToChangeRule": False,
        "CreatedOn": "2024-01-10T19:21:03.195Z",
        "UpdatedOn": None,
    }


def inspector_row(number: int) -> Row:
    """The kind of source that a system is."""
    name, alias = INSPECTORS[number]
    return {"ID": number, "Name": name, "Alias": alias}


def evaluation(system: LiongardSystem, metric: LiongardMetric) -> Row:
    """What a metric comes to on a system; one of another inspector comes to nothing."""
    is_fit = metric.inspector_id == system.inspector_id
    is_failed = metric.uuid in system.errors or not is_fit
    finished = f"{system.finished_at:%Y-%m-%dT%H:%M:%S}.542Z"
    return {
        "TimelineID": 1_290_000 + system.id,
        "TimelineFinishedAt": finished,
        "TimelineCreatedAt": finished,
        "Metric": {
            "ID": metric.id,
            "Name": metric.name,
            "err": "Invalid type for: null" if is_failed else None,
            "value": None if is_failed else system.values.get(metric.uuid),
        },
    }
