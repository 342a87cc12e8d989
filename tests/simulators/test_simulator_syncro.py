"""The simulated Syncro keeps the quirks of the real one."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world


@pytest.fixture(scope="module")
def served() -> Iterator[SimulatedServer]:
    with running(build_world(7, "small", date(2026, 11, 22)), psa="syncro") as simulation:
        yield simulation.systems["syncro"]


@pytest.fixture
def call(served: SimulatedServer) -> Any:
    headers = {"Authorization": f"Bearer {served.credentials['api_token']}"}

    def ask(path: str, method: str = "GET", **more: Any) -> httpx.Response:
        return httpx.request(method, f"{served.base_url}{path}", **{"headers": headers, **more})

    return ask


def test_disabled_customers_hide_themselves(call: Any) -> None:
    """They are shown only to whoever asks for them, and only customers tell their pages."""
    everybody = call("/customers?include_disabled=true").json()
    enabled = call("/customers").json()
    assert enabled["meta"]["total_entries"] < everybody["meta"]["total_entries"]
    assert "meta" not in call("/schedules").json()
    assert "meta" not in call("/products").json()


def test_pages_have_a_length_of_their_own(call: Any) -> None:
    """Nobody can ask for another length; beyond the end pages are empty."""
    assert len(call("/schedules?per_page=100").json()["schedules"]) == 25
    assert call("/schedules?page=99").json()["schedules"] == []


def test_quantities_come_as_texts_and_go_as_numbers(call: Any, served: SimulatedServer) -> None:
    """A PUT without a name is refused; what it does not name is reset."""
    schedules = call("/schedules").json()["schedules"]
    schedule = next(s for s in schedules if s["lines"] and not s["paused"])
    line = schedule["lines"][0]
    assert isinstance(line["quantity"], str)
    path = f"/schedules/{schedule['id']}/line_items/{line['id']}"
    refused = call(path, "PUT", json={"quantity": 4})
    assert (refused.status_code, refused.json()) == (422, {"error": ["Name can't be blank"]})
    body = {"name": line["name"], "product_id": line["product_id"], "quantity": 4}
    done = call(path, "PUT", json=body).json()["schedule_line_item"]
    assert (done["quantity"], done["retail_cents"], done["taxable"]) == ("4.0", 0, False)
    assert [str(write.qty_after) for write in served.app.writes] == ["4"]


def test_lists_may_hold_no_lines(call: Any, served: SimulatedServer) -> None:
    """The single schedule holds them in any case."""
    state: Any = served.state
    state.has_lines_in_list = False
    try:
        schedules = call("/schedules").json()["schedules"]
        assert not any(schedule["lines"] for schedule in schedules)
        assert call(f"/schedules/{schedules[0]['id']}").json()["schedule"]["lines"]
    finally:
        state.has_lines_in_list = True


def test_refusals_come_in_several_shapes(call: Any) -> None:
    """A wrong token, an unknown schedule and a customer each have their own."""
    wrong = {"headers": {"Authorization": "Bearer nonsense"}}
    assert call("/schedules", **wrong).json() == {"error": ["Not authorized"]}
    assert call("/customers", **wrong).json()["message"] == ["Not authorized"]
    assert call("/me", **wrong).json() == {"errors": "Not authorized"}
    assert call("/schedules/1").status_code == 404
