"""HaloPSA's declaration: settings, tokens, pages, and answers that must not pass for lists."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Self

import pytest

from reconcile_pipeline.http import ApiClient, ApiError, CallStats, Reply, Request, paginate
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa import halopsa_account as accounts
from reconcile_pipeline.systems.psa.halopsa import HALOPSA, expect_lines
from reconcile_pipeline.systems.psa.halopsa_lists import (
    HaloPages,
    checked_invoices,
    is_quantity,
    rows_under,
)

ON = date(2026, 11, 22)
MakeAccount = Callable[..., Any]


class Server:
    """Answers by page number, and remembers what was asked."""

    system = "halo"

    def __init__(self, pages: Callable[[int], Any]) -> None:
        self.pages = pages
        self.asked: list[dict[str, str]] = []

    async def get(self, request: Request) -> Reply:
        self.asked.append(dict(request.params))
        data = self.pages(int(request.params["page_no"]))
        return type("Reply", (), {"request": request, "data": data, "url": "", "status": 200})()


def ids_of(server: Server, size: int = 100) -> list[int]:
    async def collect() -> list[int]:
        pages = paginate(server, Request("/Client"), HaloPages(size), rows_under("clients"))
        return [row["id"] for page in [page async for page in pages] for row in page.records]

    return asyncio.run(collect())


def rows(first: int, last: int) -> list[dict[str, int]]:
    return [{"id": number} for number in range(first, last + 1)]


def capped(number: int) -> dict[str, Any]:
    """A server that gives 50 rows a page, whatever is asked for."""
    here = rows((number - 1) * 50 + 1, min(number * 50, 128))
    return {"page_no": number, "page_size": 50, "record_count": 128, "clients": here}


def test_a_server_that_caps_its_pages_loses_nothing() -> None:
    """The page size it tells goes before the one that was asked for."""
    server = Server(capped)
    assert ids_of(server) == list(range(1, 129))
    assert [asked["page_no"] for asked in server.asked] == ["1", "2", "3"]
    # "paginate" would be ignored.
    assert all(asked["pageinate"] == "true" for asked in server.asked)


def test_a_short_bare_array_is_the_whole_list() -> None:
    """Fewer rows than Halo ever cuts off need no second call."""
    server = Server(lambda _number: rows(1, 30))
    assert ids_of(server) == list(range(1, 31))
    assert len(server.asked) == 1


def test_a_bare_array_that_is_paged_is_read_to_its_end() -> None:
    """Its end is a page that is not full."""
    server = Server(lambda number: rows(1, 100) if number == 1 else rows(101, 120))
    assert ids_of(server) == list(range(1, 121))


@pytest.mark.parametrize(("count", "size"), [(50, 100), (100, 100), (50, 50)])
def test_the_same_array_again_may_be_cut(count: int, size: int) -> None:
    """Fifty rows, or as many as asked for, that come again prove nothing about the rest."""
    with pytest.raises(ApiError) as caught:
        ids_of(Server(lambda _number: rows(1, count)), size)
    assert caught.value.category is Category.INCOMPLETE


@pytest.mark.parametrize("count", [73, 130])
def test_an_array_of_no_round_size_is_whole(count: int) -> None:
    """A list that ignores paging and was visibly not cut is all there is."""
    found = ids_of(Server(lambda _number: rows(1, count)))
    assert sorted(set(found)) == list(range(1, count + 1))


def test_a_page_without_its_total_is_no_list() -> None:
    """Without a total, a list that Halo cuts off could never be told from a whole one."""
    with pytest.raises(PipelineError, match="how many"):
        rows_under("clients")({"clients": []})


@pytest.mark.parametrize(
    ("invoice", "words"),
    [
        ({"lines": {}}, "no list"),
        ({"lines": [{"qty_order": 1}]}, "without id"),
        ({"lines": [{"id": 1}]}, "qty_order"),
        ({"lines": [{"id": 1, "qty_order": "5"}]}, "qty_order"),
        ({"lines": [{"id": 1, "qty_order": Decimal("1.00001")}]}, "qty_order"),
        ({"lines": [{"id": 1, "qty_order": 1, "enddate": "soon"}]}, "enddate"),
        ({"lines": [], "nextcreationdate": "soon"}, "nextcreationdate"),
    ],
)
def test_invoices_that_can_not_be_understood_are_refused(invoice: Any, words: str) -> None:
    """Odd lines, quantities and dates fail the pull: they are never read as none."""
    with pytest.raises(PipelineError, match=words) as caught:
        checked_invoices({"record_count": 1, "invoices": [{"id": -1, **invoice}]})
    assert caught.value.category is Category.SHAPE


@pytest.mark.parametrize(
    ("value", "is_one"), [(3, True), (0.25, True), (True, False), ("3", False)]
)
def test_what_a_quantity_is(value: Any, is_one: bool) -> None:  # noqa: FBT001
    """Numbers, and nothing that looks like one."""
    assert is_quantity(value) is is_one


def test_invoices_without_any_line_are_not_zero() -> None:
    """A list whose lines were left out must not empty every customer's bill."""
    with pytest.raises(PipelineError, match="not one line") as caught:
        expect_lines([{"id": -1, "lines": []}])
    assert caught.value.category is Category.INCOMPLETE
    expect_lines([{"id": -1, "lines": []}, {"id": -2, "lines": [{"id": 1}]}])


