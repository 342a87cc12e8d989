"""N-central's declaration: its login, its lists, and what its refusals mean to a person."""

import asyncio
import json
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, ApiError, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import nable_ncentral, nable_ncentral_login
from reconcile_pipeline.systems.vendors.nable_ncentral_login import NCentralLogin, stands_for
from reconcile_pipeline.systems.vendors.nable_ncentral_refusals import diagnose

ON = date(2026, 11, 22)
BASE = "https://nc.example.com"


def reply(data: Any, status: int = 200) -> httpx.Response:
    """An answer whose body has still to be read, as the network's."""
    body = json.dumps(data).encode()
    head = {"content-type": "application/json", "content-length": str(len(body))}
    return httpx.Response(status, headers=head, stream=httpx.ByteStream(body))


def tokens(**access: Any) -> Any:
    return {"tokens": {"access": {"token": "access-1", "type": "Bearer", **access}}}


def ask(login: Any, status: int = 200) -> list[httpx.Request]:
    """Ask for one list, the login answered as told; returns what was sent."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return reply(login, status) if request.method == "POST" else reply({"data": []})

    async def get() -> None:
        client = ApiClient(
            system="nc",
            base_url=BASE,
            auth=NCentralLogin(BASE, "jwt-canary"),
            stands_for=stands_for,
            explain=nable_ncentral_login.explain,
            transport=httpx.MockTransport(answer),
        )
        async with client:
            await client.get(Request("/api/customers"))

    asyncio.run(get())
    return sent


def told(make_account: Any, error: Exception) -> PipelineError:
    found = asyncio.run(diagnose(None, make_account("nable_ncentral"), error))  # type: ignore[arg-type]
    assert isinstance(found, PipelineError)
    return found


def refusal(status: int, path: str = "/api/devices", **more: Any) -> ApiError:
    how = {"next_step": "before", "category": Category.UNREACHABLE} | more
    return ApiError(f"nc: GET {path} answered {status}.", status=status, **how)


def test_the_login_is_an_empty_post_with_the_user_api_token() -> None:
    """The User-API token goes to the login only; every list is asked with the access token."""
    login, listed = ask(tokens(expirySeconds=3600))
    assert (login.method, str(login.url)) == ("POST", f"{BASE}/api/auth/authenticate")
    assert login.headers["authorization"] == "Bearer jwt-canary"
    assert (login.content, login.headers["content-length"]) == (b"", "0")
    assert listed.headers["authorization"] == "Bearer access-1"


def test_a_token_lives_as_long_as_the_login_says() -> None:
    """`expirySeconds` renews it ahead; a server that does not say is asked until it answers 401."""
    login = NCentralLogin(BASE, "jwt-canary")
    for access, seconds in (({"expirySeconds": 3600}, 3600.0), ({}, None)):
        response = reply(tokens(**access))
        response.read()
        assert login.answered(response) == ("access-1", seconds)


@pytest.mark.parametrize(
    ("login", "category"),
    [
        ({"error message": "Authentication failed"}, "credentials"),
        ({"status": 401, "message": "Unauthorized"}, "credentials"),
        ({"tokens": {}}, "shape"),
        ([], "shape"),
        (tokens(token="with space "), "shape"),
        (tokens(expirySeconds="soon"), "shape"),
        (tokens(expirySeconds=True), "shape"),
    ],
)
def test_a_login_that_gives_no_token_is_refused(login: Any, category: str) -> None:
    """An error inside a 200 is a refused login, and no token is ever made up."""
    with pytest.raises(ApiError) as caught:
        ask(login)
    assert caught.value.category == category
    assert "jwt-canary" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": [], "totalItems": 0}, 200),
        ({"data": [], "totalItems": 0, "_warning": "Subject to change.", "error": None}, 200),
        ([], 200),
        ({"error message": "Field not found: x"}, 400),
        ({"data": [], "totalItems": 0, "errorMessage": "Timed out"}, 400),
        ({"error": {"message": "Timed out"}, "status": 503}, 503),
        ({"status": 401, "message": "Unauthorized"}, 401),
        ({"status": 200, "message": "Odd"}, 400),
    ],
)
def test_an_error_inside_a_200_is_a_failure(body: Any, status: int) -> None:
    """However the error is spelled, also beside an empty list, it is never zero devices."""
    assert stands_for(body) == status


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"status": 401, "message": "Unauthorized"}, "Unauthorized"),
        ({"error message": "Field not found: x"}, "Field not found: x"),
        ({"error": {"message": "Timed out"}}, "Timed out"),
        ([], None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """Each shape of a refusal is read."""
    assert nable_ncentral_login.explain(400, body, "") == words


def test_org_units_and_devices_are_three_lists(make_account: Any) -> None:
    """The number of calls does not depend on the number of customers, and `select` is unused."""
    streams = nable_ncentral.streams(make_account("nable_ncentral"), ON)
    requests = [stream.request for stream in streams if stream.request]
    assert [each.path for each in requests] == ["/api/customers", "/api/sites", "/api/devices"]
    assert not any(each.params for each in requests)
    assert not any(stream.children for stream in streams)
    [rules] = streams[0].plan({})  # type: ignore[misc]
    assert rules == {"id": "counting_rules", "account": "customer", "filters": []}


def test_calls_go_one_at_a_time(make_account: Any) -> None:
    """Five at once is what all integrations of an MSP share: we take one of them."""
    account = make_account("nable_ncentral", base_url=f"{BASE}/")
    client = nable_ncentral.make_client(account)
    assert client._limits.concurrency == 1
    # A slash too many would make every path begin with two, which N-central does not find.
    assert str(client._base) == BASE


def test_pages_are_numbered_from_one_in_the_size_set(make_account: Any) -> None:
    """The size reaches the paginator, and one that N-central refuses is refused here."""
    customers = nable_ncentral.streams(make_account("nable_ncentral", page_size=200), ON)[1]
    assert customers.request is not None
    first = customers.paginator().first(customers.request)
    assert first.params == {"pageNumber": "1", "pageSize": "200"}
    for size in (0, 1001, 0.5):
        with pytest.raises(PipelineError, match="page_size"):
            nable_ncentral.streams(make_account("nable_ncentral", page_size=size), ON)


@pytest.mark.parametrize(
    ("page", "pages"),
    [
        ({"totalItems": 612, "totalPages": 2, "pageSize": 500}, 2),
        ({"totalItems": 612}, 2),
        ({"totalItems": 500}, 1),
        ({"totalItems": 612, "pageSize": 200}, 4),
        ({"totalItems": 0}, 0),
        ({}, None),
    ],
)
def test_the_number_of_pages_is_told_or_worked_out(page: Any, pages: int | None) -> None:
    """Some lists tell their total only; a server that gives less than asked for is believed."""
    assert nable_ncentral.total_pages(page, 500) == pages


@pytest.mark.parametrize("data", [{"data": []}, {"data": [], "totalItems": "2"}, {}, []])
def test_a_page_without_a_total_is_refused(data: Any) -> None:
    """A list that can't be proven whole is no evidence."""
    with pytest.raises(PipelineError) as caught:
        nable_ncentral.page_records(data)
    assert caught.value.category is Category.SHAPE


