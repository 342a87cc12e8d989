"""Liongard's declaration: the key's header, two shapes of every list, ten systems a call."""

import asyncio
import base64
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Page, Reply, Request, paginate
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import liongard
from reconcile_pipeline.systems.vendors.liongard_lists import IfPaged, rows, rows_or_one, values

ON = date(2026, 11, 22)
UUID = "0b7e2f10-5a44-4c1e-9a55-7d1c2e3f4a5b"
KEY = base64.b64encode(b"secret-access_key_id:secret-access_key_secret").decode()


def asked_through(account: Any, answer: Any) -> list[httpx.Request]:
    """The calls that one question takes; `answer` gets each."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        status, headers, content = answer(request)
        length = {"content-length": str(len(content))}
        return httpx.Response(status, headers=headers | length, stream=httpx.ByteStream(content))

    async def run() -> None:
        client = liongard.make_client(account)
        client._transport = httpx.MockTransport(handle)
        async with client:
            await client.get(liongard.fields_of("/systems", "ID", "Name"))

    asyncio.run(run())
    return seen


def test_the_redirect_of_every_call_is_followed_with_the_key(make_account: Any) -> None:
    """301 on the same host is no data: the call goes on with its fields and its header."""

    def answer(request: httpx.Request) -> tuple[int, dict[str, str], bytes]:
        if request.url.path.endswith("/"):
            return 200, {}, b'[{"ID": 1}]'
        moved = str(request.url).replace("/systems?", "/systems/?")
        return 301, {"location": moved}, b""

    first, second = asked_through(make_account("liongard"), answer)
    assert first.url.path == "/api/v1/systems"
    assert second.url.path == "/api/v1/systems/"
    assert second.url.params.get_list("fields[]") == ["ID", "Name"]
    assert first.headers["x-roar-api-key"] == second.headers["x-roar-api-key"] == KEY


def test_the_key_never_follows_to_another_host(make_account: Any) -> None:
    """A redirect that leads away is refused, before anything is sent there."""
    away = {"location": "https://elsewhere.example/api/v1/systems/"}
    seen: list[str] = []

    def answer(request: httpx.Request) -> tuple[int, dict[str, str], bytes]:
        seen.append(request.url.host)
        return 301, away, b""

    with pytest.raises(ApiError, match=r"elsewhere\.example"):
        asked_through(make_account("liongard"), answer)
    assert seen == ["us1.app.liongard.com"]


@pytest.mark.parametrize("data", [[{"ID": 1}], {"Data": [{"ID": 1}], "Pagination": {}}])
def test_bare_and_enveloped_lists_are_read(data: Any) -> None:
    """Clients of the same API disagree on the shape: both are taken."""
    assert rows(data) == [{"ID": 1}]


def test_a_single_metric_is_a_list_of_one() -> None:
    """The specification shows one object where the page speaks of a list."""
    assert rows_or_one({"ID": 1}) == [{"ID": 1}]
    assert rows_or_one([{"ID": 1}, {"ID": 2}]) == [{"ID": 1}, {"ID": 2}]


@pytest.mark.parametrize("data", [None, {}, {"Data": {}}, {"message": "no"}, [1], {"ID": 1}])
def test_what_is_no_list_is_refused(data: Any) -> None:
    """It never passes as an empty list."""
    with pytest.raises(PipelineError) as caught:
        rows(data)
    assert caught.value.category is Category.SHAPE


class Pages:
    """Answers with the pages in turn."""

    system = "liongard"

    def __init__(self, *pages: Any) -> None:
        self._pages = list(pages)
        self.paths: list[str] = []

    async def get(self, request: Request) -> Reply:
        self.paths.append(request.path)
        data = self._pages.pop(0)
        return Reply(request, 200, httpx.Headers(), "", data, datetime.now(UTC))


def all_pages(pages: Pages, request: Request) -> list[Any]:
    async def collect() -> list[Page]:
        return [page async for page in paginate(pages, request, IfPaged(), rows)]

    return [record for page in asyncio.run(collect()) for record in page.records]


def test_an_envelope_that_has_more_rows_is_read_to_its_end() -> None:
    """Bare lists are one page; an envelope says when there are more."""
    more = {"HasMoreRows": True, "CurrentPage": 1}
    last = {"HasMoreRows": False, "CurrentPage": 2}
    pages = Pages(
        {"Data": [{"ID": 1}], "Pagination": more}, {"Data": [{"ID": 2}], "Pagination": last}
    )
    request = liongard.fields_of("/systems", "ID")
    assert all_pages(pages, request) == [{"ID": 1}, {"ID": 2}]
    assert pages.paths == ["/systems?fields[]=ID", "/systems?fields[]=ID&page=2&pageSize=1000"]
    assert all_pages(Pages([{"ID": 1}]), request) == [{"ID": 1}]


def test_a_server_that_ignores_the_page_is_no_endless_list() -> None:
    """The same page again is incomplete, not more rows."""
    more = {"Data": [{"ID": 1}], "Pagination": {"HasMoreRows": True, "CurrentPage": 1}}
    with pytest.raises(ApiError) as caught:
        all_pages(Pages(more, more, more), Request("/systems"))
    assert caught.value.category is Category.INCOMPLETE


@pytest.mark.parametrize("is_list", [True, False])
def test_values_come_by_system_in_either_shape(*, is_list: bool) -> None:
    """An object keyed by system id, or a list of one-key objects: the same records."""
    value = {"Metric": {"ID": 501, "value": 27}}
    data: Any = {"3517": {"501": dict(value)}, "3623": {"501": dict(value)}, "9": []}
    if is_list:
        data = [{system: metrics} for system, metrics in data.items()]
    assert values(data) == [value | {"id": "3517/501"}, value | {"id": "3623/501"}]
    assert values({}) == []


@pytest.mark.parametrize(
    "data", [None, "x", 5, [1], {"error": {}}, {"35": "x"}, {"35": {"501": 27}}, {"35": [1]}]
)
def test_what_is_no_value_by_system_is_refused(data: Any) -> None:
    """An error object never passes as an answer without values."""
    with pytest.raises(PipelineError) as caught:
        values(data)
    assert caught.value.category is Category.SHAPE


def test_texts_that_may_hold_passwords_are_not_landed(make_account: Any) -> None:
    """Launchpoints' settings and descriptions come nested in what is read."""
    fetched = [s for s in liongard.streams(make_account("liongard"), ON) if s.plan is None]
    lists = [stream for stream in fetched if stream.name != "metric_values"]
    assert [stream.name for stream in lists] == [
        "environments",
        "metrics",
        "systems",
        "launchpoints",
    ]
    assert {stream.withheld for stream in lists} == {("Config", "SecureConfig", "Description")}


