"""The lake's folders: whole or not there, named by what is in them; needs no Spark."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.spark.lake import LocalLake, Part
from reconcile_pipeline.spark.parts import parts_of, rows_of
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.catalogue import TABLES

PERIOD = "2026-11"
CARDS, BY_PULL = TABLES["recon.cards"], TABLES["map.usage_by_pull"]


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_tables(connection)
        for number, (period, system) in enumerate(
            ((PERIOD, "pax8"), (PERIOD, "cove"), ("2026-10", "pax8"))
        ):
            pull = f"{system}/{period}"
            connection.execute(
                "insert into core.pulls by name select ? as pull_id, ? as period, ? as system,"
                " ? as kind, 'vendor' as role, 'complete' as state, true as is_evidence,"
                " false as is_stale, false as is_grace, 'full' as mode,"
                " timestamp '2026-11-01' as started_at,"
                " timestamp '2026-11-01' as finished_at, 0 as calls, 0 as retries,"
                " 0 as throttled_seconds, 0 as pages, 0 as records, '' as landing_path",
                [pull, period, system, system],
            ).fetchall()
            connection.execute(
                "insert into core.usage by name select ? as system, 'a' as account_id,"
                " 's' as service_id, range :: varchar as usage_id, range + ? as qty,"
                " timestamp '2026-11-01' as as_of, ? as pull_id from range(3)",
                [system, number, pull],
            ).fetchall()
        yield connection


def written(lake: Path) -> set[str]:
    """What is in a lake, without the fingerprints."""
    return {str(path.relative_to(lake)).rpartition("/rows=")[0] for path in lake.rglob("rows=*")}


def mirror(lake: LocalLake, warehouse: duckdb.DuckDBPyConnection) -> list[tuple[Part, str]]:
    parts = parts_of(warehouse, "core.usage", CARDS, {"period": PERIOD})
    for part, rows in parts:
        if not lake.has(part, rows):
            lake.mirror(part, rows, rows_of(warehouse, part))
    return parts


def test_core_is_split_by_system_month_and_pull(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Each pull that a month rests on has a folder of its own; other months' pulls have none."""
    parts = mirror(LocalLake(tmp_path), warehouse)
    assert written(tmp_path) == {
        f"core/usage/period={PERIOD}/system={system}/pull_id={system}%2F{PERIOD}"
        for system in ("cove", "pax8")
    }
    (part, rows) = parts[0]
    place = LocalLake(tmp_path).path_of(part, rows).removeprefix("file://")
    found = warehouse.read_parquet(f"{place}/*.parquet").order("usage_id").fetchall()
    query = "select * from core.usage where system = 'cove' order by usage_id"
    assert found == warehouse.execute(query).fetchall()


def test_the_name_says_what_is_in_it(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Changed rows have another name and take the older ones' place; the rest stays as it is."""
    lake = LocalLake(tmp_path)
    before = dict(mirror(lake, warehouse))
    assert dict(mirror(lake, warehouse)) == before
    warehouse.execute("update core.usage set qty = qty + 1 where system = 'cove'").fetchall()
    after = dict(mirror(lake, warehouse))
    changed = [part.system for part in before if before[part] != after[part]]
    assert changed == ["cove"]
    assert all(lake.has(part, rows) for part, rows in after.items())
    assert not any(lake.has(p, before[p]) for p in before if p.system == "cove")


def test_one_pull_is_asked_alone(warehouse: duckdb.DuckDBPyConnection) -> None:
    """What an account used at one pull rests on that pull, evidence or not."""
    values = {"period": PERIOD, "pull_id": "pax8/2026-10"}
    parts = parts_of(warehouse, "core.usage", BY_PULL, values)
    assert [(part.pull_id, part.period) for part, _rows in parts] == [("pax8/2026-10", PERIOD)]


def test_a_mirror_that_died_is_written_again(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder gets its name when it is whole; what a dead process left is read by nobody."""
    lake = LocalLake(tmp_path)

    def dying(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            mirror(lake, warehouse)
    assert written(tmp_path) == set()
    assert list(tmp_path.rglob("rows.parquet"))
    parts = mirror(lake, warehouse)
    assert all(lake.has(part, rows) for part, rows in parts)
    assert len(written(tmp_path)) == 2


def test_two_runs_that_write_the_same_rows_do_no_harm(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Whoever comes second finds the folder there, and leaves it as it is."""
    lake = LocalLake(tmp_path)
    for part, rows in (*mirror(lake, warehouse), *mirror(lake, warehouse)):
        lake.mirror(part, rows, rows_of(warehouse, part))
        assert lake.has(part, rows)
    assert len(list(tmp_path.rglob("rows.parquet"))) == len(written(tmp_path)) == 2


def test_a_path_that_spark_reads_as_a_pattern_is_refused(tmp_path: Path) -> None:
    """A folder with a bracket in its name would be read as several, or as none."""
    with pytest.raises(PipelineError, match="takes for a pattern"):
        LocalLake(tmp_path / "lake[1]")
