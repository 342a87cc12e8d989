"""SentinelOne's declaration: pages of 1,000 after a cursor, refusals by name, keys kept out."""

import asyncio
from datetime import date
from typing import Any

import pytest

from reconcile_pipeline.http import ApiError
from reconcile_pipeline.landing.streams import without
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import sentinelone
from reconcile_pipeline.systems.vendors import sentinelone_account as account_room

ON = date(2026, 11, 22)
PAGING = {"totalItems": 1, "nextCursor": None}


def test_every_list_asks_for_its_largest_page(make_account: Any) -> None:
    """Without a size SentinelOne sends 10 records: no list is asked for without one."""
    for stream in sentinelone.streams(make_account("sentinelone", read_agents=True), ON)[1:]:
        assert stream.request is not None
        first = stream.paginator().first(stream.request)
        assert first.params["limit"] == "1000", stream.name
        assert "skip" not in first.params


def test_active_and_closed_sites_are_two_questions(make_account: Any) -> None:
    """One call for what counts, one for who left; never one per customer, and agents on demand."""
    _rules, active, closed = sentinelone.streams(make_account("sentinelone"), ON)
    assert active.request is not None
    assert closed.request is not None
    assert (active.request.path, active.request.params) == ("/sites", {"state": "active"})
    assert (closed.request.path, closed.request.params) == ("/sites", {"states": "expired,deleted"})
    assert (active.may_be_empty, closed.may_be_empty) == (False, True)
    # A site that is renewed leaves the closed ones: no reason to hold a pull back.
    assert not closed.is_guarded


def test_agents_are_asked_for_by_explicit_filters(make_account: Any) -> None:
    """What the list holds without filters is not documented, so none is left to a default."""
    agents = sentinelone.streams(make_account("sentinelone", read_agents=True), ON)[-1]
    assert agents.request is not None
    assert agents.request.params == {"isDecommissioned": "False", "isUninstalled": "False"}
    assert agents.account == "siteId"


def test_customers_that_are_accounts_are_read_as_accounts(make_account: Any) -> None:
    """The list of accounts takes the place of the closed sites, and guards go by account."""
    streams = sentinelone.streams(make_account("sentinelone", customers_are="account"), ON)
    assert [stream.name for stream in streams] == ["counting_rules", "sites", "accounts"]
    assert streams[1].account == "accountId"
    with pytest.raises(PipelineError, match="customers_are"):
        sentinelone.streams(make_account("sentinelone", customers_are="group"), ON)


def test_the_rules_in_force_are_landed_with_the_pull(make_account: Any) -> None:
    """One row says how sites became counts, so that old evidence explains itself."""
    chosen = make_account("sentinelone", count_trials=True, counted_modules=["RSO", "vigilance"])
    plan = sentinelone.streams(chosen, ON)[0].plan
    assert plan is not None
    assert plan({}) == [
        {
            "id": "counting_rules",
            "customers_are": "site",
            "count_trials": True,
            "counted_modules": ["rso", "vigilance"],
        }
    ]


def test_sites_stand_one_level_deeper_than_other_lists() -> None:
    """`data` is an object for sites and a list for everything else; each is read as it is."""
    site = {"id": "1392053568582758390"}
    assert sentinelone.site_records({"data": {"sites": [site]}, "pagination": PAGING}) == [site]
    assert sentinelone.records({"data": [site], "pagination": PAGING}) == [site]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"data": [{"id": "1"}], "pagination": PAGING},
        {"data": {"sites": None}, "pagination": PAGING},
        {"data": {"sites": [{"id": "1"}]}},
        {"data": {"sites": [{"id": "1"}]}, "pagination": None},
    ],
)
def test_a_page_that_proves_nothing_is_refused(data: Any) -> None:
    """Another shape, or a page that does not say whether another follows, is never the end."""
    with pytest.raises(PipelineError) as caught:
        sentinelone.site_records(data)
    assert caught.value.category is Category.SHAPE


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([], 200),
        (None, 200),
        ([{"code": 4010010, "title": "Authentication Failed"}], 401),
        ([{"code": 4290010, "title": "Too many"}], 429),
        ([{"code": 17, "title": "Something"}], 206),
        ([{"title": "Something"}], 206),
        (["Something"], 206),
        ({"title": "Something"}, 206),
    ],
)
def test_an_answer_with_errors_is_no_answer(errors: Any, status: int) -> None:
    """A 200 that brings errors beside its data stands for a refusal, or is partial."""
    assert account_room.stands_for({"data": [], "errors": errors}) == status


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"title": "Validation Error", "detail": "limit"}]}, "Validation Error. limit"),
        ({"errors": [{"message": "No access", "detail": None}]}, "No access"),
        ({"errors": []}, None),
        ("text", None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """Title and detail of the first error are what people get to read."""
    assert account_room.explain(400, body, "") == words


def test_the_token_travels_as_an_api_token(make_account: Any) -> None:
    """The header's first word is ApiToken, and the API's path follows the console's address."""
    chosen = make_account("sentinelone", base_url="https://euc1-x.sentinelone.net/web/api/v2.1/")
    client = account_room.make_client(chosen)
    assert client._auth._headers == {"Authorization": "ApiToken secret-api_token"}  # type: ignore[union-attr]
    assert str(client._base) == "https://euc1-x.sentinelone.net/web/api/v2.1"


def test_the_generic_console_is_refused(make_account: Any) -> None:
    """The address that every example shows is nobody's console."""
    wrong = make_account("sentinelone", base_url="https://console.sentinelone.net")
    with pytest.raises(PipelineError, match="base_url") as caught:
        account_room.make_client(wrong)
    assert "your own console" in caught.value.next_step


@pytest.mark.parametrize("name", ["registrationToken", "licenseKey"])
def test_keys_that_add_machines_are_not_landed(make_account: Any, name: str) -> None:
    """Whoever reads the landing folder can't join a customer's site."""
    for stream in sentinelone.streams(make_account("sentinelone", read_agents=True), ON)[1:]:
        assert "eyJ1" not in without(stream.withheld, f'{{"{name}": "eyJ1"}}')


def test_refusals_say_what_they_usually_are(make_account: Any) -> None:
    """A token that ended, a page that took too long; anything else stays as it is."""
    chosen = make_account("sentinelone")

    def told(error: PipelineError) -> str:
        found = asyncio.run(account_room.diagnose(None, chosen, error))  # type: ignore[arg-type]
        assert isinstance(found, PipelineError)
        return found.next_step

    refused = PipelineError("refused", next_step="x", category=Category.CREDENTIALS)
    slow = ApiError("slow", next_step="x", category=Category.UNREACHABLE, status=504)
    assert "six months" in told(refused)
    assert "page_size" in told(slow)
    assert told(ApiError("no", next_step="x", category=Category.PERMISSION, status=403)) == "x"
