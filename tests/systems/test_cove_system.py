"""Cove's declaration: one address, a visa in each question, pages inside the body, no password."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, ApiError, Reply, Request
from reconcile_pipeline.http.errors import TokenError
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.vendors import cove
from reconcile_pipeline.systems.vendors.cove_login import OWN_PARTNER, CoveLogin
from reconcile_pipeline.systems.vendors.cove_questions import (
    RecordNumber,
    ask,
    ask_devices,
    result_rows,
    stands_for,
)

ON = date(2026, 11, 22)
FORBIDDEN = {"error": {"code": 13501, "message": "Operation failed because of security reasons"}}
LOGGED_IN = {"visa": "visa-0", "result": {"result": {"PartnerId": 2000000}}}
Answers = Callable[[dict[str, Any]], dict[str, Any]]


class Server:
    """Answers each question with the next visa, or as told; remembers what it was asked."""

    def __init__(self, answers: Answers) -> None:
        self.asked: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        question = json.loads(request.content) if request.content else {}
        self.asked.append(question)
        content = json.dumps(self._answers(question)).encode()
        # Unread, as from a wire.
        headers = {"content-length": str(len(content))}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))

    @property
    def methods(self) -> list[str]:
        return [question.get("method", "") for question in self.asked]


def ask_all(server: Server, *requests: Request, clock: Callable[[], float] = lambda: 0.0) -> Any:
    """Ask one after the other over a client with a Cove login; returns the answers' data."""
    login = CoveLogin(
        "https://api.example/jsonapi",
        partner="Example MSP (owner@example.com)",
        username="reconcile",
        password="token-secret",
        clock=clock,
    )

    async def run() -> list[Any]:
        client = ApiClient(
            system="cove",
            base_url="https://api.example",
            auth=login,
            stands_for=stands_for,
            reads_by_post={"/jsonapi"},
            transport=httpx.MockTransport(server),
        )
        async with client:
            return [(await client.get(request)).data for request in requests]

    return asyncio.run(run())


def numbered(question: dict[str, Any], server_visas: list[int]) -> dict[str, Any]:
    server_visas.append(len(server_visas) + 1)
    return {"visa": f"visa-{len(server_visas)}", "result": {"result": []}}


def test_each_question_carries_the_visa_of_the_answer_before() -> None:
    """The chain: login's visa first, then the freshest; the partner's id is filled in."""
    given: list[int] = []
    server = Server(lambda q: LOGGED_IN if q["method"] == "Login" else numbered(q, given))
    ask_all(server, ask("A", parent=OWN_PARTNER), ask_devices(["I1"]), ask("C"))
    assert server.methods == ["Login", "A", "EnumerateAccountStatistics", "C"]
    assert [question.get("visa") for question in server.asked] == [
        None,
        "visa-0",
        "visa-1",
        "visa-2",
    ]
    assert server.asked[1]["params"] == {"parent": 2000000}
    assert server.asked[2]["params"]["query"]["PartnerId"] == 2000000


def test_an_answer_without_a_visa_leaves_the_one_before_in_use() -> None:
    """Refusals bring none (Cove: visa missing in an error response)."""
    server = Server(lambda q: LOGGED_IN if q["method"] == "Login" else {"result": {"result": []}})
    ask_all(server, ask("A"), ask("B"))
    assert [question.get("visa") for question in server.asked] == [None, "visa-0", "visa-0"]


def test_after_a_quarter_of_an_hour_it_logs_in_again() -> None:
    """A visa lives 15 minutes: older ones are not even tried."""
    # At the login, at the first answer, and from the second question on.
    now = iter([0.0, 0.0, 1000.0, 1000.0, 1000.0])
    given: list[int] = []
    server = Server(lambda q: LOGGED_IN if q["method"] == "Login" else numbered(q, given))
    ask_all(server, ask("A"), ask("B"), clock=lambda: next(now))
    assert server.methods == ["Login", "A", "Login", "B"]


