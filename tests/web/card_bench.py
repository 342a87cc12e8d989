"""A small office for the card page and the history: two months, a handful of customers, a ledger.

Cards come from the real SQL and lie in a published file; calls are made as the app makes them.
"""

import runpy
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from starlette.datastructures import FormData, QueryParams, UploadFile

from reconcile_pipeline.building import Site
from reconcile_pipeline.landing.pages import PageWriter
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.reconciling.limits import Limits
from reconcile_pipeline.review.tables import fill_review_tables
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.state import State
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.web.access.users import Role, User
from reconcile_pipeline.web.books import Books
from reconcile_pipeline.web.desk import Call, Desk
from reconcile_pipeline.web.pages import card, deciding
from reconcile_pipeline.web.tasks import Tasks

REVIEW = runpy.run_path(str(Path(__file__).parents[1] / "review" / "conftest.py"))
BEFORE, PERIOD = "2026-10", "2026-11"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> & Söhne"
CROWD = 203
TOML = """
[billing]
timezone = "UTC"
currency = "USD"
first_period = "2026-01"

[systems.connectwise]
base_url = "https://psa.example.com"
company_id = "x"
public_key = { env = "PUBLIC" }
private_key = { env = "PRIVATE" }
client_id = { env = "CLIENT" }

[systems.backup]
kind = "csv"
path = "backup.csv"
"""
NOVEMBER = {"2": (4, 0), "3": (3, 3), "5": (None, 6), "6": (2, 90), "7": (300, CROWD + 4)}
"""Invoiced and used in November, besides customer 1 (5 and 8) and 4, whose account is unmapped."""
MORE = ("recon.exclusions", "recon.unmapped_accounts", "recon.unmapped_services")
Row = dict[str, Any]


@dataclass
class Office:
    """The app's side of an installation, without its server."""

    folder: Path
    desk: Desk
    now: list[datetime] = field(default_factory=lambda: [NOON])

    @property
    def ledger(self) -> Ledger:
        return self.desk.site.ledger

    def call(
        self,
        query: str = "",
        form: list[tuple[str, str]] | None = None,
        *,
        by: str = "ann",
        role: Role = Role.REVIEWER,
        **values: str,
    ) -> Call:
        address = QueryParams(query)
        person = User(by, role, "login")
        fields: list[tuple[str, str | UploadFile]] = list(form or [])
        return Call(self.desk, person, "/cards/x", address, values, FormData(fields), "t")

    def card(self, company: str, period: str = PERIOD) -> Row:
        """One card of a month, by its customer."""
        rows = (
            self.call(f"period={period}")
            .books.connection()
            .execute(
                "select card_id, card_version, qty_psa, qty_vendor, decision_id from board"
                " where company_id = ?",
                [company],
            )
        )
        names = [column[0] for column in rows.description or ()]
        (row,) = rows.fetchall()
        return dict(zip(names, row, strict=True))

    def page(self, company: str, query: str = "", period: str = PERIOD, **who: Any) -> str:
        """The card page of a customer, as text."""
        found = self.card(company, period)["card_id"]
        call = self.call(f"period={period}&{query}", card_id=found, **who)
        answer = card.show(call)
        assert answer.status_code == 200, bytes(answer.body)
        return bytes(answer.body).decode()

    def decide(self, company: str, decision: str, **fields: str) -> Any:
        """Send the card page's form."""
        found = self.card(company)
        form = {"card_version": found["card_version"], "decision": decision, **fields}
        call = self.call(f"from=card&period={PERIOD}", list(form.items()), card_id=found["card_id"])
        return deciding.decide(call)

    def preview(self, company: str, **fields: str) -> str:
        call = self.call(
            f"period={PERIOD}", list(fields.items()), card_id=self.card(company)["card_id"]
        )
        return bytes(card.would_change(call).body).decode()

    def publish(self, limits: Limits | None = None) -> None:
        """The nightly run: the review tables follow the ledger, and a new version is swapped in."""
        old = (self.folder / "published.duckdb").resolve()
        new = self.folder / f"{old.stem}-next.duckdb"
        shutil.copyfile(old, new)
        with duckdb.connect(str(new)) as connection:
            call = self.call(f"period={PERIOD}")
            fill_review_tables(connection, call.door, limits or self.desk.site.settings.limits)
        link = self.folder / "published.duckdb"
        link.unlink()
        link.symlink_to(new)

    def with_limits(self, limits: Limits) -> "Office":
        settings = replace(self.desk.site.settings, limits=limits)
        return replace(
            self, desk=replace(self.desk, site=replace(self.desk.site, settings=settings))
        )

    def later(self, **time: int) -> None:
        self.now[0] += timedelta(**time)


