"""What one GET does: statuses, waits, redirects, pinning, messages. Against a real server."""

import asyncio
import logging
import socket
import time
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from reconcile_pipeline.http import (
    ApiClient,
    ApiError,
    BasicAuth,
    ClientCredentials,
    HeaderAuth,
    Limits,
    Request,
)
from reconcile_pipeline.model import Category, PipelineError


def test_a_reply_carries_all_that_was_received(wire: Any, rig: Any, now: datetime) -> None:
    """A complete answer comes back as status, headers, text, data and the moment it arrived."""
    wire.queue(wire.reply('[{"id": 9007199254740993, "price": 0.10}]', headers={"X-Total": "1"}))
    request = Request("/things", {"page": "1"}, {"pagination-type": "x"})
    reply = rig.get(request, base_url=f"{wire.url}/v1/")
    assert reply.data == [{"id": 9007199254740993, "price": Decimal("0.10")}]
    assert reply.body == '[{"id": 9007199254740993, "price": 0.10}]'
    assert (reply.status, reply.fetched_at, reply.request) == (200, now, request)
    assert reply.headers["x-total"] == "1"
    assert [seen.target for seen in wire.seen] == ["/v1/things?page=1"]
    assert wire.seen[0].method == "GET"
    assert wire.seen[0].headers["accept-encoding"] == "gzip"
    assert wire.seen[0].headers["pagination-type"] == "x"
    assert (rig.client.stats.calls, rig.client.stats.retries) == (1, 0)


def test_a_client_cannot_write() -> None:
    """It asks and waits, nothing else; a question by POST goes only where POST is known to read."""
    public = {name for name in vars(ApiClient) if not name.startswith("_")}
    assert public == {"get", "pause", "concurrency"}


@pytest.mark.parametrize(
    ("status", "category", "says"),
    [
        (400, Category.SHAPE, "400"),
        (401, Category.CREDENTIALS, "Check the keys of Acme"),
        (403, Category.PERMISSION, "let this API user read /things/{id}"),
        (404, Category.SHAPE, "answered 404"),
        (405, Category.SHAPE, "405"),
        (410, Category.SHAPE, "410"),
        (422, Category.SHAPE, "422"),
        (501, Category.UNREACHABLE, "501"),
        (201, Category.SHAPE, "201"),
        (204, Category.SHAPE, "204"),
        (206, Category.INCOMPLETE, "206"),
        (301, Category.SHAPE, "301"),
        (304, Category.SHAPE, "304"),
        (399, Category.SHAPE, "399"),
        (599, Category.UNREACHABLE, "unknown status"),
    ],
)
def test_other_statuses_fail_at_once(
    wire: Any, rig: Any, status: int, category: Category, says: str
) -> None:
    """What a second try cannot mend is reported after one call, with its own category."""
    wire.queue(wire.reply(b"" if status in {204, 304} else b"[]", status))
    with pytest.raises(ApiError) as info:
        rig.get(Request("/things/7", {"key": "q"}, template="/things/{id}"))
    assert (info.value.category, info.value.status) == (category, status)
    assert says in str(info.value)
    assert "GET /things/{id}" in info.value.message
    assert "things/7" not in str(info.value)
    assert info.value.next_step
    assert info.value.system == "Acme"
    assert (len(wire.seen), rig.waits) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.fault(14)
def test_a_redirect_is_never_followed(start_wire: Any, wire: Any, rig: Any, status: int) -> None:
    """A redirect is an error that names its status; the other host hears nothing from us."""
    other = start_wire()
    other.queue(other.json([1]))
    wire.queue(wire.json({}, status, {"Location": f"{other.url}/things?token=x"}))
    with pytest.raises(ApiError, match=f"answered {status}") as info:
        rig.get(auth=HeaderAuth({"X-Api-Key": "abcdefgh"}))
    assert info.value.category is Category.SHAPE
    assert (len(wire.seen), other.seen) == (1, [])


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/things?page=2",
        "https://127.0.0.1:{port}/things?page=2",
        "http://localhost:{port}/things?page=2",
        "//evil.example/things",
        "http://user:pass@127.0.0.1:{port}/things",
        "HTTPS://evil.example/things",
        "http://127.0.0.1:{port}@evil.example/",
        "http://[::1/things",
    ],
)
@pytest.mark.fault(14, 110)
def test_a_link_to_another_host_is_refused(wire: Any, rig: Any, link: str) -> None:
    """Scheme, host and port of every URL must be the configured ones, or nothing is sent."""
    wire.queue(wire.json([1]))
    with pytest.raises(ApiError, match="only to the configured host") as info:
        rig.get(link.format(port=wire.port))
    assert info.value.category is Category.SHAPE
    assert wire.seen == []
    assert "page=2" not in str(info.value)
    assert "pass@" not in str(info.value)