@pytest.mark.parametrize("refusal", [FORBIDDEN, {"error": {"code": 1, "message": "Visa is over"}}])
def test_an_ended_visa_costs_one_login(refusal: dict[str, Any]) -> None:
    """Which code it gets is not documented: anything that may mean it is tried once more."""
    refused: list[str] = []

    def answers(question: dict[str, Any]) -> dict[str, Any]:
        if question["method"] == "Login":
            return LOGGED_IN
        if not refused:
            refused.append("once")
            return refusal
        return {"result": {"result": [{"Id": 1}]}}

    server = Server(answers)
    assert result_rows(ask_all(server, ask("A"))[0]) == [{"Id": 1}]
    assert server.methods == ["Login", "A", "Login", "A"]


def test_the_report_gets_the_visa_as_bearer_and_the_partner_in_its_address() -> None:
    """The workbook is fetched by GET, beside the JSON-RPC address."""
    server = Server(lambda q: LOGGED_IN if q else {})
    ask_all(server, Request(cove.REPORT, params={"partnerId": OWN_PARTNER}))
    report = server.requests[-1]
    assert report.method == "GET"
    assert report.headers["authorization"] == "Bearer visa-0"
    assert report.url.params["partnerId"] == "2000000"


def test_a_refused_login_is_one_of_credentials_and_keeps_the_token() -> None:
    """An error inside a 200; nothing of the question is told."""
    server = Server(lambda _q: {"error": {"code": 13504, "message": "no token-secret here"}})
    with pytest.raises(ApiError) as caught:
        ask_all(server, ask("A"), ask("B"))
    assert caught.value.category is Category.CREDENTIALS
    assert "token-secret" not in str(caught.value)
    assert server.methods == ["Login"]


@pytest.mark.parametrize(
    "body", [{"result": {"result": {"PartnerId": 1}}}, {"visa": "v"}, {"visa": 7, "result": {}}]
)
def test_a_login_without_visa_or_partner_is_no_login(body: dict[str, Any]) -> None:
    """Half an answer is refused as malformed, not used."""
    login = CoveLogin("https://x.example/jsonapi", partner="p", username="u", password="secret")
    with pytest.raises(TokenError) as caught:
        login.answered(httpx.Response(200, json=body))
    assert caught.value.malformed


def test_pages_go_on_until_one_is_short() -> None:
    """Start and size stand in the body; a full page says that there may be more."""
    pages = RecordNumber(3)
    request = pages.first(ask_devices(["I1"]))
    asked = []
    for count in (3, 3, 0):
        query = request.body["params"]["query"]
        asked.append((query["StartRecordNumber"], query["RecordsCount"]))
        reply = Reply(request, 200, httpx.Headers(), "", None, datetime.now(UTC))
        following = pages.next(request, reply, count)
        if following is None:
            break
        assert following.identity != request.identity
        request = following
    assert asked == [(0, 3), (3, 3), (6, 3)]
    assert request.body["params"]["query"]["SelectionMode"] == "Merged"


def test_devices_are_asked_for_by_thousands_and_never_for_their_password(make_account: Any) -> None:
    """5,000 a page instead of a client's 999; column I3 is a password and is in no question."""
    devices = cove.streams(make_account("cove"), ON)[-1]
    assert devices.request is not None
    query = devices.paginator().first(devices.request).body["params"]["query"]
    assert query["RecordsCount"] == 5000
    assert query["Columns"] == [*cove.NEEDED_COLUMNS, *cove.OTHER_COLUMNS]
    assert "I3" not in query["Columns"]


def test_visas_are_never_landed(make_account: Any) -> None:
    """They stand in every answer; each list withholds them."""
    fetched = [s for s in cove.streams(make_account("cove"), ON) if s.request is not None]
    assert [(stream.name, stream.withheld) for stream in fetched] == [
        ("partners", ("visa",)),
        ("devices", ("visa",)),
    ]


