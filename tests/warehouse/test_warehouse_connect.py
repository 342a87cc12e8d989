"""Opening the warehouse: one process at a time, a bounded wait, and the holder's name."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.warehouse.connect import open_for_reading, open_for_writing

HOLD = (
    "import sys, duckdb; connection = duckdb.connect(sys.argv[1]);"
    " print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "warehouse.duckdb"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the file until its input ends."""
    path.parent.mkdir()
    with subprocess.Popen(  # noqa: S603 - this interpreter, our own text
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if not process.stdin.closed:
            process.stdin.close()
        process.wait(10)


@pytest.mark.parametrize("opened", [open_for_writing, open_for_reading])
def test_a_long_query_draws_nothing(
    path: Path, opened: Callable[[Path], AbstractContextManager[duckdb.DuckDBPyConnection]]
) -> None:
    """DuckDB's own progress bar would end up in log files and between the lines for people."""
    path.parent.mkdir()
    duckdb.connect(str(path)).close()
    with opened(path) as connection:
        shown = connection.execute("select current_setting('enable_progress_bar')").fetchall()
    assert shown == [(False,)]


@pytest.mark.fault(62)
def test_the_wait_for_a_held_file_is_bounded(path: Path, holder: subprocess.Popen[str]) -> None:
    """After the longest wait the message names the process that holds the file."""
    waits: list[float] = []
    with (
        pytest.raises(PipelineError, match=f"held by process {holder.pid} for 3 seconds") as caught,
        open_for_writing(path, longest_wait=3, sleep=waits.append),
    ):
        pytest.fail("the file is held")
    assert caught.value.category is Category.INPUT
    assert 3 <= sum(waits) < 3.5
    assert all(0.05 <= wait <= 0.5 for wait in waits)


def test_a_file_that_is_let_go_is_opened(path: Path, holder: subprocess.Popen[str]) -> None:
    """The wait ends as soon as the holder is done."""

    def let_go(_seconds: float) -> None:
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(10)

    with open_for_writing(path, sleep=let_go) as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]


def test_no_wait_means_one_try(path: Path, holder: subprocess.Popen[str]) -> None:
    """A longest wait of zero asks once and says so at once."""
    with (
        pytest.raises(PipelineError, match="for 0 seconds"),
        open_for_writing(path, longest_wait=0, sleep=lambda _: pytest.fail("it waited")),
    ):
        pytest.fail("the file is held")


@pytest.mark.parametrize("folder", ["plain", "o'clock and locks"])
@pytest.mark.fault(64)
def test_a_file_that_is_no_warehouse_is_not_waited_for(tmp_path: Path, folder: str) -> None:
    """An unreadable file says at once that it can be rebuilt, whatever its folder is called."""
    path = tmp_path / folder / "warehouse.duckdb"
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with (
        pytest.raises(PipelineError, match="can't be opened") as caught,
        open_for_writing(path, sleep=lambda _: pytest.fail("it waited")),
    ):
        pytest.fail("it is no database")
    assert "reconcile rebuild" in caught.value.next_step


def test_the_file_is_let_go_whatever_happens(path: Path) -> None:
    """An error inside the step closes the file: the next opening does not wait."""

    def write_and_fail() -> None:
        with open_for_writing(path) as connection:
            connection.execute("create table t as select 1 as n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with open_for_writing(path, longest_wait=0) as connection:
        assert connection.execute("select n from t").fetchall() == [(1,)]


def test_instants_are_utc(path: Path) -> None:
    """The machine's time zone changes no timestamp."""
    with open_for_writing(path) as connection:
        query = "select current_setting('timezone')"
        assert connection.execute(query).fetchall() == [("UTC",)]


def test_reading_needs_something_published(tmp_path: Path) -> None:
    """Before the first run there is a sentence instead of an empty database."""
    path = tmp_path / "published.duckdb"
    with pytest.raises(PipelineError, match="Nothing is published yet"), open_for_reading(path):
        pytest.fail("there is no file")
    assert not path.exists()


def test_readers_can_not_write(path: Path) -> None:
    """The published copy is opened read-only, through its link."""
    with open_for_writing(path) as connection:
        connection.execute("create table t as select 1 as n")
    link = path.with_name("published.duckdb")
    link.symlink_to(path.name)
    with open_for_reading(link) as connection:
        assert connection.execute("select n from t").fetchall() == [(1,)]
        with pytest.raises(duckdb.InvalidInputException):
            connection.execute("delete from t")
