"""Datto RMM's declaration: its login, its pages, its limits, and what is never landed."""

import asyncio
import base64
import json
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from reconcile_pipeline.http import ApiError, Limits, Reply, Request, TokenAuth
from reconcile_pipeline.landing.streams import without
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.systems.base import Stream
from reconcile_pipeline.systems.vendors import datto_rmm

ON = date(2026, 11, 22)


def declared(make_account: Any, **settings: Any) -> dict[str, Stream]:
    account = make_account("datto_rmm", **settings)
    return {stream.name: stream for stream in datto_rmm.streams(account, ON)}


def page(following: str | None, **others: Any) -> Reply:
    data = {"pageDetails": {"count": 1, "totalCount": 2, "nextPageUrl": following}, **others}
    headers = httpx.Headers()
    return Reply(
        Request("/x"), 200, headers, json.dumps(data), data, datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize("tail", ["", "/", "/api", "/api/"])
def test_the_login_is_the_public_clients_with_our_key(make_account: Any, tail: str) -> None:
    """Basic public-client:public, our key as user name, beside the API and not below it."""
    host = "https://merlot-api.centrastage.net"
    client = datto_rmm.make_client(make_account("datto_rmm", base_url=host + tail))
    assert str(client._base) == f"{host}/api"
    assert isinstance(client._auth, TokenAuth)
    request = client._auth._token_request()
    assert str(request.url) == f"{host}/auth/oauth/token"
    scheme, _, encoded = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded)) == ("Basic", b"public-client:public")
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["password"],
        "username": ["secret-api_key"],
        "password": ["secret-api_secret"],
    }
    assert client._auth.secrets == {"secret-api_key", "secret-api_secret"}


def test_the_shared_quota_is_kept_and_never_hammered(make_account: Any) -> None:
    """Half of what all tools share, four at once, and a whole window's pause after a 429."""
    client = datto_rmm.make_client(make_account("datto_rmm"))
    assert client._limits == Limits(
        concurrency=4, per_window=300, window_seconds=60, silent_wait_seconds=60
    )
    with pytest.raises(PipelineError, match="requests_per_minute"):
        datto_rmm.make_client(make_account("datto_rmm", requests_per_minute=601))


def test_pages_are_numbered_whatever_the_next_link_says(make_account: Any) -> None:
    """A next link that lost its parameters only says that there is more; null ends the list."""
    stream = declared(make_account)["devices"]
    assert stream.request is not None
    paginator = stream.paginator()
    first = paginator.first(stream.request)
    assert first.params == {"page": "0", "max": "250"}
    following = paginator.next(first, page("https://elsewhere.example/api?page=7"), 250)
    assert following is not None
    assert (following.path, following.params) == (first.path, {"page": "1", "max": "250"})
    assert paginator.next(following, page(None), 250) is None


@pytest.mark.parametrize("data", [{"devices": []}, {"devices": [], "pageDetails": None}])
def test_a_page_without_its_details_is_refused(data: Any) -> None:
    """A list whose end can't be told is never taken for whole."""
    with pytest.raises(PipelineError) as caught:
        datto_rmm.page_of("devices")(data)
    assert caught.value.category is Category.SHAPE
    with pytest.raises(PipelineError):
        datto_rmm.has_more({"pageDetails": {"nextPageUrl": 3}})


def test_the_rules_in_force_are_landed_with_the_pull(make_account: Any) -> None:
    """One row says what counted, so that old evidence explains itself."""
    plan = declared(make_account, count_suspended=False)["counting_rules"].plan
    assert plan is not None
    rules = {"id": "counting_rules", "count_suspended": False, "count_antivirus": False}
    assert plan({}) == [rules]


def test_recovery_keys_and_proxy_logins_are_not_landed(make_account: Any) -> None:
    """User-defined fields hold what an MSP keeps secret: none of 300 reaches the disk."""
    streams = declared(make_account)
    body = '{"udf":{"udf1":"BitLocker 551031","udf30":"x","udf300":"a\\"b"},"hostname":"PC"}'
    for name in ("devices", "site_devices"):
        assert without(streams[name].withheld, body) == (
            '{"udf":{"udf1":null,"udf30":null,"udf300":null},"hostname":"PC"}'
        )
    proxy = '{"proxySettings":{"username":"rmm","password":"p4ss","port":8080}}'
    assert without(streams["sites"].withheld, proxy) == (
        '{"proxySettings":{"username":null,"password":null,"port":8080}}'
    )


def test_a_share_that_is_none_is_refused(make_account: Any) -> None:
    """The control can't be set to something that looks like a percentage."""
    with pytest.raises(PipelineError, match="missing_share"):
        declared(make_account, missing_share=2)


@pytest.mark.parametrize(
    ("category", "words"),
    [(Category.CREDENTIALS, "API access must be enabled"), (Category.PERMISSION, "ten minutes")],
)
def test_refusals_say_what_they_usually_are(
    make_account: Any, category: Category, words: str
) -> None:
    """Wrong platform or old keys; a security level, or an address that was locked out."""
    error = ApiError("no", next_step="x", category=category, status=403)
    client: Any = None
    found: Any = asyncio.run(datto_rmm.diagnose(client, make_account("datto_rmm"), error))
    assert (found.message, found.category) == ("no", category)
    assert words in found.next_step


def test_our_own_control_speaks_for_itself(make_account: Any) -> None:
    """A pull refused for hidden sites keeps its own next step."""
    error = PipelineError("hidden", next_step="x", category=Category.PERMISSION)
    client: Any = None
    found = asyncio.run(datto_rmm.diagnose(client, make_account("datto_rmm"), error))
    assert found is error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "unauthorized", "error_description": "Bad credentials"}, "Bad credentials"),
        ({"status": 403, "message": "Forbidden"}, "Forbidden"),
        ("text", None),
    ],
)
def test_the_vendors_own_words_are_found(body: Any, words: str | None) -> None:
    """Each shape of a refusal that has been seen is read."""
    assert datto_rmm.explain(400, body, "") == words
