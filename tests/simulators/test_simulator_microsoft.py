"""Microsoft's two servers: logins tenant by tenant, pages by link and header, all the traps."""

# Plain HTTP on loopback: loading certificates would be the slowest part of each test.
# ruff: noqa: S501

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import Request, paginate
from reconcile_pipeline.settings_checks import Table, read_table
from reconcile_pipeline.settings_systems import SecretSource, SystemSettings
from reconcile_pipeline.simulators.serve import SimulatedServer, running
from reconcile_pipeline.simulators.world.build import build_world
from reconcile_pipeline.simulators.world.records import World
from reconcile_pipeline.simulators.world.vendors.microsoft_graph import ACCESS
from reconcile_pipeline.simulators.world.vendors.microsoft_partner_center import (
    GRAPH,
    PARTNER_CENTER,
    PARTNER_TENANT,
)
from reconcile_pipeline.systems.reading import list_under
from reconcile_pipeline.systems.registry import SYSTEMS
from reconcile_pipeline.systems.vendors.microsoft_pages import ContinuationLink

AS_OF = date(2026, 11, 22)
SCOPES = {
    GRAPH: "https://graph.microsoft.com/.default",
    PARTNER_CENTER: "https://api.partnercenter.microsoft.com/user_impersonation",
}


@pytest.fixture(scope="module")
def msp() -> World:
    return build_world(7, "small", AS_OF, {GRAPH, PARTNER_CENTER})


@pytest.fixture(scope="module")
def servers(msp: World) -> Iterator[dict[str, SimulatedServer]]:
    with running(msp) as simulation:
        yield simulation.systems


def log_in(server: SimulatedServer, tenant: str = PARTNER_TENANT, **changes: str) -> httpx.Response:
    known = server.credentials
    names = ("client_id", "client_secret", "refresh_token")
    form = {name: known[name] for name in names} | {"grant_type": "refresh_token"}
    form |= {"scope": SCOPES[server.app.name]} | changes
    url = f"{known['login_url']}/{tenant}/oauth2/v2.0/token"
    return httpx.post(url, data=form, trust_env=False, verify=False)


def ask(
    server: SimulatedServer, path: str, tenant: str = PARTNER_TENANT, **headers: str
) -> httpx.Response:
    token = log_in(server, tenant).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", **headers}
    return httpx.get(server.base_url + path, headers=headers, trust_env=False, verify=False)


@pytest.mark.parametrize("kind", [GRAPH, PARTNER_CENTER])
def test_the_login_is_entras(servers: dict[str, SimulatedServer], kind: str) -> None:
    """Each refusal has its number and status; a new refresh token comes along and works."""
    server = servers[kind]
    good = log_in(server).json()
    assert good["token_type"] == "Bearer"
    renewed = log_in(server, refresh_token=good["refresh_token"])
    assert renewed.status_code == 200
    for changes, status, number in (
        ({"client_id": "x"}, 400, 700016),
        ({"client_secret": "x"}, 401, 7000215),
        ({"refresh_token": "x"}, 400, 70008),
        ({"scope": "x"}, 400, 70011),
        ({"grant_type": "client_credentials"}, 400, 70003),
        ({"tenant": "11111111-0000-4000-8000-000000000000"}, 400, 90002),
    ):
        refused = log_in(server, **changes)
        assert (refused.status_code, refused.json()["error_codes"]) == (status, [number])
        assert refused.json()["error_description"].startswith(f"AADSTS{number}")


def test_a_new_password_ends_every_refresh_token(msp: World) -> None:
    """App and user tokens die with the user's session."""
    with running(msp) as simulation:
        server = simulation.systems[PARTNER_CENTER]
        server.app.revoke()  # type: ignore[attr-defined]
        assert log_in(server).json()["error_codes"] == [50173]


def test_customers_go_on_by_a_header_alone(servers: dict[str, SimulatedServer], msp: World) -> None:
    """The link's address is every page's; without its token it leads nowhere."""
    server = servers[PARTNER_CENTER]
    first = ask(server, "/customers?size=5")
    page = first.json()
    assert page["totalCount"] == 5, "the total of this page"
    link = page["links"]["next"]
    [header] = link["headers"]
    assert ask(server, link["uri"]).status_code == 400
    following = ask(server, link["uri"], **{header["key"]: header["value"]}).json()
    assert following["links"]["next"]["uri"] == link["uri"]
    ids = [row["id"] for row in (*page["items"], *following["items"])]
    assert ids == [customer.id for customer in msp.at[PARTNER_CENTER].customers[:10]]


def test_some_answers_begin_with_a_byte_order_mark_and_echo_their_ids(
    servers: dict[str, SimulatedServer],
) -> None:
    """As .NET servers do."""
    reply = ask(servers[PARTNER_CENTER], "/customers", **{"MS-RequestId": "r1"})
    assert reply.content.startswith(b"\xef\xbb\xbf")
    assert reply.headers["MS-RequestId"] == "r1"


def test_our_client_reads_marked_pages_of_any_size(
    servers: dict[str, SimulatedServer], msp: World, tmp_path: Path
) -> None:
    """Every customer comes once, by link and header, byte order mark or not."""
    client = SYSTEMS[PARTNER_CENTER].client
    assert client is not None

    async def collect() -> list[Any]:
        async with client(account_of(servers[PARTNER_CENTER], tmp_path)) as ours:
            pages = paginate(ours, Request("/customers"), ContinuationLink(7), list_under("items"))
            return [row["id"] async for page in pages for row in page.records]

    found = asyncio.run(collect())
    assert found == [customer.id for customer in msp.at[PARTNER_CENTER].customers]


