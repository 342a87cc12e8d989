"""HaloPSA's pages as core rows: what counts, what is left out and why, nothing lost."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
TABLES = (
    "companies",
    "products",
    "agreement_types",
    "agreements",
    "agreement_lines",
    "left_out",
    "control_totals",
)
NO_DAY = "1901-01-01T00:00:00"
INVOICE = {
    "id": -240,
    "client_id": 12,
    "contract_id": 77,
    "contract_ref": "MSA-0012",
    "is_recurring_invoice": True,
    "disabled": False,
    "nextcreationdate": "2026-12-01T00:00:00",
    "period": 1,
    "periodname": "Monthly",
    "startdate": "2024-01-01T00:00:00",
    "enddate": NO_DAY,
    "contains_calculated_quantity": False,
}
LINE = {
    "_itemid": 410,
    "item_shortdescription": "Business Premium",
    "qty_order": 42.5,
    "unit_price": 26.4,
    "unit_cost": 18.7,
    "isinactive": False,
    "isgroupdesc": False,
    "onetimecharge": False,
    "startdate": "2024-03-01T00:00:00",
    "enddate": NO_DAY,
    "autorenew": False,
    "is_meter": False,
    "group_id": 0,
    "is_bundled_line": False,
    "quantity_licences": [],
}


class Psa:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.rules: Row = {
            "day": "2026-11-22",
            "currency": "USD",
            "internal_client_ids": ["1"],
            "count_bundles": "children",
        }
        self.is_bare = False
        self.clients: list[Row] = [{"id": 12, "name": "Acme", "inactive": False}]
        self.contracts: list[Row] = [
            {"id": 77, "ref": "MSA-0012", "contracttype": 3, "contracttype_name": "Managed"}
        ]
        self.items: list[Row] = [{"id": 410, "name": "Premium", "baseprice": 30, "costprice": 20}]
        self.invoices: list[Row] = [INVOICE | {"lines": []}]

    def line(self, number: int, **changes: Any) -> None:
        self.invoices[0]["lines"].append({"id": number, **LINE, **changes})

    def header(self, **changes: Any) -> None:
        self.invoices[0] |= changes

    def tables(self) -> dict[str, list[Row]]:
        lists = {
            "clients": ("clients", self.clients),
            "contracts": ("contracts", self.contracts),
            "recurring_invoices": ("invoices", self.invoices),
            "items": ("items", self.items),
        }
        pages = [
            (stream, json.dumps(rows if self.is_bare else {"record_count": 1, name: rows}))
            for stream, (name, rows) in lists.items()
        ]
        self._connection.execute("begin")
        # Every page comes twice, as it does when pages move while they are read.
        twice = [(stream, page, body) for stream, body in pages for page in (1, 2)]
        twice.append(("counting_rules", 1, json.dumps([self.rules])))
        self._connection.executemany("insert into raw_pages values (?, ?, ?)", twice)
        parameters = {"system": "halopsa", "pull_id": "p1"}
        run_core(self._connection, "halopsa", parameters)
        found = {}
        for table in TABLES:
            result = self._connection.execute(f"select * from core.{table}")  # noqa: S608 - ours
            names = [column[0] for column in result.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        self._connection.execute("rollback")
        return found

    def reasons(self) -> dict[str, str]:
        """Why records are left out, by record; nothing is lost on the way."""
        found = self.tables()
        kept = [row for row in found["agreement_lines"] if row["excluded_reason"] is None]
        left = [row for row in found["left_out"] if row["record_kind"] == "agreement_line"]
        [total] = found["control_totals"]
        qty = sum(row["qty"] for row in (*kept, *left))
        assert (total["records"], total["qty"]) == (len(kept) + len(left), qty)
        return {f"{r['record_kind']} {r['record_id']}": r["reason"] for r in found["left_out"]}

    def counted(self) -> dict[str, bool]:
        """Lines that count, and whether Halo works out their quantity itself."""
        self.reasons()
        lines = self.tables()["agreement_lines"]
        return {r["line_id"]: r["is_auto_counted"] for r in lines if r["excluded_reason"] is None}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        create_tables(connection)
        connection.execute("create temp table raw_pages (stream varchar, page int, body varchar)")
        yield connection


@pytest.fixture
def psa(warehouse: duckdb.DuckDBPyConnection) -> Psa:
    return Psa(warehouse)


@pytest.mark.parametrize("is_bare", [False, True])
def test_a_line_in_force_counts_once(psa: Psa, *, is_bare: bool) -> None:
    """Fractions and prices arrive exactly, under the invoice's negative number, in both shapes."""
    psa.is_bare = is_bare
    psa.line(5011)
    [line] = psa.tables()["agreement_lines"]
    told = [str(line[name]) for name in ("agreement_id", "company_id", "product_id", "qty")]
    assert told == ["-240", "12", "410", "42.5000"]
    assert [str(line[name]) for name in ("unit_price", "unit_cost")] == ["26.4000", "18.7000"]
    assert (line["currency"], line["units_from"], line["ends_on"]) == ("USD", "agreement", None)
    assert psa.reasons() == {}


