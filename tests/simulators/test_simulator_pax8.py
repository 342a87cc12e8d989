"""The distributor's server: token, pages with totals, filters, and no way to write."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

from collections.abc import Callable

import httpx
import pytest

from reconcile_pipeline.simulators.serve import Simulation
from reconcile_pipeline.simulators.world.records import World


def token_body(simulation: Simulation) -> dict[str, str]:
    known = simulation.systems["pax8"].credentials
    return {
        "client_id": known["client_id"],
        "client_secret": known["client_secret"],
        "audience": "https://api.pax8.com",
        "grant_type": "client_credentials",
    }


@pytest.mark.parametrize("path", ["/v1/token", "/oauth/token"])
def test_token(simulation: Simulation, path: str) -> None:
    """Both token paths answer a bearer token for a day, without refresh token or scope."""
    root = simulation.systems["pax8"].base_url.removesuffix("/v1")
    reply = httpx.post(root + path, json=token_body(simulation), trust_env=False, verify=False)
    assert set(reply.json()) == {"access_token", "expires_in", "token_type"}
    assert reply.json()["expires_in"] == 86_400


def test_bad_token_calls(simulation: Simulation) -> None:
    """A wrong secret is 401 in the identity shape, a missing field is 400."""
    url = simulation.systems["pax8"].credentials["token_url"]
    wrong = token_body(simulation) | {"client_secret": "no"}
    reply = httpx.post(url, json=wrong, trust_env=False, verify=False)
    assert reply.status_code == 401
    assert reply.json() == {"error": "access_denied", "error_description": "Unauthorized"}
    short = token_body(simulation)
    del short["audience"]
    assert httpx.post(url, json=short, trust_env=False, verify=False).status_code == 400


def test_pages_start_at_zero_and_are_clamped(pax8: httpx.Client, world: World) -> None:
    """Ten rows unless asked, 200 at most, and the pages give every subscription once."""
    assert pax8.get("/subscriptions").json()["page"]["size"] == 10
    ids = []
    for number in range(len(world.subscriptions)):
        body = pax8.get("/subscriptions", params={"page": number, "size": 1000}).json()
        assert body["page"]["size"] == 200
        assert body["page"]["totalElements"] == len(world.subscriptions)
        ids += [row["id"] for row in body["content"]]
        if number + 1 >= body["page"]["totalPages"]:
            break
    assert ids == [item.id for item in world.subscriptions]


def test_filters_and_sorting(pax8: httpx.Client, world: World) -> None:
    """One value per filter, an unknown company is 403, an unknown value 400."""
    company = world.pax8_companies[0].id
    body = pax8.get("/subscriptions", params={"companyId": company, "sort": "quantity,desc"}).json()
    quantities = [row["quantity"] for row in body["content"]]
    assert quantities == sorted(quantities, reverse=True)
    assert {row["companyId"] for row in body["content"]} == {company}
    assert pax8.get("/subscriptions", params={"companyId": "nobody"}).status_code == 403
    assert pax8.get("/subscriptions", params={"status": "Sleeping"}).status_code == 400
    assert pax8.get("/subscriptions", params={"sort": "color"}).status_code == 400
    assert pax8.get("/subscriptions", params={"page": "-1"}).status_code == 400
    active = pax8.get("/companies", params={"status": "Inactive"}).json()["content"]
    assert [row["status"] for row in active] == ["Inactive"]


def test_errors_have_the_vendors_shape(pax8: httpx.Client) -> None:
    """An unknown record is 404 with type, message, instance, status and details."""
    body = pax8.get("/companies/nobody").json()
    assert body["type"] == "NOT_FOUND"
    assert body["instance"] == "/v1/companies/nobody"
    assert body["status"] == 404


def test_term_versions(pax8: httpx.Client, world: World) -> None:
    """Pricing lists one row per billing term and commitment, without a page object."""
    product = world.pax8_products[0]
    body = pax8.get(f"/products/{product.id}/pricing").json()
    assert set(body) == {"content"}
    terms = [(row["billingTerm"], row["commitmentTerm"]) for row in body["content"]]
    assert terms == list(product.terms)
    assert pax8.get(f"/products/{product.id}").json()["requiresCommitment"] is True


def test_history_and_contacts(pax8: httpx.Client, world: World) -> None:
    """History has the subscription itself first; an inactive company lacks primary contacts."""
    item = world.subscriptions[0]
    history = pax8.get(f"/subscriptions/{item.id}/history").json()["content"]
    assert history[0]["quantity"] == item.quantity
    inactive = next(c for c in world.pax8_companies if c.status == "Inactive")
    contacts = pax8.get(f"/companies/{inactive.id}/contacts").json()["content"]
    assert {kind["type"] for row in contacts for kind in row["types"]} == {"Admin"}


def test_writing_is_refused(pax8: httpx.Client, world: World) -> None:
    """Changing or cancelling a subscription is 405: a reader never needs it."""
    path = f"/subscriptions/{world.subscriptions[0].id}"
    assert pax8.put(path, json={"quantity": 1}).status_code == 405
    assert pax8.delete(path).status_code == 405


def test_tokens_expire(
    pax8: httpx.Client, simulation: Simulation, pax8_token: Callable[[], str]
) -> None:
    """A token is refused after its time, a new one is taken."""
    server = simulation.systems["pax8"]
    now = server.app.clock()
    server.app.clock = lambda: now + 86_401
    assert pax8.get("/companies").status_code == 401
    fresh = {"Authorization": f"Bearer {pax8_token()}"}
    assert pax8.get("/companies", headers=fresh).status_code == 200


def test_dates_come_in_three_shapes(pax8: httpx.Client) -> None:
    """createdDate is a UTC stamp, a bare date, or a stamp with an offset without colon."""
    rows = pax8.get("/subscriptions", params={"size": 200}).json()["content"]
    assert {row["createdDate"][10:] for row in rows} == {"", "T13:20:13Z", "T13:20:13.153-0700"}
