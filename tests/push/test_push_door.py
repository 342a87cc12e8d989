"""The door: keys, turns, sizes, hosts and headers, before any handler sees a request."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.push.app import MOST_BYTES, integrations_of
from reconcile_pipeline.push.keys import KeyPair, known_keys, make_keys, revoke_keys
from reconcile_pipeline.systems.vendors.push import inbox_of

COUNTS = "/api/v1/ingest/my_edr/counts"
REFUSED = {"statusCode": 401, "message": "The key is missing, wrong or revoked."}


def test_without_the_right_key_there_is_nothing(push: Any) -> None:
    """Missing, wrong, garbled, swapped and half keys get one and the same 401."""
    pair = push.keys
    wrong = KeyPair(pair.key_id, pair.vendor_key, pair.partner_key[:-1] + "!")
    swapped = KeyPair(pair.key_id, pair.partner_key, pair.vendor_key)
    tokens = ["", "x", "????", "dmVuZG9y", "é" * 10, wrong.token, swapped.token, pair.vendor_key]
    for token in tokens:
        for path in ("/api/vendor-api", COUNTS):
            headers = {"Gradient-Token": token.encode("latin-1").decode("latin-1")}
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            reply = push.client.get(path, headers=raw)
            assert (reply.status_code, reply.json()) == (401, REFUSED)
    assert push.client.get("/api/vendor-api").status_code == 401
    assert push.client.get(f"{COUNTS}?Gradient-Token={pair.token}").status_code == 401


def test_a_key_opens_its_own_integration_only(push: Any) -> None:
    """Another integration's key is as wrong as any other, also in the path."""
    other = make_keys(inbox_of(push.settings.system("other")), push.time.now)
    reply = push.client.get(COUNTS, headers={"Gradient-Token": other.token})
    assert (reply.status_code, reply.json()) == (401, REFUSED)
    mine = push.client.get("/api/vendor-api", headers={"Gradient-Token": push.keys.token}).json()
    theirs = push.client.get("/api/vendor-api", headers={"Gradient-Token": other.token}).json()
    assert mine["data"]["id"] != theirs["data"]["id"]
    assert theirs["data"]["name"] == "other"


def test_a_revoked_key_stops_at_once_and_the_new_one_works(push: Any) -> None:
    """Two pairs may live side by side while scripts change over; each ends alone."""
    second = make_keys(push.inbox, push.time.now)
    assert revoke_keys(push.inbox, push.keys.key_id, push.time.now) == [push.keys.key_id]
    assert push.call("GET", COUNTS).status_code == 401
    assert push.client.get(COUNTS, headers={"Gradient-Token": second.token}).status_code == 200
    assert revoke_keys(push.inbox, push.keys.key_id, push.time.now) == []
    assert revoke_keys(push.inbox, "all", push.time.now) == [second.key_id]
    assert [key.revoked_at is None for key in known_keys(push.inbox)] == [False, False]


def test_keys_are_kept_as_hashes_only(push: Any) -> None:
    """Neither half of a key nor the token is in the inbox's files, nor in what prints a pair."""
    push.snapshot({("a", "edr"): "1"})
    parts = (push.keys.vendor_key, push.keys.partner_key, push.keys.token)
    for path in push.inbox.path.parent.iterdir():
        content = path.read_bytes()
        assert content
        assert not any(part.encode() in content for part in parts), path
    assert not any(part in repr(push.keys) for part in parts)


