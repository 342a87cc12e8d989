"""Through Spark Connect, in two processes as on a cluster: the same tables as DuckDB's."""

import json
import os
import runpy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.connect import open_for_writing

pytestmark = pytest.mark.spark
HERE = Path(__file__).parent
BOOKS = runpy.run_path(str(HERE.parent / "warehouse" / "conftest.py"))
HARD = runpy.run_path(str(HERE / "test_hard_rows.py"))
PERIOD = HARD["PERIOD"]
PATIENCE = 300.0
CLIENT = """
import json, sys
from decimal import Decimal
from pathlib import Path
from reconcile_pipeline.spark.engine import SparkEngine
from reconcile_pipeline.spark.lake import LocalLake, RemoteLake
from reconcile_pipeline.spark.session import open_session
from reconcile_pipeline.warehouse.build import build_map, build_recon
from reconcile_pipeline.warehouse.connect import open_for_writing

url, warehouse, lake, mappings = sys.argv[1:]
session = open_session(url)
place = RemoteLake(lake, session) if "://" in lake else LocalLake(Path(lake))
fill = SparkEngine(session, place)
rows = [{**row, "multiplier": Decimal(1), "decided_at": None} for row in json.loads(mappings)]
with open_for_writing(Path(warehouse)) as connection:
    build_map(connection, period="2026-11", mappings=rows, fill=fill)
    build_recon(connection, period="2026-11", fill=fill)
"""
"""A session of a cluster and one of this process can't live together: the client has its own."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Connect server on this machine; its URL."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("connect")
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
    }
    command = [str(Path(spec.origin).parent / "bin" / "spark-submit"), "--master", "local[1]"]
    command += [part for item in settings.items() for part in ("--conf", "=".join(item))]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    with (folder / "log").open("w") as log:
        started = subprocess.Popen(  # noqa: S603 - the installed package's own script
            [*command, "spark-internal"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SPARK_HOME": str(Path(spec.origin).parent)},
        )
    try:
        wait_for(port, started, folder / "log")
        yield f"sc://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait(PATIENCE)


def wait_for(port: int, started: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        assert started.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"no Connect server after {PATIENCE:.0f} s: {log.read_text(encoding='utf-8')}")


@pytest.mark.parametrize("scheme", ["", "file://"], ids=["folder", "url"])
def test_a_cluster_makes_the_same_tables(
    scheme: str, server: str, tmp_path: Path, told: Any
) -> None:
    """Rows go to the server and come back unchanged, through a shared folder and through a URL."""
    warehouse = tmp_path / "books.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        create_tables(connection)
        books = BOOKS["Books"](connection)
        HARD["basics"](books, len(HARD["NAMES"]))
        for number, name in enumerate(HARD["NAMES"]):
            books.line(str(number), "p", "1.2345", line_id=name)
            books.usage(f"a{number}", "s", "2.0001", usage_id=name)
        _ = books.connection
    for row in books.mappings:
        row["decided_at"] = None
    found = []
    for engine in ("duckdb", "spark"):
        copy = tmp_path / f"{engine}.duckdb"
        shutil.copyfile(warehouse, copy)
        if engine == "spark":
            through_connect(server, copy, f"{scheme}{tmp_path / 'lake'}", books.mappings)
        with open_for_writing(copy) as connection:
            if engine == "duckdb":
                told(PERIOD, mappings=books.mappings).build(connection, None)
            found.append(tables_of(connection))
    assert len(found[0]["recon.cards"]) == len(HARD["NAMES"])
    for name, rows in found[0].items():
        assert found[1][name] == rows, name


def through_connect(url: str, warehouse: Path, lake: str, mappings: list[dict[str, Any]]) -> None:
    plain = [{k: v for k, v in row.items() if k != "multiplier"} for row in mappings]
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", CLIENT, url, str(warehouse), lake, json.dumps(plain)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


def tables_of(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    names = ("map.accounts", "map.services", "recon.counts", "recon.cards", "recon.card_lines")
    return {
        name: connection.execute(f"select * from {name} order by all").fetchall()  # noqa: S608
        for name in (*names, "recon.discrepancies", "recon.exclusions", "recon.conservation")
    }
