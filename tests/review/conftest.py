"""Desks: cards of a made-up warehouse, a ledger, and the door between the two.

The warehouse is written row by row with the books of tests/warehouse, so that its cards come from
the real SQL.
"""

import runpy
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import (
    Change,
    Intent,
    Outcome,
    last_intent,
    read_changes,
    record_intent,
    record_outcome,
    take_lease,
)
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import ChangeState, Decision
from reconcile_pipeline.reality import ask
from reconcile_pipeline.reconciling.decide import Wanted
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.review.decide import Door, Taken, decide, decide_by_policy
from reconcile_pipeline.review.tables import fill_review_tables
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.build import build_map, build_recon_table, create_tables
from reconcile_pipeline.warehouse.catalogue import TABLES

BOOKS = runpy.run_path(str(Path(__file__).parents[1] / "warehouse" / "conftest.py"))["Books"]
PERIOD = "2026-11"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BUILT = ("recon.counts", "recon.cards", "recon.card_lines")
AT_ONCE, ON_DATE = SYSTEMS["connectwise"].write_back, SYSTEMS["autotask"].write_back
Row = dict[str, Any]


@dataclass
class Desk:
    """Books, a ledger, and what a reviewer does with them; each step is a minute later."""

    books: Any
    ledger: Ledger
    write_back: Any = AT_ONCE
    limits: Limits = field(default_factory=Limits)
    now: datetime = NOON
    built: set[str] = field(default_factory=set)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        connection: duckdb.DuckDBPyConnection = self.books.connection
        return connection

    def later(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def stamp(self, by: str = "ann") -> Stamp:
        return Stamp(by, self.later(), "tests")

    def door(self, period: str = PERIOD) -> Door:
        return Door(self.ledger, period, self.write_back, "Halo PSA")

    def open(self, period: str = PERIOD, vendor: str = "pax8") -> None:
        """A month with a pull of either side."""
        for system in ("psa", vendor):
            self.books.pull(system, period)

    def customer(
        self,
        number: str,
        invoiced: object,
        used: object,
        *,
        period: str = PERIOD,
        is_mapped: bool = True,
        **line: Any,
    ) -> None:
        """One company with one product of its own: one line (or none), one count."""
        books = self.books
        books.company(number, period=period)
        books.product(f"p{number}", price=7, period=period)
        books.account(f"a{number}", period=period)
        books.service(f"s{number}", period=period)
        if is_mapped:
            books.map("account", f"a{number}", number)
            books.map("service", f"s{number}", f"p{number}")
        if invoiced is not None:
            values = {"line_id": f"l{number}", "period": period} | line
            books.line(number, f"p{number}", invoiced, **values)
        if used is not None:
            books.usage(f"a{number}", f"s{number}", used, period=period)

    def invoice(self, line_id: str, qty: object) -> None:
        """The PSA shows another quantity from its next pull on."""
        self.connection.execute(
            "update core.agreement_lines set qty = ? where line_id = ?", [qty, line_id]
        )

    def use(self, account_id: str, qty: object) -> None:
        self.connection.execute(
            "update core.usage set qty = ? where account_id = ?", [qty, account_id]
        )

    def build(self, period: str = PERIOD, *more: str) -> None:
        """Make the month's cards anew, as the next night's run does."""
        build_map(self.connection, period=period, mappings=self.books.mappings)
        for name in (*BUILT, *more):
            build_recon_table(self.connection, name, period=period)
        self.built.add(period)

    def cards(self, period: str = PERIOD) -> dict[str, Row]:
        """The cards by company, as they were built last; built now if they never were."""
        if period not in self.built:
            self.build(period)
        return {row["company_id"]: row for row in self.books.rows("recon.cards", period)}

    def card(self, period: str = PERIOD) -> Row:
        (card,) = self.cards(period).values()
        return card

    def wanted(
        self, card: Row, decision: Decision = Decision.RECONCILE, target: object = None, **more: Any
    ) -> Wanted:
        values: Row = {
            "card_id": card["card_id"],
            "card_version": card["card_version"],
            "decision": decision,
            "qty_target": None if target is None else Decimal(str(target)),
            "reviewer": "ann",
            "note": None,
        }
        return Wanted(**(values | more))

    def decide(self, *wanted: Wanted, period: str = PERIOD, **options: Any) -> Taken:
        return decide(
            self.connection, self.door(period), wanted, now=self.later(), origin="tests", **options
        )

    def by_policy(self, policy: Any, period: str = PERIOD) -> Any:
        return decide_by_policy(
            self.connection, self.door(period), policy, self.limits, now=self.later()
        )

    def changes(self) -> list[Change]:
        return read_changes(self.ledger)

    def write(
        self, change: Change, state: ChangeState = ChangeState.VERIFIED, **known: Any
    ) -> None:
        """What a write-back leaves in the ledger: an intent, then what came of it."""
        before = last_intent(self.ledger, change.change_id)
        attempt = 1 if before is None else before.attempt + 1
        intent = Intent(
            intent_id=f"{change.change_id}-{attempt}",
            change_id=change.change_id,
            attempt=attempt,
            epoch=take_lease(self.ledger, "tests", self.stamp("write-back")),
            qty_before=change.qty_from,
            qty_to=change.qty_to,
            effective_on=change.effective_on,
            sent_at=self.later(),
        )
        record_intent(self.ledger, change, intent, "PATCH …", self.stamp("write-back"))
        self.tell(change, state, intent_id=intent.intent_id, **known)

    def tell(self, change: Change, state: ChangeState, **known: Any) -> None:
        outcome = Outcome(change.change_id, state, **known)
        record_outcome(self.ledger, outcome, self.stamp("write-back"))

    def fill(self, period: str = PERIOD) -> None:
        fill_review_tables(self.connection, self.door(period), self.limits)

    def rows(self, table: str, period: str = PERIOD) -> list[Row]:
        rows: list[Row] = self.books.rows(table, period)
        return rows

    def board(self, period: str = PERIOD) -> dict[str, Row]:
        """Fill, and return where each card stands, by company."""
        self.fill(period)
        return {row["company_id"]: row for row in self.rows("review.card_status", period)}

    def standing(self, period: str = PERIOD) -> tuple[str, str | None]:
        """Fill, and return status and why of the only card."""
        (row,) = self.board(period).values()
        return row["status"], row["why"]

    def ask(self, question: str, period: str = PERIOD) -> list[tuple[Any, ...]]:
        return ask(self.connection, question, period)

    def as_psa(self, write_back: Any) -> "Desk":
        """The same desk before another PSA."""
        return replace(self, write_back=write_back)


@pytest.fixture(scope="session")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    # A handful of rows: more threads would only get in each other's way.
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("set timezone = 'Asia/Tokyo'")
        create_tables(connection)
        yield connection


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    Ledger(path).engine.dispose()
    return path


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: the ledger waits for the disk at every entry."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def desk(
    warehouse: duckdb.DuckDBPyConnection, empty_ledger: Path, fast_folder: Path
) -> Iterator[Desk]:
    """Empty books beside an empty ledger."""
    books = BOOKS(warehouse)
    books.clear()
    ledger = Ledger(Path(shutil.copy(empty_ledger, fast_folder / "ledger.db")))
    yield Desk(books, ledger)
    ledger.engine.dispose()


