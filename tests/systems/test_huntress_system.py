"""Huntress's declaration: pages of 500 in a steady order, both ways of paging, refusals by name."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Reply, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import huntress
from reconcile_pipeline.systems.vendors import huntress_account as account_room

ON = date(2026, 11, 22)
URL = "https://api.huntress.io/v1/organizations"
NEXT = f"{URL}?page_token=MTIwMg&limit=500"


def following(pagination: Any) -> Request | None:
    """The request after the first page, as its pagination names it."""
    paginator = huntress.TokenOrPage(500)
    first = paginator.first(Request("/v1/organizations", params={"sort_field": "id"}))
    data = {"organizations": [], "pagination": pagination}
    reply = Reply(first, 200, httpx.Headers(), "", data, datetime(2026, 11, 22, tzinfo=UTC), URL)
    return paginator.next(first, reply, 0)


def test_every_list_asks_for_its_largest_page_in_a_steady_order(make_account: Any) -> None:
    """Without a size Huntress sends 10, and by default the newest first: neither is left to it."""
    streams = huntress.streams(make_account("huntress", read_agents=True), ON)
    assert [stream.name for stream in streams] == ["organizations", "agents"]
    for stream in streams:
        assert stream.request is not None
        first = stream.paginator().first(stream.request)
        assert first.params == {"sort_field": "id", "sort_direction": "asc", "limit": "500"}


def test_counts_cost_no_call_per_customer(make_account: Any) -> None:
    """One list by default; agents are a second one, and only on demand."""
    (organizations,) = huntress.streams(make_account("huntress"), ON)
    assert organizations.children is None
    assert (organizations.account, organizations.may_be_empty) == ("id", False)


def test_a_token_goes_on_with_the_same_size(make_account: Any) -> None:
    """The token is preferred to the URL beside it, and size and order stay."""
    request = following({"next_page_token": "MTIwMg", "next_page_url": NEXT})
    assert request is not None
    assert request.params == {"sort_field": "id", "limit": "500", "page_token": "MTIwMg"}


def test_older_answers_go_on_by_number() -> None:
    """Accounts that are still given numbered pages are read whole, too."""
    request = following({"current_page": 1, "total_count": 700, "next_page": 2})
    assert request is not None
    assert request.params == {"sort_field": "id", "limit": "500", "page": "2"}


def test_a_url_alone_is_followed() -> None:
    """A page that names only the next address names the next page."""
    request = following({"next_page_url": NEXT})
    assert request is not None
    assert request.path == NEXT


@pytest.mark.parametrize(
    "pagination",
    [{}, {"next_page_token": None, "next_page_url": None}, {"current_page": 2, "next_page": None}],
)
def test_a_page_that_names_no_next_one_is_the_last(pagination: Any) -> None:
    """Absent and null both end the list."""
    assert following(pagination) is None


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"organizations": None, "pagination": {}},
        {"organizations": [{"id": 1}]},
        {"organizations": [{"id": 1}], "pagination": None},
        {"organizations": [{"id": 1, "agents_count": "42"}], "pagination": {}},
        {"organizations": [{"id": 1, "sat_learner_count": -1}], "pagination": {}},
        {"organizations": [{"id": 1, "billable_identity_count": True}], "pagination": {}},
    ],
)
def test_a_page_that_proves_nothing_is_refused(data: Any) -> None:
    """Another shape, an end that nobody named, or a count that is none: never zero customers."""
    with pytest.raises(PipelineError) as caught:
        huntress.organizations(data)
    assert caught.value.category is Category.SHAPE


def test_renamed_and_missing_counts_are_tolerated() -> None:
    """Fields come and go: a record without one is read, and SQL decides what that means."""
    rows = [{"id": 1, "agents_count": 3, "microsoft_365_users_count": 4, "notify_emails": []}]
    assert huntress.organizations({"organizations": rows, "pagination": {}}) == rows


def test_the_whole_account_keeps_to_sixty_calls_a_minute(make_account: Any) -> None:
    """One call at a time, 60 in any 60 s, and a silent 429 costs the whole window."""
    limits = account_room.make_client(make_account("huntress"))._limits
    assert (limits.per_window, limits.window_seconds, limits.concurrency) == (60, 60, 1)
    assert limits.silent_wait_seconds == 60
    fewer = account_room.make_client(make_account("huntress", requests_per_minute=20))
    assert fewer._limits.per_window == 20


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"field": "limit", "message": "is too large"}]}, "limit: is too large"),
        ({"errors": [{"field": None, "message": "Invalid"}]}, "Invalid"),
        ({"errors": {"limit": ["is too large"]}}, "limit: is too large"),
        ({"errors": ["Invalid"]}, "Invalid"),
        ({"error": {"message": "Forbidden"}}, "Forbidden"),
        ({"error": "Forbidden"}, "Forbidden"),
        ({"errors": []}, None),
        ("text", None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """Each shape of a refusal that clients have seen is read."""
    assert account_room.explain(400, body, "") == words


def test_refusals_say_what_they_usually_are(make_account: Any) -> None:
    """Keys that were replaced; a 404 that means not permitted; anything else stays as it is."""
    chosen = make_account("huntress")

    def told(error: PipelineError) -> tuple[Category, str]:
        found = asyncio.run(account_room.diagnose(None, chosen, error))  # type: ignore[arg-type]
        assert isinstance(found, PipelineError)
        return found.category, found.next_step

    refused = PipelineError("refused", next_step="x", category=Category.CREDENTIALS)
    hidden = ApiError("none", next_step="x", category=Category.SHAPE, status=404)
    slow = ApiError("slow", next_step="x", category=Category.UNREACHABLE, status=500)
    assert "API Credentials" in told(refused)[1]
    assert told(hidden)[0] is Category.PERMISSION
    assert "may not see" in told(hidden)[1]
    assert told(slow) == (Category.UNREACHABLE, "x")
