"""Sophos Central's declaration: who asks, which month is read, and what a refusal means."""

import asyncio
from datetime import date
from typing import Any
from urllib.parse import parse_qs

import pytest

from reconcile_pipeline.http import ApiError, ClientCredentials, Reply, Request
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Stream
from reconcile_pipeline.systems.vendors import sophos, sophos_refusals, sophos_report

ON = date(2026, 1, 5)
PARTNER = {"id": "25bf3721", "idType": "partner", "apiHosts": {"global": "http://evil.example/"}}


def declared(make_account: Any, **settings: Any) -> dict[str, Stream]:
    streams = sophos.streams(make_account("sophos", **settings), ON)
    return {stream.name: stream for stream in streams}


def asked(stream: Stream, tenants: Any = ()) -> list[Request]:
    assert stream.children is not None
    children = stream.children({"whoami": [PARTNER], "tenants": tenants})
    return [child.request for child in children]


def reply_to(request: Request, data: Any) -> Reply:
    return Reply(request, 200, None, "", data, None)  # type: ignore[arg-type]


def test_every_partner_call_names_the_partner(make_account: Any) -> None:
    """What whoami tells goes into the header of both lists, and no host it names is followed."""
    streams = declared(make_account)
    for name in ("tenants", "usage"):
        [request] = asked(streams[name])
        assert request.headers == {"X-Partner-ID": "25bf3721"}
        assert request.path.startswith("/partner/v1/")


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("previous", "/partner/v1/billing/usage/2025/12"),
        ("current", "/partner/v1/billing/usage/2026/1"),
    ],
)
def test_the_month_read_is_last_month_unless_said(
    make_account: Any, setting: str, path: str
) -> None:
    """In January last month is December; months are written without a zero in front."""
    [request] = asked(declared(make_account, usage_month=setting)["usage"])
    assert request.path == path
    assert [request.path for request in asked(declared(make_account)["usage"])] == [
        "/partner/v1/billing/usage/2025/12"
    ]


def test_another_month_than_those_two_is_refused(make_account: Any) -> None:
    """A misspelled month is a mistake in the settings, not another month."""
    with pytest.raises(PipelineError, match="usage_month") as caught:
        declared(make_account, usage_month="last")
    assert caught.value.category is Category.SETTINGS


def test_the_month_in_force_is_landed_with_the_pull(make_account: Any) -> None:
    """The evidence says which report it rests on, and what it was compared with."""
    plan = declared(make_account, compare_with_month_before=True, currency="EUR")[
        "counting_rules"
    ].plan
    assert plan is not None
    assert plan({}) == [
        {
            "id": "counting_rules",
            "usage_month": "2025-12",
            "month_before": "2025-11",
            "currency": "EUR",
        }
    ]


def test_the_month_before_is_read_only_if_asked(make_account: Any) -> None:
    """It costs a call, may be missing, and feeds no guard."""
    assert "usage_before" not in declared(make_account)
    streams = declared(make_account, compare_with_month_before=True)
    before = streams["usage_before"]
    [request] = asked(before)
    assert (request.path, request.tolerates) == ("/partner/v1/billing/usage/2025/11", {404})
    assert (before.is_guarded, before.may_be_empty, before.account) == (False, True, None)
    [counted] = asked(streams["usage"])
    assert not counted.tolerates


def test_the_report_is_paged_by_key(make_account: Any) -> None:
    """The parameter is pageFromKey; the end is where no key is, an empty page is not."""
    usage = declared(make_account)["usage"]
    [request] = asked(usage)
    pages = usage.paginator()
    first = pages.first(request)
    assert first.params == {"pageSize": "1000"}
    second = pages.next(first, reply_to(first, {"items": [], "pages": {"nextKey": "b2Zm"}}), 0)
    assert second is not None
    assert second.params == {"pageSize": "1000", "pageFromKey": "b2Zm"}
    assert second.headers == request.headers
    assert pages.next(second, reply_to(second, {"items": [], "pages": {}}), 0) is None


def test_customers_are_paged_by_number_with_totals(make_account: Any) -> None:
    """Without pageTotal=true the answer names no last page, and page one would be all."""
    tenants = declared(make_account)["tenants"]
    first = tenants.paginator().first(asked(tenants)[0])
    assert first.params == {"pageTotal": "true", "page": "1", "pageSize": "100"}
    with pytest.raises(PipelineError) as caught:
        tenants.records({"items": [], "pages": {"current": 1, "size": 50, "maxSize": 100}})
    assert caught.value.category is Category.SHAPE
    small = declared(make_account, page_size=50)
    assert small["tenants"].paginator().first(Request("/x")).params["pageSize"] == "50"
    assert small["usage"].paginator().first(Request("/x")).params["pageSize"] == "50"


def test_a_page_of_the_report_says_whether_there_is_another() -> None:
    """Nothing else proves that the report is whole."""
    assert sophos_report.report_lines({"items": [], "pages": {}}) == []
    with pytest.raises(PipelineError) as caught:
        sophos_report.report_lines({"items": []})
    assert caught.value.category is Category.SHAPE


