"""Cove's server: the chain of visas, columns as texts, refusals with 200; the month's report."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.settings_checks import Table, read_table
from reconcile_pipeline.settings_systems import SecretSource, SystemSettings
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.truth import cove as truth
from reconcile_pipeline.simulators.truth.usage import Usage
from reconcile_pipeline.simulators.vendors.cove import REPORT
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.cove import COVE, ROOT
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

AS_OF = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
Json = dict[str, Any]


@pytest.fixture(scope="module")
def msp() -> World:
    return build_world(7, "small", AS_OF, {COVE})


@pytest.fixture(scope="module")
def server(msp: World) -> Iterator[SimulatedServer]:
    with running(msp) as simulation:
        yield simulation.systems[COVE]


class Asker:
    """Asks like a script that chains visas."""

    def __init__(self, client: httpx.Client, known: dict[str, str]) -> None:
        self._client = client
        self.visa: str | None = None
        self.login = {
            "partner": known["partner"],
            "username": known["username"],
            "password": known["token"],
        }

    def __call__(self, method: str, **params: Any) -> Json:
        question = {"jsonrpc": "2.0", "id": "1", "visa": self.visa, "method": method}
        reply = self._client.post("/jsonapi", json=question | {"params": params})
        assert reply.status_code == 200
        answer: Json = reply.json()
        self.visa = answer.get("visa", self.visa)
        return answer

    def devices(self, **query: Any) -> Json:
        size = {"PartnerId": ROOT, "StartRecordNumber": 0, "RecordsCount": 9999, "Columns": ["I0"]}
        return self("EnumerateAccountStatistics", query=size | query)


@pytest.fixture
def ask(server: SimulatedServer) -> Iterator[Asker]:
    with httpx.Client(base_url=server.base_url, trust_env=False, verify=False) as client:
        asker = Asker(client, server.credentials)
        asker("Login", **asker.login)
        yield asker


def test_login_tells_the_partner_and_each_answer_a_new_visa(ask: Asker) -> None:
    """The payload is two results deep; visas differ from answer to answer."""
    answer = ask("Login", **ask.login)
    assert answer["result"]["result"]["PartnerId"] == ROOT
    visas = {answer["visa"], ask.devices()["visa"], ask.devices()["visa"]}
    assert len(visas) == 3


def test_refusals_come_with_200_and_without_a_visa(ask: Asker, server: SimulatedServer) -> None:
    """A wrong capital in the partner's name, no visa, an old one, an unknown method."""
    wrong = ask.login | {"partner": ask.login["partner"].upper()}
    assert "visa" not in ask("Login", **wrong)
    assert ask("Nothing")["error"]["code"] == -32601
    ask.visa = "none"
    assert ask.devices()["error"]["code"] == 13501
    ask("Login", **ask.login)
    server.app.clock = lambda: 10**9
    assert "expired" in ask.devices()["error"]["message"]


def test_one_bad_column_spoils_the_call(ask: Asker) -> None:
    """Legacy columns answer 13501 for everything that was asked beside them."""
    assert ask.devices(Columns=["I0", "D02F03"])["error"]["code"] == 13501
    assert "result" in ask.devices(Columns=["I0"])


def test_columns_are_texts_under_the_code_they_were_asked_by(ask: Asker, msp: World) -> None:
    """Empty ones are absent, aliases echo, and a page is as long as it was asked to be."""
    rows = ask.devices(Columns=["I0", "OT", "TM"], OrderBy="I0 ASC")["result"]["result"]
    assert len(rows) == len(msp.at[COVE].devices)
    settings = {row["AccountId"]: row["Settings"] for row in rows}
    for device in msp.at[COVE].devices:
        wanted = [{"I0": str(device.id)}, {"OT": str(device.os_type)}]
        wanted += [] if device.users is None else [{"TM": str(device.users)}]
        assert settings[device.id] == wanted
    page = ask.devices(StartRecordNumber=2, RecordsCount=3, OrderBy="I0 ASC")["result"]["result"]
    assert [row["AccountId"] for row in page] == [row["AccountId"] for row in rows[2:5]]
    tenants = ask.devices(Filter="AT==2")["result"]["result"]
    assert len(tenants) == sum(device.account_type == 2 for device in msp.at[COVE].devices)
    again = ask.devices(SelectionMode="PerInstallation")["result"]["result"]
    assert len(again) > len(rows)


