"""Core rows made by hand to part the engines: where each has habits of its own, they agree."""

import runpy
import shutil
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.warehouse.build import Fill, create_tables
from reconcile_pipeline.warehouse.connect import open_for_writing

pytestmark = pytest.mark.spark
BOOKS = runpy.run_path(str(Path(__file__).parents[1] / "warehouse" / "conftest.py"))
PERIOD = "2026-11"
LARGEST = "99999999999999.9999"
NAMES = (
    "Łódź 株式会社 🏢",
    "zero\u200bwidth\u2060joined",
    "e\u0301 beside \u00e9",
    "ΟΔΥΣΣΕΥΣ",
    "İSTANBUL ẞTRASSE",
    "quote ' \" ` back\\slash $period :period %",
    "line\nfeed\r\nand\u2028more",
    "\u00a0 spaces \u3000",
    "right \u202eto left",
    "NULL",
)
DEVICES = (
    *("ΛΑΒ-ΣΑΣ", "ΛΑΒ-ΣΑΣ ", "İLAB-1", "LAB-1", "LAB-1\n", "LAB\n-1", "lab\u2028-2", "lab\r-3"),
    *("lab-🖥", "slab-1", "lab.1", "labx1", "LAB-", "lab"),
)
EDGES = (
    datetime(2026, 11, 1),  # noqa: DTZ001 - the warehouse holds naive UTC
    datetime(2026, 11, 30, 23, 59, 59, 999999),  # noqa: DTZ001
    datetime(2026, 12, 1),  # noqa: DTZ001
    datetime(2026, 10, 25, 1, 30),  # noqa: DTZ001 - twice that night, in Berlin
)


@pytest.fixture
def books(tmp_path: Path) -> Any:
    with duckdb.connect(str(tmp_path / "hard.duckdb")) as connection:
        create_tables(connection)
        yield BOOKS["Books"](connection)


@pytest.fixture
def compared(
    books: Any, tmp_path: Path, both: Callable[..., Any], told: Any
) -> Callable[[], dict[str, list[tuple[Any, ...]]]]:
    """Build with both engines; the tables, if they are the same."""

    def compare() -> dict[str, list[tuple[Any, ...]]]:
        _ = books.connection
        books._connection.close()
        given = told(PERIOD, mappings=books.mappings, rules=books.rules, moved=books.moved)
        by_duckdb, by_spark = both(tmp_path / "hard.duckdb", given)
        for name, rows in by_duckdb.items():
            assert by_spark[name] == rows, name
        found: dict[str, list[tuple[Any, ...]]] = by_duckdb
        return found

    return compare


def basics(books: Any, companies: int, **vendor: Any) -> None:
    """A PSA and a vendor, companies with an account each, one service linked to one product."""
    books.pull("psa")
    books.pull("pax8", **vendor)
    books.product("p", price="7.1234")
    books.service("s")
    books.map("service", "s", "p")
    for number in range(companies):
        books.company(str(number), NAMES[number % len(NAMES)])
        books.account(f"a{number}", NAMES[-1 - number % len(NAMES)])
        books.map("account", f"a{number}", str(number))


def test_names_are_the_same_to_the_last_sign(books: Any, compared: Callable[..., Any]) -> None:
    """Signs of no width, of two units, line ends and SQL's own signs come out as they went in."""
    basics(books, len(NAMES))
    for number, name in enumerate(NAMES):
        books.line(str(number), "p", "1.5", line_id=f"{name}:{number},")
        books.line(str(number), f"loose {name}", 1, line_id=f"x{number}")
        books.usage(f"a{number}", "s", number, usage_id=name)
        books.account(f"nobody {name}", name)
        books.usage(f"nobody {name}", "s", "0.0001", cost="0.0001")
        books.left_out(name, f"record {name}", None)
    found = compared()
    assert {row[5] for row in found["recon.cards"]} >= set(NAMES)
    assert len(found["recon.unmapped_accounts"]) == len(NAMES)


def test_numbers_are_the_same_to_the_last_decimal(books: Any, compared: Callable[..., Any]) -> None:
    """The largest, the smallest, below zero, nothing and unknown; ties of dates and of money."""
    basics(books, 9)
    books.line("0", "p", LARGEST, price="0.0001")
    books.line("1", "p", "-99999999999999.9998", price=1)
    books.usage("a1", "s", "0.0001")
    books.line("2", "p", "0.0001", price="0.5")
    books.usage("a2", "s", "0.0002", cost="0.3333")
    books.line("3", "p", "0.0000", price=None, currency=None)
    books.usage("a3", "s", "-3.0001")
    for line_id in ("9", "10", "é", "z"):
        books.line("4", "p", "2.5", line_id=line_id, price=line_id == "z", currency="EUR")
    for line_id, day in (("1", date(1, 1, 1)), ("2", date(9999, 12, 31)), ("3", None)):
        books.line("5", "p", 1, line_id=line_id, effective_on=day, invoiced_on=date(2024, 2, 29))
    books.usage("a5", "s", 10_000_000)
    for number in (6, 7, 8):
        books.line(str(number), "p", 1, price=10)
        books.usage(f"a{number}", "s", 2, committed_until=date(2027, 1, 31))
    books.control("psa", "agreement_line", 12, "18.5001")
    books.control("pax8", "usage", 7, "10000003.0002")
    books.control("pax8", "row", 0, 0)
    found = compared()
    assert {row[0] for row in found["recon.cards"]} == {PERIOD}
    assert any(Decimal(LARGEST) in row for row in found["recon.cards"])


