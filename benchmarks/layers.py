"""Times the layers of one period: as the product builds them, and as bare SQL on the same pages.

Both sides open a DuckDB file, run one layer and close the file, with the same memory limit.
What the bare side leaves out is listed in README.md. No made-up data here, no printing.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.landed import PERIOD, Landed
from reconcile_pipeline.warehouse.build import (
    MAPPING_COLUMNS,
    RECON_ORDER,
    RULE_COLUMNS,
    build_core,
    build_map,
    build_recon,
    create_tables,
)
from reconcile_pipeline.warehouse.connect import open_for_writing
from reconcile_pipeline.warehouse.publish import check_gate
from reconcile_pipeline.warehouse.sql_files import core_file, sql_file

LAYERS = ("core", "map", "recon")
Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Took:
    """What one layer cost."""

    wall: float
    cpu: float
    """Seconds of processor time, all threads together: what a busy machine can't blur."""


Costs = dict[str, Took]


@dataclass(frozen=True)
class Bench:
    """One size: its landed pages, a folder for the DuckDB files, and how they are opened."""

    landed: Landed
    folder: Path
    memory_limit: str

    @property
    def product(self) -> Path:
        """The file the product's own code builds."""
        return self.folder / "product.duckdb"

    @property
    def bare(self) -> Path:
        """The file the bare statements build."""
        return self.folder / "bare.duckdb"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Connection]:
        """Open a file as the product does, with this benchmark's memory limit."""
        with open_for_writing(path) as connection:
            connection.execute(f"set memory_limit = '{self.memory_limit}'")
            yield connection

    def clock(self, path: Path, build: Callable[[Connection], None]) -> Took:
        """Open the file, build, and close it again, checkpoint included."""
        gc.collect()
        started, used = time.perf_counter(), time.process_time()
        with self.opened(path) as connection:
            build(connection)
        return Took(time.perf_counter() - started, time.process_time() - used)


def time_product(bench: Bench, *, again: bool = False) -> Costs:
    """Build the period with the product's own code; `again` replaces what is there."""
    landed = bench.landed
    if not again:
        bench.product.unlink(missing_ok=True)
    return {
        "core": bench.clock(bench.product, lambda c: build_core_of(c, landed)),
        "map": bench.clock(
            bench.product, lambda c: build_map(c, period=PERIOD, mappings=landed.mappings)
        ),
        "recon": bench.clock(bench.product, lambda c: build_recon(c, period=PERIOD)),
    }


def build_core_of(connection: Connection, landed: Landed) -> None:
    """Make the tables, and fill core from the landed pages."""
    create_tables(connection)
    build_core(
        connection,
        landing=landed.landing,
        period=PERIOD,
        attempts=landed.attempts,
        evidence=landed.evidence,
        stale_after=timedelta(hours=24),
    )


def time_bare(bench: Bench) -> Costs:
    """Run the same statements as `create or replace table … as`; the product ran before.

    What Python makes for the product (core.pulls, the ledger's mappings, the service groups) is
    taken over ready-made, outside the clock.
    """
    bench.bare.unlink(missing_ok=True)
    mappings = pa.Table.from_pylist(bench.landed.mappings, MAPPING_COLUMNS)
    with bench.opened(bench.bare) as connection:
        create_tables(connection)
        connection.execute(f"attach '{bench.product}' as product (read_only)")
        for name in ("core.pulls", "map.service_groups"):
            connection.execute(f"insert into {name} from product.{name}")

    def load(connection: Connection) -> None:
        # Not every system writes all of their columns: these stay as declared.
        made = {"core.left_out", "core.control_totals", "core.services"}
        for pull in bench.landed.attempts:
            folder = bench.landed.landing / pull.relative_path
            files = [str(folder / stream.file) for stream in pull.streams]
            connection.read_parquet(files).create_view("raw_pages", replace=True)
            parameters = {
                "system": pull.system,
                "pull_id": pull.pull_id,
                "period": PERIOD,
                "on": date.fromisoformat(pull.on),
                "as_of": pull.finished_at.astimezone(UTC).replace(tzinfo=None),
            }
            text = core_file(pull.kind).read_text(encoding="utf-8")
            text += sql_file("core", "left_out").read_text(encoding="utf-8")
            for statement in duckdb.extract_statements(text):
                _run(connection, _as_table(statement.query, made), parameters)

    def map_names(connection: Connection) -> None:
        connection.register("ready", mappings)
        connection.execute("create or replace temp table ledger_mappings as from ready")
        connection.register("no_rules", RULE_COLUMNS.empty_table())
        connection.execute("create or replace temp table ledger_count_rules as from no_rules")
        _fill(connection, ("map.accounts", "map.services"))

    return {
        "core": bench.clock(bench.bare, load),
        "map": bench.clock(bench.bare, map_names),
        "recon": bench.clock(bench.bare, lambda c: _fill(c, RECON_ORDER)),
    }


def check_same(bench: Bench) -> dict[str, int]:
    """Refuse times of different work: the product's rows and the bare rows must be the same.

    Returns the rows of each table that has any.
    """
    counts: dict[str, int] = {}
    with bench.opened(bench.product) as connection:
        check_gate(connection, PERIOD)
        connection.execute(f"attach '{bench.bare}' as bare (read_only)")
        names = connection.execute(
            "select concat(schema_name, '.', table_name) from duckdb_tables()"
            " where database_name = 'warehouse' and schema_name <> 'review' and not temporary"
            " order by all"
        ).fetchall()
        for (name,) in names:
            # Equal numbers of two types have two hashes, and only the product declares types.
            columns = connection.execute(f"describe {name}").fetchall()
            row = ", ".join(f"cast({column} as {kind})" for column, kind, *_ in columns)
            sums = [
                connection.execute(
                    f"select count(*), bit_xor(hash({row})) from {source}.{name}"
                ).fetchall()[0]
                for source in ("warehouse", "bare")
            ]
            if sums[0] != sums[1]:
                raise RuntimeError(f"{name} differs: product {sums[0]}, bare {sums[1]}")
            if sums[0][0]:
                counts[name] = int(sums[0][0])
    return counts


def _fill(connection: Connection, names: tuple[str, ...]) -> None:
    for name in names:
        select = sql_file(*name.split(".")).read_text(encoding="utf-8")
        _run(connection, f"create or replace table {name} as\n{select}", {"period": PERIOD})


def _as_table(query: str, made: set[str]) -> str:
    """Turn the first `insert into T by name` of each table into `create or replace table`."""
    head, found, rest = query.partition(" by name\n")
    name = head.rpartition("insert into ")[2]
    if not found or name in made:
        return query
    made.add(name)
    return f"create or replace table {name} as\n{rest}"


def _run(connection: Connection, query: str, parameters: dict[str, object]) -> None:
    statement = duckdb.extract_statements(query)[0]
    named = {name: parameters[name] for name in statement.named_parameters}
    connection.execute(statement, named).fetchall()