def _device(books: Any, period: str, account: str, service: str, name: str) -> None:
    books.insert(
        "core.entities",
        system="pax8",
        pull_id=books.pull_ids["pax8", period],
        account_id=account,
        service_id=service,
        entity_id=name,
        name=name,
        kind="Server",
    )


def _fill(desk: Any, books: Any) -> None:
    for period, used, first in ((BEFORE, 7, 1), (PERIOD, 8, 2)):
        books.mappings.clear()
        desk.open(period)
        desk.customer("1", 5, used, period=period)
        for number in range(first, first + used):
            _device(books, period, "a1", "s1", f"SRV-{number}")
        if period == PERIOD:
            for company, (invoiced, count) in NOVEMBER.items():
                desk.customer(company, invoiced, count)
            for number in range(CROWD):
                _device(books, period, "a7", "s7", f"PC-{number:03}")
            _oddities(desk, books)
        desk.build(period, *MORE)
        desk.fill(period)


def _oddities(desk: Any, books: Any) -> None:
    """An unmapped customer, a twin by name, one that only sounds alike, a record left out."""
    desk.customer("4", 5, None, is_mapped=False)
    books.map("service", "s4", "p4")
    books.account("twin", "Company 3")
    books.account("alike", "Company 3 Ltd")
    for account in ("twin", "alike"):
        books.usage(account, "s3", 2)
    for account, name in (("a1", "OLD-1"), ("a3", "OLD-3")):
        books.insert(
            "core.left_out",
            system="pax8",
            pull_id=books.pull_ids["pax8", PERIOD],
            record_kind="device",
            record_id=name,
            name=name,
            account_id=account,
            qty=1,
            reason="not_seen_for_30_days",
        )
    connection = books.connection
    connection.execute("update core.companies set name = ? where company_id = '1'", [HOSTILE])
    connection.execute("update core.agreement_lines set description = ?", [f"Care {HOSTILE}"])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings, an empty ledger and a published file."""
    folder = tmp_path_factory.mktemp("cards")
    (folder / "reconcile.toml").write_text(TOML, encoding="utf-8")
    ledger = Ledger(folder / "ledger.db")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        create_tables(connection)
        books = REVIEW["BOOKS"](connection)
        _fill(REVIEW["Desk"](books, ledger), books)
        connection.execute(f"attach '{folder / 'version.duckdb'}' as out")
        connection.execute("copy from database memory to out")
        connection.execute("detach out")
    ledger.engine.dispose()
    return folder


@pytest.fixture
def office(template: Path, tmp_path: Path) -> Iterator[Office]:
    """The office on a morning when nothing is decided."""
    # In memory where there is such a place: the ledger waits for the disk at every entry.
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        folder = Path(name)
        for each in ("reconcile.toml", "ledger.db"):
            shutil.copy(template / each, folder / each)
        (folder / "published.duckdb").symlink_to(template / "version.duckdb")
        settings = load_settings(folder / "reconcile.toml", environ={})
        site = Site(settings, State(folder), Ledger(folder / "ledger.db"))
        now = [NOON]
        books = Books(folder / "published.duckdb", settings.limits)
        tasks = Tasks(folder / "reconcile.toml", folder / "tasks", lambda: now[0])
        yield Office(folder, Desk(site, books, tasks, lambda: now[0]), now)
        site.ledger.engine.dispose()


def land(folder: Path, body: str, parent_id: str | None = None) -> None:
    """One landed page of the PSA's lines."""
    folder.mkdir(parents=True, exist_ok=True)
    with PageWriter(folder / "lines.parquet", system="psa", stream="lines") as pages:
        pages.add(body, fetched_at=NOON, status=200, template="/lines", parent_id=parent_id)