def test_instants_at_the_edges_of_a_month(books: Any, compared: Callable[..., Any]) -> None:
    """The evidence's age, and the day of a month's highest count, are UTC's on both engines."""
    basics(books, 4, finished_at=EDGES[1], is_stale=True)
    books.rule("s", "count=monthly_maximum")
    for number, instant in enumerate(EDGES):
        books.line(str(number), "p", 1)
        books.usage(f"a{number}", "s", number)
        for name, qty in (("first", 5), ("second", 5), ("third", 4)):
            books.insert(
                "map.usage_by_pull",
                period=PERIOD,
                system="pax8",
                account_id=f"a{number}",
                service_id="s",
                qty=qty,
                as_of=instant,
                pull_id=f"{name} of {number}",
            )
    found = compared()
    assert {row[9] for row in found["recon.counts"]} == set(EDGES)


def test_every_part_of_a_count_rule(books: Any, compared: Callable[..., Any]) -> None:
    """Patterns, free units, blocks, rounding and minimums give the same count and equation."""
    basics(books, 2)
    books.line("0", "p", 20)
    greek = "name:\u03bb\u03b1\u03b2-*\u03c3"
    rules = {
        "s": f"exclude=name:lab-*|{greek}|class:druck?r; free=1.5; blocks_of=2.5; rounding=up",
        "t": "exclude=name:lab?1; rounding=nearest; minimum=3",
        "u": "blocks_of=0.0001; rounding=down",
        "v": "free=100",
    }
    for service, rule in rules.items():
        if service != "s":
            books.service(service, f"{service} — other")
            books.map("service", service, "p", multiplier=Decimal("0.3333"))
        books.rule(service, rule)
        books.usage("a0", service, "12.3456", usage_id=service)
        books.usage("a1", service, 0)
        for number, device in enumerate(DEVICES):
            books.insert(
                "core.entities",
                system="pax8",
                pull_id=f"pax8-{PERIOD}",
                account_id="a0",
                service_id=service,
                entity_id=f"{service}{number}",
                name=device,
                kind="DRUCKER" if number % 5 == 0 else "PC",
            )
    found = compared()
    assert any(" + " in str(row) for row in found["recon.cards"])
    assert all(row[10] > 0 for row in found["recon.counts"] if row[4] == "s")


def test_what_is_unknown_stays_unknown(books: Any, compared: Callable[..., Any]) -> None:
    """No account, one that is not ready, one that is gone, a vendor without a pull."""
    basics(books, 5)
    books.pull("cove", is_evidence=False, state="failed")
    books.service("c", system="pax8")
    books.map("service", "backup", "q", system="cove")
    books.product("q")
    for number in range(5):
        books.line(str(number), "p", 1, auto=number == 0)
        books.line(str(number), "q", 2, line_id="q")
    books.company("none", "No account")
    books.line("none", "p", 3)
    books.company("out", "Out of billing", "not_a_customer")
    books.account("out")
    books.map("account", "out", "out")
    books.account("waiting", excluded="not_ready")
    books.map("account", "waiting", "1")
    books.map("account", "gone", "2")
    books.account("refused")
    books.map("account", "refused", None)
    books.usage("refused", "s", 4)
    books.service("left")
    books.map("service", "left", None)
    books.service("new")
    for service in ("left", "new"):
        books.usage("a3", service, 6, usage_id=service, cost="1.2345")
    found = compared()
    assert {row[8] for row in found["recon.cards"]} >= {"no_vendor_figure", "incomplete_evidence"}


def test_earlier_months_are_looked_back_at(books: Any, compared: Callable[..., Any]) -> None:
    """A finding keeps the month it was first seen in, also under the ids of a PSA that was left."""
    basics(books, 2)
    for period, psa, company, group in (
        ("2026-09", "old", "o0", "product:op"),
        ("2026-10", "psa", "1", "product:p"),
    ):
        texts = ("card_version", "company_name", "service_name", "mapping_version")
        values = dict.fromkeys((*texts, "reason", "next_step"), "")
        books.insert(
            "recon.cards",
            period=period,
            card_id=f"{period}/{company}",
            psa=psa,
            company_id=company,
            service_group_id=group,
            finding="over_billed",
            is_grace_evidence=False,
            first_seen_period=period,
            **values,
        )
    books.moved |= {("company", "old", "o0"): "0", ("group", "old", "product:op"): "product:p"}
    books.line("0", "p", 5)
    books.line("1", "p", 5)
    found = compared()
    assert {row[-1] for row in found["recon.cards"]} == {"2026-09", "2026-10"}


def test_nothing_at_all(books: Any, compared: Callable[..., Any]) -> None:
    """A month without a single row has empty tables on both engines."""
    assert set(map(len, compared().values())) == {0}


def test_what_does_not_fit_is_refused_by_both(
    books: Any, tmp_path: Path, spark_fill: Fill, told: Any
) -> None:
    """A sum too large for its column is an error, never a null or a rounded number."""
    basics(books, 1)
    books.line("0", "p", LARGEST, line_id="1")
    books.line("0", "p", LARGEST, line_id="2")
    _ = books.connection
    books._connection.close()
    given = told(PERIOD, mappings=books.mappings)
    for fill, error in ((None, duckdb.ConversionException), (spark_fill, PipelineError)):
        copy = tmp_path / "copy.duckdb"
        shutil.copyfile(tmp_path / "hard.duckdb", copy)
        with open_for_writing(copy) as connection, pytest.raises(error):
            given.build(connection, fill)
