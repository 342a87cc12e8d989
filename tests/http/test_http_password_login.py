"""A login that answers in an envelope: its token found, its end kept, its refusal never retried."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, ApiError, PasswordLogin, Request
from reconcile_pipeline.model import Category

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRETS = frozenset({"s3cr3t-canary"})


def reply(data: Any, status: int = 200) -> httpx.Response:
    """An answer whose body has still to be read, as the network's."""
    body = json.dumps(data).encode()
    head = {"content-type": "application/json", "content-length": str(len(body))}
    return httpx.Response(status, headers=head, stream=httpx.ByteStream(body))


class Office:
    """Answers logins as told, and everything else with a list."""

    def __init__(self, login: Any, status: int = 200) -> None:
        self.login, self.status = login, status
        self.logins: list[str] = []
        self.clock = 0.0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login":
            self.logins.append(request.content.decode())
            return reply(self.login, self.status)
        assert request.headers["authorization"] == "Bearer token-canary"
        return reply([])

    def get(self, times: int = 1, wait: float = 0.0) -> None:
        auth = PasswordLogin(
            "https://api.example.com/login",
            {"userName": "ann", "password": "s3cr3t-canary"},
            secrets=SECRETS,
            clock=lambda: self.clock,
            now=lambda: NOW,
        )
        client = ApiClient(
            system="our psa",
            base_url="https://api.example.com",
            auth=auth,
            transport=httpx.MockTransport(self.answer),
        )

        async def ask() -> None:
            async with client:
                for _ in range(times):
                    await client.get(Request("/list"))
                    self.clock += wait

        asyncio.run(ask())


def envelope(**result: Any) -> dict[str, Any]:
    return {"success": True, "error": None, "result": {"accessToken": "token-canary", **result}}


def pascal(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "Success": data["success"],
        "Result": {"AccessToken": data["result"]["accessToken"]},
    }


@pytest.mark.parametrize("written", [lambda data: data, pascal])
def test_the_token_is_found_however_its_name_is_written(written: Callable[..., Any]) -> None:
    """One login serves all calls, whether names begin with a capital or not."""
    office = Office(written(envelope()))
    office.get(times=3)
    assert office.logins == ["userName=ann&password=s3cr3t-canary"]


@pytest.mark.parametrize(
    ("ends_at", "logins"),
    [
        ("2026-11-22T12:10:00Z", 2),
        ("2026-11-22T12:10:00", 2),
        ("2026-11-22T23:00:00+00:00", 1),
        # Clocks disagree: then only a 401 tells.
        ("2026-11-22T11:00:00Z", 1),
    ],
)
def test_a_token_is_renewed_before_the_moment_it_ends(ends_at: str, logins: int) -> None:
    """The announced moment counts, in UTC unless it says otherwise; a passed one says nothing."""
    office = Office(envelope(accessTokenExpireOn=ends_at))
    office.get(times=2, wait=560.0)
    assert len(office.logins) == logins


@pytest.mark.parametrize("status", [200, 401])
def test_a_refused_login_is_one_of_credentials(status: int) -> None:
    """A refusal is one of credentials, also inside a 200; it is tried once and shows no secret."""
    office = Office({"success": False, "error": {"code": 7, "message": "No."}}, status)
    with pytest.raises(ApiError) as caught:
        office.get()
    assert caught.value.category is Category.CREDENTIALS
    assert len(office.logins) == 1
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "login",
    [
        {"success": True, "result": None},
        {"success": True, "result": {"accessToken": ""}},
        {"success": True, "result": {"accessToken": "t", "accessTokenExpireOn": "soon"}},
        [],
    ],
)
def test_an_answer_without_a_token_is_no_login(login: Any) -> None:
    """What is neither a token nor a refusal is of a wrong shape, not of wrong credentials."""
    with pytest.raises(ApiError) as caught:
        Office(login).get()
    assert caught.value.category is Category.SHAPE
