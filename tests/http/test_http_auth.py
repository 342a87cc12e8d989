"""Tokens: fetched once, renewed once, shared, never shown; and what a refused one means."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from reconcile_pipeline.http import (
    AfterId,
    ApiError,
    ClientCredentials,
    HeaderAuth,
    Limits,
    Request,
    paginate,
)
from reconcile_pipeline.model import Category

BODY = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s3cr3t-canary"}


class Office:
    """The vendor's side: gives tokens, knows which are valid, counts what was asked."""

    def __init__(
        self, wire: Any, *, good_for: Any = 10**9, expires_in: Any = 3600, token_answers: Any = ()
    ) -> None:
        self.wire = wire
        self.good_for = good_for
        self.expires_in = expires_in
        self.token_answers = list(token_answers)
        self.same_token = False
        self.issued = 0
        self.used = 0
        wire.script = self.answer

    def answer(self, seen: Any) -> Any:
        if seen.path == "/token":
            if self.token_answers:
                return self.token_answers.pop(0)
            self.issued += 1
            self.used = 0
            return self.wire.json(
                {"access_token": self.token, "expires_in": self.expires_in, "token_type": "bearer"}
            )
        self.used += 1
        is_valid = seen.headers.get("authorization") == f"Bearer {self.token}"
        if not is_valid or self.used > self.good_for:
            return self.wire.json({"error": "expired"}, 401)
        after = int(seen.query.get("after", "0"))
        return self.wire.json([{"id": after + 1}, {"id": after + 2}][: 10 - after])

    @property
    def token(self) -> Any:
        return "token-canary" if self.same_token else f"token-canary-{self.issued}"

    @property
    def calls(self) -> Any:
        return Counter(seen.path for seen in self.wire.seen)


def credentials(wire: Any, encoding: str = "json", **options: Any) -> Any:
    return ClientCredentials(f"{wire.url}/token", BODY, encoding, **options)


async def all_ids(client: Any) -> Any:
    pages = paginate(client, Request("/things"), AfterId(2), lambda data: data)
    return [row["id"] async for page in pages for row in page.records]


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("json", "application/json"), ("form", "application/x-www-form-urlencoded")],
)
def test_one_token_serves_a_whole_list(wire: Any, rig: Any, encoding: str, kind: str) -> None:
    """A list costs one token call, sent the way the vendor reads it, and counted as a call."""
    office = Office(wire)
    assert rig.run(all_ids, auth=credentials(wire, encoding)) == list(range(1, 11))
    assert office.calls == {"/token": 1, "/things": 6}
    assert rig.client.stats.calls == 7
    token_call = wire.seen[0]
    assert (token_call.method, token_call.headers["content-type"]) == ("POST", kind)
    sent = (
        json.loads(token_call.body)
        if encoding == "json"
        else dict(pair.split("=") for pair in token_call.body.decode().split("&"))
    )
    assert sent == BODY
    assert "authorization" not in token_call.headers


@pytest.mark.fault(17)
def test_a_token_that_ends_in_mid_list_is_renewed_once(wire: Any, rig: Any) -> None:
    """A 401 in mid-list costs one renewal and one repeated call; no record is lost or doubled."""
    office = Office(wire, good_for=3)
    assert rig.run(all_ids, auth=credentials(wire)) == list(range(1, 11))
    assert office.calls == {"/token": 2, "/things": 7}
    assert rig.client.stats.retries == 0


def test_twenty_calls_make_one_token_call(wire: Any, rig: Any) -> None:
    """However many calls start at once, or find their token ended at once, one renews for all."""
    office = Office(wire)

    async def burst(client: Any) -> Any:
        await asyncio.gather(*(client.get(Request("/things")) for _ in range(20)))
        first = office.calls.copy()
        office.issued += 1  # what was handed out so far is no longer valid
        await asyncio.gather(*(client.get(Request("/things")) for _ in range(20)))
        return first

    first = rig.run(burst, auth=credentials(wire), limits=Limits(concurrency=20))
    assert first == {"/token": 1, "/things": 20}
    assert office.calls["/token"] == 2
    assert office.calls["/things"] <= 60


