"""Autotask's declaration: zone, headers, searches short enough, and the day that counts."""

import asyncio
import json
from datetime import date
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, CallStats, Reply, Request, WritingClient
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa import autotask_account
from reconcile_pipeline.systems.psa.autotask import AUTOTASK, next_page, rows_of
from reconcile_pipeline.systems.psa.autotask_account import (
    find_zone,
    make_client,
    make_writer,
    reconciliation_day,
    tenant,
)

ON = date(2026, 11, 30)
USER = "secret-user"
ZONE = "https://webservices5.autotask.net/ATServicesRest/"


class Network(httpx.AsyncBaseTransport):
    """Answers every call with one thing, and keeps what was asked."""

    def __init__(self, status: int, data: Any) -> None:
        self.status, self.data = status, data
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        content = httpx.ByteStream(json.dumps(self.data).encode())
        return httpx.Response(self.status, stream=content, request=request)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Any:
    def make(status: int, data: Any) -> Network:
        network = Network(status, data)
        made = ApiClient.__init__.__kwdefaults__
        assert made is not None
        monkeypatch.setitem(made, "transport", network)
        return network

    return make


def zone_of(account: Any, stats: CallStats | None = None) -> str:
    return asyncio.run(find_zone(account, USER, stats or CallStats()))


def streams(make_account: Any, on: date = ON, **settings: Any) -> dict[str, Any]:
    found = AUTOTASK.streams(make_account("autotask", **settings), on)
    return {stream.name: stream for stream in found}


def test_the_zone_is_asked_without_a_credential(make_account: Any, answer: Any) -> None:
    """Only the user's address goes to the look-up, and its call is counted."""
    network = answer(200, {"url": ZONE})
    stats = CallStats()
    assert zone_of(make_account("autotask"), stats) == f"{ZONE}V1.0"
    [request] = network.asked
    assert request.url.path == "/ATServicesRest/v1.0/zoneInformation"
    assert dict(request.url.params) == {"user": USER}
    assert not {"secret", "username", "apiintegrationcode", "authorization"} & set(request.headers)
    assert stats.calls == 1


def test_two_slashes_in_a_row_are_one(make_account: Any, answer: Any) -> None:
    """Some zones answer with a doubled slash, which their own paths don't have."""
    answer(200, {"url": "https://webservices2.autotask.net//ATServicesRest/"})
    tidy = "https://webservices2.autotask.net/ATServicesRest/V1.0"
    assert zone_of(make_account("autotask")) == tidy


@pytest.mark.parametrize(
    ("status", "data"),
    [(404, {"errors": ["no"]}), (401, {}), (400, {}), (200, {"url": None}), (200, {})],
)
def test_an_unknown_user_is_named_as_that(
    make_account: Any, answer: Any, status: int, data: Any
) -> None:
    """A zone nobody can tell means a wrong address, which the error doesn't repeat."""
    answer(status, data)
    with pytest.raises(PipelineError, match="does not know the API user") as caught:
        zone_of(make_account("autotask"))
    assert caught.value.category is Category.CREDENTIALS
    assert "AUTOTASK_USER" in caught.value.next_step
    assert USER not in str(caught.value)


def test_a_failing_look_up_names_both_reasons(make_account: Any, answer: Any) -> None:
    """A server error may be either's fault: Autotask's words are shown, the address is not."""
    network = answer(500, {"errors": [f"Zone of {USER} not found"]})
    with pytest.raises(PipelineError, match="not found") as caught:
        zone_of(make_account("autotask"))
    assert "AUTOTASK_USER" in caught.value.next_step
    assert USER not in str(caught.value)
    assert len(network.asked) == 3


@pytest.mark.parametrize(
    "url",
    ["https://autotask.example.com/ATServicesRest/", "https://127.0.0.1/", 7, "https://[::1"],
)
def test_credentials_go_to_autotask_only(make_account: Any, answer: Any, url: object) -> None:
    """A look-up that names another house is refused before anything is sent there."""
    network = answer(200, {"url": url})

    async def opened() -> None:
        async with make_client(make_account("autotask")):
            raise AssertionError("opened")

    with pytest.raises(PipelineError, match="not Autotask's"):
        asyncio.run(opened())
    assert len(network.asked) == 1


def test_an_unencrypted_zone_is_refused(make_account: Any, answer: Any) -> None:
    """Even Autotask's own host gets no credentials in the clear."""
    answer(200, {"url": "http://webservices5.autotask.net/ATServicesRest/"})

    async def opened() -> None:
        async with make_client(make_account("autotask")):
            raise AssertionError("opened")

    with pytest.raises(PipelineError, match="not encrypted"):
        asyncio.run(opened())


def test_every_call_carries_the_three_headers(make_account: Any, answer: Any) -> None:
    """Reading and writing alike, at the zone's host; each opened client looks it up once."""
    network = answer(200, {"url": ZONE, "items": []})

    async def ask(client: ApiClient) -> Reply:
        async with client:
            return await client.get(Request("/Companies/query"))

    asyncio.run(ask(make_client(make_account("autotask"))))
    zone, call = network.asked
    assert zone.url.host == "webservices.autotask.net"
    assert str(call.url) == f"{ZONE}V1.0/Companies/query"
    sent = {name: call.headers[name] for name in ("ApiIntegrationCode", "UserName", "Secret")}
    assert sent == {
        "ApiIntegrationCode": "secret-integration_code",
        "UserName": USER,
        "Secret": "secret-secret",
    }
    assert isinstance(make_writer(make_account("autotask")), WritingClient)
    assert not isinstance(make_client(make_account("autotask")), WritingClient)


