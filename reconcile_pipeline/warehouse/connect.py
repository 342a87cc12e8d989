"""Open a DuckDB file: wait a bounded time for its lock, name who holds it, always close.

One process may hold the warehouse at a time; everyone else opens the published copy.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.storing import storing, told_by_duckdb

LONGEST_WAIT_SECONDS = 60.0
ROWS_TOGETHER = 30_720
"""Rows that are stored, and skipped, together: a quarter of DuckDB's own number.

One customer's rows are found twice as quickly, and reading everything takes as long as before.
"""
_QUIET = "set enable_progress_bar = false"
"""DuckDB draws a bar after two seconds, also into log files and into what people read."""
_DAMAGED = re.compile(r"[Cc]orrupt|checksum|deseriali|database has been invalidated")
"""What DuckDB says of bytes that are not what it wrote."""
_HOLDER = re.compile(r"PID (\d+)")


@contextmanager
def open_for_writing(
    path: Path,
    *,
    longest_wait: float = LONGEST_WAIT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse read-write, for one short step."""
    with storing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path, longest_wait, sleep)
    try:
        connection.execute("set timezone = 'UTC'")
        connection.execute(_QUIET)
        yield connection
    except duckdb.Error as error:
        full = told_by_duckdb(error)
        if full is not None:
            raise full from error
        if _DAMAGED.search(str(error)):
            raise _unreadable(path, error) from error
        raise
    finally:
        connection.close()


@contextmanager
def open_for_reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy read-only; its link is followed, so a newer one is seen."""
    if not path.exists():
        raise PipelineError(
            f"Nothing is published yet: there is no {path}.",
            next_step="Run `reconcile run` first.",
            category=Category.INPUT,
        )
    connection = duckdb.connect(str(path.resolve()), read_only=True)
    try:
        connection.execute(_QUIET)
        yield connection
    finally:
        connection.close()


def _connect(
    path: Path, longest_wait: float, sleep: Callable[[float], None]
) -> duckdb.DuckDBPyConnection:
    waited = 0.0
    while True:
        try:
            return _attached(path)
        except duckdb.IOException as error:
            text = str(error)
            if "could not set lock" not in text.lower():
                raise _unreadable(path, error) from error
            if waited >= longest_wait:
                raise _locked(path, text, waited) from error
        except (duckdb.Error, ValueError) as error:
            raise _unreadable(path, error) from error
        # Jitter keeps several waiters from asking in step for ever.
        pause = random.uniform(0.05, 0.5)  # noqa: S311 - not a secret
        sleep(pause)
        waited += pause


def _attached(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    try:
        # A quote in a folder's name would end the text early.
        place = str(path).replace("'", "''")
        connection.execute(f"attach '{place}' as warehouse (row_group_size {ROWS_TOGETHER})")
        connection.execute("use warehouse")
        connection.execute(f"set temp_directory = '{place}.tmp'")
    except BaseException:
        connection.close()
        raise
    return connection


def _locked(path: Path, text: str, waited: float) -> PipelineError:
    holder = _HOLDER.search(text)
    who = f"process {holder[1]}" if holder else "another process"
    return PipelineError(
        f"The warehouse {path} has been held by {who} for {waited:.0f} seconds.",
        next_step="Close that program, or let it finish; for queries open published.duckdb.",
        category=Category.INPUT,
    )


def _unreadable(path: Path, error: Exception) -> PipelineError:
    full = told_by_duckdb(error)
    if full is not None:
        return full
    return PipelineError(
        f"The warehouse {path} can't be opened ({type(error).__name__}).",
        next_step="Delete it and run `reconcile rebuild`: it is derived from landing and ledger.",
        category=Category.INPUT,
    )
