"""Liongard's pages as core rows: what a value counts as, and what is unknown rather than zero."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

Row = dict[str, Any]
ACME = "8888"
USERS = "0b7e2f10-5a44-4c1e-9a55-7d1c2e3f4a5b"


class Liongard:
    """Lists to be landed; `core` reads them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.environments: list[Row] = [{"ID": 8888, "Name": "Acme", "Status": 1}]
        self.metrics: list[Row] = []
        self.systems: list[Row] = []
        self.answers: list[Any] = []
        self.metric(USERS, 501)

    def metric(self, uuid: str, number: int, reason: str | None = None, on: str = "42") -> None:
        row = {"id": uuid, "metric_id": str(number), "name": f"Metric {number}"}
        self.metrics.append(row | {"inspector_id": on, "reason": reason})

    def system(self, number: int, environment: str = ACME, **changes: Any) -> None:
        row = {
            "id": str(number),
            "environment_id": environment,
            "inspector_id": "42",
            "inspector_name": "Duo Security",
            "name": f"Duo {number}",
            "frequency_days": "1.0000",
            "reason": None,
        }
        self.systems.append(row | changes)

    def value(self, number: int, value: Any, *, key: str = "501", **changes: Any) -> None:
        """A system of Acme's, and what the metric comes to on it."""
        if str(number) not in {row["id"] for row in self.systems}:
            self.system(number)
        evaluation = {
            "TimelineID": 1,
            "TimelineFinishedAt": "2026-11-21T02:20:21.542Z",
            "Metric": {"ID": 501, "err": changes.pop("err", None), "value": value},
        }
        self.answers.append({str(number): {key: evaluation | changes}})

    def core(self) -> None:
        pages = [
            ("environments", json.dumps(self.environments)),
            ("counted_metrics", json.dumps(self.metrics)),
            ("asked_systems", json.dumps(self.systems)),
            *(("metric_values", json.dumps(answer)) for answer in self.answers),
        ]
        self._connection.execute(
            "create or replace temp table raw_pages (stream varchar, body varchar, page integer)"
        )
        self._connection.executemany("insert into raw_pages values (?, ?, 1)", pages)
        parameters = {
            "system": "liongard",
            "pull_id": "p1",
            "period": "2026-11",
            "as_of": datetime(2026, 11, 22, 12, tzinfo=UTC).replace(tzinfo=None),
        }
        run_core(self._connection, "liongard", parameters)

    def rows(self, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        query = f"select {columns} from core.{table} where {where} order by all"  # noqa: S608
        return self._connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def liongard(tables: duckdb.DuckDBPyConnection) -> Liongard:
    for name in ("accounts", "services", "usage", "entities", "left_out", "control_totals"):
        tables.execute(f"delete from core.{name}")  # noqa: S608 - our own names
    return Liongard(tables)


def test_systems_of_an_environment_add_up(liongard: Liongard) -> None:
    """Two of one inspector are two counts, each with its system as evidence."""
    liongard.value(3517, 27)
    liongard.value(3623, 0)
    liongard.core()
    columns = "account_id, service_id, usage_id, qty"
    assert liongard.rows("usage", columns) == [
        (ACME, USERS, "3517", 27),
        (ACME, USERS, "3623", 0),
    ]
    found = liongard.rows("entities", "entity_id, name, kind, last_seen_at")
    assert found[0] == (
        *("3517", "Duo 3517", "Duo Security"),
        datetime(2026, 11, 21, 2, 20, 21, 542_000),  # noqa: DTZ001 - core keeps UTC without zone
    )
    assert liongard.rows("control_totals", "measure, records, qty") == [("metric_value", 2, 27)]


@pytest.mark.parametrize(
    ("value", "qty"),
    [(27, 27), ("27", 27), (" 27 ", 27), (12.5, Decimal("12.5")), ("12.50", Decimal("12.5"))],
)
def test_numbers_and_numbers_as_text_count(liongard: Liongard, value: Any, qty: Any) -> None:
    """A query without to_number() gives text: counted, and told at its evidence."""
    liongard.value(1, value)
    liongard.core()
    assert liongard.rows("usage", "qty") == [(qty,)]
    [(kind,)] = liongard.rows("entities", "kind")
    assert kind == "Duo Security" + (", number written as text" if isinstance(value, str) else "")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_value"),
        (True, "not_a_count"),
        ([1, 2], "not_a_count"),
        ({"n": 3}, "not_a_count"),
        ("n/a", "not_a_count"),
        ("", "not_a_count"),
        ("1,234", "not_a_count"),
        (-4, "not_a_count"),
        (10**9, "not_a_count"),
    ],
)
def test_anything_else_is_no_count_and_never_zero(
    liongard: Liongard, value: Any, reason: str
) -> None:
    """Left out without a quantity, for the account and the service: the card shows unknown."""
    liongard.value(1, value)
    liongard.core()
    assert liongard.rows("usage", "qty") == []
    columns = "record_kind, record_id, account_id, service_id, qty, reason"
    assert liongard.rows("left_out", columns) == [
        ("metric_value", f"1/{USERS}", ACME, USERS, None, reason)
    ]
    assert liongard.rows("control_totals", "records, qty") == [(1, 0)]


