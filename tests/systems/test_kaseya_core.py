"""How landed pages of Kaseya BMS become companies, agreements and lines: each rule by name."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]


class Pages:
    """The pages of one pull: an account, a contract on an invoice, and what a test adds."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        create_tables(self.connection)
        self.accounts: list[Row] = [
            {"id": 1, "accountName": "Acme", "accountType": "Customer", "isActive": True}
        ]
        self.contracts: list[Row] = [self.contract(100)]
        self.scope: list[Row] = [self.planned(100)]
        self.told: dict[str, list[Row]] = {}
        self.services: list[Row] = [{"id": 77, "name": "M365"}]
        self.rules: Row = {"currency": "USD", "account_types": [], "proration_types": ["Prorated"]}
        self.items: dict[str, list[Row]] = {"9": [self.item(1, 5)]}
        self.last: list[Row] = [
            {"contract_id": "100", "invoice_id": "9", "invoiced_on": "2026-11-01"}
        ]
        self.invoices: list[Row] = [{"id": 9, "accountId": 1, "invoiceNumber": "INV-9"}]
        self.invoice_scope: list[Row] = [{"invoice_id": "9", "excluded_reason": None}]
        self.called: dict[str, list[Row]] | None = None
        self.has_capitals = False

    def contract(self, number: int) -> Row:
        return {
            "id": number,
            "contractName": "Managed",
            "contractNumber": f"C-{number}",
            "accountName": "Acme",
            "contractType": "Recurring Services",
            "billingCycle": "Monthly",
            "startDate": "2024-01-01T00:00:00",
            "endDate": None,
        }

    def planned(self, number: int, *accounts: str, reason: str | None = None) -> Row:
        ids = list(accounts or ("1",))
        return {"contract_id": str(number), "account_ids": ids, "excluded_reason": reason}

    def item(self, number: int, qty: float, **changed: Any) -> Row:
        item = {"id": number, "contractId": 100, "name": "M365", "typeName": "Recurring Services"}
        return item | {"qty": qty, "unitPrice": 22.0} | changed

    def core(self, table: str) -> list[Row]:
        pages = [
            ("accounts", "", {"result": self.accounts}),
            ("contracts", "", {"result": self.contracts}),
            ("services", "", {"result": self.services}),
            *(("account_contracts", key, {"result": rows}) for key, rows in self.told.items()),
            ("counting_rules", "", [self.rules]),
            ("contract_scope", "", self.scope),
        ]
        if self.called is None:
            pages += [
                ("invoices", "all", {"result": self.invoices}),
                ("invoice_scope", "", self.invoice_scope),
                ("last_invoices", "", self.last),
            ]
            for key, rows in self.items.items():
                pages.append(("invoice_lines", key, {"result": {"id": 1, "lineItems": rows}}))
        else:
            for key, rows in self.called.items():
                pages.append(("contract_lines", key, {"result": rows}))
        return self._read(table, pages)

    def _read(self, table: str, pages: list[tuple[str, str, Any]]) -> list[Row]:
        write = (lambda data: json.dumps(capitals(data))) if self.has_capitals else json.dumps
        rows = [
            (stream, parent, 1, write(data) if isinstance(data, dict) else json.dumps(data))
            for stream, parent, data in pages
        ]
        self.connection.execute(
            "create or replace table raw_pages"
            " (stream varchar, parent_id varchar, page integer, body varchar)"
        )
        self.connection.executemany("insert into raw_pages values (?, ?, ?, ?)", rows)
        for name in ("companies", "agreements", "agreement_lines", "products"):
            self.connection.execute(f"delete from core.{name}")  # noqa: S608 - ours
        for name in ("agreement_types", "left_out", "control_totals"):
            self.connection.execute(f"delete from core.{name}")  # noqa: S608 - ours
        parameters = {"system": "kaseya_bms", "pull_id": "p1", "on": date(2026, 11, 22)}
        run_core(self.connection, "kaseya_bms", parameters)
        result = self.connection.execute(f"select * from core.{table}")  # noqa: S608 - ours
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def counted(self) -> dict[str, Decimal]:
        """Units by line, of the lines that count."""
        lines = self.core("agreement_lines")
        return {line["line_id"]: line["qty"] for line in lines if not line["excluded_reason"]}

    def left_out(self) -> set[tuple[str, str, str]]:
        names = ("record_kind", "record_id", "reason")
        return {(row[names[0]], row[names[1]], row[names[2]]) for row in self.core("left_out")}


def capitals(data: Any) -> Any:
    if isinstance(data, dict):
        return {name[:1].upper() + name[1:]: capitals(value) for name, value in data.items()}
    return [capitals(value) for value in data] if isinstance(data, list) else data


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages()
    yield made
    made.connection.close()


def test_a_line_is_a_service_on_the_last_invoice(pages: Pages) -> None:
    """Units of one service are added up, and say from which day's invoice they are."""
    pages.items["9"].append(pages.item(2, 3.5))
    [line] = pages.core("agreement_lines")
    assert (line["line_id"], line["product_id"], line["qty"]) == ("100/77", "77", Decimal("8.5"))
    assert (line["units_from"], line["invoiced_on"]) == ("last_invoice", date(2026, 11, 1))
    assert (line["unit_price"], line["currency"]) == (Decimal(22), "USD")
    [agreement] = pages.core("agreements")
    assert agreement["name"] == "Managed (C-100)"


def test_a_line_landed_twice_counts_once(pages: Pages) -> None:
    """The same line of an invoice on two pages is one line."""
    pages.items["9"].append(pages.item(1, 5))
    assert pages.counted() == {"100/77": 5}


