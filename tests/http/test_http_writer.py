"""A change is sent once, and whatever comes back says what is then known. Against a real server."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import (
    ApiClient,
    Certainty,
    Change,
    ChangeError,
    ClientCredentials,
    HeaderAuth,
    Limits,
    Reply,
    WritingClient,
)
from reconcile_pipeline.model import Category

CHANGE = Change(
    "PATCH", "/lines/7", [{"value": Decimal("12.5")}, {"value": Decimal("3.0")}], "/lines/{id}"
)


def send(wire: Any, change: Change = CHANGE, **options: Any) -> Reply:
    async def inside() -> Reply:
        options.setdefault("base_url", wire.url)
        async with WritingClient(system="Acme", **options) as client:
            return await client.send(change)

    return asyncio.run(inside())


def refused(wire: Any, **options: Any) -> ChangeError:
    with pytest.raises(ChangeError) as caught:
        send(wire, **options)
    return caught.value


def test_reading_clients_cannot_write() -> None:
    """What a pull or a dry run is given has no method that sends a change."""
    assert not hasattr(ApiClient, "send")


def test_a_change_goes_out_once_as_it_was_meant(wire: Any) -> None:
    """Verb, path, JSON numbers digit for digit, and the client's own authorisation."""
    wire.queue(wire.json({"quantity": 12.5}))
    answer = send(wire, auth=HeaderAuth({"X-Key": "k"}))
    assert (answer.status, answer.data) == (200, {"quantity": Decimal("12.5")})
    [seen] = wire.seen
    assert (seen.method, seen.path) == ("PATCH", "/lines/7")
    assert seen.body == b'[{"value": 12.5}, {"value": 3}]'
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-key"] == "k"
    assert "12.5" not in repr(CHANGE)


def test_an_empty_success_is_a_success(wire: Any) -> None:
    """204 without a body confirms a change; there is just nothing to read in it."""
    wire.queue(wire.reply(b"", 204))
    assert send(wire).data is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 412, 422, 429, 301])
def test_a_refusal_changed_nothing(wire: Any, status: int) -> None:
    """An answer below 500 that is no success means refused, with the other side's own words."""
    wire.queue(wire.json({"message": "not today"}, status))
    error = refused(wire, explain=lambda _status, data, _text: data["message"])
    assert (error.certainty, error.status, error.says) == (Certainty.REFUSED, status, "not today")
    assert len(wire.seen) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_failing_server_may_have_applied_it(wire: Any, status: int) -> None:
    """A server's own failure says nothing about the change, and is never repeated by itself."""
    wire.queue(wire.json({}, status))
    error = refused(wire, limits=Limits(attempts=6))
    assert (error.certainty, len(wire.seen)) == (Certainty.UNKNOWN, 1)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{", b"HTTP/1.1 200 OK\r\nContent-Len"],
    ids=["closed", "cut body", "cut head"],
)
@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_lost_answer_is_unknown(wire: Any, answer: bytes, ending: str) -> None:
    """A connection that ends before the answer is whole leaves the outcome open."""
    wire.queue(wire.raw(answer, ending))
    assert refused(wire).certainty is Certainty.UNKNOWN
    assert len(wire.seen) == 1


def test_a_hanging_server_is_unknown(wire: Any) -> None:
    """No answer within the time one try may take is no answer."""
    wire.queue(wire.raw(b"", "hang"))
    error = refused(wire, timeout=httpx.Timeout(5, read=0.05))
    assert (error.certainty, error.category) == (Certainty.UNKNOWN, Category.UNREACHABLE)


def test_a_success_nobody_can_read_is_unknown(wire: Any) -> None:
    """200 with a login page proves nothing."""
    wire.queue(wire.reply("<html>sign in</html>"))
    assert refused(wire).certainty is Certainty.UNKNOWN


def test_what_never_left_changed_nothing(start_wire: Any) -> None:
    """A closed port and a header that can't be sent are known to have changed nothing."""
    wire = start_wire()
    closed = refused(wire, base_url="http://127.0.0.1:9")
    assert (closed.certainty, closed.is_transient) == (Certainty.NOT_SENT, True)
    header = refused(wire, headers={"X-Key": "a\nb"})
    assert header.certainty is Certainty.NOT_SENT
    assert "a\nb" not in f"{header}{header.__cause__}{header.__context__}"
    assert wire.seen == []


def test_without_a_token_nothing_is_sent(wire: Any) -> None:
    """A refused token call leaves the change unsent, and says that the keys are wrong."""
    wire.queue(wire.json({"error": "invalid_client"}, 401))
    auth = ClientCredentials(f"{wire.url}/token", {"client_id": "x"}, "json")
    error = refused(wire, auth=auth)
    assert (error.certainty, error.category) == (Certainty.NOT_SENT, Category.CREDENTIALS)
    assert [seen.path for seen in wire.seen] == ["/token"]


def test_an_expired_token_is_renewed_before_the_change_counts(wire: Any) -> None:
    """401 turns a change away unseen: with a fresh token it goes out again, and counts once."""
    tokens = iter(["old", "new"])
    applied = []

    def script(seen: Any) -> Any:
        if seen.path == "/token":
            return wire.json({"access_token": next(tokens), "expires_in": 3600})
        if seen.headers["authorization"] == "Bearer old":
            return wire.json({}, 401)
        applied.append(json.loads(seen.body))
        return wire.json({})

    wire.script = script
    send(wire, auth=ClientCredentials(f"{wire.url}/token", {"client_id": "x"}, "json"))
    assert len(applied) == 1


def test_a_pause_asked_for_is_handed_on(wire: Any) -> None:
    """429 says how long to wait; waiting is up to whoever knows what else waits."""
    wire.queue(wire.json({}, 429, {"Retry-After": "7"}))
    error = refused(wire)
    assert (error.category, error.wait_seconds) == (Category.RATE_LIMIT, 7.0)


def test_secrets_stay_out_of_the_other_sides_words(wire: Any) -> None:
    """An error body that quotes our key comes out masked."""
    wire.queue(wire.json({"message": "key s3cret-key is bad"}, 400))
    error = refused(
        wire, secrets=["s3cret-key"], explain=lambda _status, data, _text: data["message"]
    )
    assert "s3cret-key" not in f"{error} {error.says}"