@pytest.mark.parametrize("is_same", [True, False])
@pytest.mark.fault(17)
def test_a_second_401_is_final(wire: Any, rig: Any, is_same: Any) -> None:
    """One renewal, one repetition, then an error about the keys: never a loop."""
    office = Office(wire, good_for=0)
    office.same_token = is_same
    with pytest.raises(ApiError, match="Check the keys of Acme") as info:
        rig.get(auth=credentials(wire))
    assert (info.value.category, info.value.status) == (Category.CREDENTIALS, 401)
    assert office.calls == {"/token": 2, "/things": 2}


@pytest.mark.fault(17)
def test_the_same_token_again_is_not_asked_for_by_every_call(wire: Any, rig: Any) -> None:
    """A vendor that hands out one token over and over gets one renewal from twenty calls."""
    office = Office(wire, good_for=0)
    office.same_token = True

    async def burst(client: Any) -> Any:
        calls = (client.get(Request("/things")) for _ in range(20))
        return await asyncio.gather(*calls, return_exceptions=True)

    errors = rig.run(burst, auth=credentials(wire), limits=Limits(concurrency=20))
    assert {error.category for error in errors} == {Category.CREDENTIALS}
    assert office.calls == {"/token": 2, "/things": 40}


@pytest.mark.parametrize(
    ("expires_in", "fresh_until"),
    [(3600, 3540), ("3600", 3540), (90, 45), (2, 1), (3600.5, 3540.5)],
)
@pytest.mark.fault(17)
def test_a_token_is_renewed_ahead_of_its_end(
    wire: Any, rig: Any, expires_in: Any, fresh_until: float
) -> None:
    """Renewal comes a minute early, or at half the life of a short token, without any 401."""
    office = Office(wire, expires_in=expires_in)
    time = [1000.0]

    async def calls(client: Any) -> Any:
        counts = []
        for moment in (0, fresh_until - 0.1, fresh_until):
            time[0] = 1000.0 + moment
            await client.get(Request("/things"))
            counts.append(office.calls["/token"])
        return counts

    auth = credentials(wire, clock=lambda: time[0])
    assert rig.run(calls, auth=auth) == [1, 1, 2]


def test_a_token_without_an_end_is_kept(wire: Any, rig: Any) -> None:
    """Where the vendor does not say how long a token lives, a 401 tells."""
    office = Office(wire, expires_in=None, good_for=2)
    time = [0.0]

    async def calls(client: Any) -> None:
        for _ in range(4):
            time[0] += 10**6
            await client.get(Request("/things"))

    rig.run(calls, auth=credentials(wire, clock=lambda: time[0]))
    assert office.calls == {"/token": 2, "/things": 5}


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.fault(17)
def test_refused_credentials_are_tried_once(wire: Any, rig: Any, status: int) -> None:
    """A refused token call fails every call at once, is never repeated, and says what to check."""
    refusal = wire.json({"error_description": "bad secret s3cr3t-canary"}, status)
    office = Office(wire, token_answers=[refusal] * 50)

    async def burst(client: Any) -> Any:
        calls = (client.get(Request("/things")) for _ in range(20))
        return await asyncio.gather(*calls, return_exceptions=True)

    errors = rig.run(
        burst,
        auth=credentials(wire),
        limits=Limits(concurrency=20),
        explain=lambda _status, data, _text: data["error_description"],
    )
    assert {(error.category, error.status) for error in errors} == {(Category.CREDENTIALS, status)}
    assert "POST /token gave no token" in errors[0].message
    assert 'It says: "bad secret [hidden]"' in errors[0].message
    assert office.calls == {"/token": 1}
    assert rig.waits == []


def test_a_token_call_is_retried_like_any_other(wire: Any, rig: Any) -> None:
    """A failing token host is given the same tries, pauses included."""
    busy = wire.json({}, 429, {"Retry-After": "9"})
    cut = wire.raw(b"", "reset")
    office = Office(wire, token_answers=[wire.json({}, 503), busy, cut])
    assert rig.get(auth=credentials(wire)).data == [{"id": 1}, {"id": 2}]
    assert office.calls == {"/token": 4, "/things": 1}
    assert rig.waits == [0.5, 9.0, 2.0]
    assert rig.client.stats.calls == 5