def test_an_invoice_is_named_after_its_contract(psa: Psa) -> None:
    """Name and type come from the contract; without one the number has to do."""
    [agreement] = psa.tables()["agreements"]
    assert (agreement["name"], agreement["type_name"]) == ("MSA-0012", "Managed")
    psa.header(contract_id=0, contract_ref="")
    [agreement] = psa.tables()["agreements"]
    assert (agreement["name"], agreement["type_name"]) == ("Recurring invoice 240", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"disabled": True}, "disabled"),
        ({"startdate": "2026-11-23T00:00:00"}, "not_started"),
        ({"enddate": "2026-11-21T00:00:00"}, "ended"),
        ({"nextcreationdate": NO_DAY, "period": 0, "periodname": ""}, "no_schedule"),
        ({"nextcreationdate": None, "period": None, "periodname": None}, "no_schedule"),
        ({"is_recurring_invoice": False}, "not_recurring"),
    ],
)
def test_invoices_that_create_nothing_are_left_out(psa: Psa, changes: Row, reason: str) -> None:
    """Each with its reason, and their lines with them."""
    psa.line(5011)
    psa.header(**changes)
    assert psa.reasons() == {
        "agreement -240": reason,
        "agreement_line 5011": "agreement_excluded",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"startdate": NO_DAY, "enddate": "0001-01-01T00:00:00"},
        {"startdate": None, "enddate": ""},
        {"startdate": "2026-11-22T00:00:00", "enddate": "2026-11-22T23:59:59"},
        {"nextcreationdate": NO_DAY, "period": 0},
        {"period": 0, "periodname": ""},
    ],
)
def test_invoices_in_force_count(psa: Psa, changes: Row) -> None:
    """Empty dates are none, first and last day count, and one sign of a schedule is enough."""
    psa.line(5011)
    psa.header(**changes)
    assert psa.reasons() == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"isinactive": True}, "inactive_line"),
        ({"isgroupdesc": True, "_itemid": 0, "qty_order": None}, "heading"),
        ({"onetimecharge": True}, "one_time"),
        ({"startdate": "2026-11-23T00:00:00"}, "not_started"),
        ({"enddate": "2026-11-21T00:00:00"}, "ended"),
        ({"is_meter": True}, "meter"),
        ({"_itemid": 0}, "no_item"),
        ({"_itemid": None}, "no_item"),
    ],
)
def test_lines_that_do_not_count_are_left_out(psa: Psa, changes: Row, reason: str) -> None:
    """Each with its reason, and with its quantity where it has one."""
    psa.line(5011, **changes)
    assert psa.reasons() == {"agreement_line 5011": reason}


