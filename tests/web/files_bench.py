"""A small office for the pages of bulk decisions, export and import.

Cards that the real SQL made, published as a file; a ledger of its own; calls as the app makes them.
"""

import runpy
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from starlette.datastructures import FormData, QueryParams

from reconcile_pipeline.building import Site
from reconcile_pipeline.ledger.decisions import read_decisions
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import Decision
from reconcile_pipeline.reconciling.decide import Wanted
from reconcile_pipeline.review.decide import decide
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.state import State
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.web.access.users import Role, User
from reconcile_pipeline.web.books import Books
from reconcile_pipeline.web.desk import Call, Desk
from reconcile_pipeline.web.pages import bulk
from reconcile_pipeline.web.tasks import Tasks

REVIEW = runpy.run_path(str(Path(__file__).parents[1] / "review" / "conftest.py"))
PERIOD = "2026-11"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
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
COUNTS: Sequence[tuple[Any, Any]] = (
    *((5, 8), (9, 4), (3, 3), (None, 6), (4, 0), (2, 90), (7, 9), (1, 2), (6, 6), (8, 1)),
    *((10, 11), (20, 19), (None, 2), (5, None), (12, 14), (30, 2)),
)
"""Invoiced and used of each customer, from number 10 on."""
UNPROVEN = str(10 + len(COUNTS))
"""One more customer, whose account at the vendor is not mapped."""
Row = dict[str, Any]


@dataclass
class Office:
    """The app's side of an installation, without its server."""

    folder: Path
    desk: Desk
    number: int = 0
    now: list[datetime] = field(default_factory=lambda: [NOON])
    followed: list[bool] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        return self.desk.site.ledger

    def call(
        self,
        query: str = "",
        form: Sequence[tuple[str, Any]] = (),
        *,
        user: str = "ann",
        **values: str,
    ) -> Call:
        person = User(user, Role.REVIEWER, "login")
        address = QueryParams(f"period={PERIOD}&{query}")
        return Call(self.desk, person, "/", address, values, FormData(list(form)), "t")

    def cards(self) -> list[Row]:
        """The board, in a fixed order."""
        books = self.call().books
        ids = books.ask("review_ids", **bulk.Filter(status="all").parameters)
        found = books.cards([row["card_id"] for row in ids])
        return sorted(found, key=lambda row: str(row["company_id"]))

    def preview(
        self,
        decision: str,
        cards: Sequence[Row],
        *,
        query: str = "",
        user: str = "ann",
        **more: Any,
    ) -> str:
        """Choose cards as the list's form does; returns the preview's id."""
        form = [("decision", decision), *more.items()]
        form += [("card", f"{card['card_id']}:{card['card_version']}") for card in cards]
        answer = bulk.prepare(self.call(query, form, user=user))
        assert answer.status_code == 303, answer.body
        return answer.headers["location"].partition("?")[0].rpartition("/")[2]

    def kept(self, preview_id: str, user: str = "ann") -> Any:
        return bulk.kept(self.call(user=user), preview_id)

    def confirm(self, preview_id: str, *, user: str = "ann", looked: str = "yes") -> Any:
        form = [("preview", preview_id), ("looked", looked)]
        return bulk.confirm(self.call(form=form, user=user))

    def shown(self, preview_id: str, *, user: str = "ann") -> str:
        answer = bulk.show(self.call(preview_id=preview_id, user=user))
        return bytes(answer.body).decode()

    def recorded(self) -> dict[str, tuple[str, str]]:
        """Card -> (what was said, by whom), of everything in the ledger."""
        said = read_decisions(self.ledger)
        assert len({item.card_id for item in said}) == len(said)
        return {item.card_id: (str(item.decision), item.reviewer) for item in said}

    def decide_alone(self, card: Row, by: str = "bob") -> None:
        """Somebody decides one card elsewhere."""
        wanted = Wanted(
            card["card_id"], card["card_version"], Decision.NO_CHANGE, None, by, "As agreed."
        )
        call = self.call()
        decide(call.books.connection(), call.door, [wanted], now=NOON, origin="tests")

    def move(self, cards: Sequence[Row]) -> None:
        """A later night counts these cards otherwise, and publishes."""
        with duckdb.connect(str(self.publish())) as connection:
            for card in cards:
                for table in ("recon.cards", "recon.discrepancies", "review.card_status"):
                    connection.execute(
                        f"update {table} set card_version = 'ffffffffffff' where card_id = ?",  # noqa: S608
                        [card["card_id"]],
                    )

    def publish(self) -> Path:
        """Put a copy of the published file in its place; returns it."""
        link = self.folder / "published.duckdb"
        self.number += 1
        version = self.folder / f"version-{self.number}.duckdb"
        shutil.copyfile(link.resolve(), version)
        link.unlink()
        link.symlink_to(version)
        return version

    def later(self, **time: int) -> None:
        self.now[0] += timedelta(**time)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings, an empty ledger and a published file."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "reconcile.toml").write_text(TOML, encoding="utf-8")
    ledger = Ledger(folder / "ledger.db")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        create_tables(connection)
        books = REVIEW["BOOKS"](connection)
        desk = REVIEW["Desk"](books, ledger)
        desk.open()
        for number, (invoiced, used) in enumerate(COUNTS, start=10):
            desk.customer(str(number), invoiced, used)
        desk.customer(UNPROVEN, 5, None, is_mapped=False)
        books.map("service", f"s{UNPROVEN}", f"p{UNPROVEN}")
        desk.build(PERIOD, "recon.discrepancies")
        desk.fill()
        path = folder / "version-0.duckdb"
        connection.execute(f"attach '{path}' as out")
        connection.execute("copy from database memory to out")
        connection.execute("detach out")
    ledger.engine.dispose()
    return folder


def office_in(folder: Path, template: Path) -> Office:
    for name in ("reconcile.toml", "ledger.db", "version-0.duckdb"):
        shutil.copy(template / name, folder / name)
    (folder / "published.duckdb").symlink_to(folder / "version-0.duckdb")
    settings = load_settings(folder / "reconcile.toml", environ={})
    site = Site(settings, State(folder), Ledger(folder / "ledger.db"))
    now, followed = [NOON], []
    desk = Desk(
        site,
        Books(folder / "published.duckdb", settings.limits),
        Tasks(folder / "reconcile.toml", folder / "tasks", lambda: now[0]),
        lambda: now[0],
        follow=lambda: followed.append(True),
    )
    return Office(folder, desk, now=now, followed=followed)


@pytest.fixture
def office(template: Path, tmp_path: Path) -> Iterator[Office]:
    found = office_in(tmp_path, template)
    yield found
    found.ledger.engine.dispose()
