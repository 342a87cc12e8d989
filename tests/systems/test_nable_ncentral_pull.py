"""Whole pulls from a served N-central: what it does to us, and what the filters' counts become."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_system
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.warehouse.build import create_tables
from reconcile_pipeline.warehouse.sql_files import run_core

AS_OF = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KIND = "nable_ncentral"
LAPTOPS = "75"
DoPull = Callable[..., Manifest]


@pytest.fixture(scope="module")
def served() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", AS_OF, {KIND})) as simulation:
        yield simulation.systems[KIND]


@pytest.fixture
def server(served: SimulatedServer) -> Iterator[SimulatedServer]:
    served.log.clear()
    served.targets.clear()
    yield served
    served.faults.clear()
    served.state.tokens.clear()
    served.state.is_password_expired = False  # type: ignore[attr-defined]
    served.state.largest_page = 1000  # type: ignore[attr-defined]


@pytest.fixture
def do_pull(
    server: SimulatedServer, make_account: Any, pauses: list[float], tmp_path: Path
) -> DoPull:
    def pull(**settings: Any) -> Manifest:
        account = make_account(KIND, base_url=server.base_url, **settings)
        account.secrets.environ["NABLE_NCENTRAL_USER_API_TOKEN"] = server.credentials[
            "user_api_token"
        ]
        return asyncio.run(
            pull_system(
                Pull(
                    system=SYSTEMS[KIND],
                    account=account,
                    landing=tmp_path,
                    period="2026-11",
                    is_grace=False,
                    on=AS_OF,
                    now=lambda: NOW,
                )
            )
        )

    return pull


def test_an_expired_password_is_told_in_plain_words(
    server: SimulatedServer, do_pull: DoPull
) -> None:
    """500 on everything sends a person to the API user's password, and leaves no empty list."""
    server.state.is_password_expired = True  # type: ignore[attr-defined]
    manifest = do_pull()
    assert manifest.state == "failed"
    assert "/api/auth/authenticate answered 500" in str(manifest.reason)
    assert "Check the password of the API user first" in str(manifest.next_step)


def test_a_restart_costs_one_login_and_the_same_page(
    server: SimulatedServer, do_pull: DoPull
) -> None:
    """A server that forgets its tokens is logged in to once more, and the page asked again."""
    server.faults.add(
        "/api/devices$", kind="hook", value=lambda state: state.tokens.clear(), after_n_calls=1
    )
    manifest = do_pull()
    assert manifest.state == "complete"
    pages = [target.partition("pageNumber=")[2] for target in server.targets if "devices" in target]
    assert pages[:3] == ["1&pageSize=500", "2&pageSize=500", "2&pageSize=500"]
    assert [call.method for call in server.log].count("POST") == 2


@pytest.mark.parametrize("listed", ["customers", "sites", "devices"])
def test_an_error_inside_a_200_is_never_an_empty_list(
    server: SimulatedServer, do_pull: DoPull, listed: str
) -> None:
    """The pull fails with the server's words instead of counting nothing."""
    server.faults.add(
        f"/api/{listed}$",
        kind="replace_body",
        value=lambda _body: b'{"data":[],"totalItems":0,"error message":"Search index is busy"}',
    )
    manifest = do_pull()
    assert (manifest.state, manifest.category) == ("failed", "shape")
    assert "Search index is busy" in str(manifest.reason)


def test_a_server_that_refuses_the_page_size_says_what_to_set(
    server: SimulatedServer, do_pull: DoPull
) -> None:
    """A person is told to set 200, and with 200 the pull is whole."""
    server.state.largest_page = 200  # type: ignore[attr-defined]
    refused = do_pull()
    assert refused.state == "failed"
    assert "page_size = 200" in str(refused.next_step)
    assert do_pull(page_size=200).state == "complete"


def test_a_filters_devices_are_counted_and_conserved(
    server: SimulatedServer, do_pull: DoPull, tmp_path: Path
) -> None:
    """A chosen filter's devices are those of the world, each kept or left out by name."""
    manifest = do_pull(filters=[LAPTOPS])
    assert manifest.state == "complete"
    home = tmp_path / manifest.relative_path
    with duckdb.connect() as connection:
        create_tables(connection)
        files = [str(path) for path in home.glob("*.parquet")]
        connection.read_parquet(files).create_view("raw_pages")
        parameters = {"system": "nc", "pull_id": "p1", "as_of": NOW}
        run_core(connection, KIND, parameters)
        counted, named = connection.execute(
            "select sum(qty), max(name) from core.usage inner join core.services using (service_id)"
            " where service_id = 'filter:75'"
        ).fetchall()[0]
        [(records,)] = connection.execute(
            "select records from core.control_totals where measure = 'usage:filter:75'"
        ).fetchall()
    held = server.state.world.at[KIND]
    laptops = [each for each in held.devices if each.device_class == "Laptop - Windows"]
    assert (counted, records, named) == (len(laptops), len(laptops), "Laptops - Windows")


def test_a_filter_that_is_gone_stops_the_pull(do_pull: DoPull) -> None:
    """An unknown filter is a setting to correct, never the count of all devices."""
    manifest = do_pull(filters=["999"])
    assert (manifest.state, manifest.category) == ("failed", "settings")
    assert "no device filter 999" in str(manifest.next_step)
