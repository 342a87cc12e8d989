"""Graph's declaration: who is asked, with whose token, and what a refusal means."""

import asyncio
from datetime import date
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import PARENT
from reconcile_pipeline.systems.vendors import microsoft_graph as graph
from reconcile_pipeline.systems.vendors.microsoft_tenants import TENANT, TokenPerTenant

ON = date(2026, 11, 22)
KIND = "microsoft_graph"
ACME, GLOBEX = "b44bb1fb-c595-45b0-9e09-d657365580bf", "45c44870-ef77-4fdd-b6fe-3dacb075cff2"


def customers(*tenants: str) -> list[dict[str, Any]]:
    return [{"id": number, "tenantId": number, "displayName": number} for number in tenants]


def relationship(tenant: str | None, status: str) -> dict[str, Any]:
    customer = None if tenant is None else {"tenantId": tenant}
    return {"id": f"{tenant}-{status}", "customer": customer, "status": status}


@pytest.mark.parametrize(
    ("statuses", "is_asked"),
    [
        (["active"], True),
        (["Active"], True),
        (["expired", "active"], True),
        (["approvalPending"], False),
        (["created"], False),
        (["expiring"], False),
        (["terminated", "expired"], False),
        (["hibernating"], False),
        ([], False),
    ],
)
def test_only_who_has_an_active_relationship_is_asked(
    statuses: list[str], *, is_asked: bool
) -> None:
    """Any other state, or none at all, is no leave to look; nobody's offer breaks nothing."""
    earlier = {
        "customers": customers(ACME),
        "relationships": [relationship(None, "created")]
        + [relationship(ACME, status) for status in statuses],
    }
    found = graph.asked_customers(earlier)
    assert found == ([{"id": ACME, "name": ACME}] if is_asked else [])


def test_each_customer_is_asked_once_and_only_listed_ones() -> None:
    """Two relationships, or two listings, are one customer; a stranger's is none."""
    earlier = {
        "customers": customers(ACME, ACME),
        "relationships": [relationship(name, "active") for name in (ACME, ACME, GLOBEX)],
    }
    assert [customer["id"] for customer in graph.asked_customers(earlier)] == [ACME]


@pytest.mark.parametrize("number", ["../x", "a b", "x?y=1"])
def test_a_tenant_id_that_is_none_is_never_put_into_an_address(number: str) -> None:
    """It stands in the address that the secrets are sent to."""
    earlier = {"customers": customers(number), "relationships": [relationship(number, "active")]}
    with pytest.raises(PipelineError, match="tenant id is none") as caught:
        graph.asked_customers(earlier)
    assert caught.value.category is Category.SHAPE


@pytest.mark.parametrize("reads_sellers", [False, True])
def test_each_tenant_is_asked_in_its_own_name(make_account: Any, *, reads_sellers: bool) -> None:
    """One call a tenant, two where sellers are read, each naming whose token it takes."""
    declared = graph.streams(make_account(KIND, read_sellers=reads_sellers), ON)
    streams = {stream.name: stream for stream in declared}
    lists = {"subscribed_skus": "/subscribedSkus"}
    if reads_sellers:
        lists["directory_subscriptions"] = "/directory/subscriptions"
    asked = {"asked_customers": [{"id": ACME, "name": "Acme"}]}
    found = {name: stream.children(asked) for name, stream in streams.items() if stream.children}
    assert {name: child.request.path for name, [child] in found.items()} == lists
    for [child] in found.values():
        assert child.parent_id == ACME
        assert child.request.headers == {TENANT: ACME}
        assert child.request.tolerates == {400, 401, 403}
    assert streams["subscribed_skus"].account == PARENT
    for name in ("customers", "relationships"):
        request = streams[name].request
        assert request is not None
        assert (request.params, request.headers) == ({"$top": "300"}, {})


def test_the_rules_in_force_are_landed_with_the_pull(make_account: Any) -> None:
    """Old evidence says which SKUs were free, and how they were called."""
    account = make_account(
        KIND, free_skus=["flow_free"], paid_skus=["spe_e3"], sku_names=["spb = Premium = all"]
    )
    plan = graph.streams(account, ON)[0].plan
    assert plan is not None
    assert plan({}) == [
        {
            "id": "counting_rules",
            "partner_tenant": "8b1fe0b9-2f36-4e8a-9d0c-5c2f6f4d7a11",
            "free_skus": ["FLOW_FREE"],
            "free_from_units": 10_000,
            "paid_skus": ["SPE_E3"],
            "sku_names": [{"sku": "SPB", "name": "Premium = all"}],
            "read_sellers": False,
        }
    ]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sku_names", ["SPB"]),
        ("sku_names", ["=Premium"]),
        ("sku_names", ["SPB="]),
        ("free_from_units", 0),
        ("free_from_units", 1.5),
        ("partner_tenant", "acme.onmicrosoft.com"),
    ],
)
def test_senseless_settings_are_refused(make_account: Any, setting: str, value: Any) -> None:
    """A name without a SKU, a limit that makes everything free, a tenant that can't be compared."""
    with pytest.raises(PipelineError, match=setting) as caught:
        graph.streams(make_account(KIND, **{setting: value}), ON)
    assert caught.value.category is Category.SETTINGS


def test_the_client_logs_in_tenant_by_tenant(make_account: Any) -> None:
    """The same consent is exchanged at each customer's own address, for Graph."""
    client = graph.make_client(make_account(KIND))
    assert isinstance(client._auth, TokenPerTenant)
    request = client._auth._make(ACME)._token_request()
    assert request.url.path == f"/{ACME}/oauth2/v2.0/token"
    assert b"scope=https%3A%2F%2Fgraph.microsoft.com%2F.default" in request.content
    assert client._auth._own == "8b1fe0b9-2f36-4e8a-9d0c-5c2f6f4d7a11"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"code": "Authorization_RequestDenied", "message": "No."}}, "No."),
        ({"error": {"code": "TooManyRequests"}}, "TooManyRequests"),
        ({"error": "invalid_grant", "error_description": "AADSTS65001: no"}, "AADSTS65001: no"),
        ({}, None),
        ("text", None),
    ],
)
def test_microsofts_own_words_are_found(body: Any, words: str | None) -> None:
    """Each shape of a refusal is read."""
    assert graph.explain(400, body, "") == words


def test_refusals_say_what_to_do(make_account: Any) -> None:
    """403 is the app's permission, a refused login the consent; an empty list keeps its hint."""
    account = make_account(KIND)
    forbidden = ApiError("no", next_step="x", category=Category.PERMISSION, status=403)
    login = PipelineError("AADSTS700082: x", next_step="x", category=Category.CREDENTIALS)
    empty = PipelineError("empty", next_step="x", category=Category.PERMISSION)

    def told(error: PipelineError) -> Any:
        return asyncio.run(graph.diagnose(None, account, error))  # type: ignore[arg-type]

    assert "DelegatedAdminRelationship.Read.All" in told(forbidden).next_step
    assert "90 days" in told(login).next_step
    assert told(empty) is empty
