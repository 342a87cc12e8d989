"""Dropsuite's declaration: two tokens, three envelopes, the counter that is compared."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Reply, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Stream
from reconcile_pipeline.systems.vendors import dropsuite
from reconcile_pipeline.systems.vendors.dropsuite_pages import AnyEnvelope, announced, records_of

ON = date(2026, 11, 22)


def declared(make_account: Any, **settings: Any) -> dict[str, Stream]:
    streams = dropsuite.streams(make_account("dropsuite", **settings), ON)
    return {stream.name: stream for stream in streams}


def reply_to(request: Request, data: Any) -> Reply:
    return Reply(request, 200, None, "", data, None)  # type: ignore[arg-type]


def pages_asked(answers: list[Any]) -> list[str]:
    """The page numbers that are asked for while the answers come."""
    paginator = AnyEnvelope(100)
    request: Request | None = paginator.first(Request("/users"))
    asked = []
    for data in answers:
        assert request is not None
        assert request.params["per_page"] == "100"
        asked.append(request.params["page"])
        request = paginator.next(request, reply_to(request, data), len(records_of(data)))
    assert request is None
    return asked


def test_two_lists_for_all_organizations(make_account: Any) -> None:
    """The number of calls does not depend on the number of organizations, unless it is asked to."""
    streams = declared(make_account)
    paths = [stream.request.path for stream in streams.values() if stream.request]
    assert paths == ["/plans", "/users"]
    assert "mailboxes" not in streams
    assert streams["users"].account == "organization_id"


def test_keys_are_withheld_from_every_list(make_account: Any) -> None:
    """Wherever a token stands on a page, it is landed as null."""
    for stream in declared(make_account, read_mailboxes=True).values():
        if stream.plan is None:
            assert set(stream.withheld) == {"authentication_token", "reseller_token"}


@pytest.mark.parametrize("count", ["seats_used", "active_seats", "required_seats"])
def test_the_chosen_counter_must_be_there(make_account: Any, count: str) -> None:
    """A record without it is refused, because unknown is never zero; the choice is landed."""
    streams = declared(make_account, count=count)
    assert streams["users"].numbers == (count,)
    plan = streams["counting_rules"].plan
    assert plan is not None
    assert plan({}) == [{"id": "counting_rules", "count": count, "read_mailboxes": False}]


def test_an_unknown_counter_is_refused(make_account: Any) -> None:
    """A misspelled counter never makes every organization's count zero."""
    with pytest.raises(PipelineError, match="count") as caught:
        declared(make_account, count="seats")
    assert caught.value.category is Category.SETTINGS


def test_a_bare_list_is_whole() -> None:
    """However many records it has: no paging has been seen there."""
    assert pages_asked([[{"id": n} for n in range(100)]]) == ["1"]
    assert announced([]) is None


def test_a_result_set_ends_at_its_last_page() -> None:
    """Its number of pages ends it, however many records are on one."""
    full = {"result_set": [{"id": 1}], "pagination": {"total_pages": 3, "total_entries": 55}}
    assert pages_asked([full, full, full]) == ["1", "2", "3"]
    assert announced(full) == 55
    empty = {"result_set": [], "pagination": {"total_pages": 0, "total_entries": 0}}
    assert pages_asked([empty]) == ["1"]


def test_data_ends_where_no_next_page_is_named() -> None:
    """The next page is the one named, and its absence is the end."""
    first = {"data": [{"id": 1}], "pagination": {"current_page": 1, "next_page": 2}}
    last = {"data": [{"id": 2}], "pagination": {"current_page": 2}}
    assert pages_asked([first, last]) == ["1", "2"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        "OK",
        {},
        {"error": "x"},
        {"result_set": []},
        {"data": [], "pagination": None},
        {"result_set": {}, "pagination": {}},
        {"data": [1], "pagination": {}},
    ],
)
def test_what_is_no_page_is_refused(data: Any) -> None:
    """An envelope that says nothing of pages could be the first of many."""
    with pytest.raises(PipelineError) as caught:
        records_of(data)
    assert caught.value.category is Category.SHAPE


@pytest.mark.parametrize(
    "data",
    [
        {"result_set": [], "pagination": {"current_page": 1}},
        {"data": [], "pagination": {"next_page": "soon"}},
    ],
)
def test_a_page_that_does_not_say_how_to_go_on_is_refused(data: Any) -> None:
    """Neither is taken for the last one."""
    paginator = AnyEnvelope(100)
    request = paginator.first(Request("/users"))
    with pytest.raises(PipelineError) as caught:
        paginator.next(request, reply_to(request, data), 0)
    assert caught.value.category is Category.SHAPE


def test_each_organization_in_force_is_asked_with_its_own_token(make_account: Any) -> None:
    """Closed, suspended and tokenless records are not asked; a missing product is an answer."""
    users = [
        {"id": "1-1", "authentication_token": "one"},
        {"id": "1-2", "authentication_token": "two", "customer_deactivated": True},
        {"id": "1-3", "authentication_token": "three", "flg_suspended": True},
        {"id": "1-4", "authentication_token": None},
    ]
    mailboxes = declared(make_account, read_mailboxes=True)["mailboxes"]
    assert mailboxes.children is not None
    [child] = mailboxes.children({"users": users})
    assert child.parent_id == "1-1"
    assert child.request.headers == {"X-Access-Token": "one"}
    assert child.request.tolerates == {403, 404}
    assert "one" not in repr(child)


def test_every_call_carries_two_tokens(make_account: Any) -> None:
    """The admin's access token unless the call has another; every one sent is kept secret."""
    client = dropsuite.make_client(make_account("dropsuite"))
    assert client._headers["X-Access-Token"] == "secret-authentication_token"
    auth = dropsuite.ResellerAuth("reseller")
    request = httpx.Request("GET", "https://x.example/", headers={"X-Access-Token": "its own"})
    next(auth.auth_flow(request))
    assert request.headers["X-Reseller-Token"] == "reseller"
    assert request.headers["X-Access-Token"] == "its own"
    assert auth.secrets == {"reseller", "its own"}


@pytest.mark.parametrize(
    ("path", "words"), [("/users", "API Settings"), ("/accounts", "organization's own token")]
)
def test_a_refused_token_is_named_by_its_kind(make_account: Any, path: str, words: str) -> None:
    """The same 401 means the admin's token on one path and an organization's on another."""
    account = make_account("dropsuite")
    refused = ApiError(
        f"our_dropsuite: GET {path} answered 401.", next_step="x", category=Category.CREDENTIALS
    )
    told = asyncio.run(dropsuite.diagnose(None, account, refused))  # type: ignore[arg-type]
    assert isinstance(told, PipelineError)
    assert words in told.next_step
    other = PipelineError("slow", next_step="x", category=Category.RATE_LIMIT)
    assert asyncio.run(dropsuite.diagnose(None, account, other)) is other  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "not authorized"}, "not authorized"),
        ({"error": "Invalid"}, "Invalid"),
        ({"errors": ["First", "second"]}, "First"),
        ({"errors": {}}, None),
        ([], None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """The shape of a refusal is not documented: what looks like words is shown."""
    assert dropsuite.explain(400, body, "") == words