def test_the_months_maximum_is_asked_for_up_to_the_day(make_account: Any) -> None:
    """Only where it counts, from the first of the month to the day of the pull."""
    live = [stream.name for stream in cove.streams(make_account("cove"), ON)]
    assert live == ["counting_rules", "partners", "devices"]
    maximum = cove.streams(make_account("cove", count="month_maximum"), ON)[-1]
    assert maximum.request is not None
    assert maximum.request.params["dateFrom"] == "2026-11-01T00:00:00Z"
    assert maximum.request.params["dateTo"] == "2026-11-22T23:59:59Z"


@pytest.mark.parametrize(
    "settings",
    [{"count": "maximum"}, {"columns_left_out": ["TM"]}, {"page_size": 0}, {"page_size": 20000}],
)
def test_settings_that_would_count_wrong_are_refused(
    make_account: Any, settings: dict[str, Any]
) -> None:
    """A misspelled way of counting, or a column no count can do without, never goes unnoticed."""
    with pytest.raises(PipelineError, match=next(iter(settings))) as caught:
        cove.streams(make_account("cove", **settings), ON)
    assert caught.value.category is Category.SETTINGS


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"result": {"result": []}}, 200),
        ([], 200),
        (FORBIDDEN, 403),
        ({"error": {"code": 13500, "message": "Visa has expired."}}, 401),
        ({"error": {"code": -32602, "message": "Bad params"}}, 400),
        ({"error": "odd"}, 400),
    ],
)
def test_refusals_come_with_200(body: Any, status: int) -> None:
    """The status that a body stands for is read from its error."""
    assert stands_for(body) == status


@pytest.mark.parametrize("data", [None, {}, {"result": []}, {"result": {"result": {}}}, [1]])
def test_what_is_not_two_results_deep_is_refused(data: Any) -> None:
    """Anything but the list never passes as an empty one."""
    with pytest.raises(PipelineError) as caught:
        result_rows(data)
    assert caught.value.category is Category.SHAPE


def diagnosed(account: Any, error: Exception, refused: set[str]) -> Exception:
    """The error as `diagnose` tells it, at a server that refuses some columns."""

    def answers(question: dict[str, Any]) -> dict[str, Any]:
        if question["method"] == "Login":
            return LOGGED_IN
        columns = set(question["params"]["query"]["Columns"])
        return FORBIDDEN if columns & refused else {"result": {"result": []}}

    async def run() -> Exception:
        client = cove.make_client(account)
        client._transport = httpx.MockTransport(Server(answers))
        async with client:
            return await cove.diagnose(client, account, error)

    return asyncio.run(run())


def test_one_forbidden_column_is_named(make_account: Any) -> None:
    """13501 fails the whole question: each column is tried alone, and the bad one told."""
    refused = ApiError(
        "cove: POST /jsonapi EnumerateAccountStatistics answered 403",
        next_step="x",
        category=Category.PERMISSION,
    )
    account = make_account("cove")
    told = diagnosed(account, refused, {"I80", "D9F03"})
    assert "I80, D9F03" in str(told)
    assert "columns_left_out" in str(told)
    everything = {*cove.NEEDED_COLUMNS, *cove.OTHER_COLUMNS}
    assert "Supporter" in str(diagnosed(account, refused, everything))


def test_refusals_say_what_they_usually_are(make_account: Any) -> None:
    """A wrong login is mostly the partner's name; other errors are passed on as they are."""
    account = make_account("cove")
    wrong = ApiError("refused", next_step="x", category=Category.CREDENTIALS)
    assert "exactly as Cove shows it" in str(diagnosed(account, wrong, set()))
    slow = ApiError("slow", next_step="x", category=Category.RATE_LIMIT)
    assert diagnosed(account, slow, set()) is slow
    empty = PipelineError("empty", next_step="hint", category=Category.PERMISSION)
    assert diagnosed(account, empty, set()) is empty
