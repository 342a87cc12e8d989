"""Which metrics count, which systems are asked for them, and in how many calls.

Decided here because the calls follow from it; both choices are landed with their reasons, and SQL
reads them instead of deciding again. Pure functions on the lists that were read before.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from reconcile_pipeline.http import Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Child, Record
from reconcile_pipeline.systems.reading import at

SYSTEMS_PER_CALL = 10
"""Documented: more are refused."""
ACTIVE = 1
_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 31.0}
Earlier = Mapping[str, Sequence[Record]]


def counted_metrics(earlier: Earlier, prefix: str, uuids: Collection[str]) -> list[Record]:
    """Return the metrics that count, and those that look as if they should, with the reason.

    Shape: `{id: <UUID>, metric_id, name, inspector_id, reason: text | None}`. Raises
    `PipelineError` (incomplete) when one that the settings name is gone.
    """
    found = [_judged(row, prefix, uuids) for row in earlier["metrics"]]
    rows = [row for row in found if row is not None]
    gone = sorted(set(uuids) - {row["id"] for row in rows})
    if gone:
        raise PipelineError(
            f"Liongard no longer has the metric {gone[0]}, which the settings count.",
            next_step="Nothing of this pull is used: its count would look like zero. Restore the"
            " metric in Liongard, or take it out of uuids.",
            category=Category.INCOMPLETE,
        )
    return rows


def _judged(row: Record, prefix: str, uuids: Collection[str]) -> Record | None:
    name, uuid = str(row["Name"]), str(row["UUIDS"]).lower()
    is_named = name.startswith(prefix)
    if uuid in uuids or (is_named and row["MetricDisplay"] is True):
        reason = None
    elif is_named:
        reason = "not_displayed"
    elif str(row.get("UCK") or "").startswith(prefix):
        # It keeps the name it was made with: a new one must not make it vanish without a word.
        reason = "renamed"
    else:
        return None
    return {
        "id": uuid,
        "metric_id": str(row["ID"]),
        "name": name,
        "inspector_id": str(row["Inspector"]["ID"]),
        "reason": reason,
    }


def lacks_parents(earlier: Earlier) -> bool:
    """Tell whether some system's launchpoint does not say which launchpoint it came from."""
    return any(
        "ParentID" not in (row.get("Launchpoint") or {"ParentID": 0}) for row in earlier["systems"]
    )


def asked_systems(earlier: Earlier) -> list[Record]:
    """Return every system of a counted metric's inspector, and why it is not asked for values.

    Shape: `{id, environment_id, inspector_id, inspector_name, name, frequency_days: text | None,
    reason: text | None}`.
    """
    inspectors = {row["inspector_id"] for row in earlier["counted_metrics"] if not row["reason"]}
    environments = {str(row["ID"]): row["Status"] for row in earlier["environments"]}
    parent_of = _parents(earlier)
    parents = {parent for parent in parent_of.values() if parent is not None}
    found = {}
    for row in earlier["systems"]:
        if str(at(row, "Inspector.ID")) in inspectors:
            reason = _why_not(row, environments, parents)
            found[str(row["ID"])] = _asked(row, reason)
    return list(found.values())


def _parents(earlier: Earlier) -> dict[str, str | None]:
    """Parents by launchpoint; what systems don't tell is in the list of launchpoints."""
    told = [*earlier.get("launchpoints", ())]
    told += [row["Launchpoint"] for row in earlier["systems"] if row.get("Launchpoint")]
    parent_of: dict[str, str | None] = {}
    for launchpoint in told:
        if "ParentID" in launchpoint:
            parent = launchpoint["ParentID"]
            parent_of[str(launchpoint["ID"])] = None if parent is None else str(parent)
    for launchpoint in told:
        if str(launchpoint["ID"]) not in parent_of:
            raise PipelineError(
                "Liongard does not say which launchpoints are parents of others.",
                next_step="Nothing of this pull is used: a parent's figures are those of all its"
                " customers. Let the access key read launchpoints, then pull again.",
                category=Category.PERMISSION,
            )
    return parent_of


def _why_not(row: Record, environments: Mapping[str, Any], parents: Collection[str]) -> str | None:
    launchpoint = row.get("Launchpoint") or {}
    environment_id = str(row["Environment"]["ID"])
    checks = (
        # Its data is that of all customers, and would be counted as the provider's own.
        ("parent_inspector", str(launchpoint.get("ID")) in parents),
        ("account_unknown", environment_id not in environments),
        ("account_inactive", environments.get(environment_id) != ACTIVE),
        ("system_inactive", row.get("Status") != ACTIVE),
        ("system_hidden", row.get("Visible") is not True),
        ("no_launchpoint", not launchpoint),
        ("launchpoint_disabled", launchpoint.get("Enabled") is not True),
        ("launchpoint_inactive", launchpoint.get("Status") != "Active"),
    )
    return next((reason for reason, holds in checks if holds), None)


def _asked(row: Record, reason: str | None) -> Record:
    inspector = row["Inspector"]
    return {
        "id": str(row["ID"]),
        "environment_id": str(row["Environment"]["ID"]),
        "inspector_id": str(inspector["ID"]),
        "inspector_name": inspector.get("Alias") or inspector.get("Name") or "inspector",
        "name": row.get("Name"),
        "frequency_days": _frequency_days(row.get("Launchpoint") or {}),
        "reason": reason,
    }


def _frequency_days(launchpoint: Record) -> str | None:
    days = _DAYS.get(str(launchpoint.get("FreqType")).lower().removesuffix("s"))
    interval = launchpoint.get("FreqInterval")
    if days is None or not isinstance(interval, int) or interval < 1:
        return None
    return f"{days * interval:.4f}"


def value_requests(earlier: Earlier) -> list[Child]:
    """Build the evaluations: ten systems a call, each with the metrics of its inspectors."""
    uuids_of: dict[str, set[str]] = {}
    for metric in earlier["counted_metrics"]:
        if not metric["reason"]:
            uuids_of.setdefault(metric["inspector_id"], set()).add(metric["id"])
    return [_evaluation(chunk, uuids_of) for chunk in _chunks(earlier["asked_systems"])]


def _chunks(systems: Sequence[Record]) -> Iterator[Sequence[Record]]:
    asked = [row for row in systems if not row["reason"]]
    # Systems of one inspector together: fewer metrics a call.
    asked.sort(key=lambda row: (row["inspector_id"], int(row["id"])))
    for start in range(0, len(asked), SYSTEMS_PER_CALL):
        yield asked[start : start + SYSTEMS_PER_CALL]


def _evaluation(chunk: Sequence[Record], uuids_of: Mapping[str, Collection[str]]) -> Child:
    uuids = {uuid for row in chunk for uuid in uuids_of[row["inspector_id"]]}
    params = {
        # One parameter with commas, as the specification writes lists here.
        "systems": ",".join(row["id"] for row in chunk),
        "uuids": ",".join(sorted(uuids)),
        "includeNonVisible": "true",
    }
    return Child(chunk[0]["id"], Request("/metrics/bulk", params=params))