def test_a_chosen_filter_is_asked_once_it_is_known(make_account: Any) -> None:
    """Each filter is a list of its own; one that is not there is refused, never all devices."""
    account = make_account("nable_ncentral", filters=["75", " 112", "75"])
    streams = {stream.name: stream for stream in nable_ncentral.streams(account, ON)}
    assert list(streams)[3:] == [
        "device_filters",
        "devices",
        "filtered_devices_112",
        "filtered_devices_75",
    ]
    children = streams["filtered_devices_75"].children
    assert children is not None
    [child] = children({"device_filters": [{"filterId": 75}, {"filterId": "80"}]})
    assert (child.parent_id, child.request.params) == ("75", {"filterId": "75"})
    with pytest.raises(PipelineError, match="filters") as caught:
        children({"device_filters": [{"filterId": "80"}]})
    assert "75" in caught.value.next_step


@pytest.mark.parametrize("setting", [{"filters": ["Laptops"]}, {"account": "device"}])
def test_settings_that_mean_nothing_are_refused(make_account: Any, setting: Any) -> None:
    """A filter's name instead of its number, or an unknown kind of account, is told at once."""
    with pytest.raises(PipelineError) as caught:
        nable_ncentral.streams(make_account("nable_ncentral", **setting), ON)
    assert caught.value.category is Category.SETTINGS


@pytest.mark.parametrize("path", ["/api/auth/authenticate", "/api/customers", "/api/devices"])
def test_500_points_at_an_expired_password_first(make_account: Any, path: str) -> None:
    """N-central answers 500, not 401, once the password behind the token has expired."""
    error = told(make_account, refusal(500, path))
    assert "password of the API user" in error.next_step
    assert "90 days" in error.next_step
    assert (error.message, error.category) == (refusal(500, path).message, "unreachable")


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/api/customers", "read Customers"),
        ("/api/sites", "read Customers"),
        ("/api/devices", "Network Devices"),
        ("/api/device-filters", "read Filters"),
    ],
)
def test_a_missing_right_is_named(make_account: Any, path: str, right: str) -> None:
    """403 names the right to give, and that the token has to be made anew with it."""
    error = told(make_account, refusal(403, path, category=Category.PERMISSION))
    assert right in error.next_step
    assert "new User-API token" in error.next_step


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refusal(400, category=Category.SHAPE), "page_size = 200"),
        (refusal(404, category=Category.SHAPE), "2023.9"),
        (refusal(429, category=Category.RATE_LIMIT), "quieter hour"),
        (refusal(401, category=Category.CREDENTIALS), "two-factor"),
        (
            PipelineError("changed", next_step="Again.", category=Category.INCOMPLETE),
            "Again. If it stays, set page_size = 200",
        ),
        (
            ApiError(
                "nc: GET /x got no answer: the encrypted connection to h could not be trusted.",
                next_step="before",
                category=Category.UNREACHABLE,
            ),
            "SSL_CERT_FILE",
        ),
    ],
)
def test_typical_mistakes_have_a_next_step(
    make_account: Any, error: PipelineError, words: str
) -> None:
    """Each refusal is told what to do about it, under its own message."""
    found = told(make_account, error)
    assert words in found.next_step
    assert (found.message, found.category) == (error.message, error.category)


def test_other_errors_stay_as_they_are(make_account: Any) -> None:
    """What N-central has no special meaning for is not explained away."""
    for error in (refusal(503), ValueError("x")):
        assert (
            asyncio.run(diagnose(None, make_account("nable_ncentral"), error))  # type: ignore[arg-type]
            is error
        )