def test_a_line_that_renews_itself_goes_on(psa: Psa) -> None:
    """Its end has passed and means nothing."""
    psa.line(5011, enddate="2026-01-31T00:00:00", autorenew=True)
    assert psa.counted() == {"5011": False}


@pytest.mark.parametrize(
    ("setting", "left_out"), [("children", {1: "bundle_parent"}), ("parent", {2: "bundle_child"})]
)
def test_of_a_bundle_one_half_counts(psa: Psa, setting: str, left_out: dict[int, str]) -> None:
    """Children or parent, never both; other lines, grouped or not, are none of it."""
    psa.rules["count_bundles"] = setting
    psa.line(1, group_id=9)
    psa.line(2, group_id=9, is_bundled_line=True)
    psa.line(3, group_id=0)
    psa.line(4, group_id=8)
    psa.line(5, group_id=0, is_bundled_line=True)
    assert psa.reasons() == {f"agreement_line {n}": why for n, why in left_out.items()}


def test_children_without_a_parent_line_always_count(psa: Psa) -> None:
    """A bundle headed by text alone has no parent that could count instead."""
    psa.rules["count_bundles"] = "parent"
    psa.line(1, group_id=9, isgroupdesc=True, _itemid=0)
    psa.line(2, group_id=9, is_bundled_line=True)
    assert psa.counted() == {"2": False}


@pytest.mark.parametrize(
    "sign",
    [
        {"_is_calculated_line": True},
        {"recurring_invoice_quantity_type": 2},
        {"quantity_licences": [{"id": 1}]},
        {"quantity_subscriptions": [{"id": 1}]},
        {"quantity_users": [{"id": 1}]},
        {"quantity_assets": [{"id": 1}]},
    ],
)
def test_calculated_lines_count_and_are_marked(psa: Psa, sign: Row) -> None:
    """Every sign of a quantity that Halo works out itself marks that line, and no other."""
    psa.header(contains_calculated_quantity=True)
    psa.line(1, **sign)
    psa.line(2)
    assert psa.counted() == {"1": True, "2": False}


def test_an_invoice_that_tells_no_line_marks_them_all(psa: Psa) -> None:
    """Halo says that something is calculated and not what: nothing of it may be written."""
    psa.header(contains_calculated_quantity=True)
    psa.line(1)
    psa.line(2)
    assert psa.counted() == {"1": True, "2": True}


@pytest.mark.fault(47)
@pytest.mark.tried_on("halopsa")
def test_a_merged_line_belongs_to_the_invoices_client(psa: Psa) -> None:
    """Where it came from, and who pays for it, change nothing."""
    psa.header(client_to_invoice_to_id=99)
    psa.line(1, original_client_id=31)
    [line] = psa.tables()["agreement_lines"]
    assert line["company_id"] == "12"


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        ({"id": 12, "name": "Acme", "inactive": True}, "company_excluded"),
        ({"id": 13, "name": "Other", "inactive": False}, "company_unknown"),
    ],
)
def test_lines_go_with_their_client(psa: Psa, client: Row, reason: str) -> None:
    """Of an inactive client, or of one that was not listed, nothing counts."""
    psa.clients = [client]
    psa.line(1)
    assert psa.reasons()["agreement_line 1"] == reason


def test_only_named_clients_are_internal(psa: Psa) -> None:
    """Number 1 is nothing special unless the settings say so."""
    psa.clients += [{"id": 1, "name": "Unknown", "inactive": False}]
    assert psa.reasons() == {"company 1": "internal_client"}
    psa.rules["internal_client_ids"] = []
    assert psa.reasons() == {}


def test_a_recurring_price_goes_before_the_base_price(psa: Psa) -> None:
    """Where an item has both, the recurring one is what recurring invoices charge."""
    psa.items += [{"id": 411, "name": "B", "baseprice": 1, "recurringprice": 2.5}]
    prices = {row["product_id"]: str(row["unit_price"]) for row in psa.tables()["products"]}
    assert prices == {"410": "30.0000", "411": "2.5000"}
