"""Who may import whom: the rooms of docs/architecture.md, walked in the source."""

from typing import Any

import pytest

WIRING = {
    "assembly",
    "assets",
    "checks",
    "definitions",
    "jobs",
    "operations",
    "resources",
    "schedules",
    "sensors",
}
"""The only rooms that know Dagster, beside the command that runs its jobs."""

ROOMS: dict[str, set[str]] = {
    "model": set(),
    "workbooks": {"model"},
    "state": set(),
    "periods": {"model"},
    "http": {"model"},
    "matching": {"model"},
    "reconciling": {"model"},
    "scaffold": {"model"},
    "simulators": {"model"},
    "systems": {"http", "model", "workbooks"},
    "storing": {"model"},
    "cancelling": {"model"},
    "landing": {"cancelling", "http", "model", "storing", "systems"},
    "ledger": {"matching", "model"},
    "warehouse": {"landing", "matching", "model", "reconciling", "storing"},
    "review": {"ledger", "model", "periods", "reconciling", "systems", "warehouse", "workbooks"},
    "writeback": {"cancelling", "http", "ledger", "model", "reconciling", "systems"},
    "mapping": {"ledger", "matching", "model", "warehouse"},
    "reality": {"model", "warehouse"},
    "spark": {"model", "storing", "warehouse"},
    "engines": {"settings", "spark", "warehouse"},
    "alerts": set(),
    "digest": {
        "alerts",
        "building",
        "http",
        "landing",
        "ledger",
        "model",
        "periods",
        "reality",
        "settings",
        "settings_checks",
        "settings_notify",
        "warehouse",
    },
    "serving": {"model"},
    "push": {
        "http",
        "model",
        "periods",
        "serving",
        "settings",
        "settings_systems",
        "state",
        "systems",
        "warehouse",
    },
}
"""What each room may import of ours; rooms that are not named here are free, but for WIRING."""

PACKAGES = {
    "httpx": {"http", "nemesis", "systems"},
    "dagster": WIRING | {"cli"},
    "dagster_duckdb": {"resources"},
    "sqlalchemy": {"ledger", "nemesis", "resources"},
    "pandera": {"warehouse"},
    "starlette": {"push", "web"},
    "uvicorn": {"serving", "simulators"},
    "jinja2": {"web"},
    "numpy": {"matching"},
    "rapidfuzz": {"matching"},
    "typer": {"cli"},
    "py4j": {"spark"},
    "pyspark": {"spark"},
    "sqlglot": {"spark"},
}
"""Who may import a package from elsewhere."""


@pytest.mark.parametrize("room", list(ROOMS))
def test_a_room_imports_only_what_it_may(modules: list[Any], room: str) -> None:
    """The lower a room lies, the less it knows of the others."""
    inside = [module for module in modules if module.room == room]
    assert inside, f"there is no room {room}"
    too_much = {module.name: module.rooms_used - ROOMS[room] for module in inside}
    assert {name: used for name, used in too_much.items() if used} == {}


@pytest.mark.parametrize("package", list(PACKAGES))
def test_a_package_is_imported_where_it_belongs(modules: list[Any], package: str) -> None:
    """HTTP, Dagster, the ledger's and the command line's libraries each stay in their rooms."""
    users = {module.name: module.room for module in modules if package in module.packages_used}
    assert users
    assert {name for name, room in users.items() if room not in PACKAGES[package]} == set()


def test_in_the_command_line_one_module_knows_dagster(modules: list[Any]) -> None:
    """`reconcile --help` must not wait for Dagster: only the module that runs jobs imports it."""
    users = [m.name for m in modules if m.room == "cli" and "dagster" in m.packages_used]
    assert users == ["reconcile_pipeline.cli.running"]


def test_only_wiring_and_the_command_line_import_the_wiring(modules: list[Any]) -> None:
    """Nothing that computes depends on how Dagster is told about it."""
    users = {module.room for module in modules if module.rooms_used & WIRING}
    assert users <= WIRING | {"cli"}


def test_only_the_trial_commands_know_the_simulators(everything: list[Any]) -> None:
    """Made-up systems are for tests, benchmarks, and the commands that play with them."""
    users = {
        module.name
        for module in everything
        if module.room not in {"simulators", "nemesis"}
        and any(name.startswith("reconcile_pipeline.simulators") for name in module.imports)
    }
    ours = {name for name in users if name.split(".")[0] not in {"tests", "benchmarks"}}
    assert ours == {"reconcile_pipeline.cli.commands.trial"}


def test_the_push_api_reads_the_warehouse_and_changes_only_inboxes(modules: list[Any]) -> None:
    """Whoever has a script's key can reach no decision, no card and no page as received."""
    used = {name for module in modules if module.room == "push" for name in module.imports}
    ours = {name for name in used if name.startswith("reconcile_pipeline.")}
    warehouse = {name for name in ours if ".warehouse." in name}
    assert warehouse == {"reconcile_pipeline.warehouse.connect.open_for_reading"}
    systems = {name.split(".")[3] for name in ours if ".systems." in name}
    assert systems == {"push", "push_inbox", "push_state"}
    assert {name for name in ours if ".http." in name and ".strict_json." not in name} == set()


def test_one_module_chooses_the_engine(modules: list[Any]) -> None:
    """Whatever builds a month works with either engine and knows of none."""
    users = {m.name for m in modules if "spark" in m.rooms_used and m.room != "spark"}
    assert users == {"reconcile_pipeline.engines"}


def test_a_system_knows_no_other_system(modules: list[Any]) -> None:
    """A connector can be read, changed and removed alone; only the registry lists them all."""
    systems = [m for m in modules if m.room == "systems" and m.name.count(".") == 3]
    stems = {module.name.split(".")[-1].split("_")[0] for module in systems}
    assert len(stems) >= 4
    for module in systems:
        own = module.name.split(".")[-1].split("_")[0]
        used = {
            name.split(".")[3] for name in module.imports if ".psa." in name or ".vendors." in name
        }
        assert {name for name in used if name.split("_")[0] != own} == set(), module.name


def test_no_module_postpones_its_annotations(modules: list[Any]) -> None:
    """`from __future__ import annotations` breaks Dagster's configuration classes at import."""
    assert [m.name for m in modules if "__future__.annotations" in m.imports] == []
