"""Books: a warehouse in memory, filled row by row as a test tells the story."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.matching.count_rules import CountRule
from reconcile_pipeline.warehouse.build import (
    build_map,
    build_recon,
    build_recon_table,
    create_tables,
)
from reconcile_pipeline.warehouse.catalogue import TABLES

PERIOD = "2026-11"
NIGHT = datetime(2026, 11, 22, 2, 0)  # noqa: DTZ001 - the warehouse holds naive UTC
PSA = "psa"


class Books:
    """Core rows of any period; `build` makes map and recon from them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._waiting: dict[tuple[str, tuple[str, ...]], list[list[Any]]] = {}
        self.mappings: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = []
        self.moved: dict[tuple[str, str, str], str] = {}
        self.psa = PSA
        self.pull_ids: dict[tuple[str, str], str] = {}

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The warehouse with all rows in it: they are written together, which is faster."""
        for (table, names), rows in self._waiting.items():
            marks = ", ".join(f"({', '.join('?' for _ in names)})" for _ in rows)
            query = f"insert into {table} ({', '.join(names)}) values {marks}"  # noqa: S608 - ours
            self._connection.execute(query, [value for row in rows for value in row])
        self._waiting.clear()
        return self._connection

    def insert(self, table: str, **values: Any) -> None:
        self._waiting.setdefault((table, tuple(values)), []).append(list(values.values()))

    def pull(self, system: str, period: str = PERIOD, **changes: Any) -> str:
        """An attempt that is evidence, unless told otherwise."""
        pull_id = changes.pop("pull_id", f"{system}-{period}")
        values: dict[str, Any] = {
            "pull_id": pull_id,
            "period": period,
            "system": system,
            "kind": system,
            "role": "psa" if system == PSA else "vendor",
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
            "landing_path": f"{period}/{system}/{pull_id}",
        } | changes
        self.insert("core.pulls", **values)
        if values["is_evidence"]:
            self.pull_ids[system, period] = pull_id
        return pull_id

    def _of(self, system: str, period: str, pull_id: str | None) -> dict[str, str]:
        return {"system": system, "pull_id": pull_id or self.pull_ids[system, period]}

    def company(
        self,
        company_id: str,
        name: str = "",
        excluded: str | None = None,
        *,
        period: str = PERIOD,
        pull_id: str | None = None,
    ) -> None:
        self.insert(
            "core.companies",
            **self._of(self.psa, period, pull_id),
            company_id=company_id,
            name=name or f"Company {company_id}",
            is_active=excluded is None,
            excluded_reason=excluded,
        )

    def product(
        self,
        product_id: str,
        name: str = "",
        price: object = None,
        *,
        period: str = PERIOD,
        pull_id: str | None = None,
    ) -> None:
        self.insert(
            "core.products",
            **self._of(self.psa, period, pull_id),
            product_id=product_id,
            name=name or f"Product {product_id}",
            unit_price=price,
            is_active=True,
        )

    def line(
        self,
        company_id: str,
        product_id: str,
        qty: object,
        *,
        line_id: str = "l1",
        price: object = 10,
        currency: str | None = "USD",
        included: object = 0,
        effective_on: date | None = None,
        auto: bool = False,
        excluded: str | None = None,
        period: str = PERIOD,
        pull_id: str | None = None,
        invoiced_on: date | None = None,
    ) -> None:
        self.insert(
            "core.agreement_lines",
            **self._of(self.psa, period, pull_id),
            line_id=line_id,
            agreement_id=f"agreement of {company_id}",
            company_id=company_id,
            product_id=product_id,
            description=f"Line {line_id}",
            qty=qty,
            qty_included=included,
            unit_price=price,
            currency=currency,
            effective_on=effective_on,
            is_auto_counted=auto,
            excluded_reason=excluded,
            units_from="agreement" if invoiced_on is None else "last_invoice",
            invoiced_on=invoiced_on,
            write_key=line_id,
        )

    def account(
        self,
        account_id: str,
        name: str = "",
        excluded: str | None = None,
        *,
        system: str = "pax8",
        period: str = PERIOD,
        pull_id: str | None = None,
    ) -> None:
        self.insert(
            "core.accounts",
            **self._of(system, period, pull_id),
            account_id=account_id,
            name=name or f"Account {account_id}",
            is_active=excluded is None,
            excluded_reason=excluded,
        )

    def service(
        self,
        service_id: str,
        name: str = "",
        *,
        countable: bool = True,
        system: str = "pax8",
        period: str = PERIOD,
        pull_id: str | None = None,
    ) -> None:
        self.insert(
            "core.services",
            **self._of(system, period, pull_id),
            service_id=service_id,
            name=name or f"Service {service_id}",
            unit="seat",
            is_countable=countable,
        )

    def usage(
        self,
        account_id: str,
        service_id: str,
        qty: object,
        *,
        usage_id: str = "u1",
        cost: object = None,
        committed_until: date | None = None,
        system: str = "pax8",
        period: str = PERIOD,
        pull_id: str | None = None,
    ) -> None:
        self.insert(
            "core.usage",
            **self._of(system, period, pull_id),
            account_id=account_id,
            service_id=service_id,
            usage_id=usage_id,
            qty=qty,
            unit_cost=cost,
            commitment_ends_on=committed_until,
            as_of=NIGHT,
        )

    def left_out(self, kind: str, record_id: str, qty: object, system: str = "pax8") -> None:
        self.insert(
            "core.left_out",
            **self._of(system, PERIOD, None),
            record_kind=kind,
            record_id=record_id,
            qty=qty,
            reason="a_rule",
        )

    def control(self, system: str, measure: str, records: int, qty: object) -> None:
        self.insert(
            "core.control_totals",
            **self._of(system, PERIOD, None),
            measure=measure,
            records=records,
            qty=qty,
        )

    def map(
        self, kind: str, item_id: str, target_id: str | None, system: str = "pax8", **changes: Any
    ) -> None:
        """A mapping in force; without a target it excludes. Names default to today's."""
        item, target = ("Account", "Company") if kind == "account" else ("Service", "Product")
        self.mappings.append(
            {
                "kind": kind,
                "system": system,
                "item_id": item_id,
                "item_name": f"{item} {item_id}",
                "target_id": target_id,
                "target_name": target_id and f"{target} {target_id}",
                "leg": "usage",
                "multiplier": Decimal(1),
                "state": "mapped" if target_id else "excluded",
                "method": "manual",
                "decided_by": "dana",
                "decided_at": NIGHT,
                "reason": None,
            }
            | changes
        )

    def rule(self, service_id: str, text: str, system: str = "pax8") -> None:
        """The count rule of a service, as people write it."""
        columns = CountRule.parse(text).columns
        self.rules.append({"system": system, "service_id": service_id, **columns})

    def entity(self, account_id: str, service_id: str, name: str, kind: str) -> None:
        self.insert(
            "core.entities",
            **self._of("pax8", PERIOD, None),
            account_id=account_id,
            service_id=service_id,
            entity_id=name,
            name=name,
            kind=kind,
        )

    def used_at(self, on: date, account_id: str, service_id: str, qty: object) -> None:
        """What an earlier pull of the month showed."""
        self.insert(
            "map.usage_by_pull",
            period=PERIOD,
            system="pax8",
            account_id=account_id,
            service_id=service_id,
            qty=qty,
            as_of=datetime.combine(on, time(2)),
            pull_id=f"pax8-{on}",
        )

    def build(self, period: str = PERIOD) -> None:
        self._build_map(period)
        build_recon(self.connection, period=period)

    def rows(self, table: str, period: str = PERIOD) -> list[dict[str, Any]]:
        order = ", ".join(TABLES[table].key)
        query = f"select * from {table} where period = $period order by {order}"  # noqa: S608 - ours
        result = self.connection.execute(query, {"period": period})
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def cards(self, period: str = PERIOD) -> dict[tuple[str, str], dict[str, Any]]:
        """Build no more than cards; return them by company and group without its `product:`."""
        self._build_map(period)
        for name in ("recon.counts", "recon.cards"):
            build_recon_table(self.connection, name, period=period)
        return {
            (card["company_id"], card["service_group_id"].removeprefix("product:")): card
            for card in self.rows("recon.cards", period)
        }

    def _build_map(self, period: str) -> None:
        build_map(
            self.connection,
            period=period,
            mappings=self.mappings,
            rules=self.rules,
            moved=self.moved,
        )

    def card(self) -> dict[str, Any]:
        """Build no more than cards, and return the only one."""
        (card,) = self.cards().values()
        return card

    def lost(self) -> list[dict[str, Any]]:
        """Build, and return the sums that do not add up."""
        self.build()
        return [row for row in self.rows("recon.conservation") if not row["is_conserved"]]

    def clear(self) -> None:
        self._waiting.clear()
        for name in TABLES:
            self._connection.execute(f"delete from {name}")  # noqa: S608 - closed list
        self.mappings.clear()
        self.rules.clear()
        self.pull_ids.clear()


@pytest.fixture(scope="session")
def shared_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    # A handful of rows: more threads would only get in each other's way.
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def books(shared_connection: duckdb.DuckDBPyConnection) -> Books:
    """Empty books."""
    books = Books(shared_connection)
    books.clear()
    return books


@pytest.fixture
def pair(books: Books) -> Callable[..., Books]:
    """(invoiced or None, used or None) -> books of one company, one account, one service."""

    def make(invoiced: object, used: object, **line: Any) -> Books:
        books.pull(PSA)
        books.pull("pax8")
        books.company("1")
        books.product("p", price=7)
        books.account("a")
        books.service("s")
        books.map("account", "a", "1")
        books.map("service", "s", "p")
        if invoiced is not None:
            books.line("1", "p", invoiced, **line)
        if used is not None:
            books.usage("a", "s", used)
        return books

    return make
