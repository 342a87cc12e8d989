"""Which metrics count, which systems are asked and which are not: each choice with its reason."""

from typing import Any

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors.liongard_metrics import (
    asked_systems,
    counted_metrics,
    lacks_parents,
    value_requests,
)

Row = dict[str, Any]
UUIDS = [f"0b7e2f10-5a44-4c1e-9a55-7d1c2e3f4a{number:02}" for number in range(10)]
DUO, AD = 42, 7


def metric(number: int, name: str, inspector: int = DUO, **changes: Any) -> Row:
    row = {
        "ID": 500 + number,
        "Name": name,
        "UUIDS": UUIDS[number],
        "UCK": name,
        "Inspector": {"ID": inspector},
        "MetricDisplay": True,
    }
    return row | changes


def system(number: int, inspector: int = DUO, parent: int | None = None, **changes: Any) -> Row:
    launchpoint = {
        "ID": 10_000 + number,
        "Enabled": True,
        "Status": "Active",
        "ParentID": parent,
        "FreqType": "days",
        "FreqInterval": 2,
    }
    row = {
        "ID": number,
        "Name": f"System {number}",
        "Environment": {"ID": 1},
        "Inspector": {"ID": inspector, "Name": "some-inspector", "Alias": "Some"},
        "Launchpoint": launchpoint,
        "Status": 1,
        "Visible": True,
    }
    launchpoint |= changes.pop("launchpoint", {})
    return row | changes


def reasons(systems: list[Row], *metrics: Row, **lists: list[Row]) -> dict[str, str | None]:
    earlier = asked(systems, *metrics, **lists)
    return {row["id"]: row["reason"] for row in earlier["asked_systems"]}


def asked(systems: list[Row], *metrics: Row, **lists: list[Row]) -> dict[str, list[Row]]:
    earlier = {
        "environments": [{"ID": 1, "Status": 1}, {"ID": 2, "Status": 0}],
        "metrics": list(metrics or (metric(0, "Gradient - Duo"),)),
        "systems": systems,
        **lists,
    }
    earlier["counted_metrics"] = counted_metrics(earlier, "Gradient", ())
    earlier["asked_systems"] = asked_systems(earlier)
    return earlier


def test_the_prefix_and_the_display_choose_metrics() -> None:
    """Hidden and renamed ones are listed with a reason; others are not ours to count."""
    earlier = {
        "metrics": [
            metric(0, "Gradient - Users"),
            metric(1, "Gradient - Guests", MetricDisplay=False),
            metric(2, "Users", UCK="Gradient - Old Name"),
            metric(3, "Users of all"),
            metric(4, "gradient - small"),
        ]
    }
    found = counted_metrics(earlier, "Gradient", ())
    assert [(row["id"], row["metric_id"], row["reason"]) for row in found] == [
        (UUIDS[0], "500", None),
        (UUIDS[1], "501", "not_displayed"),
        (UUIDS[2], "502", "renamed"),
    ]


def test_a_named_uuid_counts_whatever_it_is_called() -> None:
    """The mapping is by UUID, and so is this setting: a new name changes nothing."""
    renamed = metric(2, "Users", UCK="Gradient - Old Name", MetricDisplay=False)
    [found] = counted_metrics({"metrics": [renamed]}, "Gradient", [UUIDS[2]])
    assert (found["id"], found["reason"]) == (UUIDS[2], None)


def test_a_named_uuid_that_is_gone_stops_the_pull() -> None:
    """A mapped metric that disappears would look like zero units everywhere."""
    with pytest.raises(PipelineError, match=UUIDS[5]) as caught:
        counted_metrics({"metrics": [metric(0, "Gradient - Users")]}, "Gradient", [UUIDS[5]])
    assert caught.value.category is Category.INCOMPLETE


