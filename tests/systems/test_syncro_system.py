"""Syncro's lists, settings and refusals, without a server."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Reply, Request
from reconcile_pipeline.landing.streams import without
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.psa.syncro_account import api_base, currency, tenant
from reconcile_pipeline.systems.psa.syncro_lists import (
    SyncroPages,
    ask_schedules,
    plan_schedules,
    quantity_of,
    read_schedule,
    read_schedules,
)
from reconcile_pipeline.systems.psa.syncro_refusals import diagnose, explain

MakeAccount = Callable[..., Any]


def pages_read(counts: list[int], meta: dict[str, int] | None = None) -> int:
    """How many pages are asked for when they hold so many records, and empty ones follow."""
    pages, asked = SyncroPages(), 0
    request: Request | None = pages.first(Request("/schedules"))
    while request is not None:
        count = counts[asked] if asked < len(counts) else 0
        asked += 1
        assert request.params["page"] == str(asked)
        data = {"schedules": []} | ({"meta": meta} if meta else {})
        reply = Reply(request, 200, httpx.Headers(), "", data, fetched_at=None)  # type: ignore[arg-type]
        request = pages.next(request, reply, count)
    return asked


@pytest.mark.parametrize(
    ("counts", "asked"),
    [
        ([25, 25, 3], 4),
        ([25, 25], 3),
        ([16], 2),
        ([20, 20, 20, 1], 5),
        ([0], 1),
        ([16, 16], 3),
    ],
)
def test_a_list_without_totals_proves_that_it_is_over(counts: list[int], asked: int) -> None:
    """An empty page ends it, and nothing else does: a short one proves nothing."""
    assert pages_read(counts) == asked


def test_an_announced_list_ends_where_it_says() -> None:
    """Where the answer tells its pages, no call is made beyond them."""
    assert pages_read([16], {"total_pages": 1}) == 1
    assert pages_read([25, 25], {"total_pages": 2}) == 2


@pytest.mark.parametrize(
    ("quantity", "read"),
    [
        ("25.0", Decimal(25)),
        ("9.99", Decimal("9.99")),
        (12, Decimal(12)),
        ("0.0001", Decimal("0.0001")),
        ("0.00001", None),
        ("", None),
        ("many", None),
        ("NaN", None),
        (None, None),
        (True, None),
        (["1"], None),
    ],
)
def test_quantities_are_exact_or_refused(quantity: Any, read: Decimal | None) -> None:
    """A text is read digit for digit; what is no number is never zero."""
    assert quantity_of({"quantity": quantity}) == read


@pytest.mark.parametrize(
    "lines", [["x"], {"id": 1}, [{"id": 1, "quantity": "?"}], [{"quantity": "1"}]]
)
def test_lines_that_cannot_be_used_are_refused(lines: Any) -> None:
    """The schedule is named, and nothing of the pull is used."""
    for read, data in (
        (read_schedules, {"schedules": [{"id": 610, "lines": lines}]}),
        (read_schedule, {"schedule": {"id": 610, "lines": lines}}),
    ):
        with pytest.raises(PipelineError, match="schedule 610") as caught:
            read(data)
        assert caught.value.category is Category.SHAPE


def test_only_running_schedules_without_lines_are_asked() -> None:
    """One call each, and none for what is paused or told already."""
    rows = [
        {"id": 1, "paused": False, "lines": [{"id": 9}]},
        {"id": 2, "paused": False, "lines": []},
        {"id": 3, "paused": False},
        {"id": 4, "paused": True, "lines": []},
    ]
    scope = plan_schedules({"schedules": rows})
    children = ask_schedules({"schedule_scope": scope})
    assert [child.request.path for child in children] == ["/schedules/2", "/schedules/3"]


def test_the_address_follows_from_the_subdomain(make_account: MakeAccount) -> None:
    """A subdomain is enough; another address may be given; anything odd is refused."""
    account = make_account("syncro", subdomain="acme")
    assert api_base(account) == "https://acme.syncromsp.com/api/v1"
    assert tenant(account) == "acme at acme.syncromsp.com"
    own = make_account("syncro", subdomain="acme", base_url="http://127.0.0.1:1/api/v1/")
    assert api_base(own) == "http://127.0.0.1:1/api/v1"
    for wrong in ("acme.syncromsp.com", "https://acme", "acme/x", "a b"):
        with pytest.raises(PipelineError, match="'subdomain'"):
            api_base(make_account("syncro", subdomain=wrong))


def test_a_currency_is_a_code(make_account: MakeAccount) -> None:
    """Three capitals, or nothing."""
    assert currency(make_account("syncro", currency="USD")) == "USD"
    assert currency(make_account("syncro")) is None
    with pytest.raises(PipelineError, match="'currency'"):
        currency(make_account("syncro", currency="dollar"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"error": ["Name can't be blank", "Rate is odd"]}, "Name can't be blank Rate is odd"),
        ({"success": False, "message": ["No such customer"]}, "No such customer"),
        ({"record": {}, "errors": "Customer can't be blank"}, "Customer can't be blank"),
        ({"errors": {"name": ["is too long"]}}, "name is too long"),
        ({"error": "Not authorized"}, "Not authorized"),
        (None, None),
        ({"id": 5}, None),
    ],
)
def test_every_shape_of_refusal_is_read(data: Any, words: str | None) -> None:
    """Syncro words its refusals in four shapes."""
    assert explain(422, data, "") == words


@pytest.mark.parametrize(
    ("status", "category", "words"),
    [
        (401, Category.CREDENTIALS, "SYNCRO_API_TOKEN"),
        (403, Category.PERMISSION, "Recurring Invoices - List"),
        (404, Category.SETTINGS, "Check subdomain"),
    ],
)
def test_a_refusal_says_what_to_do(
    make_account: MakeAccount, status: int, category: Category, words: str
) -> None:
    """Wrong token, missing permission and wrong address each have their own way out."""
    error = ApiError(
        f"our_syncro: GET /schedules answered {status}",
        next_step="",
        category=Category.UNREACHABLE,
        status=status,
    )
    client: Any = None
    found: Any = asyncio.run(diagnose(client, make_account("syncro"), error))
    assert found.category is category
    assert words in found.next_step


def test_keys_on_a_page_are_not_landed() -> None:
    """The portal's key is taken out, whatever stands around it, and nothing else."""
    page = r'{"a":"b","online_profile_url" : "https://x/?key=\"q\"","c":["online_profile_url"]}'
    assert without(("online_profile_url",), page) == (
        '{"a":"b","online_profile_url" : null,"c":["online_profile_url"]}'
    )