def test_partners_are_listed_without_the_one_asked_about(ask: Asker, msp: World) -> None:
    """Deep or flat; deleted devices are in the past only."""
    asked = {"parentPartnerId": ROOT, "fields": list(range(23))}
    deep = ask("EnumeratePartners", fetchRecursively=True, **asked)["result"]["result"]
    assert [row["Id"] for row in deep] == [partner.id for partner in msp.at[COVE].partners]
    flat = ask("EnumeratePartners", fetchRecursively="false", **asked)["result"]["result"]
    assert {row["ParentId"] for row in flat} == {ROOT}
    query = {"PartnerId": ROOT, "StartRecordNumber": 0, "RecordsCount": 9999, "Columns": ["I0"]}
    first = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) - 1
    past = ask("EnumerateAccountHistoryStatistics", query=query, timeslice=first)
    there = {row["AccountId"] for row in past["result"]["result"]}
    assert {device.id for device in msp.at[COVE].deleted} <= there


def pulled(server: SimulatedServer, folder: Path, **settings: Any) -> Manifest:
    system = SYSTEMS[COVE]
    known = {"base_url": server.base_url, **server.credentials, **settings}
    table = {name: value for name, value in known.items() if name != "token"}
    account = SystemSettings(
        name=COVE,
        kind=COVE,
        title=system.title,
        role=system.role,
        folder=folder,
        values=read_table(
            Table("reconcile.toml", COVE),
            table | {"token": {"env": "COVE_API_TOKEN"}},
            system.fields,
        ),
        secrets=SecretSource(folder, {"COVE_API_TOKEN": known["token"]}),
    )
    return asyncio.run(
        pull_system(
            Pull(
                system=system,
                account=account,
                landing=folder,
                period="2026-11",
                is_grace=False,
                on=AS_OF,
                now=lambda: NOON,
            )
        )
    )


def test_the_months_maximum_is_what_the_world_had_at_most(
    server: SimulatedServer, msp: World, tmp_path: Path
) -> None:
    """Pulled small pages and the report: units per customer as the truth has them, no password."""
    server.app.clock = lambda: 0.0
    server.log.clear()
    manifest = pulled(server, tmp_path, count="month_maximum", page_size=50)
    assert (manifest.state, manifest.reason) == ("complete", None)
    assert [call.path for call in server.log].count(REPORT) == 1
    pages = len(msp.at[COVE].devices) // 50 + 1
    # All pages of devices but the last are read twice.
    assert manifest.calls == 3 + 2 * pages - 1 == len(server.log)
    assert "I3" not in server.app.columns_asked  # type: ignore[attr-defined]
    usage = Usage()
    truth.count_maximum(msp, usage)
    live = Usage()
    truth.count(msp, live)
    assert usage.totals != live.totals
    with duckdb.connect() as connection:
        create_tables(connection)
        files = [str(path) for path in (tmp_path / manifest.relative_path).glob("*.parquet")]
        connection.read_parquet(files).create_view("raw_pages")
        named = {"system": COVE, "pull_id": "p1", "as_of": NOON.replace(tzinfo=None)}
        run_core(connection, COVE, named)
        found = connection.execute(
            "select system, account_id, service_id, sum(qty) from core.usage group by all"
        ).fetchall()
        left_out = connection.execute("select record_kind, record_id from core.left_out").fetchall()
    counted = {tuple(key): qty for *key, qty in found if qty}
    assert counted == {key: Decimal(qty) for key, qty in usage.totals.items() if qty}
    wanted = [(row["record_kind"], row["record_id"]) for row in usage.exclusions]
    assert sorted(left_out) == sorted(wanted)


def test_a_forbidden_column_is_told_by_its_code(server: SimulatedServer, tmp_path: Path) -> None:
    """The pull fails as permission, and says which setting lets it through without."""
    server.app.clock = lambda: 0.0
    columns = server.state.forbidden_columns  # type: ignore[attr-defined]
    columns.add("I80")
    try:
        manifest = pulled(server, tmp_path)
        assert (manifest.state, manifest.category) == ("failed", "permission")
        assert "I80" in str(manifest.next_step)
        again = pulled(server, tmp_path, columns_left_out=["I80"])
        assert again.state == "complete"
    finally:
        columns.clear()