def test_limits_stay_below_what_is_documented(make_account: Any) -> None:
    """Three calls at once, and half of the hour's calls at most."""
    limits = make_client(make_account("autotask"))._limits
    assert limits.concurrency == 3
    assert (limits.per_window, limits.window_seconds) == (5000, 3600)


@pytest.mark.parametrize(
    ("on", "day"),
    [
        (date(2026, 11, 1), date(2026, 12, 1)),
        (date(2026, 11, 30), date(2026, 12, 1)),
        (date(2026, 12, 31), date(2027, 1, 1)),
        (date(2027, 1, 31), date(2027, 2, 1)),
    ],
)
def test_the_first_of_the_next_month_counts(make_account: Any, on: date, day: date) -> None:
    """Billing is in advance, unless the settings say today; nothing else is taken."""
    assert reconciliation_day(make_account("autotask"), on) == day
    assert reconciliation_day(make_account("autotask", count_on="today"), on) == on
    with pytest.raises(PipelineError, match="count_on"):
        reconciliation_day(make_account("autotask", count_on="tomorrow"), on)


def test_rows_of_units_are_asked_for_one_day(make_account: Any) -> None:
    """Both twins are filtered by the day that counts, which is landed with the rules."""
    found = streams(make_account)
    for name in ("contract_service_units", "contract_service_bundle_units"):
        search = json.loads(found[name].request.params["search"])
        [group] = search["filter"]
        assert group["op"] == "and"
        assert group["items"] == [
            {"op": "lte", "field": "startDate", "value": "2026-12-01"},
            {"op": "gte", "field": "endDate", "value": "2026-12-01"},
        ]
    assert found["counting_rules"].plan({}) == [
        {
            "day": "2026-12-01",
            "customer_types": ["1"],
            "active_statuses": ["1"],
            "currency": None,
        }
    ]


def test_all_other_lists_are_whole(make_account: Any) -> None:
    """What doesn't count has to be explained, so it is read; id 0 is a company too."""
    for name, stream in streams(make_account).items():
        if stream.request is None or "units" in name:
            continue
        search = json.loads(stream.request.params["search"])
        assert search == {"MaxRecords": 500, "filter": [{"op": "gte", "field": "id", "value": 0}]}


def test_searches_are_far_below_the_longest_address(make_account: Any) -> None:
    """An address ends at 2,048 characters; ours leave room for the link to the next page."""
    for stream in streams(make_account).values():
        if stream.request is not None:
            url = httpx.URL(f"{ZONE}V1.0{stream.request.path}", params=stream.request.params)
            assert len(str(url)) < 512


def test_empty_lists_are_believed_for_bundles_only(make_account: Any) -> None:
    """Hidden contracts look like none; who sells bundles only can say so."""
    always = {"contract_service_bundles", "contract_service_bundle_units", "service_bundles"}
    plain = streams(make_account)
    assert {name for name, s in plain.items() if s.request and s.may_be_empty} == always
    assert "Contracts: Full" in plain["contracts"].empty_hint
    bundles = streams(make_account, bundles_only=True)
    also = always | {"contract_services", "contract_service_units", "services"}
    assert {name for name, s in bundles.items() if s.request and s.may_be_empty} == also


@pytest.mark.parametrize("settings", [{"customer_types": []}, {"active_statuses": ["Active"]}])
def test_picklist_settings_are_numbers(make_account: Any, settings: dict[str, Any]) -> None:
    """A label or nothing at all would quietly put every record out of scope."""
    with pytest.raises(PipelineError, match=next(iter(settings))) as caught:
        streams(make_account, **settings)
    assert caught.value.category is Category.SETTINGS


def test_a_currency_is_a_code(make_account: Any) -> None:
    """It ends up beside every amount, so it is checked."""
    assert streams(make_account, currency="EUR")["counting_rules"].plan({})[0]["currency"] == "EUR"
    with pytest.raises(PipelineError, match="currency"):
        streams(make_account, currency="Euro")


@pytest.mark.parametrize("data", [[], {}, {"pageDetails": None}, {"pageDetails": {"count": 1}}])
def test_a_page_that_does_not_say_how_to_go_on_is_refused(data: Any) -> None:
    """Silence about the next page is not the end of the list."""
    with pytest.raises(PipelineError, match="nextPageUrl") as caught:
        next_page(data)
    assert caught.value.category is Category.SHAPE
    assert next_page({"pageDetails": {"nextPageUrl": None}}) is None
    assert next_page({"pageDetails": {"nextPageUrl": "https://x/next"}}) == "https://x/next"


@pytest.mark.parametrize("value", ["soon", "2026-13-01T00:00:00Z", 7])
def test_a_date_that_is_none_is_refused(value: object) -> None:
    """A contract whose end can't be read must not look endless."""
    read = rows_of("contracts", days=("endDate",))
    assert read({"items": [{"id": 1, "endDate": "0001-01-01T00:00:00"}, {"endDate": None}]})
    with pytest.raises(PipelineError, match=r"contracts .*endDate") as caught:
        read({"items": [{"id": 1, "endDate": value}]})
    assert caught.value.category is Category.SHAPE


def test_the_tenant_is_named_without_a_secret(make_account: Any) -> None:
    """Two databases at one zone host are told apart by the name a person gave them."""
    with pytest.raises(PipelineError, match="database") as caught:
        tenant(make_account("autotask"))
    assert caught.value.category is Category.SETTINGS
    named = make_account("autotask", database="Northgate")
    assert tenant(named) == "Northgate at webservices.autotask.net"
    assert AUTOTASK.tenant is autotask_account.tenant
