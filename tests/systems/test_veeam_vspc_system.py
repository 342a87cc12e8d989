"""A Veeam console's declaration: one day, strict pages, its login, and plain words for refusals."""

import asyncio
import json
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, ApiError, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import veeam_login, veeam_vspc
from reconcile_pipeline.systems.vendors.veeam_pages import licences, page_records, usage_of

ON = date(2026, 12, 1)
DAY = date(2026, 11, 30)
KIND = "veeam_vspc"


def page(*rows: Any, **more: Any) -> dict[str, Any]:
    paging = {"total": len(rows), "count": len(rows), "offset": 0}
    return {"data": list(rows), "meta": {"pagingInfo": paging}, "errors": None} | more


def usage(day: Any = "2026-11-30", *counters: Any) -> dict[str, Any]:
    return {"companyUid": "c", "locationUid": "l", "date": day, "counters": list(counters)}


def licensed(**counts: Any) -> dict[str, Any]:
    held = {"description": "VM", "usedCount": 3, "newCount": 1} | counts
    return page({"organizationUid": "c", "servers": [{"workloads": [held]}]})


def refused(read: Any, data: Any) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        read(data)
    return caught.value


def told(make_account: Any, error: Exception, **settings: Any) -> Any:
    account = make_account(KIND, **settings)
    return asyncio.run(veeam_login.diagnose(None, account, error))  # type: ignore[arg-type]


def problem(path: str, status: int, category: Category) -> ApiError:
    return ApiError(f"our: GET {path} answered.", next_step="x", category=category, status=status)


def test_one_whole_day_is_asked_for(make_account: Any) -> None:
    """From and to are the day before the pull, also over a month's end: a second day doubles."""
    _, _, listed = veeam_vspc.streams(make_account(KIND), ON)
    assert listed.request is not None
    assert listed.request.params == {"fromDate": "2026-11-30", "toDate": "2026-11-30"}
    earlier = veeam_vspc.streams(make_account(KIND, days_back=2), ON)[-1]
    assert earlier.request is not None
    assert earlier.request.params == {"fromDate": "2026-11-29", "toDate": "2026-11-29"}
    assert "2026-11-29" in earlier.empty_hint


@pytest.mark.parametrize("days", [0, 8, 1.5])
def test_an_unfinished_day_can_not_be_asked_for(make_account: Any, days: float) -> None:
    """Today's counters are still growing, and next week's day says nothing of this month."""
    with pytest.raises(PipelineError, match="days_back"):
        veeam_vspc.streams(make_account(KIND, days_back=days), ON)


def test_calls_do_not_grow_with_customers(make_account: Any) -> None:
    """Two lists for all companies, a third one with licences, and never one a company."""
    assert [each.name for each in veeam_vspc.streams(make_account(KIND), ON)] == [
        "counting_rules",
        "companies",
        "usage",
    ]
    streams = veeam_vspc.streams(make_account(KIND, read_licences=True), ON)
    assert not any(stream.children for stream in streams)
    assert streams[-1].request is not None
    # The provider's own row, which sums the others up, must not come along.
    assert streams[-1].request.params == {"organizationType": "Company"}


def test_the_rules_in_force_are_landed_with_the_pull(make_account: Any) -> None:
    """The day, the unit and the rounding lie beside the counts they made."""
    account = make_account(KIND, storage_unit="GB", storage_rounding="none", new_licences="beside")
    plan = veeam_vspc.streams(account, ON)[0].plan
    assert plan is not None
    assert plan({}) == [
        {
            "id": "counting_rules",
            "day": "2026-11-30",
            "storage_unit": "GB",
            "storage_rounding": "none",
            "new_licences": "beside",
            "licences_in_points": False,
        }
    ]


@pytest.mark.parametrize("name", ["storage_unit", "storage_rounding", "new_licences"])
def test_a_misspelled_rule_is_refused(make_account: Any, name: str) -> None:
    """A word that means nothing never becomes another rule in silence."""
    with pytest.raises(PipelineError, match=name) as caught:
        veeam_vspc.streams(make_account(KIND, **{name: "tb"}), ON)
    assert caught.value.category is Category.SETTINGS


@pytest.mark.parametrize("data", [page(meta=None), page(meta={"pagingInfo": None}), []])
def test_a_page_without_its_total_is_refused(data: Any) -> None:
    """Without the total nobody knows whether it was the last page."""
    assert refused(page_records, data).category is Category.SHAPE


def test_errors_inside_a_good_answer_are_no_empty_list() -> None:
    """Errors beside the data refuse the page, in the console's words."""
    error = refused(page_records, page(errors=[{"message": "Database\r\nis busy", "code": 1}]))
    assert "Database is busy" in error.message


def test_usage_of_other_days_only_is_refused() -> None:
    """All zeros would be the alternative; a row of the day makes the page usable."""
    error = refused(usage_of(DAY), page(usage("2026-11-29"), usage("2026-11-30T20:00:00-04:00")))
    assert "2026-11-30" in error.message
    assert "days_back" in error.next_step
    rows = page(usage("2026-11-29"), usage("2026-11-29T20:00:00-04:00"))
    assert len(usage_of(DAY)(rows)) == 2


@pytest.mark.parametrize("day", ["30.11.2026", 20261130.5, "yesterday"])
@pytest.mark.fault(54)
def test_a_date_that_is_none_is_refused(day: Any) -> None:
    """A row that can't be placed on a day is not left out in silence."""
    assert refused(usage_of(DAY), page(usage(day))).category is Category.SHAPE