def test_lines_that_share_an_order_line_are_told_apart() -> None:
    """An order line is shared by customers; a firewall has no tenant; one line twice is one."""
    order = {"orderNumber": "O", "orderLineItemNumber": "L", "productCode": "P"}
    lines = [
        order | {"accountId": "A"},
        order | {"accountId": "B"},
        order | {"assignedAccountIdentifier": "Acme", "accountNumberOrSerialNumber": "C1"},
        order | {"assignedAccountIdentifier": "Acme", "accountNumberOrSerialNumber": "C2"},
        order | {"accountNumberOrSerialNumber": "C3"},
        dict(order),
    ]
    read = sophos_report.report_lines({"items": lines, "pages": {}})
    assert len({line["line_id"] for line in read}) == 6
    assert [line["account_key"] for line in read] == [
        "A",
        "B",
        "assigned:Acme",
        "assigned:Acme",
        "serial:C3",
        "unassigned",
    ]
    [first, second] = sophos_report.report_lines({"items": [dict(order)] * 2, "pages": {}})
    assert first["line_id"] == second["line_id"]


def test_only_term_customers_are_asked_for_licences(make_account: Any) -> None:
    """Flex customers are in the report, trials pay nothing; a hidden list is an answer."""
    kinds = {"1": "usage", "2": "term", "3": "trial", "4": "term"}
    tenants = [{"id": number, "billingType": kind} for number, kind in kinds.items()]
    requests = asked(declared(make_account)["licences"], [*tenants, tenants[1]])
    assert [request.headers for request in requests] == [{"X-Tenant-ID": "2"}, {"X-Tenant-ID": "4"}]
    assert {request.path for request in requests} == {"/licenses/v1/licenses"}
    assert all(request.tolerates == {403} for request in requests)
    assert "licences" not in declared(make_account, read_licences=False)


@pytest.mark.parametrize(("kind", "words"), [("tenant", "one customer"), ("organization", "one e")])
def test_credentials_of_a_customer_are_refused_in_plain_words(kind: str, words: str) -> None:
    """A customer's own credentials would show one customer and call it all."""
    with pytest.raises(PipelineError, match=words) as caught:
        sophos_refusals.whoami_record({"id": "x", "idType": kind})
    assert caught.value.category is Category.CREDENTIALS
    assert "Sophos Central Partner" in caught.value.next_step
    assert sophos_refusals.whoami_record(PARTNER) == [PARTNER]


def refusal(status: int, path: str, category: Category) -> ApiError:
    message = f"our_sophos: GET {path} answered {status}."
    return ApiError(message, next_step="x", category=category, status=status)


def test_no_report_yet_is_incomplete_and_never_zero(make_account: Any) -> None:
    """A month without data is answered 404: told with its month, and the old pull stays in use."""
    error = refusal(404, "/partner/v1/billing/usage/2025/12", Category.SHAPE)
    account = make_account("sophos")
    told = asyncio.run(sophos.diagnose(None, account, error))  # type: ignore[arg-type]
    assert isinstance(told, PipelineError)
    assert told.category is Category.INCOMPLETE
    assert "no usage report for 2025-12 yet" in told.message
    assert "last complete pull stays in use" in told.next_step
    other = refusal(404, "/partner/v1/tenants", Category.SHAPE)
    assert asyncio.run(sophos.diagnose(None, account, other)) is other  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "category"), [(401, Category.CREDENTIALS), (403, Category.PERMISSION)]
)
def test_refused_keys_point_at_the_partner_portal(
    make_account: Any, status: int, category: Category
) -> None:
    """The usual mistake is a credential made in a customer's Central Admin."""
    error = refusal(status, "/partner/v1/tenants", category)
    told = asyncio.run(sophos.diagnose(None, make_account("sophos"), error))  # type: ignore[arg-type]
    assert isinstance(told, PipelineError)
    assert told.category is category
    assert "Settings & Policies > API Credentials" in told.next_step


def test_the_token_is_asked_for_as_a_form(make_account: Any) -> None:
    """Sophos's login host takes a form with the scope token."""
    client = sophos.make_client(make_account("sophos"))
    assert isinstance(client._auth, ClientCredentials)
    request = client._auth._token_request()
    assert str(request.url) == "https://id.sophos.com/api/v2/oauth2/token"
    body = parse_qs(request.content.decode())
    assert (body["scope"], body["grant_type"]) == (["token"], ["client_credentials"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "Unauthorized", "message": "Token is over"}, "Token is over"),
        ({"error": "Forbidden"}, "Forbidden"),
        ({"errorCode": "oauth.invalid_client_secret", "trackingId": "1"}, "oauth.invalid_client"),
        (None, None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """Both shapes of a Sophos refusal are read."""
    told = sophos_refusals.explain(400, body, "")
    assert told is None if words is None else told is not None and told.startswith(words)
