"""The HaloPSA server: its quirks in reading, its refusals, and what becomes of posted invoices."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from reconcile_pipeline.simulators.psa.halopsa import SCOPES, HaloPsa
from reconcile_pipeline.simulators.psa.halopsa_records import invoice_id
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.server import Throttle
from reconcile_pipeline.simulators.world.records import Line, World


@pytest.fixture(scope="module")
def halo(world: World) -> Iterator[SimulatedServer]:
    with running(world, psa="halopsa") as simulation:
        yield simulation.systems["halopsa"]


@pytest.fixture
def app(halo: SimulatedServer, world: World) -> Iterator[Any]:
    """The server as if it had just started; lines are put back afterwards."""
    app: Any = halo.app
    assert isinstance(app, HaloPsa)
    before = [(line, line.quantity, line.unit_price) for line in world.lines]
    app.writes.clear()
    yield app
    for line, quantity, price in before:
        line.quantity, line.unit_price = quantity, price
    world.lines[:] = [line for line, _quantity, _price in before]
    app.psa.warning, app.psa.throttle, app.psa.is_detail_refused = "", None, False
    app.psa.unpaged.clear()
    app.state.changed()


def ask_token(halo: SimulatedServer, **changes: str) -> httpx.Response:
    names = ("client_id", "client_secret")
    form = {name: halo.credentials[name] for name in names}
    form |= {"grant_type": "client_credentials", "scope": SCOPES, "tenant": "northgate"} | changes
    url = f"{halo.base_url.removesuffix('/api')}/auth/token"
    return httpx.post(url, data=form, trust_env=False, verify=False)


@pytest.fixture
def client(halo: SimulatedServer, app: Any) -> Iterator[httpx.Client]:
    token = ask_token(halo).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(
        base_url=halo.base_url, headers=headers, trust_env=False, verify=False
    ) as client:
        yield client


def paged(**more: Any) -> dict[str, Any]:
    return {"pageinate": "true", "page_size": 100, "page_no": 1, **more}


def test_only_the_odd_word_pages(client: httpx.Client, world: World) -> None:
    """Spelled right it is ignored: the first fifty come, and nothing says that there are more."""
    right = client.get("/Client", params=paged(includeinactive="true")).json()
    assert (right["record_count"], right["page_no"]) == (len(world.companies) + 1, 1)
    cut = client.get("/RecurringInvoice", params={"paginate": "true", "page_size": 100}).json()
    assert len(cut["invoices"]) == cut["record_count"] == 50 < len(world.agreements)


def test_lines_come_only_when_they_are_asked_for(client: httpx.Client) -> None:
    """Without includelines a row of the list has none, which is no zero."""
    [plain] = client.get("/RecurringInvoice", params=paged(page_size=1)).json()["invoices"]
    assert "lines" not in plain
    full = client.get("/RecurringInvoice", params=paged(includelines="true")).json()["invoices"]
    assert all("lines" in invoice for invoice in full)
    numbers = [invoice["id"] for invoice in full]
    assert numbers == sorted(numbers)
    assert min(numbers) < 0


def test_both_forms_of_numbers_are_in_use(world: World) -> None:
    """Most recurring invoices have a number below zero, some have not."""
    signs = {invoice_id(agreement.id) > 0 for agreement in world.agreements}
    assert signs == {True, False}


def test_inactive_records_come_only_when_they_are_asked_for(client: httpx.Client) -> None:
    """As with every list of Halo."""
    rows = client.get("/Client", params=paged()).json()["clients"]
    assert not any(row["inactive"] for row in rows)
    rows = client.get("/Client", params=paged(includeinactive="true")).json()["clients"]
    assert any(row["inactive"] for row in rows)


def test_tokens_are_refused_for_what_is_wrong(halo: SimulatedServer, app: Any) -> None:
    """A wrong secret, another tenant, and a scope that the application does not have."""
    assert ask_token(halo, client_secret="no").status_code == 401
    assert ask_token(halo, tenant="other").status_code == 400
    refused = ask_token(halo, scope="all")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


def test_who_issues_tokens_is_told_to_anybody(halo: SimulatedServer) -> None:
    """Without credentials; all else needs a token."""
    info = httpx.get(f"{halo.base_url}/authinfo", trust_env=False, verify=False).json()
    assert info == {
        "auth_url": f"{halo.base_url.removesuffix('/api')}/auth",
        "tenant_id": "northgate",
    }
    assert httpx.get(f"{halo.base_url}/lookup", trust_env=False, verify=False).status_code == 401


def test_a_permission_that_is_missing_looks_like_a_token(client: httpx.Client, app: Any) -> None:
    """The list works, a single record is 401."""
    app.psa.is_detail_refused = True
    [row] = client.get("/ClientContract", params=paged(page_size=1)).json()["contracts"]
    assert client.get(f"/ClientContract/{row['id']}").status_code == 401


def test_too_many_calls(client: httpx.Client, app: Any) -> None:
    """In Halo's own words."""
    app.psa.throttle = Throttle(1, 300.0, None)
    client.get("/lookup", params={"lookupid": 11})
    refused = client.get("/lookup", params={"lookupid": 11})
    assert refused.status_code == 429
    assert "300 Requests" in refused.json()["errorMessage"]


