"""N-able N-sight: XML in all its forms, the key that nobody sees, and features where asked for."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from reconcile_pipeline.http import StrictJsonError
from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.model import PipelineError
from reconcile_pipeline.settings_systems import SecretSource
from reconcile_pipeline.simulators.serve import running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.systems.vendors.nable_nsight import NABLE_NSIGHT, explain, make_client
from reconcile_pipeline.systems.vendors.nable_nsight_xml import (
    client_records,
    device_records,
    stands_for,
    xml_as_json,
)
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

ON = date(2026, 11, 22)
CLIENT = (
    "<client><name>{name}</name><clientid>{id}</clientid><server_count>1</server_count>"
    "<workstation_count>2</workstation_count><mobile_device_count>0</mobile_device_count>"
    "<device_count>3</device_count></client>"
)


def parsed(body: str) -> Any:
    return xml_as_json(body.encode(), 0)[1]


@pytest.mark.parametrize("root", ["result", "settings"])
@pytest.mark.parametrize("inside", ["<items>{}</items>", "{}"])
@pytest.mark.parametrize("count", [1, 2])
def test_one_client_and_many_are_lists(root: str, inside: str, count: int) -> None:
    """Whatever the root is called, inside `items` or not; a single client is a list of one."""
    clients = "".join(CLIENT.format(name=f"C{place}", id=place) for place in range(count))
    body = f'<{root} status="OK">{inside.format(clients)}</{root}>'
    assert [row["clientid"] for row in client_records(parsed(body))] == list("01")[:count]


def test_names_may_be_character_data() -> None:
    """CDATA and escaped text give the same name."""
    names = ("<![CDATA[A & <b> Ltd]]>", "A &amp; &lt;b&gt; Ltd")
    body = "".join(CLIENT.format(name=name, id=place) for place, name in enumerate(names))
    rows = client_records(parsed(f"<result><items>{body}</items></result>"))
    assert {row["name"] for row in rows} == {"A & <b> Ltd"}


def test_an_empty_list_is_a_list() -> None:
    """No clients at all: the emptiness is judged elsewhere, by what a key must see."""
    assert client_records(parsed('<result status="OK"><items/></result>')) == []


@pytest.mark.parametrize("count", ["", "five", "-1", "1.5"])
def test_a_count_that_is_no_whole_number_is_refused(count: str) -> None:
    """It is never taken for zero."""
    body = CLIENT.format(name="A", id=1).replace("<device_count>3", f"<device_count>{count}")
    with pytest.raises(PipelineError, match="without a whole number in device_count"):
        client_records(parsed(f"<result><items>{body}</items></result>"))


@pytest.mark.parametrize("body", ["<result><other/></result>", "<result/>", "<html><body/></html>"])
def test_anything_else_is_no_list(body: str) -> None:
    """An answer without clients is refused as a changed format."""
    with pytest.raises(PipelineError, match="no list of client elements"):
        client_records(parsed(body))


def test_entities_are_never_resolved() -> None:
    """A declaration that would make us read a file, or fill the memory, refuses the answer."""
    for entity in ('<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY x "aaaa">'):
        with pytest.raises(StrictJsonError, match="entities"):
            parsed(f"<!DOCTYPE r [{entity}]><result><client>&x;</client></result>")


@pytest.mark.parametrize("end", range(1, 40, 3))
def test_a_cut_answer_is_no_smaller_list(end: int) -> None:
    """Half an XML document is refused as cut, wherever it ends."""
    body = f"<result><items>{CLIENT.format(name='A', id=1)}</items></result>"
    with pytest.raises(StrictJsonError) as caught:
        parsed(body[: -end * 3])
    assert caught.value.is_cut


def test_a_failure_inside_a_200_is_a_refusal() -> None:
    """The key's as 401, any other as 400; the vendor's words are told."""
    inner = "<error><errorcode>{}</errorcode><message>{}</message></error>"
    wrong = f'<result status="FAIL">{inner}</result>'
    key = wrong.format(3, "The API key is not valid.")
    missing = wrong.format(5, "Missing parameter: clientid")
    assert (stands_for(parsed(key)), stands_for(parsed(missing))) == (401, 400)
    assert stands_for(parsed('<result status="OK"><items/></result>')) == 200
    assert explain(200, None, missing) == "Missing parameter: clientid"
    assert explain(500, None, "Bad gateway") is None


def test_the_devices_of_every_site_are_found() -> None:
    """Of both types, one or many to a site; a site without devices has none."""
    body = (
        "<result><items><client><site><id>1</id><server><id>7</id></server></site>"
        "<site><id>2</id><server><id>8</id></server><server><id>9</id></server></site>"
        "<site><id>3</id></site></client></items></result>"
    )
    assert [row["id"] for row in device_records(parsed(body))] == ["7", "8", "9"]


def test_the_pause_that_the_vendor_asks_for_is_kept(make_account: Any) -> None:
    """One call in 90 seconds unless the settings say otherwise."""
    limits = make_client(make_account("nable_nsight"))._limits
    assert (limits.concurrency, limits.per_window, limits.window_seconds) == (1, 1, 90.0)
    free = make_client(make_account("nable_nsight", seconds_between_calls=0))._limits
    assert free.per_window is None


def test_features_count_devices_that_have_them(make_account: Any, tmp_path: Path) -> None:
    """Two calls per client that has such devices; the device stands behind each unit."""
    world = build_world(7, "small", ON, {"nable_nsight"})
    held = world.at["nable_nsight"]
    with running(world) as simulation:
        server = simulation.systems["nable_nsight"]
        account = make_account(
            "nable_nsight",
            base_url=server.base_url,
            read_features=True,
            seconds_between_calls=0,
        )
        known = {"NABLE_NSIGHT_API_KEY": server.credentials["api_key"]}
        account.secrets = SecretSource(tmp_path, known)
        pull = Pull(
            system=NABLE_NSIGHT,
            account=account,
            landing=tmp_path,
            period="2026-11",
            is_grace=False,
            on=ON,
            now=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC),
        )
        manifest = asyncio.run(pull_system(pull))
    assert manifest.state == "complete", manifest.reason
    types = {(device.client_id, device.type) for device in held.devices}
    assert manifest.calls == 1 + sum(kind != "mobile_device" for _, kind in types)
    folder = tmp_path / manifest.relative_path
    landed = "".join(str(pq.read_table(path).to_pylist()) for path in folder.glob("*.parquet"))
    assert server.credentials["api_key"] not in landed
    with duckdb.connect() as connection:
        create_tables(connection)
        files = [str(path) for path in folder.glob("*.parquet")]
        connection.read_parquet(files).create_view("raw_pages")
        at = datetime(2026, 11, 22, 12)  # noqa: DTZ001 - as the warehouse has it
        run_core(connection, "nable_nsight", {"system": "s", "pull_id": "p", "as_of": at})
        found = dict(
            connection.execute(
                "select service_id, cast(sum(qty) as integer) from core.usage group by service_id"
            ).fetchall()
        )
        behind = connection.execute("select count(*) from core.entities").fetchall()[0][0]
    flags = {"mav": "managed_antivirus", "patch": "patch_management", "mob": "backup_recovery"}
    for flag, service in flags.items():
        wanted = sum(flag in d.flags and d.type != "mobile_device" for d in held.devices)
        assert found[service] == wanted > 0, service
    assert found["total_devices"] == len(held.devices)
    assert behind > found["managed_antivirus"]
