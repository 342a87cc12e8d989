"""The search for secrets finds them wherever a test could have left one."""

import base64
import json
import runpy
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SCAN = runpy.run_path(str(Path(__file__).parents[1] / "canaries.py"))
SECRET = "s3cret/with+signs=7781"
Leave = Callable[[Path], object]


def in_a_table(folder: Path) -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema core")
        connection.execute(f"create table core.pulls as select '{SECRET}' as reason, range(5000)")


def in_a_page(folder: Path) -> None:
    rows = pa.table({"body": [json.dumps({"key": SECRET})] * 50})
    pq.write_table(rows, folder / "agreements.parquet", compression="zstd")


def in_the_ledger(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as book:
        book.execute("create table decisions (note)")
        # Longer than a page, so that the file holds it in pieces.
        book.execute("insert into decisions values (?)", ("x" * 4080 + SECRET + "x" * 9000,))
        book.commit()


def in_a_workbook(folder: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = SECRET
    book.save(folder / "cards.xlsx")


PLACES: dict[str, Leave] = {
    "a log": lambda folder: (folder / "run.log").write_text(f"GET /x?key={SECRET}"),
    "a link": lambda folder: (folder / "page.html").write_text(quote(SECRET, safe="")),
    "a header": lambda folder: (folder / "event.json").write_bytes(
        base64.b64encode(f"user:{SECRET}".encode())
    ),
    "a table": in_a_table,
    "a page as received": in_a_page,
    "the ledger": in_the_ledger,
    "a workbook": in_a_workbook,
}


@pytest.fixture
def installed() -> Iterator[Path]:
    """A folder with its secret, gone after the test: the search of the whole suite comes later."""
    with TemporaryDirectory() as folder:
        (Path(folder) / ".env").write_text(f"PAX8_CLIENT_SECRET={SECRET}\nPAX8_REGION=eu\n")
        (Path(folder) / "state").mkdir()
        yield Path(folder)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.fault(103)
def test_a_secret_is_found_wherever_it_was_left(place: str, installed: Path) -> None:
    """In plain text, encoded, or inside a compressed store: the search names the file."""
    state = installed / "state"
    PLACES[place](state)
    [file] = [path.name for path in state.iterdir() if not path.name.endswith("-wal")]
    leaks = SCAN["leaks_in"](installed)
    assert leaks
    assert all(file in leak for leak in leaks)
    assert not any(SECRET in leak for leak in leaks)


def test_where_secrets_are_kept_none_is_reported(installed: Path) -> None:
    """The `.env` itself, and files without a secret, are no finding."""
    state = installed / "state"
    (state / "run.log").write_text("read 12 pages")
    assert SCAN["leaks_in"](installed) == []