def test_every_way_to_compare_a_key_takes_one_comparison(
    push: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known or not, whole or garbled: one constant-time comparison of two hashes decides."""
    seen: list[tuple[int, int]] = []

    def compare(left: str, right: str) -> bool:
        seen.append((len(left), len(right)))
        return left == right

    monkeypatch.setattr("reconcile_pipeline.push.keys.hmac.compare_digest", compare)
    for token in ("x", KeyPair("0" * 12, f"vendor-{'0' * 12}-a", "b").token, push.keys.token):
        push.client.get(COUNTS, headers={"Gradient-Token": token})
    assert seen == [(64, 64)] * 3


def test_a_patient_script_waits_and_a_flood_is_refused(make_push: Callable[..., Any]) -> None:
    """Over the limit a few are answered later, more get 429 with Retry-After, per integration."""
    push = make_push(("requests_per_minute = 6000", "requests_per_minute = 60"))
    other = make_keys(inbox_of(push.settings.system("other")), push.time.now)
    assert [push.call("GET", COUNTS).status_code for _ in range(60)] == [200] * 60
    assert push.time.slept == []
    assert [push.call("GET", COUNTS).status_code for _ in range(2)] == [200] * 2
    assert push.time.slept == [pytest.approx(1), pytest.approx(2)]
    refused = push.call("GET", COUNTS)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    theirs = push.client.get("/api/vendor-api", headers={"Gradient-Token": other.token})
    assert theirs.status_code == 200
    push.time.passes(seconds=3)
    assert push.call("GET", COUNTS).status_code == 200


def test_a_body_is_read_up_to_the_cap_and_no_further(push: Any) -> None:
    """Beyond 5 MB it is 413, announced or not; compressed bodies are not unpacked at all."""
    path = "/api/v1/ingest/my_edr/snapshot"
    large = b" " * (MOST_BYTES + 1)
    assert push.call("POST", path, content=large).status_code == 413

    def pieces() -> Any:
        for _ in range(MOST_BYTES // 65_536 + 1):
            yield b" " * 65_536

    assert push.call("POST", path, content=pieces()).status_code == 413
    headers = {"Content-Encoding": "gzip"}
    assert push.call("POST", path, content=b"{}", headers=headers).status_code == 415
    assert push.call("POST", path, content=b" " * MOST_BYTES).status_code == 422


def test_the_cap_holds_for_strangers_without_reading(push: Any) -> None:
    """Who has no key is refused from the head alone."""
    with socket.create_connection(("127.0.0.1", push.served.port), timeout=10) as line:
        line.sendall(
            b"POST /api/v1/ingest/my_edr/snapshot HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 4000000\r\n\r\n"
        )
        assert line.recv(1000).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8230", 200),
        ("localhost", 200),
        ("[::1]:8230", 200),
        ("Push.Example", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
        ("[::1", 400),
    ],
)
def test_only_our_own_names_are_answered(
    make_push: Callable[..., Any], host: str, status: int
) -> None:
    """A page of another site that points its name at this machine gets nothing."""
    push = make_push(("[push]\n", '[push]\nnames = ["push.example"]\n'))
    reply = push.client.get("/api/v1/openapi.json", headers={"Host": host})
    assert reply.status_code == status


def test_every_answer_tells_browsers_to_do_nothing_with_it(push: Any) -> None:
    """Good, refused and unknown answers carry the same strict headers."""
    replies = [
        push.call("GET", COUNTS),
        push.client.get(COUNTS),
        push.client.get("/nowhere"),
        push.client.get("/api/v1/docs"),
        push.client.get("/", headers={"Host": "evil.example"}),
    ]
    assert [reply.status_code for reply in replies] == [200, 401, 404, 200, 400]
    for reply in replies:
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"] == "no-store"
        assert "server" not in reply.headers


def test_wrong_paths_and_verbs_are_answered_in_json(push: Any) -> None:
    """404 and 405 look like every other refusal."""
    for reply, status in (
        (push.client.get("/api/nothing"), 404),
        (push.call("DELETE", "/api/vendor-api"), 405),
    ):
        assert (reply.status_code, reply.json()["statusCode"]) == (status, status)


def test_the_description_is_whole_and_the_page_runs_nothing(push: Any) -> None:
    """OpenAPI 3.1 names each of our paths; the page for people has no script and loads nothing."""
    document = push.client.get("/api/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        "/api/v1/ingest/{integration}/snapshot",
        "/api/v1/ingest/{integration}/counts",
    }
    page = push.client.get("/api/v1/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not any(word in page.text for word in ("<script", "src=", "http://", "https://"))
    for field in document["paths"]["/api/v1/ingest/{integration}/snapshot"]["post"]["requestBody"][
        "content"
    ]["application/json"]["schema"]["properties"]:
        assert f"<code>{field}</code>" in page.text


def test_no_key_and_no_name_reaches_the_log(push: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Requests that succeed and requests that fail leave neither keys nor customers in logs."""
    caplog.set_level(logging.DEBUG, logger="reconcile_pipeline")
    caplog.set_level(logging.DEBUG, logger="uvicorn")
    push.snapshot({("secret customer", "edr"): "1"})
    push.snapshot({("secret customer", "edr"): "nonsense"})
    push.client.get(COUNTS, headers={"Gradient-Token": push.keys.token[:-4]})
    assert "secret customer" not in caplog.text
    assert push.keys.token[:20] not in caplog.text


def test_an_inbox_that_can_not_be_written_is_503_without_its_path(push: Any) -> None:
    """A full or damaged disk is the operator's matter: the script learns to come again."""
    push.inbox.path.write_bytes(b"this is no database" * 100)
    reply = push.call("GET", COUNTS)
    assert reply.status_code == 503
    assert str(push.inbox.path) not in reply.text


def test_two_integrations_can_not_share_an_inbox(make_push: Callable[..., Any]) -> None:
    """One file for two names would give one's keys the other's customers."""
    with pytest.raises(PipelineError, match="my_edr and other have one inbox") as caught:
        make_push(("inbox/other.sqlite", "inbox/../inbox/my_edr.sqlite"))
    assert caught.value.category is Category.SETTINGS


def test_without_an_integration_there_is_nothing_to_serve(
    make_push: Callable[..., Any], tmp_path: Path
) -> None:
    """The message shows the two lines that are missing."""
    push = make_push()
    settings = push.settings
    object.__setattr__(settings, "systems", settings.systems[:1])
    with pytest.raises(PipelineError, match="no system of kind push"):
        integrations_of(settings)