def test_an_absolute_link_to_the_same_host_is_followed(wire: Any, rig: Any) -> None:
    """A next link is asked exactly as received: its own query, no base path in front."""
    wire.queue(wire.json([1]))
    target = "/v1/things?conditions=a%3D1&pageId=5"
    reply = rig.get(f"{wire.url}{target}", base_url=f"{wire.url}/v1")
    assert wire.seen[0].target == target
    assert reply.request.template == "/v1/things"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.acme.example",
        "http://10.0.0.1/v1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "ftp://127.0.0.1/",
        "api.acme.example",
        "",
        "https://",
        "https://user:hunter22@api.acme.example",
        "https://api.acme.example/?key=hunter22",
        "https://api.acme.example:port",
    ],
)
@pytest.mark.fault(110)
def test_an_unencrypted_or_odd_base_url_is_refused(url: str) -> None:
    """Only https, or http to this machine, is accepted; the refusal shows no user and no query."""
    with pytest.raises(ApiError) as info:
        ApiClient(system="Acme", base_url=url)
    assert info.value.category is Category.SETTINGS
    assert "hunter22" not in str(info.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8101", "http://localhost:1/v1", "http://[::1]:8101", "https://a.b/c"]
)
def test_https_and_loopback_are_accepted(url: str) -> None:
    """Encrypted hosts and simulators on this machine are fine."""
    ApiClient(system="Acme", base_url=url)


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"concurrency": 33},
        {"attempts": 0},
        {"per_window": 0},
        {"window_seconds": 0},
        {"max_wait_seconds": -1},
        {"silent_wait_seconds": -1},
        {"max_body_bytes": 0},
        {"max_depth": 0},
        {"deadline_seconds": 0},
    ],
)
def test_impossible_limits_are_refused(wrong: dict[str, Any]) -> None:
    """Limits that could never work are a settings error that names the limit."""
    with pytest.raises(PipelineError, match=next(iter(wrong))) as info:
        Limits(**wrong)
    assert info.value.category is Category.SETTINGS


@pytest.mark.fault(7)
def test_a_refused_connection_names_the_host(start_wire: Any, rig: Any) -> None:
    """Nobody listening is reported as unreachable, by host, after all tries."""
    with pytest.raises(ApiError, match=r"127\.0\.0\.1 refused the connection.*3 of 3") as info:
        rig.get(
            Request("/t", {"k": "hunter22"}),
            base_url="http://127.0.0.1:1",
            limits=Limits(attempts=3),
        )
    assert info.value.category is Category.UNREACHABLE
    assert info.value.status is None
    assert "hunter22" not in str(info.value)
    assert len(rig.waits) == 2


@pytest.mark.fault(7)
def test_an_untrusted_connection_is_not_downgraded(wire: Any, rig: Any) -> None:
    """A host that does not speak TLS is refused at once, without any plain request to it."""
    wire.queue(wire.json([1]))
    with pytest.raises(ApiError, match="could not be trusted") as info:
        rig.get(base_url=wire.url.replace("http://", "https://"))
    assert info.value.category is Category.UNREACHABLE
    assert (wire.seen, rig.waits) == ([], [])


