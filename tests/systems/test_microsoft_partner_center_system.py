"""Partner Center's declaration: pages that go on by a header, one call per customer, no more."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Reply, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import PARENT
from reconcile_pipeline.systems.vendors import microsoft_partner_center as csp
from reconcile_pipeline.systems.vendors.microsoft_pages import ContinuationLink

ON = date(2026, 11, 22)
KIND = "microsoft_partner_center"
ACME, GLOBEX = "b44bb1fb-c595-45b0-9e09-d657365580bf", "45c44870-ef77-4fdd-b6fe-3dacb075cff2"


def reply(data: Any) -> Reply:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return Reply(Request("/customers"), 200, httpx.Headers(), "", data, now)


def link(token: str | None, uri: Any = "/customers?size=40&seekOperation=Next") -> Any:
    headers = [{"key": "MS-ContinuationToken", "value": token}] if token else []
    return {"items": [], "links": {"next": {"uri": uri, "method": "GET", "headers": headers}}}


def test_the_next_page_takes_the_link_and_its_token() -> None:
    """Address and header come from the page before; each call has an id of its own."""
    names = iter("abc")
    pages = ContinuationLink(40, lambda: next(names))
    first = pages.first(Request("/customers"))
    assert (first.params, first.headers) == ({"size": "40"}, {"MS-RequestId": "a"})
    second = pages.next(first, reply(link("t2")), 40)
    assert second is not None
    assert (second.path, second.params) == ("/customers?size=40&seekOperation=Next", {})
    assert second.headers == {"MS-RequestId": "b", "MS-ContinuationToken": "t2"}
    third = pages.next(second, reply(link("t3")), 40)
    assert third is not None
    assert third.headers["MS-ContinuationToken"] == "t3"
    assert third.identity != second.identity, "one address, two pages"
    assert pages.next(third, reply({"items": [], "links": {"self": {}}}), 3) is None
    assert pages.next(third, reply({"items": []}), 3) is None


@pytest.mark.parametrize(
    "half", [link(None), link("t", None), link("t", 5), {"links": {"next": 1}}]
)
def test_half_a_link_is_no_end_of_the_list(half: Any) -> None:
    """A next page that can't be asked for is refused: the rest would be missing."""
    with pytest.raises(PipelineError, match="next page") as caught:
        ContinuationLink().next(Request("/customers"), reply(half), 1)
    assert caught.value.category is Category.SHAPE


def test_the_rules_in_force_are_landed_with_the_pull(make_account: Any) -> None:
    """Old evidence says which day and which relationships it was counted by."""
    plan = csp.streams(make_account(KIND, relationships=["Reseller", "advisor"]), ON)[0].plan
    assert plan is not None
    assert plan({}) == [
        {
            "id": "counting_rules",
            "day": "2026-11-22",
            "relationships": ["advisor", "reseller"],
            "count_suspended": True,
        }
    ]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("relationships", []), ("page_size", 501), ("page_size", 0), ("page_size", 0.5)],
)
def test_senseless_settings_are_refused(make_account: Any, setting: str, value: Any) -> None:
    """Nothing is pulled that could only be empty or refused."""
    with pytest.raises(PipelineError, match=setting) as caught:
        csp.streams(make_account(KIND, **{setting: value}), ON)
    assert caught.value.category is Category.SETTINGS


def test_only_resellers_customers_are_asked_and_each_once(make_account: Any) -> None:
    """One call per customer whose subscriptions are ours to see; a refusal there is an answer."""
    stream = csp.streams(make_account(KIND), ON)[-1]
    assert stream.children is not None
    assert stream.account == PARENT
    rows = [
        {"id": ACME, "relationshipToPartner": "Reseller"},
        {"id": ACME, "relationshipToPartner": "Reseller"},
        {"id": GLOBEX, "relationshipToPartner": "none"},
    ]
    [child] = stream.children({"customers": rows})
    assert child.parent_id == ACME
    assert child.request.path == f"/customers/{ACME}/subscriptions"
    assert child.request.template == "/customers/{id}/subscriptions"
    assert child.request.tolerates == {403, 404}


@pytest.mark.parametrize("number", ["../token", "a b", "", "x/y", "-"])
def test_a_customer_without_a_tenant_id_is_never_asked(make_account: Any, number: Any) -> None:
    """An id becomes a part of an address, so it has to be one."""
    stream = csp.streams(make_account(KIND), ON)[-1]
    assert stream.children is not None
    rows = [{"id": number, "relationshipToPartner": "reseller"}]
    with pytest.raises(PipelineError, match="no tenant id") as caught:
        stream.children({"customers": rows})
    assert caught.value.category is Category.SHAPE


def test_the_client_names_itself_and_asks_for_english(make_account: Any) -> None:
    """Names of offers must not depend on who asks; no call is made for it."""
    client = csp.make_client(make_account(KIND))
    assert client._headers["X-Locale"] == "en-US"
    assert client._headers["MS-Contract-Version"] == "v1"
    assert client._headers["MS-CorrelationId"] != client._headers["MS-PartnerCenter-Application"]
    assert client._limits.per_window == 500


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"code": "3000", "description": "Not found.", "data": []}, "Not found."),
        ({"error": "invalid_grant", "error_description": "AADSTS50173: gone"}, "AADSTS50173: gone"),
        ({"message": "Slow down"}, "Slow down"),
        ({"code": "3000"}, None),
        ("text", None),
    ],
)
def test_microsofts_own_words_are_found(body: Any, words: str | None) -> None:
    """Each shape of a refusal is read."""
    assert csp.explain(400, body, "") == words


def test_a_missing_role_is_named(make_account: Any) -> None:
    """403 is the partner user's role; an empty list keeps its own hint."""
    account = make_account(KIND)
    refused = ApiError("no", next_step="x", category=Category.PERMISSION, status=403)
    empty = PipelineError("empty", next_step="x", category=Category.PERMISSION)
    error = asyncio.run(csp.diagnose(None, account, refused))  # type: ignore[arg-type]
    assert isinstance(error, PipelineError)
    assert "Admin Agent" in error.next_step
    assert asyncio.run(csp.diagnose(None, account, empty)) is empty  # type: ignore[arg-type]
