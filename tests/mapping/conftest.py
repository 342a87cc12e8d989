"""A small provider in a published file, with the ledger its mappings stand in."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.ledger.mappings import as_rows, mappings_in_force
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.mapping.propose import Proposal, Recorded, record
from reconcile_pipeline.mapping.standing import rule_rows
from reconcile_pipeline.warehouse.build import build_map, build_recon_table, create_tables

PERIOD = "2026-11"
NIGHT = datetime(2026, 11, 22, 2, 0)  # noqa: DTZ001 - the warehouse holds naive UTC
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]


@dataclass
class Office:
    """A warehouse file, its ledger, and a clock that moves a minute with each saving."""

    folder: Path
    ledger: Ledger
    now: datetime = NOON
    readers: list[duckdb.DuckDBPyConnection] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "published.duckdb"

    def write(self, rows: Rows) -> None:
        with duckdb.connect(self.file, config={"threads": 1}) as connection:
            create_tables(connection)
            for table, found in rows.items():
                for row in found:
                    marks = ", ".join(f"${name}" for name in row)
                    names = ", ".join(row)
                    connection.execute(
                        f"insert into {table} ({names}) values ({marks})",  # noqa: S608 - ours
                        row,
                    )

    def publish(self) -> None:
        """What a run makes of the ledger, with the pulls that are there."""
        self.close()
        with duckdb.connect(self.file, config={"threads": 1}) as connection:
            build_map(
                connection,
                period=PERIOD,
                mappings=as_rows(mappings_in_force(self.ledger)),
                rules=rule_rows(self.ledger),
            )
            for name in ("recon.counts", "recon.cards"):
                build_recon_table(connection, name, period=PERIOD)

    def open(self) -> duckdb.DuckDBPyConnection:
        if not self.readers:
            self.readers.append(duckdb.connect(self.file, read_only=True))
        return self.readers[0]

    def close(self) -> None:
        while self.readers:
            self.readers.pop().close()

    def save(self, *proposals: Proposal, by: str = "dana") -> Recorded:
        self.now += timedelta(minutes=1)
        return record(
            self.ledger,
            self.open(),
            proposals,
            period=PERIOD,
            by=by,
            now=self.now,
            origin="web",
        )

    def cards(self) -> dict[tuple[str, str], dict[str, Any]]:
        result = self.open().execute("select * from recon.cards")
        names = [column[0] for column in result.description or ()]
        rows = (dict(zip(names, row, strict=True)) for row in result.fetchall())
        return {(row["company_id"], row["service_group_id"]): row for row in rows}


def account(account_id: str, company_id: str | None, **more: Any) -> Proposal:
    return Proposal("account", "pax8", account_id, company_id, **more)


def service(service_id: str, product_id: str | None, **more: Any) -> Proposal:
    return Proposal("service", "pax8", service_id, product_id, **more)


def _pull(system: str, role: str) -> dict[str, Any]:
    return {
        "pull_id": system,
        "period": PERIOD,
        "system": system,
        "kind": system,
        "role": role,
        "state": "complete",
        "mode": "full",
        "is_evidence": True,
        "is_stale": False,
        "is_grace": False,
        "started_at": NIGHT,
        "finished_at": NIGHT,
        "calls": 1,
        "retries": 0,
        "throttled_seconds": 0,
        "pages": 1,
        "records": 1,
        "landing_path": system,
    }


def provider() -> Rows:
    """Four companies (4 is deleted), accounts a to d (d under c), services s and t, products."""
    psa = {"system": "psa", "pull_id": "psa"}
    pax8 = {"system": "pax8", "pull_id": "pax8"}
    names = {"1": "Acme", "2": "Borealis", "3": "Cobalt", "4": "Delta"}
    return {
        "core.pulls": [_pull("psa", "psa"), _pull("pax8", "vendor")],
        "core.companies": [
            {
                **psa,
                "company_id": key,
                "name": name,
                "is_active": key != "4",
                "excluded_reason": "deleted" if key == "4" else None,
            }
            for key, name in names.items()
        ],
        "core.products": [
            {**psa, "product_id": key, "name": f"Product {key}", "unit_price": price}
            | {"is_active": True}
            for key, price in (("p", 10), ("q", 4))
        ],
        "core.agreement_lines": [
            {
                **psa,
                "line_id": f"l{company}{product}",
                "agreement_id": f"agreement {company}",
                "company_id": company,
                "product_id": product,
                "qty": qty,
                "qty_included": 0,
                "unit_price": price,
                "currency": "USD",
                "is_auto_counted": False,
                "units_from": "agreement",
                "write_key": company,
            }
            for company, product, qty, price in (
                ("1", "p", 5, 10),
                ("2", "p", 3, 10),
                ("2", "q", 2, 4),
            )
        ],
        "core.accounts": [
            {
                **pax8,
                "account_id": key,
                "name": name,
                "parent_account_id": "c" if key == "d" else None,
                "is_active": True,
            }
            for key, name in (("a", "Acme"), ("b", "Bore"), ("c", "Cob"), ("d", "Cob Site"))
        ],
        "core.services": [
            {**pax8, "service_id": key, "name": f"Service {key}", "unit": "seat"}
            | {"is_countable": True}
            for key in "st"
        ],
        "core.usage": [
            {
                **pax8,
                "account_id": owner,
                "service_id": key,
                "usage_id": "u",
                "qty": Decimal(qty),
                "unit_cost": 2,
                "as_of": NIGHT,
            }
            for owner, key, qty in (
                ("a", "s", 7),
                ("b", "s", 3),
                ("b", "t", 1),
                ("c", "t", 4),
                ("d", "s", 2),
            )
        ],
    }


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The provider's published file with nothing mapped, to be copied."""
    office = Office(
        tmp_path_factory.mktemp("blank"), Ledger(tmp_path_factory.mktemp("no") / "l.db")
    )
    office.write(provider())
    office.publish()
    return office.file


@pytest.fixture
def make_office(blank: Path) -> Callable[[Path], Office]:
    """(folder) -> the provider, published with nothing mapped; to be closed."""

    def make(folder: Path) -> Office:
        office = Office(folder, Ledger(folder / "ledger.db"))
        shutil.copyfile(blank, office.file)
        return office

    return make


@pytest.fixture
def office(tmp_path: Path, make_office: Callable[[Path], Office]) -> Iterator[Office]:
    """The provider, published with nothing mapped."""
    office = make_office(tmp_path)
    yield office
    office.close()


@pytest.fixture
def propose() -> Any:
    """How proposals are written here: `propose.account("a", "1")`, `propose.service("s", "p")`."""

    class Propose:
        account = staticmethod(account)
        service = staticmethod(service)

    return Propose
