"""What all simulated servers share: log, throttling, faults, files, and the process that serves."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import csv
import json
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from reconcile_pipeline.simulators.serve import Simulation, running
from reconcile_pipeline.simulators.server import State, Throttle
from reconcile_pipeline.simulators.world.records import World


def test_log_leaves_nothing_out(pax8: httpx.Client, simulation: Simulation) -> None:
    """Token calls, refusals and unknown paths are logged with method, path and status."""
    pax8.get("/companies", params={"size": "1"})
    pax8.get("/nowhere")
    pax8.delete("/companies")
    server = simulation.systems["pax8"]
    assert server.log == [
        ("POST", "/v1/token", 200),
        ("GET", "/v1/companies", 200),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", "/v1/companies", 405),
    ]
    assert server.targets[1] == "/v1/companies?size=1"


def test_throttle(pax8: httpx.Client, simulation: Simulation) -> None:
    """Beyond the limit comes 429 with Retry-After, until the window has moved on."""
    server = simulation.systems["pax8"]
    start = server.app.clock()
    server.app.clock = lambda: start
    server.state.throttle = Throttle(limit=2, window_seconds=60, retry_after=7)
    assert [pax8.get("/companies").status_code for _ in range(3)] == [200, 200, 429]
    assert pax8.get("/companies").headers["retry-after"] == "7"
    server.state.throttle.retry_after = None
    assert "retry-after" not in pax8.get("/companies").headers
    server.app.clock = lambda: start + 60
    assert pax8.get("/companies").status_code == 200


def test_status_fault(pax8: httpx.Client, simulation: Simulation) -> None:
    """A status fault strikes the planned calls only, in the vendor's error shape."""
    faults = simulation.systems["pax8"].faults
    faults.add("/products$", kind="status", value=503, after_n_calls=1, times=2, retry_after=3)
    replies = [pax8.get("/products") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 503, 503, 200]
    assert replies[1].headers["retry-after"] == "3"
    assert replies[1].json()["status"] == 503
    assert pax8.get("/companies").status_code == 200


def test_cut_answer(pax8: httpx.Client, simulation: Simulation) -> None:
    """A cut answer announces more than it sends, and the server lives on."""
    simulation.systems["pax8"].faults.add("/companies", kind="close_midway")
    with pytest.raises(httpx.RemoteProtocolError):
        pax8.get("/companies")
    assert pax8.get("/companies").status_code == 200


def test_wrong_answers(pax8: httpx.Client, simulation: Simulation) -> None:
    """Wrong shape, lying totals, a page served twice and a replaced body are each as planned."""
    faults = simulation.systems["pax8"].faults
    right = pax8.get("/subscriptions", params={"page": 0}).json()
    faults.add("/subscriptions", kind="duplicate_page")
    assert pax8.get("/subscriptions", params={"page": 1}).json() == right
    faults.add("/subscriptions", kind="total_lies", value=3)
    lie = pax8.get("/subscriptions", params={"page": 0}).json()["page"]["totalElements"]
    assert lie == right["page"]["totalElements"] + 3
    faults.add("/subscriptions", kind="wrong_shape")
    assert pax8.get("/subscriptions").json() == {"unexpected": [1, 2, 3]}
    faults.add("/subscriptions", kind="replace_body", value=lambda body: body[:-1])
    with pytest.raises(json.JSONDecodeError):
        pax8.get("/subscriptions").json()
    faults.add("/subscriptions", kind="status", value=500, times=None)
    faults.clear()
    assert pax8.get("/subscriptions", params={"page": 0}).json() == right


def test_dropped_header(connectwise: httpx.Client, simulation: Simulation) -> None:
    """A header can be left out, as by an endpoint that does not know a way of paging."""
    simulation.systems["connectwise"].faults.add("/companies", kind="drop_header", value="Link")
    forward = {"pagination-type": "forward-only"}
    assert "link" not in connectwise.get("/company/companies", headers=forward).headers
    assert "link" in connectwise.get("/company/companies", headers=forward).headers


@pytest.mark.usefixtures("restored_lines")
def test_hook_changes_the_world_between_pages(
    connectwise: httpx.Client, simulation: Simulation
) -> None:
    """A hook may change records while a client pages, and the next page shows it."""
    agreement_id = simulation.world.lines[0].agreement_id

    def remove(state: State) -> None:
        state.world.lines = [r for r in state.world.lines if r.agreement_id != agreement_id]

    path = f"/finance/agreements/{agreement_id}/additions"
    faults = simulation.systems["connectwise"].faults
    faults.add("/additions", kind="hook", value=remove, after_n_calls=1)
    assert connectwise.get(path).json()
    assert connectwise.get(path).json() == []


def test_files_beside_the_settings(simulation: Simulation, tmp_path: Path) -> None:
    """Settings name every system and no secret; .env has the secrets; the CSV files are whole."""
    path = tmp_path / "msp" / "reconcile.toml"
    simulation.write_config(path)
    settings = tomllib.loads(path.read_text())
    assert list(settings["systems"]) == ["connectwise", "pax8", "ninjaone", "backup_csv"]
    environment = dict(line.split("=", 1) for line in path.with_name(".env").read_text().split())
    for name, server in simulation.systems.items():
        table = settings["systems"][name]
        assert table["base_url"] == server.base_url
        for field, value in server.credentials.items():
            wanted = table[field]
            assert value == (wanted if isinstance(wanted, str) else environment[wanted["env"]])
    assert not any(secret in path.read_text() for secret in environment.values())
    assert (path.with_name(".env").stat().st_mode & 0o777) == 0o600
    with (path.parent / "imports" / "backup.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(simulation.world.backup_rows)
    assert rows[0]["account_id"].startswith("00")
    with (path.parent / "mappings.csv").open(newline="", encoding="utf-8") as file:
        mappings = list(csv.DictReader(file))
    assert {row["state"] for row in mappings} == {"mapped", "excluded"}
    assert all(row["reason"] for row in mappings if row["state"] == "excluded")
    assert all(row["target_id"] for row in mappings if row["state"] == "mapped")


def test_two_simulations_at_once(world: World) -> None:
    """Free ports let any number of simulations run side by side, each with its own log."""
    with running(world) as first, running(world) as second:
        url = first.systems["ninjaone"].base_url
        assert url != second.systems["ninjaone"].base_url
        httpx.get(f"{url}/v2/devices", trust_env=False, verify=False)
        assert len(first.systems["ninjaone"].log) == 1
        assert second.systems["ninjaone"].log == []


def test_taken_port_is_an_error(simulation: Simulation) -> None:
    """A port that is in use ends in an error, not in a half-started simulation."""
    port = int(simulation.systems["connectwise"].base_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"), running(simulation.world, port_base=port):
        pass


def test_simulate_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """The process prints one line per system, then ready, and ends well on SIGTERM."""
    script = """
import sys
from datetime import date
from pathlib import Path
from reconcile_pipeline.simulators.serve import simulate

folder = Path(sys.argv[1])
simulate(seed=3, size="small", port_base=0, latency_ms=1, as_of=date(2026, 11, 22),
         write_config=folder / "reconcile.toml", truth=folder / "truth.json",
         out=lambda line: print(line, flush=True))
"""
    with subprocess.Popen(  # noqa: S603 our own interpreter and script
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(4)]
        assert [line.get("system") for line in lines[:3]] == ["connectwise", "pax8", "ninjaone"]
        assert lines[3] == {"ready": True}
        reply = httpx.get(f"{lines[2]['base_url']}/v2/devices", trust_env=False, verify=False)
        assert reply.status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["period"] == "2026-11"
    assert (tmp_path / "reconcile.toml").exists()