@pytest.mark.parametrize(
    "counter",
    [
        {"type": "ManagedVms", "value": "9"},
        {"type": "ManagedVms", "value": None},
        {"type": "ManagedVms", "value": -1},
        {"type": "ManagedVms", "value": True},
        {"type": "ManagedVms", "value": 2**63},
        {"type": None, "value": 9},
        {"value": 9},
        7,
    ],
)
def test_a_counter_that_is_no_whole_number_is_refused(counter: Any) -> None:
    """Null is not zero, and a text is not a count."""
    assert refused(usage_of(DAY), page(usage("2026-11-30", counter))).category is Category.SHAPE


@pytest.mark.parametrize("wrong", [{"usedCount": None}, {"newCount": "1"}, {"description": ""}])
def test_a_licence_that_can_not_be_counted_is_refused(wrong: Any) -> None:
    """Unknown licences are never zero licences."""
    read = licences(new_is_inside=True)
    assert refused(read, licensed(**wrong)).category is Category.SHAPE


def test_more_new_licences_than_used_ones_prove_the_setting_wrong() -> None:
    """Taking them away would leave less than nothing: a person sets where they stand."""
    error = refused(licences(new_is_inside=True), licensed(usedCount=0))
    assert error.category is Category.SETTINGS
    assert "new_licences = 'beside'" in error.next_step
    assert licences(new_is_inside=False)(licensed(usedCount=0))


def ask(make_account: Any, token: Any = None, **settings: Any) -> list[httpx.Request]:
    """Ask for one list, the token call answered as told; returns what was sent."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        body = json.dumps(token if request.method == "POST" else page()).encode()
        head = {"content-type": "application/json", "content-length": str(len(body))}
        return httpx.Response(200, headers=head, stream=httpx.ByteStream(body))

    async def get() -> None:
        client: ApiClient = veeam_login.make_client(make_account(KIND, **settings))
        client._transport = httpx.MockTransport(answer)
        async with client:
            await client.get(Request("/organizations/companies"))

    asyncio.run(get())
    return sent


def test_the_api_key_is_the_bearer_token(make_account: Any) -> None:
    """No token call; the version that we speak goes with every call."""
    [sent] = ask(make_account, client_version="3.5.1")
    assert sent.headers["authorization"] == "Bearer secret-api_key"
    assert sent.headers["x-client-version"] == "3.5.1"
    assert str(sent.url) == "https://vspc.yourcompany.com:1280/api/v3/organizations/companies"


def test_a_user_logs_in_for_a_token_that_can_only_read(make_account: Any) -> None:
    """Name and password go to the token call only, which asks for reading only."""
    token = {"access_token": "access-1", "token_type": "bearer", "expires_in": 3600}
    login, listed = ask(make_account, token, username="msp\\reader")
    assert (login.method, login.url.path) == ("POST", "/api/v3/token")
    form = dict(httpx.QueryParams(login.content.decode()))
    assert (form["username"], form["password"]) == ("msp\\reader", "secret-api_key")
    assert (form["readOnly"], form["read_only"]) == ("true", "true")
    assert listed.headers["authorization"] == "Bearer access-1"


def test_a_second_factor_is_named(make_account: Any) -> None:
    """A token for a second factor is no access; people are sent to make an API key."""
    token = {"access_token": None, "token_type": "bearer", "mfa_token": "m", "expires_in": 3600}
    with pytest.raises(ApiError) as caught:
        ask(make_account, token, username="msp\\reader")
    error = told(make_account, caught.value, username="msp\\reader")
    assert error.category is Category.CREDENTIALS
    assert "Simple Key" in error.next_step


@pytest.mark.parametrize(
    ("path", "status", "category", "words"),
    [
        ("/organizations/companies", 401, Category.CREDENTIALS, "Simple Key"),
        ("/licensing/usage/organizations", 403, Category.PERMISSION, "read_licences = false"),
        ("/organizations/companies", 404, Category.SHAPE, "/api/v3"),
    ],
)
def test_refusals_are_told_in_plain_words(
    make_account: Any, path: str, status: int, category: Category, words: str
) -> None:
    """The usual mistake behind each refusal is what the next step says."""
    error = told(make_account, problem(path, status, category))
    assert (error.category, words in error.next_step) == (category, True)


def test_a_refused_user_is_told_of_users(make_account: Any) -> None:
    """With a user name set, the password is what to check, and who else uses it."""
    error = told(make_account, problem("/token", 400, Category.CREDENTIALS), username="reader")
    assert "username" in error.next_step
    assert "log each other out" in error.next_step


def test_other_errors_are_left_as_they_are(make_account: Any) -> None:
    """What Veeam's usual mistakes don't explain keeps its own next step."""
    for error in (problem("/x", 520, Category.UNREACHABLE), ValueError("x")):
        assert told(make_account, error) is error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"message": "Access\r\ndenied", "type": "security"}]}, "Access denied"),
        ({"error": "invalid_grant", "error_description": "Wrong password"}, "Wrong password"),
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"errors": []}, None),
        ("text", None),
    ],
)
def test_the_consoles_own_words_are_found(body: Any, words: str | None) -> None:
    """Both shapes of a refusal are read, on one line."""
    assert veeam_login.explain(400, body, "") == words


@pytest.mark.parametrize(
    ("error", "seconds"), [({"retryAfter": 25}, 25.0), ({"retryAfter": 0}, None), ({}, None)]
)
def test_the_pause_stands_in_the_body(error: Any, seconds: float | None) -> None:
    """A 429 says how long; it says nothing when too many calls were under way at once."""
    assert veeam_login.seconds_to_wait({"errors": [error]}) == seconds
    assert veeam_login.seconds_to_wait({}) is None