@dataclass
class Shelf:
    """Desks that were set up once: their rows are put back quicker than they are built."""

    kept: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def set_up(self, desk: Desk, make: Callable[[Desk], None]) -> Desk:
        name = make.__name__
        if name not in self.kept:
            make(desk)
            self.kept[name] = (
                {table: self._rows(desk, table) for table in TABLES},
                list(desk.books.mappings),
                dict(desk.books.pull_ids),
                set(desk.built),
            )
            return desk
        rows, mappings, pull_ids, built = self.kept[name]
        for table, values in rows.items():
            for row in values:
                desk.books.insert(table, **row)
        desk.books.mappings.extend(mappings)
        desk.books.pull_ids.update(pull_ids)
        desk.built |= built
        return desk

    def _rows(self, desk: Desk, table: str) -> list[Row]:
        result = desk.connection.execute(f"select * from {table}")  # noqa: S608 - closed list
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    return Shelf()


def one_card(desk: Desk) -> None:
    desk.open()
    desk.customer("1", 5, 8)
    desk.build()


def two_alike(desk: Desk) -> None:
    for period in ("2026-10", PERIOD):
        desk.open(period)
        desk.books.mappings.clear()
        desk.customer("1", 5, 8, period=period)
        desk.build(period)


@pytest.fixture
def one(desk: Desk, shelf: Shelf) -> Desk:
    """A desk with one card: 5 invoiced on line l1 at 10, 8 used."""
    return shelf.set_up(desk, one_card)


@pytest.fixture
def two_months(desk: Desk, shelf: Shelf) -> Desk:
    """October and November alike: 5 invoiced, 8 used."""
    return shelf.set_up(desk, two_alike)


@pytest.fixture
def on_date(one: Desk) -> Desk:
    """The same before a PSA that takes whole units from a day on."""
    return one.as_psa(ON_DATE)


@pytest.fixture
def by_hand(one: Desk) -> Desk:
    """The same before a PSA that can't be written."""
    return one.as_psa(None)


def planned(changes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What may be sent, in short."""
    return [(each.line_id, each.qty_from, each.qty_to, each.effective_on) for each in changes]


@pytest.fixture
def next_month() -> date:
    return date(2026, 12, 1)


@pytest.fixture
def in_short() -> Any:
    return planned


@pytest.fixture
def sit_down() -> Callable[[duckdb.DuckDBPyConnection, Ledger], Desk]:
    """(warehouse, ledger) -> a desk before an installation that a test made for itself."""
    return lambda connection, ledger: Desk(BOOKS(connection), ledger, built={PERIOD})