@pytest.mark.fault(7)
def test_an_unknown_name_says_so(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name that does not resolve is reported as such."""

    def unknown(*_arguments: Any, **_named: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # What the resolver says; asking it would leave this machine.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ApiError, match=r"the name acme\.invalid is not known") as info:
        rig.get(base_url="https://acme.invalid", limits=Limits(attempts=2))
    assert info.value.category is Category.UNREACHABLE


@pytest.mark.fault(8)
def test_silence_ends_in_a_timeout(wire: Any, rig: Any) -> None:
    """A server that accepts and says nothing is given up after the read timeout, each time."""
    wire.queue(wire.raw(b"", "hang"))
    with pytest.raises(ApiError, match="took too long") as info:
        rig.get(timeout=httpx.Timeout(5, read=0.3), limits=Limits(attempts=2))
    assert info.value.category is Category.UNREACHABLE
    assert len(wire.seen) == 2


@pytest.mark.fault(8)
def test_a_drip_ends_at_the_deadline(rig: Any) -> Any:
    """Bytes that keep coming too slowly to time out are still bounded in all."""

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                yield b" "
                await asyncio.sleep(0)

    def answer(request: Any) -> Any:
        return httpx.Response(200, stream=Drip())

    started = time.monotonic()
    with pytest.raises(ApiError, match="took too long") as info:
        rig.get(
            limits=Limits(attempts=2, deadline_seconds=0.05), transport=httpx.MockTransport(answer)
        )
    assert info.value.category is Category.UNREACHABLE
    assert rig.client.stats.calls == 2
    assert time.monotonic() - started < 3


@pytest.mark.fault(8)
def test_the_documented_timeouts_apply_to_every_request(rig: Any) -> None:
    """Connecting may take 10 s, reading 60 s, writing 30 s; token calls are bounded as well."""
    seen = []

    def answer(request: Any) -> Any:
        seen.append((request.method, request.extensions["timeout"]))
        body = b'{"access_token": "abcdefgh"}' if request.method == "POST" else b"[]"
        return httpx.Response(200, stream=httpx.ByteStream(body))

    auth = ClientCredentials("https://login.example/token", {}, "form")
    rig.get(auth=auth, transport=httpx.MockTransport(answer))
    expected = {"connect": 10, "read": 60, "write": 30, "pool": 60}
    assert seen == [("POST", expected), ("GET", expected)]


def test_the_vendors_own_words_are_shown(wire: Any, rig: Any) -> None:
    """An error carries the vendor's message: redacted, on one line, at most 200 characters."""
    text = "Key hunter22 is\nwrong; see https://x.example/a?t=1 " + "z" * 300
    wire.queue(wire.json({"message": text}, 400))

    def explain(status: int, data: Any, body: Any) -> Any:
        assert (status, body[:1]) == (400, "{")
        return data["message"]

    with pytest.raises(ApiError) as info:
        rig.get(explain=explain, secrets=["hunter22"])
    quoted = info.value.message.split('"')[1]
    assert quoted.startswith("Key [hidden] is wrong; see https://x.example/a?[hidden] zzz")
    assert len(quoted) == 200


@pytest.mark.parametrize("body", ["<html>", "[]", '{"a": 1}', ""])
def test_an_unforeseen_error_body_does_not_hide_the_error(wire: Any, rig: Any, body: Any) -> None:
    """When the vendor's message cannot be read, the status is still reported."""
    wire.queue(wire.reply(body, 500))
    with pytest.raises(ApiError, match="answered 500"):
        rig.get(explain=lambda _status, data, _text: data["message"], limits=Limits(attempts=1))


def test_basic_auth_is_sent(wire: Any, rig: Any) -> None:
    """User name and password travel in the Authorization header."""
    wire.queue(wire.json([]))
    rig.get(auth=BasicAuth("acme+public", "private"))
    assert wire.seen[0].headers["authorization"] == "Basic YWNtZStwdWJsaWM6cHJpdmF0ZQ=="


@pytest.mark.fault(103)
def test_the_http_library_logs_no_url(
    wire: Any, rig: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Even at debug level no log line shows a query string."""
    caplog.set_level(logging.DEBUG)
    wire.queue(wire.json({}, 500), wire.json([]))
    rig.get(Request("/things", {"apikey": "hunter22"}))
    assert "Next try" in caplog.text
    assert "hunter22" not in caplog.text


def test_a_client_outside_its_context_is_a_mistake_in_our_code(wire: Any, rig: Any) -> None:
    """Without 'async with' there is no connection pool to leak: the call is refused."""
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(rig.make().get(Request("/things")))