@pytest.fixture
def ordinary(world: World, app: Any) -> Line:
    """A line beside others, that Halo does not count itself."""
    counts = [line.agreement_id for line in world.lines]
    return next(
        line
        for line in world.lines
        if counts.count(line.agreement_id) > 2 and line.id not in app.psa.licences
    )


def read(client: httpx.Client, line: Line) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/RecurringInvoice/{invoice_id(line.agreement_id)}").json()
    return found


def test_a_whole_invoice_changes_one_line(
    client: httpx.Client, app: Any, world: World, ordinary: Line
) -> None:
    """What differs is written and logged, what is the same is not."""
    invoice, before = read(client, ordinary), len(world.lines)
    row = next(row for row in invoice["lines"] if row["id"] == ordinary.id)
    row["qty_order"] = 1234.5
    assert client.post("/RecurringInvoice", json=[invoice]).status_code == 201
    assert ordinary.quantity == Decimal("1234.5")
    assert [write.line_id for write in app.writes] == [str(ordinary.id)]
    assert len(world.lines) == before
    assert app.psa.minted == []


def test_what_is_left_out_is_lost(client: httpx.Client, world: World, ordinary: Line) -> None:
    """Lines are dropped, properties fall back to nothing."""
    line = {"id": ordinary.id, "qty_order": 3}
    client.post(
        "/RecurringInvoice", json=[{"id": invoice_id(ordinary.agreement_id), "lines": [line]}]
    )
    left = [each for each in world.lines if each.agreement_id == ordinary.agreement_id]
    assert left == [ordinary]
    assert (ordinary.quantity, ordinary.unit_price) == (3, 0)


def test_a_calculated_line_keeps_its_count(client: httpx.Client, app: Any, world: World) -> None:
    """Halo writes its own count over what somebody wrote, by either way of writing."""
    line = next(each for each in world.lines if each.id in app.psa.licences)
    before = line.quantity
    one = {"id": line.id, "ihid": invoice_id(line.agreement_id), "qty_order": 999}
    assert client.post("/RecurringInvoice/updatelines", json=[one]).status_code == 201
    assert line.quantity == before
    assert read(client, line)["contains_calculated_quantity"] is True


@pytest.mark.parametrize(
    ("body", "status"),
    [({"id": -101}, 400), ([1], 400), ([{"id": 5_000_000}], 404), ([{"id": None}], 404)],
)
def test_changes_that_are_no_array_of_known_records(
    client: httpx.Client, body: Any, status: int
) -> None:
    """Refused, and nothing is changed."""
    assert client.post("/RecurringInvoice", json=body).status_code == status


def test_a_warning_comes_with_what_was_saved(client: httpx.Client, app: Any, world: World) -> None:
    """In a bare record or in an array of one, by the record."""
    app.psa.warning = "Only partly saved"
    shapes = set()
    for agreement in world.agreements[:4]:
        saved = client.post("/RecurringInvoice", json=[{"id": invoice_id(agreement.id)}]).json()
        shapes.add(type(saved))
        record = saved[0] if isinstance(saved, list) else saved
        assert record["_warning"] == "Only partly saved"
    assert shapes == {list, dict}