def account_of(server: SimulatedServer, folder: Path) -> SystemSettings:
    system = SYSTEMS[server.app.name]
    known = {"base_url": server.base_url, **server.credentials}
    secrets = {item.name: item.variable for item in system.fields if item.kind == "secret"}
    table = {item.name: known[item.name] for item in system.fields if item.name in known}
    table |= {name: {"env": variable} for name, variable in secrets.items()}
    return SystemSettings(
        name="ours",
        kind=system.kind,
        title=system.title,
        role=system.role,
        folder=folder,
        values=read_table(Table("reconcile.toml", system.kind), table, system.fields),
        secrets=SecretSource(folder, {variable: known[name] for name, variable in secrets.items()}),
    )


def test_a_token_shows_one_tenant(servers: dict[str, SimulatedServer], msp: World) -> None:
    """The partner's shows the customers; a customer's its own SKUs and no other's."""
    server = servers[GRAPH]
    tenant = next(tenant for tenant in msp.at[GRAPH].tenants if tenant.access == "ready")
    rows = ask(server, "/subscribedSkus?$select=id,skuId", tenant.id).json()["value"]
    mine = [sku.id for sku in msp.at[GRAPH].skus if sku.tenant_id == tenant.id]
    assert [row["id"] for row in rows] == mine
    assert {name for row in rows for name in row} == {"id", "skuId"}
    path = "/tenantRelationships/delegatedAdminCustomers"
    assert ask(server, path, tenant.id).status_code == 403
    assert ask(server, "/subscribedSkus?$filter=x", tenant.id).status_code == 400


def test_next_links_are_whole_addresses(servers: dict[str, SimulatedServer], msp: World) -> None:
    """Each is followed as it is, until there is none; 300 is the most at once."""
    server = servers[GRAPH]
    path = "/tenantRelationships/delegatedAdminRelationships"
    found: list[str] = []
    link = f"{path}?$top=9"
    while link:
        page = ask(server, link).json()
        found += [row["id"] for row in page["value"]]
        link = page.get("@odata.nextLink", "").removeprefix(server.base_url)
    assert found == [item.id for item in msp.at[GRAPH].relationships]
    assert ask(server, f"{path}?$top=301").status_code == 400


@pytest.mark.parametrize(
    ("access", "number"),
    [("no_consent", 65001), ("pending", 65001), ("expired", 65001), ("mfa", 50076)],
)
def test_a_tenant_may_give_no_token(
    servers: dict[str, SimulatedServer], msp: World, access: str, number: int
) -> None:
    """No consent and a second factor are refused at the login, tenant by tenant."""
    locked = next(tenant for tenant in msp.at[GRAPH].tenants if tenant.access == access)
    refused = log_in(servers[GRAPH], locked.id)
    assert (refused.status_code, refused.json()["error_codes"]) == (400, [number])


def test_a_role_may_be_missing(servers: dict[str, SimulatedServer], msp: World) -> None:
    """A token is no leave to look."""
    denied = next(tenant for tenant in msp.at[GRAPH].tenants if tenant.access == "denied")
    for path in ("/subscribedSkus", "/directory/subscriptions"):
        reply = ask(servers[GRAPH], path, denied.id)
        assert reply.status_code == 403
        assert reply.json()["error"]["code"] == "Authorization_RequestDenied"


@pytest.mark.parametrize("seed", [1, 22, 333])
def test_every_small_world_has_every_trap(seed: int) -> None:
    """What the rules are for occurs in each world, however the dice fall."""
    world = build_world(seed, "small", AS_OF, {GRAPH, PARTNER_CENTER})
    bought, tenants = world.at[PARTNER_CENTER], world.at[GRAPH]
    assert {tenant.access for tenant in tenants.tenants} == {"ready", *ACCESS}
    wanted = {"Enabled", "Warning", "Suspended", "Deleted", "LockedOut"}
    assert {sku.status for sku in tenants.skus} == wanted
    assert any(sku.consumed > sku.enabled + sku.warning for sku in tenants.skus)
    assert {sku.applies_to for sku in tenants.skus} == {"User", "Company"}
    sellers = {sold.owner == PARTNER_TENANT for sold in tenants.subscriptions}
    assert sellers == {True, False}
    assert any(sold.is_trial for sold in tenants.subscriptions)
    statuses = {"active", "expired", "deleted", "suspended", "pending", "paused"}
    assert {sold.status for sold in bought.subscriptions} == statuses
    assert any(sold.parent_id for sold in bought.subscriptions)
    assert {"", "P1M", "P1Y"} == {sold.term for sold in bought.subscriptions}
    kinds = {customer.relationship for customer in bought.customers}
    assert kinds == {"reseller", "none", "advisor", "unknown"}
    legs = {(row.system, row.leg) for row in world.mappings if row.state == "mapped"}
    assert {(GRAPH, "usage"), (GRAPH, "purchased"), (PARTNER_CENTER, "purchased")} <= legs
    both = {tenant.id for tenant in tenants.tenants} & {who.id for who in bought.customers}
    assert len(both) > 3, "a customer's id is its tenant's in both"