def test_settings_that_could_not_work_are_refused(make_account: Any) -> None:
    """A metric's id, which other instances have otherwise; more calls than are documented."""
    with pytest.raises(PipelineError, match="uuids") as caught:
        liongard.streams(make_account("liongard", uuids=["501"]), ON)
    assert caught.value.category is Category.SETTINGS
    with pytest.raises(PipelineError, match="requests_per_minute") as caught:
        liongard.make_client(make_account("liongard", requests_per_minute=401))
    assert caught.value.category is Category.SETTINGS


def test_the_rules_in_force_are_landed_with_the_pull(make_account: Any) -> None:
    """How metrics are chosen; UUIDs may be written in any case."""
    account = make_account("liongard", uuids=[UUID.upper()])
    plan = liongard.streams(account, ON)[0].plan
    assert plan is not None
    assert plan({}) == [{"id": "counting_rules", "metric_prefix": "Gradient", "uuids": [UUID]}]


def test_a_refusal_with_200_is_one() -> None:
    """The envelope of the second version says `Success`."""
    assert liongard.stands_for({"Success": False, "Message": "no"}) == 400
    assert liongard.stands_for([{"ID": 1}]) == liongard.stands_for({"Success": True}) == 200
    assert liongard.explain(400, {"error": "Bad field"}, "") == "Bad field"


def test_refusals_say_what_they_usually_are(make_account: Any) -> None:
    """Another instance, or a user that may not see everything; the rest is passed on."""
    account = make_account("liongard")
    told = {
        category: asyncio.run(
            liongard.diagnose(None, account, ApiError("x", next_step="y", category=category))  # type: ignore[arg-type]
        )
        for category in (Category.CREDENTIALS, Category.PERMISSION, Category.RATE_LIMIT)
    }
    assert "instance" in str(told[Category.CREDENTIALS])
    assert "global access" in str(told[Category.PERMISSION])
    assert str(told[Category.RATE_LIMIT]) == "x y"