def test_only_systems_of_the_metrics_inspector_are_asked() -> None:
    """A metric is a query on the data of one inspector; a system without one is nobody's."""
    without = system(3) | {"Inspector": None}
    assert reasons([system(1), system(2, AD), without]) == {"1": None}


def test_a_parent_is_never_asked_where_it_has_children() -> None:
    """Its figures are those of all customers; a system that came from nobody counts."""
    parent, child, single = system(1), system(2, parent=10_001), system(3)
    assert reasons([parent, child, single]) == {"1": "parent_inspector", "2": None, "3": None}


def test_a_parent_whose_children_are_off_is_still_one() -> None:
    """Or it would count all its customers as the provider's own as soon as they are off."""
    child = system(2, parent=10_001, launchpoint={"Enabled": False})
    assert reasons([system(1), child]) == {"1": "parent_inspector", "2": "launchpoint_disabled"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Environment": {"ID": 2}}, "account_inactive"),
        ({"Environment": {"ID": 3}}, "account_unknown"),
        ({"Status": 0}, "system_inactive"),
        ({"Visible": False}, "system_hidden"),
        ({"Launchpoint": None}, "no_launchpoint"),
        ({"launchpoint": {"Enabled": False}}, "launchpoint_disabled"),
        ({"launchpoint": {"Status": "Failed"}}, "launchpoint_inactive"),
    ],
)
def test_systems_that_are_off_are_not_asked(changes: Row, reason: str) -> None:
    """Each is landed with the reason."""
    assert reasons([system(1, **changes), system(2)]) == {"1": reason, "2": None}


def test_where_systems_do_not_tell_parents_launchpoints_do() -> None:
    """They are read only then; without either the pull stops, for a parent would be counted."""
    parent, child = system(1), system(2)
    for row in (parent, child):
        del row["Launchpoint"]["ParentID"]
    assert lacks_parents({"systems": [parent, child]})
    assert not lacks_parents({"systems": [system(1), system(2) | {"Launchpoint": None}]})
    told = [{"ID": 10_001, "ParentID": None}, {"ID": 10_002, "ParentID": 10_001}]
    assert reasons([parent, child], launchpoints=told) == {"1": "parent_inspector", "2": None}
    with pytest.raises(PipelineError, match="parents") as caught:
        reasons([parent, child], launchpoints=told[:1])
    assert caught.value.category is Category.PERMISSION


def test_ten_systems_a_call_with_the_metrics_of_their_inspectors() -> None:
    """One parameter with commas; hidden metrics are evaluated too, off systems are not."""
    systems = [system(number, AD if number > 11 else DUO) for number in range(1, 14)]
    systems.append(system(99, Status=0))
    metrics = (metric(0, "Gradient - Duo"), metric(1, "Gradient - AD", AD))
    calls = value_requests(asked(systems, *metrics))
    assert [call.request.path for call in calls] == ["/metrics/bulk"] * 2
    first, second = (call.request.params for call in calls)
    assert first["includeNonVisible"] == second["includeNonVisible"] == "true"
    sizes = [len(params["systems"].split(",")) for params in (first, second)]
    assert sizes == [10, 3]
    asked_for = {number for params in (first, second) for number in params["systems"].split(",")}
    assert asked_for == {str(number) for number in range(1, 14)}
    assert {first["uuids"], second["uuids"]} == {f"{UUIDS[0]},{UUIDS[1]}", UUIDS[0]}


@pytest.mark.parametrize(
    ("kind", "interval", "days"),
    [
        ("days", 2, "2.0000"),
        ("weeks", 1, "7.0000"),
        ("hour", 6, "0.2500"),
        ("moons", 1, None),
        (None, None, None),
    ],
)
def test_how_often_a_system_is_inspected(kind: str, interval: int, days: str | None) -> None:
    """In days, to see what is stale; unknown where Liongard says nothing usable."""
    row = system(1, launchpoint={"FreqType": kind, "FreqInterval": interval})
    assert asked([row])["asked_systems"][0]["frequency_days"] == days