def test_names_may_be_written_with_a_capital(pages: Pages) -> None:
    """The same pages with names as the description writes them give the same rows."""
    pages.accounts[0]["accountName"] = 'The "Big": One'
    plain = pages.core("agreement_lines"), pages.core("companies")
    pages.has_capitals = True
    assert (pages.core("agreement_lines"), pages.core("companies")) == plain


def test_prorated_lines_are_no_units(pages: Pages) -> None:
    """What is prorated is on the invoice and not on the contract: left out by name."""
    pages.items["9"].append(pages.item(2, 1, typeName="prorated"))
    assert pages.counted() == {"100/77": 5}
    assert pages.left_out() == {("agreement_line", "invoice:9/100/77/prorated", "proration")}


def test_older_invoices_are_left_out(pages: Pages) -> None:
    """Units of the month before are not added to this month's."""
    pages.items["8"] = [pages.item(7, 40)]
    assert pages.counted() == {"100/77": 5}
    assert pages.left_out() == {("agreement_line", "invoice:8/100/77", "older_invoice")}


@pytest.mark.parametrize("contract", [0, None])
def test_what_is_on_no_contract_is_left_out(pages: Pages, contract: int | None) -> None:
    """Something sold once is no line of an agreement."""
    pages.items["9"].append(pages.item(2, 1, contractId=contract, name="Keyboard"))
    assert pages.counted() == {"100/77": 5}
    assert pages.left_out() == {("agreement_line", "invoice:9/-/name:Keyboard", "no_contract")}


@pytest.mark.parametrize("twice", [False, True])
def test_a_name_of_no_one_service_is_a_product_of_its_own(pages: Pages, *, twice: bool) -> None:
    """A name that no service has, or two have, is never guessed: a person can map it."""
    name = "M365" if twice else "Onboarding"
    if twice:
        pages.services.append({"id": 78, "name": "M365"})
    pages.items["9"] = [pages.item(1, 5, name=name)]
    assert pages.counted() == {f"100/name:{name}": 5}
    products = {row["product_id"]: row["name"] for row in pages.core("products")}
    assert products[f"name:{name}"] == name


def test_a_contract_of_namesakes_belongs_to_who_says_so(pages: Pages) -> None:
    """Of two accounts of one name, the one whose look-up lists the contract has it."""
    pages.accounts.append({**pages.accounts[0], "id": 2})
    pages.scope = [pages.planned(100, "1", "2")]
    pages.told = {"1": [], "2": [{"id": 100}]}
    [line] = pages.core("agreement_lines")
    assert line["company_id"] == "2"


@pytest.mark.parametrize("told", [{}, {"1": [{"id": 100}], "2": [{"id": 100}]}])
def test_a_contract_that_nobody_or_two_claim_is_left_out(pages: Pages, told: Any) -> None:
    """Without one owner the contract and its lines are left out, and it is said."""
    pages.accounts.append({**pages.accounts[0], "id": 2})
    pages.scope = [pages.planned(100, "1", "2")]
    pages.told = told
    assert pages.counted() == {}
    assert {(kind, reason) for kind, _id, reason in pages.left_out()} == {
        ("agreement", "company_unknown"),
        ("agreement_line", "agreement_excluded"),
    }


def test_a_contract_without_an_invoice_is_said_to_have_none(pages: Pages) -> None:
    """Units that nobody can tell are not zero: the agreement is left out with that reason."""
    pages.contracts.append(pages.contract(101))
    pages.scope.append(pages.planned(101))
    assert pages.counted() == {"100/77": 5}
    assert ("agreement", "101", "no_invoice_in_window") in pages.left_out()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"isActive": False}, "inactive"), ({"accountType": "Prospect"}, "not_a_customer")],
)
def test_accounts_that_do_not_count(pages: Pages, changed: Row, reason: str) -> None:
    """Inactive accounts and those of other types are left out, with their lines."""
    pages.rules["account_types"] = ["customer"]
    pages.accounts[0] |= changed
    assert pages.counted() == {}
    assert pages.left_out() == {
        ("company", "1", reason),
        ("agreement_line", "100/77", "company_excluded"),
    }


@pytest.mark.parametrize("reason", ["status_not_counted", "credit_note"])
def test_invoices_that_do_not_count_are_named(pages: Pages, reason: str) -> None:
    """A draft, a voided invoice or a credit note is left out with its number."""
    pages.invoices.append({"id": 10, "accountId": 1, "invoiceNumber": "INV-10"})
    pages.invoice_scope.append({"invoice_id": "10", "excluded_reason": reason})
    assert pages.left_out() == {("invoice", "10", reason)}


def test_every_unit_is_counted_or_left_out(pages: Pages) -> None:
    """The control total is what counts and what is left out, to the last unit and record."""
    pages.items["9"] += [
        pages.item(2, 1, typeName="Prorated"),
        pages.item(3, 2, contractId=0),
        pages.item(4, 0.3333),
    ]
    pages.items["8"] = [pages.item(7, 40)]
    [total] = pages.core("control_totals")
    out = [row["qty"] for row in pages.core("left_out") if row["record_kind"] == "agreement_line"]
    kept = list(pages.counted().values())
    assert (total["records"], total["qty"]) == (len(kept) + len(out), sum(kept) + sum(out))


def test_lines_of_the_assumed_call(pages: Pages) -> None:
    """Where the unpublished call is assumed, lines are the contract's own, and say so."""
    line = {"id": 5, "serviceId": 77, "serviceName": "M365", "units": 25.0, "unitPrice": 22.0}
    later = {**line, "id": 6, "effectiveDate": "2027-01-01T00:00:00"}
    pages.called = {"100": [line, later]}
    assert pages.counted() == {"5": 25}
    [counted] = pages.core("agreement_lines")
    assert (counted["units_from"], counted["invoiced_on"]) == ("assumed_call", None)
    assert pages.left_out() == {("agreement_line", "6", "not_effective_yet")}