def test_a_failed_evaluation_is_no_count(liongard: Liongard) -> None:
    """Even where it has a number; and a system that is not in the answer is not evaluated."""
    liongard.value(1, 7, err="Invalid type")
    liongard.system(2)
    liongard.answers.append({"2": {}})
    liongard.core()
    assert liongard.rows("usage", "qty") == []
    assert liongard.rows("left_out", "record_id, reason") == [
        (f"1/{USERS}", "evaluation_failed"),
        (f"2/{USERS}", "not_evaluated"),
    ]


def test_both_shapes_of_the_answer_are_read(liongard: Liongard) -> None:
    """An object by system id, an array of one-key objects; metrics by id or by UUID."""
    for number in (1, 2, 3):
        liongard.value(number, number, key=USERS.upper() if number == 3 else "501")
    first, second, third = liongard.answers
    liongard.answers = [first | second, [third, {"9": []}]]
    liongard.core()
    assert liongard.rows("usage", "usage_id, qty") == [("1", 1), ("2", 2), ("3", 3)]


def test_values_of_other_inspectors_metrics_are_nobodys(liongard: Liongard) -> None:
    """A call carries the metrics of ten systems; what one is not about is not a count."""
    liongard.metric("aa4eef4d-3dc5-4b3d-9d8a-00c1d9b68065", 502, on="7")
    liongard.value(1, 5)
    liongard.answers[0]["1"]["502"] = {"Metric": {"ID": 502, "err": None, "value": 99}}
    liongard.core()
    assert liongard.rows("usage", "service_id, qty") == [(USERS, 5)]


def test_an_environment_that_nobody_looks_at_is_unknown(liongard: Liongard) -> None:
    """Without a system of the inspector there may be any number of units."""
    liongard.environments.append({"ID": 9, "Name": "Beta", "Status": 1})
    liongard.environments.append({"ID": 10, "Name": "Closed", "Status": 0})
    liongard.value(1, 5)
    liongard.system(2, "9", reason="launchpoint_disabled")
    liongard.core()
    assert liongard.rows("left_out", "record_kind, record_id, service_id, qty, reason") == [
        ("account", "10", None, None, "inactive"),
        ("environment_metric", f"9/{USERS}", USERS, None, "not_inspected"),
        ("system", "2", None, None, "launchpoint_disabled"),
    ]
    accounts = liongard.rows("accounts", "account_id, name, is_active, excluded_reason")
    assert accounts == [
        ("10", "Closed", False, "inactive"),
        (ACME, "Acme", True, None),
        ("9", "Beta", True, None),
    ]


def test_a_hidden_or_renamed_metric_keeps_its_service_without_a_count(liongard: Liongard) -> None:
    """Its mapping stays, its card says that there is no figure: not zero."""
    liongard.metrics[0]["reason"] = "renamed"
    liongard.system(1)
    liongard.core()
    assert liongard.rows("services", "service_id, name, is_countable") == [
        (USERS, "Metric 501", False)
    ]
    assert liongard.rows("usage", "qty") == []
    assert liongard.rows("left_out", "record_kind, record_id, reason") == [
        ("metric", USERS, "renamed")
    ]


@pytest.mark.parametrize(
    ("finished", "frequency", "is_old"),
    [
        ("2026-11-21T02:20:21.542Z", "1.0000", False),
        ("2026/11/21 02:20:21", "1.0000", False),
        ("2026-11-20T12:01:00Z", "1.0000", False),
        ("2026-11-20T11:59:00Z", "1.0000", True),
        ("2026-11-19T02:20:21.542Z", "7.0000", False),
        ("2026-10-31T23:59:59Z", "31.0000", True),
        ("2026-11-01T00:00:00Z", None, False),
        (None, "1.0000", False),
    ],
)
def test_what_was_inspected_too_long_ago_is_told(
    liongard: Liongard, finished: str | None, frequency: str | None, *, is_old: bool
) -> None:
    """Before the month, or twice its frequency ago: counted, and marked where people look."""
    liongard.system(1, frequency_days=frequency)
    liongard.value(1, 5, TimelineFinishedAt=finished)
    liongard.core()
    assert liongard.rows("usage", "qty") == [(5,)]
    [(kind,)] = liongard.rows("entities", "kind")
    assert kind.endswith("inspected too long ago") == is_old


def test_what_is_landed_twice_counts_once(liongard: Liongard) -> None:
    """The same environment, metric or value on two pages is one."""
    liongard.value(1, 5)
    liongard.environments *= 2
    liongard.metrics *= 2
    liongard.answers *= 2
    liongard.core()
    assert liongard.rows("usage", "qty") == [(5,)]
    assert liongard.rows("control_totals", "records") == [(1,)]
    assert len(liongard.rows("accounts", "account_id") + liongard.rows("services", "name")) == 2


def test_an_enveloped_list_of_environments_is_read(liongard: Liongard) -> None:
    """`{"Data": […]}` instead of a bare array."""
    liongard.environments = {"Data": liongard.environments}  # type: ignore[assignment]
    liongard.core()
    assert liongard.rows("accounts", "name") == [("Acme",)]
