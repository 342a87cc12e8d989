"""Pax8's declaration: pages that prove themselves whole, nothing filtered away."""

import json
from datetime import date
from typing import Any

import pytest

from reconcile_pipeline.http import ClientCredentials
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import pax8

ON = date(2026, 11, 22)


def page(content: list[dict[str, Any]], **totals: Any) -> dict[str, Any]:
    return {"content": content, "page": {"totalElements": 1, "totalPages": 1} | totals}


def test_a_page_gives_records_and_totals() -> None:
    """Records, number of pages and number of records are read where Pax8 puts them."""
    data = page([{"id": "a"}], totalElements=237, totalPages=2)
    assert pax8.page_records(data) == [{"id": "a"}]
    assert (pax8.total_pages(data), pax8.announced(data)) == (2, 237)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"error": "x"},
        {"content": None, "page": {"totalElements": 0, "totalPages": 0}},
        {"content": ["x"], "page": {"totalElements": 1, "totalPages": 1}},
        {"content": []},
        page([], totalElements="1"),
        page([], totalElements=-1),
        page([], totalElements=True),
        page([], totalPages=None),
    ],
)
def test_a_page_that_proves_nothing_is_refused(data: Any) -> None:
    """What does not say how much there is, is never taken for an empty list."""
    with pytest.raises(PipelineError) as caught:
        pax8.page_records(data)
    assert caught.value.category is Category.SHAPE


def test_an_empty_list_that_says_so_is_empty() -> None:
    """Zero records announced and sent are zero records."""
    assert pax8.page_records(page([], totalElements=0, totalPages=0)) == []


def test_nothing_is_filtered_at_the_source(make_account: Any) -> None:
    """All companies and subscriptions are read, in an order that does not move."""
    companies, subscriptions = pax8.streams(make_account("pax8"), ON)
    assert (companies.name, subscriptions.name) == ("companies", "subscriptions")
    assert subscriptions.request is not None
    assert companies.request is not None
    assert subscriptions.request.params == {"sort": "createdDate,asc"}
    assert "status" not in companies.request.params
    assert subscriptions.account == "companyId"
    assert subscriptions.numbers == ("quantity",)
    assert not companies.may_be_empty


def test_the_catalogue_is_read_only_when_asked_for(make_account: Any) -> None:
    """Counts need no catalogue, so by default it costs no call."""
    names = [stream.name for stream in pax8.streams(make_account("pax8", read_catalogue=True), ON)]
    assert names == ["companies", "subscriptions", "products"]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://api.pax8.com/v1/token"),
        ({"base_url": "http://127.0.0.1:8102/v1/"}, "http://127.0.0.1:8102/v1/token"),
        (
            {"token_url": "https://login.example.com/oauth/token"},
            "https://login.example.com/oauth/token",
        ),
    ],
)
def test_the_token_is_asked_for_where_and_as_pax8_wants(
    make_account: Any, settings: dict[str, str], url: str
) -> None:
    """JSON with audience, at base_url/token unless another address is set."""
    client = pax8.make_client(make_account("pax8", **settings))
    assert isinstance(client._auth, ClientCredentials)
    request = client._auth._token_request()
    assert str(request.url) == url
    assert json.loads(request.content) == {
        "client_id": "secret-client_id",
        "client_secret": "secret-client_secret",
        "audience": "https://api.pax8.com",
        "grant_type": "client_credentials",
    }


def test_the_rate_setting_is_kept_and_checked(make_account: Any) -> None:
    """The number of calls per minute is the one set, and a senseless one is refused."""
    client = pax8.make_client(make_account("pax8", requests_per_minute=120))
    assert client._limits.per_window == 120
    with pytest.raises(PipelineError, match="requests_per_minute"):
        pax8.make_client(make_account("pax8", requests_per_minute=0))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "NOT_FOUND", "message": "No company", "details": []}, "No company"),
        ({"details": [{"message": "Bad id"}]}, "Bad id"),
        ({"errors": ["Not allowed"]}, "Not allowed"),
        ({"error": "access_denied", "error_description": "Unauthorized"}, "Unauthorized"),
        ({"details": ["x"], "errors": [3]}, None),
        (None, None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """All three shapes of a Pax8 refusal are read."""
    assert pax8.explain(400, body, "") == words