def test_a_line_is_known_by_its_number() -> None:
    """Two lines of one number are refused; one invoice that two pages repeat is one invoice."""
    once = {"id": -1, "lines": [{"id": 5}]}
    expect_lines([once, once])
    for other in ({"id": -2, "lines": [{"id": 5}]}, {"id": -1, "lines": [{"id": 5}, {"id": 5}]}):
        with pytest.raises(PipelineError, match="same number") as caught:
            expect_lines([once, other])
        assert caught.value.category is Category.SHAPE


def test_lists_ask_for_all_there_is(make_account: MakeAccount) -> None:
    """Lines come along, inactive records too, in the order of ids, in pages of a fit size."""
    streams = {each.name: each for each in HALOPSA.streams(make_account("halopsa"), ON)}
    asked = {
        name: dict(stream.paginator().first(stream.request).params)
        for name, stream in streams.items()
        if stream.request is not None
    }
    assert all(params["order"] == "id" for params in asked.values())
    assert asked["recurring_invoices"]["includelines"] == "true"
    sizes = {name: params["page_size"] for name, params in asked.items()}
    assert sizes == {
        "clients": "100",
        "contracts": "100",
        "recurring_invoices": "50",
        "items": "100",
    }
    for name in ("clients", "contracts", "items"):
        assert asked[name]["includeinactive"] == "true"


@pytest.mark.parametrize(
    "setting",
    [
        {"currency": "dollar"},
        {"internal_client_ids": ["one"]},
        {"count_bundles": "both"},
        {"page_size": 0},
    ],
)
def test_settings_that_can_not_be_used_are_named(
    make_account: MakeAccount, setting: dict[str, Any]
) -> None:
    """Before a call is made, with the key that is wrong."""
    with pytest.raises(PipelineError, match=next(iter(setting))) as caught:
        HALOPSA.streams(make_account("halopsa", **setting), ON)
    assert caught.value.category is Category.SETTINGS


def located(
    monkeypatch: pytest.MonkeyPatch, account: Any, info: Any
) -> tuple[accounts._Issuer, list[Any]]:
    """Who issues tokens once the resource server has answered, and the settings of who asked."""
    asked: list[Any] = []

    class Asker:
        def __init__(self, **settings: Any) -> None:
            asked.append(settings)

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_error: object) -> None:
            return None

        async def get(self, _request: Request) -> Any:
            return type("Reply", (), {"data": info})()

    monkeypatch.setattr(accounts, "ApiClient", Asker)
    issuer = accounts._Issuer("", accounts._tenant(account.text("tenant")))
    asyncio.run(accounts.find_issuer(account, issuer, CallStats()))
    return issuer, asked


FOUND = {"auth_url": "https://yourcompany.halopsa.com/auth/", "tenant_id": "acme"}


def test_the_resource_server_tells_who_issues_tokens(
    monkeypatch: pytest.MonkeyPatch, make_account: MakeAccount
) -> None:
    """Asked without credentials; tenant and scopes go where Halo looks for them."""
    issuer, asked = located(monkeypatch, make_account("halopsa"), FOUND)
    request = issuer.request({"scope": "read:items"})
    assert str(request.url) == "https://yourcompany.halopsa.com/auth/token?tenant=acme"
    assert request.content == b"scope=read%3Aitems"
    assert not {"auth", "secrets"} & asked[0].keys()


@pytest.mark.parametrize("written", ["", "Not set", " not SET "])
def test_not_set_is_no_tenant(
    monkeypatch: pytest.MonkeyPatch, make_account: MakeAccount, written: str
) -> None:
    """On-premise pages show the words; they are not sent."""
    account = make_account("halopsa", tenant=written)
    issuer, _asked = located(monkeypatch, account, FOUND | {"tenant_id": "Not set"})
    assert str(issuer.request({}).url) == "https://yourcompany.halopsa.com/auth/token"


def test_a_tenant_that_is_set_goes_first(
    monkeypatch: pytest.MonkeyPatch, make_account: MakeAccount
) -> None:
    """What a person wrote is not overruled by what the server says."""
    issuer, _asked = located(monkeypatch, make_account("halopsa", tenant="ours"), FOUND)
    assert issuer.tenant == "ours"


@pytest.mark.parametrize(
    "info", [{}, [], {"auth_url": ""}, {"auth_url": "https://halopsa.example.com/auth"}]
)
def test_the_secret_goes_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, make_account: MakeAccount, info: Any
) -> None:
    """An authorisation server on another host is only used when a person sets it."""
    with pytest.raises(PipelineError, match=r"tokens come from|authorisation server") as caught:
        located(monkeypatch, make_account("halopsa"), info)
    assert "auth_url" in caught.value.next_step


def test_an_authorisation_server_that_is_set_is_not_asked_for(make_account: MakeAccount) -> None:
    """Then no call is made without credentials at all."""
    client: ApiClient = HALOPSA.client(  # type: ignore[misc]
        make_account("halopsa", auth_url="https://login.example.com/auth")
    )
    assert client._locate is None


def test_the_tenant_names_host_and_tenant(make_account: MakeAccount) -> None:
    """Two Halos, or production and trial, never have the same name."""
    assert accounts.tenant(make_account("halopsa")) == "yourcompany.halopsa.com"
    named = make_account("halopsa", tenant="trial")
    assert accounts.tenant(named) == "trial at yourcompany.halopsa.com"
