"""Both engines side by side: a warehouse with a month's core, mapped and compared by each.

What needs pyspark is left out where it is not installed, and the report's head says so.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.spark.engine import SparkEngine
from reconcile_pipeline.spark.lake import LocalLake
from reconcile_pipeline.spark.session import open_session
from reconcile_pipeline.warehouse.build import Fill, build_map, build_recon, build_usage_by_pull
from reconcile_pipeline.warehouse.connect import open_for_writing
from reconcile_pipeline.warehouse.recon_tables import MAP_TABLES, RECON_TABLES

NEEDS_SPARK = ("test_worlds.py", "test_hard_rows.py", "test_connect.py")
HAS_SPARK = find_spec("pyspark") is not None
collect_ignore = [] if HAS_SPARK else list(NEEDS_SPARK)
COMPARED = [
    table.qualified
    for table in (*MAP_TABLES, *RECON_TABLES)
    # The history rests on what people decided: it is filled with the review tables, by DuckDB.
    if table.qualified != "recon.history"
]
SMALL = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.heartbeatInterval": "600s",
    "spark.network.timeout": "6000s",
}
"""For a few thousand rows: nothing is compiled that runs once, and nothing is spread."""


def pytest_report_header() -> list[str]:
    if HAS_SPARK:
        return []
    return [f"left out, pyspark is not installed (make test-spark): {', '.join(NEEDS_SPARK)}"]


@dataclass
class Told:
    """What a build is given besides the core tables."""

    period: str
    mappings: Sequence[Mapping[str, Any]] = ()
    rules: Sequence[Mapping[str, Any]] = ()
    moved: dict[tuple[str, str, str], str] = field(default_factory=dict)
    landing: Path = Path()
    pulls: Sequence[Manifest] = ()

    def build(self, connection: duckdb.DuckDBPyConnection, fill: Fill | None) -> None:
        """Map and compare, in the order of a run."""
        if self.pulls:
            build_usage_by_pull(
                connection, landing=self.landing, period=self.period, pulls=self.pulls, fill=fill
            )
        build_map(
            connection,
            period=self.period,
            mappings=self.mappings,
            rules=self.rules,
            moved=self.moved,
            fill=fill,
        )
        build_recon(connection, period=self.period, fill=fill)


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that both engines fill, in one order."""
    return {
        name: connection.execute(f"select * from {name} order by all").fetchall()  # noqa: S608
        for name in COMPARED
    }


@pytest.fixture(scope="session")
def session() -> Any:
    return open_session("local[1]", more=SMALL)


@pytest.fixture
def spark_fill(session: Any, tmp_path: Path) -> Fill:
    """Spark, with an empty lake of its own."""
    return SparkEngine(session, LocalLake(tmp_path / "lake"))


@pytest.fixture
def both(spark_fill: Fill) -> Callable[[Path, Told], tuple[dict[str, Any], dict[str, Any]]]:
    """(warehouse, what it is told) -> the tables of DuckDB and those of Spark."""

    def build(warehouse: Path, told: Told) -> tuple[dict[str, Any], dict[str, Any]]:
        found = []
        for fill in (None, spark_fill):
            copy = warehouse.with_name(f"by-{'duckdb' if fill is None else 'spark'}.duckdb")
            shutil.copyfile(warehouse, copy)
            with open_for_writing(copy) as connection:
                told.build(connection, fill)
                found.append(tables(connection))
        return found[0], found[1]

    return build


@pytest.fixture
def told() -> type[Told]:
    return Told