def test_a_token_host_that_is_down_is_named(wire: Any, rig: Any) -> None:
    """After all tries the error speaks of the token call, not of the call that needed it."""
    Office(wire, token_answers=[wire.json({}, 503)] * 50)
    with pytest.raises(ApiError, match=r"POST /token answered 503.*try 3 of 3") as info:
        rig.get(auth=credentials(wire), limits=Limits(attempts=3))
    assert info.value.category is Category.UNREACHABLE
    refused = ClientCredentials("http://127.0.0.1:1/token", BODY, "json")
    with pytest.raises(ApiError, match=r"POST /token got no answer: 127\.0\.0\.1 refused"):
        rig.get(auth=refused, limits=Limits(attempts=1))


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "",
        "[]",
        "null",
        "{}",
        '{"access_token": null}',
        '{"access_token": ""}',
        '{"access_token": 7}',
        '{"access_token": "a b\\r\\nX: y"}',
        '{"access_token": "t\\u00fcr-canary"}',
        '{"access_token": "a-canary", "token_type": "mac"}',
        '{"access_token": "a-canary", "expires_in": "soon"}',
        '{"access_token": "a-canary", "expires_in": 0}',
        '{"access_token": "a-canary", "expires_in": -5}',
        '{"access_token": "a-canary", "expires_in": true}',
        '{"access_token": "a-canary", "access_token": "b"}',
        '{"access_token": "a-canary", "expires_in": NaN}',
        '{"access_token": "a-canary", "expires_in": []}',
    ],
)
def test_a_malformed_token_reply_is_a_shape_error(wire: Any, rig: Any, body: Any) -> None:
    """A 200 without a usable token is reported as such, without quoting it, and not repeated."""
    office = Office(wire, token_answers=[wire.reply(body)] * 9)
    with pytest.raises(ApiError, match="POST /token did not return a usable token") as info:
        rig.get(auth=credentials(wire))
    assert info.value.category is Category.SHAPE
    assert "canary" not in str(info.value)
    assert office.calls == {"/token": 1}


@pytest.mark.parametrize("url", ["http://login.example/token", "https://u:p@login.example/", "x"])
def test_credentials_never_travel_unencrypted(url: str) -> None:
    """A token URL must be https, or on this machine."""
    with pytest.raises(ApiError) as info:
        ClientCredentials(url, BODY, "json")
    assert info.value.category is Category.SETTINGS


def test_the_token_host_may_be_another(start_wire: Any, wire: Any, rig: Any) -> None:
    """The token may come from another host; the token itself goes to the configured host only."""
    login = start_wire()
    login.queue(login.json({"access_token": "token-canary", "expires_in": 60}))
    wire.queue(wire.json([1]))
    assert rig.get(auth=ClientCredentials(f"{login.url}/oauth", BODY, "form")).data == [1]
    assert [seen.method for seen in login.seen] == ["POST"]
    assert wire.seen[0].headers["authorization"] == "Bearer token-canary"


def test_no_auth_shows_its_secret(wire: Any, rig: Any) -> None:
    """Neither the auth nor the client nor a request shows a secret when printed."""
    Office(wire)
    auth = credentials(wire)
    rig.get(auth=auth)
    request = Request("/things?key=k-canary", {"apikey": "p-canary"}, {"X-Key": "h-canary"})
    for thing in (auth, rig.client, request, HeaderAuth({"X-Key": "h-canary"})):
        assert "canary" not in f"{thing!r} {thing}"
    assert auth.secrets == {"s3cr3t-canary", "token-canary-1"}


@pytest.mark.parametrize("value", ["", " x", "x ", "a\nb", "a\r\nX: y", "schlüssel", "a\x00b"])
def test_a_header_that_cannot_travel_is_a_settings_error(value: Any) -> None:
    """A key with line breaks or blanks around it is refused by its header's name, never quoted."""
    with pytest.raises(ApiError, match="X-Api-Key") as info:
        HeaderAuth({"X-Api-Key": value})
    assert info.value.category is Category.SETTINGS
    assert len(value) < 2 or value not in str(info.value)


def test_header_auth_sets_its_headers(wire: Any, rig: Any) -> None:
    """Fixed headers go with every call."""
    wire.queue(wire.json([]))
    rig.get(auth=HeaderAuth({"X-Api-Key": "abcdefgh", "X-User": "me"}))
    assert wire.seen[0].headers["x-api-key"] == "abcdefgh"
    assert wire.seen[0].headers["x-user"] == "me"
