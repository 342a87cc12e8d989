"""NinjaOne's declaration: two lists, the smallest scope, and counting rules landed with them."""

import asyncio
from datetime import date
from typing import Any
from urllib.parse import parse_qs

import pytest

from reconcile_pipeline.http import ClientCredentials
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.reading import bare_list
from reconcile_pipeline.systems.vendors import ninjaone

ON = date(2026, 11, 22)


def test_the_rules_in_force_are_landed_with_the_pull(make_account: Any) -> None:
    """One row says which devices counted, so that old evidence explains itself."""
    account = make_account(
        "ninjaone", billable_statuses=["pending", "APPROVED"], count_virtual_guests=False
    )
    plan = ninjaone.streams(account, ON)[0].plan
    assert plan is not None
    assert plan({}) == [
        {
            "id": "counting_rules",
            "billable_statuses": ["APPROVED", "PENDING"],
            "count_virtual_guests": False,
            "count_ipados": True,
        }
    ]


@pytest.mark.parametrize("statuses", [[], ["APROVED"]])
def test_statuses_that_count_nothing_are_refused(make_account: Any, statuses: list[str]) -> None:
    """A misspelled or empty list never makes every customer's count zero."""
    with pytest.raises(PipelineError, match="billable_statuses") as caught:
        ninjaone.streams(make_account("ninjaone", billable_statuses=statuses), ON)
    assert caught.value.category is Category.SETTINGS


def test_organizations_and_devices_are_two_lists_for_all_customers(make_account: Any) -> None:
    """The number of calls does not depend on the number of customers."""
    streams = ninjaone.streams(make_account("ninjaone"), ON)
    paths = [stream.request.path for stream in streams if stream.request]
    assert paths == ["/v2/organizations", "/v2/devices"]
    assert not any(stream.children for stream in streams)
    devices = streams[-1]
    assert devices.account == "organizationId"
    assert devices.required == ("organizationId", "nodeClass", "approvalStatus")


def test_the_page_size_is_the_one_set(make_account: Any) -> None:
    """The size reaches the paginator, and a senseless one is refused."""
    devices = ninjaone.streams(make_account("ninjaone", page_size=50), ON)[-1]
    assert devices.request is not None
    assert devices.paginator().first(devices.request).params["pageSize"] == "50"
    with pytest.raises(PipelineError, match="page_size"):
        ninjaone.streams(make_account("ninjaone", page_size=0.5), ON)


def test_the_token_has_the_smallest_scope(make_account: Any) -> None:
    """Only `monitoring` is asked for, as a form, at the region's token address."""
    client = ninjaone.make_client(make_account("ninjaone"))
    assert isinstance(client._auth, ClientCredentials)
    request = client._auth._token_request()
    assert str(request.url) == "https://app.ninjarmm.com/ws/oauth/token"
    body = parse_qs(request.content.decode())
    assert body["scope"] == ["monitoring"]
    assert body["grant_type"] == ["client_credentials"]
    assert body["client_secret"] == ["secret-client_secret"]
    other = ninjaone.make_client(make_account("ninjaone", token_url="https://x.example/t"))
    assert isinstance(other._auth, ClientCredentials)
    assert str(other._auth._token_request().url) == "https://x.example/t"


def test_a_refused_login_points_at_the_region_first(make_account: Any) -> None:
    """The right keys at the wrong region look like wrong keys; people are told to check both."""
    account = make_account("ninjaone")
    refused = PipelineError("refused", next_step="x", category=Category.CREDENTIALS)
    other = PipelineError("slow", next_step="x", category=Category.RATE_LIMIT)
    error = asyncio.run(ninjaone.diagnose(None, account, refused))  # type: ignore[arg-type]
    assert isinstance(error, PipelineError)
    assert "region" in error.next_step
    assert error.category is Category.CREDENTIALS
    assert asyncio.run(ninjaone.diagnose(None, account, other)) is other  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "Too many"}, "Too many"),
        ({"resultCode": "FAILURE", "errorMessage": "No access", "incidentId": "1"}, "No access"),
        ({"error": "invalid_client", "error_description": "Unknown client"}, "Unknown client"),
        ({"resultCode": "FAILURE"}, "FAILURE"),
        ("text", None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """Each shape of a NinjaOne refusal is read."""
    assert ninjaone.explain(400, body, "") == words


@pytest.mark.parametrize("data", [None, {}, {"error": "x"}, {"results": []}, "[]", [1], [[]]])
def test_what_is_no_list_of_records_is_refused(data: Any) -> None:
    """An error object or an envelope never passes as an empty list."""
    with pytest.raises(PipelineError) as caught:
        bare_list(data)
    assert caught.value.category is Category.SHAPE
