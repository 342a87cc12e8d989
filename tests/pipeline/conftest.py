"""Whole installations: the real command in a process of its own, and its tables to compare.

Children come from a fork server that has imported everything heavy once, so that a command
costs its own work and not five seconds of imports.
"""

import multiprocessing
import os
import runpy
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest

Row = dict[str, Any]

ACTING = Path(__file__).with_name("acting.py")
LONGEST_SECONDS = 120.0
NEEDED_BYTES = 2 * 2**30
HEAVY = [
    "reconcile_pipeline.cli",
    "reconcile_pipeline.cli.checking",
    "reconcile_pipeline.cli.progress",
    "reconcile_pipeline.cli.running",
    "reconcile_pipeline.cli.summary",
    "reconcile_pipeline.rebuilding",
    "reconcile_pipeline.review.decide",
    "reconcile_pipeline.review.decision_files",
    "pandera.polars",
    "time_machine",
]
VOLATILE = {
    "pull_id",
    "calls",
    "retries",
    "throttled_seconds",
    "landing_path",
    "as_of",
    "evidence_as_of",
    "head_hash",
}
"""Columns about when things were done, besides those that end in _at: two runs differ in them."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it told."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """Everything that was printed, in one line."""
        return " ".join(f"{self.out} {self.err}".split())


@dataclass
class Command:
    """Starts `reconcile` in a child process; a `crash` or an outside signal ends it early."""

    context: ForkServerContext
    folder: Path
    started: int = 0
    running: list[BaseProcess] = field(default_factory=list)

    def start(self, *arguments: str | Path, **order: Any) -> Callable[[], Ended]:
        """Start it; the returned function waits for its end."""
        self.started += 1
        out, err = (self.folder / f"{self.started}.{name}" for name in ("out", "err"))
        full = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(self.folder),
            "environment": {},
            "is_impatient": True,
            "crash": "",
            "now": "",
            **order,
            "out": str(out),
            "err": str(err),
        }
        process = self.context.Process(
            target=runpy.run_path, args=(str(ACTING),), kwargs={"init_globals": {"order": full}}
        )
        process.start()
        self.running.append(process)

        def wait() -> Ended:
            process.join(LONGEST_SECONDS)
            assert process.exitcode is not None, f"{full['arguments']} did not end"
            return Ended(process.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))

        return wait

    def __call__(self, *arguments: str | Path, **order: Any) -> Ended:
        return self.start(*arguments, **order)()


@pytest.fixture(scope="session")
def workshop(
    tmp_path_factory: pytest.TempPathFactory, search_for_secrets: Callable[[Path], None]
) -> Iterator[Path]:
    """Where installations live: in memory if there is room, as each run syncs to disk 500 times."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    if memory.is_dir() and shutil.disk_usage(memory).free > NEEDED_BYTES:
        with TemporaryDirectory(prefix="reconcile-tests-", dir=memory) as folder:
            yield Path(folder)
            search_for_secrets(Path(folder))
    else:
        yield tmp_path_factory.mktemp("workshop")


@pytest.fixture
def own_folder(workshop: Path, search_for_secrets: Callable[[Path], None]) -> Iterator[Path]:
    """A new folder in the workshop, gone after the test."""
    with TemporaryDirectory(dir=workshop) as folder:
        yield Path(folder)
        search_for_secrets(Path(folder))


@pytest.fixture(scope="session")
def fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return context


def _command(context: ForkServerContext, folder: Path) -> Command:
    return Command(context, folder)


@pytest.fixture
def reconcile(fork_server: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> Any:
    command = _command(fork_server, tmp_path_factory.mktemp("commands"))
    yield command
    for process in command.running:
        if process.is_alive():
            process.kill()
            process.join(LONGEST_SECONDS)
        process.close()


@pytest.fixture(scope="session")
def shared_reconcile(
    fork_server: ForkServerContext, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    command = _command(fork_server, tmp_path_factory.mktemp("shared-commands"))
    yield command
    for process in command.running:
        process.join(LONGEST_SECONDS)
        process.close()


@pytest.fixture(scope="session")
def today() -> date:
    """The day the command itself will see: it asks the real clock."""
    return datetime.now(UTC).date()


@pytest.fixture(scope="session")
def period(today: date) -> str:
    return f"{today:%Y-%m}"


def read_rows(file: Path, query: str, **parameters: Any) -> list[Row]:
    """The rows of a query on a DuckDB file that nobody writes."""
    with duckdb.connect(str(file.resolve()), read_only=True) as connection:
        result = connection.execute(query, parameters)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def read_tables(file: Path, *, without: Collection[str] = ()) -> dict[str, list[str]]:
    """Every table of a DuckDB file as sorted rows; `without` names columns to leave out.

    With `without`, columns that end in _at and pulls that nothing rests on are left out as well.
    """
    tables: dict[str, list[str]] = {}
    with duckdb.connect(str(file.resolve()), read_only=True) as connection:
        found = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_type = 'BASE TABLE'"
        ).fetchall()
        for schema, name in found:
            result = connection.execute(f'select * from "{schema}"."{name}"')  # noqa: S608
            columns = [column[0] for column in result.description or ()]
            kept = [
                number
                for number, column in enumerate(columns)
                if not without or (column not in without and not column.endswith("_at"))
            ]
            believed = (
                columns.index("is_evidence") if without and "is_evidence" in columns else None
            )
            rows = [
                [row[number] for number in kept]
                for row in result.fetchall()
                if believed is None or row[believed]
            ]
            tables[f"{schema}.{name}"] = sorted(map(str, rows))
    assert len(tables) > 10, "this is not a warehouse"
    return tables


@pytest.fixture(scope="session")
def rows_of() -> Callable[..., list[Row]]:
    return read_rows


@pytest.fixture(scope="session")
def tables_of() -> Callable[..., dict[str, list[str]]]:
    return read_tables


@pytest.fixture(scope="session")
def same_numbers() -> Callable[[Path], dict[str, list[str]]]:
    """All tables of a file without the columns in which two equal runs differ."""

    def read(file: Path) -> dict[str, list[str]]:
        return read_tables(file, without=VOLATILE)

    return read


@dataclass(frozen=True)
class GoodRun:
    """An installation after one undisturbed run; copy it before changing anything."""

    msp: Any
    ended: Ended

    def copy_to(self, folder: Path) -> Any:
        """The same installation elsewhere, served by the same servers."""
        shutil.copytree(self.msp.folder, folder, symlinks=True)
        return type(self.msp)(self.msp.simulation, folder / self.msp.config.name)


@pytest.fixture(scope="session")
def good_run(
    open_shared_msp: Any, shared_reconcile: Command, workshop: Path, today: date
) -> GoodRun:
    msp = open_shared_msp(workshop / "good", 700_000_001, today)
    ended = shared_reconcile("run", "--config", msp.config)
    assert ended.code == 0, ended.told
    return GoodRun(msp, ended)


@pytest.fixture
def installed(good_run: GoodRun, own_folder: Path) -> Iterator[Any]:
    """A copy of an installation that has run once, and servers without faults."""
    msp = good_run.copy_to(own_folder / "msp")
    msp.quiet()
    yield msp
    msp.quiet()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("RECONCILE_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
