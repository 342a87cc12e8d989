"""The Dagster definitions: loadable anywhere, without a network, a database or a secret."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from reconcile_pipeline.assembly import build_definitions
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.settings_template import template
from reconcile_pipeline.systems.registry import SYSTEMS

SNAPSHOT = Path(__file__).parents[1] / "snapshots" / "asset_graph.json"
HOW_TO_RENEW = (
    "The asset graph changed. If that is meant, renew the snapshot with"
    " `RENEW_SNAPSHOTS=1 .venv/bin/pytest tests/architecture` and read its diff."
)

LOAD = """
import json, sys
heard = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect"):
        heard.append(event)
sys.addaudithook(hook)
import duckdb
def refuse(*arguments, **options):
    heard.append("duckdb.connect")
duckdb.connect = refuse
import reconcile_pipeline.definitions
print(json.dumps({"heard": heard, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    """The graph of all known systems, as shown before anything is set up."""
    return build_definitions(None)


@pytest.fixture(scope="module")
def nodes(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    return {".".join(key.path): graph.get(key) for key in graph.get_all_asset_keys()}


def test_loading_touches_nothing(tmp_path: Path) -> None:
    """A fresh process without any environment loads them: no socket, no database, no file made."""
    result = subprocess.run(  # noqa: S603 - this interpreter, our own text
        [sys.executable, "-W", "ignore", "-c", LOAD],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["heard"] == []
    assert list(tmp_path.iterdir()) == []
    slow = {"pandera", "polars", "uvicorn", "openpyxl", "reconcile_pipeline.simulators"}
    assert slow & set(found["modules"]) == set()


def test_the_definitions_are_loadable(definitions: dg.Definitions) -> None:
    """Dagster finds every dependency, resource and job it is told about."""
    dg.Definitions.validate_loadable(definitions)


def test_the_settings_decide_which_systems_there_are(tmp_path: Path) -> None:
    """An installation's own systems, under their own names, without looking up one secret."""
    toml, _env = template(["connectwise", "csv"])
    path = tmp_path / "reconcile.toml"
    path.write_text(toml.replace("[systems.csv]", '[systems.backup]\nkind = "csv"'))
    definitions = build_definitions(load_settings(path, environ={}))
    dg.Definitions.validate_loadable(definitions)
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert {key.path[1] for key in keys if key.path[0] == "raw"} == {"connectwise", "backup"}


def test_every_asset_explains_itself(nodes: dict[str, Any]) -> None:
    """Each asset tells a billing manager what it is, who owns it and what it is made with."""
    for name, node in nodes.items():
        assert len(node.description or "") > 20, name
        assert node.owners, name
        assert node.kinds, name
        assert node.group_name != "default", name
        assert node.partitions_def is not None, name


def test_jobs_schedules_and_sensors_explain_themselves(definitions: dg.Definitions) -> None:
    """What can be started or switched on says what it does."""
    repository = definitions.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    told = [*jobs, *repository.schedule_defs, *repository.sensor_defs]
    assert len(told) >= 8
    assert [item.name for item in told if not item.description] == []


def test_every_table_is_an_asset_of_its_name(nodes: dict[str, Any]) -> None:
    """Asset keys are table names, so lineage in the UI is lineage in the warehouse."""
    from reconcile_pipeline.warehouse.catalogue import TABLES  # noqa: PLC0415 - not at collection

    tables = {name for name in nodes if name.split(".")[0] in {"core", "map", "recon", "review"}}
    assert tables == set(TABLES)
    assert {name for name in nodes if name.startswith("raw.")} == {
        f"raw.{kind}" for kind in SYSTEMS
    }


def test_the_graph_is_the_one_that_was_reviewed(nodes: dict[str, Any]) -> None:
    """Keys, groups and dependencies only change together with their snapshot."""
    graph = {
        name: {
            "group": node.group_name,
            "deps": sorted(".".join(key.path) for key in node.parent_keys),
        }
        for name, node in sorted(nodes.items())
    }
    if os.environ.get("RENEW_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(graph, indent=1) + "\n", encoding="utf-8")
    assert graph == json.loads(SNAPSHOT.read_text(encoding="utf-8")), HOW_TO_RENEW
