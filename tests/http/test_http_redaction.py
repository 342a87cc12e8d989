"""Secrets stay out of messages, tracebacks and logs, in every form they travel in."""

import base64
import json
import logging
import traceback
from io import StringIO
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile_pipeline.http import (
    ApiError,
    BasicAuth,
    ClientCredentials,
    HeaderAuth,
    Limits,
    Request,
    install_redaction,
    redact,
)

SECRET = 'c4nary+/= sécret&"<'
PLAIN = "c4nary-plain-key"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
@pytest.mark.fault(103)
def test_every_form_of_a_secret_is_masked(form: str) -> None:
    """Raw, URL-encoded, JSON-escaped and base64 forms disappear; the rest of the text stays."""
    clean = redact(f"before {form} after", [SECRET])
    assert clean.startswith("before [hidden]")
    assert clean.endswith(" after")
    assert form not in clean


@given(st.text(min_size=8), st.binary(max_size=9), st.binary(max_size=9))
@pytest.mark.fault(103)
def test_a_secret_inside_base64_is_masked(secret: str, before: bytes, after: bytes) -> None:
    """`user:secret` in base64 shows nothing of the secret, wherever it begins inside."""
    try:
        raw = secret.encode()
    except UnicodeEncodeError:
        return
    text = base64.b64encode(before + raw + after).decode()
    clean = redact(text, [secret])
    assert "[hidden]" in clean
    shown = max(len(part) for part in clean.split("[hidden]"))
    assert shown <= (max(len(before), len(after)) * 8 + 5) // 6 + 4


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("see https://u:pw@h.example/a?k=v#f.", "see https://[hidden]@h.example/a?[hidden]"),
        ("GET https://h.example/a/b done", "GET https://h.example/a/b done"),
        (
            "https://a.b/?x=1 and http://c.d/e?y=2",
            "https://a.b/?[hidden] and http://c.d/e?[hidden]",
        ),
        ("Authorization: Bearer abc.def-123456==", "Authorization: Bearer [hidden]"),
        ("authorization: basic QWxhZGRpbjpvcGVu", "authorization: basic [hidden]"),
        ("basic plan", "basic plan"),
        ("on", "on"),
    ],
)
def test_places_where_secrets_sit_are_masked(text: str, clean: str) -> None:
    """User names, queries and authorization values go, known or not; plain words stay."""
    assert redact(text, ["on", ""]) == clean


def test_a_longer_secret_leaves_no_tail() -> None:
    """Where one secret begins with another, the longer one is masked whole."""
    assert redact("x abcdefgh y abcd", ["abcd", "abcdefgh"]) == "x [hidden] y [hidden]"


@pytest.fixture
def root_log(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A root logger with one handler of ours; levels and filters are put back afterwards."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(StringIO()))
    for name in ("httpx", "httpcore"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger._cache.clear()
    return stream


@pytest.mark.fault(103)
def test_logs_are_masked(root_log: StringIO) -> None:
    """Messages, arguments and tracebacks lose their secrets; everything else is untouched."""
    install_redaction([PLAIN])
    install_redaction(["an0ther-key"])
    log = logging.getLogger("some.module")
    log.warning("key %s and %d", PLAIN, 7)
    log.warning("other an0ther-key")
    try:
        raise ValueError(f"bad {PLAIN}")  # noqa: TRY301 - a traceback is what is tested
    except ValueError:
        log.exception("failed")
    text = root_log.getvalue()
    assert "key [hidden] and 7" in text
    assert "other [hidden]" in text
    assert "ValueError: bad [hidden]" in text
    assert PLAIN not in text
    assert len(logging.getLogger().handlers[0].filters) == 1


def test_the_http_library_is_silenced(root_log: StringIO) -> None:
    """Its INFO lines, which show whole URLs, are off."""
    install_redaction([])
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpcore.connection").isEnabledFor(logging.DEBUG)


def failures(wire: Any) -> Any:
    """One answer for each class of failure, each echoing the secret where it can."""
    echo = f"key {PLAIN} token c4nary-token"
    return {
        "refused": wire.json({"message": echo}, 401),
        "forbidden": wire.json({"message": echo}, 403),
        "missing": wire.json({"message": echo}, 404),
        "busy": wire.json({"message": echo}, 429, {"Retry-After": "9999"}),
        "down": wire.json({"message": echo}, 503),
        "redirect": wire.json({}, 302, {"Location": f"http://x.example/?k={PLAIN}"}),
        "html": wire.reply(f"<html>{echo}</html>"),
        "invalid": wire.reply(f'{{"{PLAIN}": 1, "{PLAIN}": 2}}'),
        "latin": wire.reply(f'["{PLAIN} \xfc"]'.encode("latin-1")),
        "cut": wire.reply(f'["{PLAIN}', framed=False, ending="close"),
        "broken": wire.raw(f"{PLAIN}\r\n\r\n".encode()),
        "bad header": wire.raw(f"HTTP/1.1 200 OK\r\n{PLAIN} x\r\n\r\n".encode()),
        "compressed": wire.reply(PLAIN, headers={"Content-Encoding": "gzip"}),
    }


CASES = list(failures(type("W", (), dict.fromkeys(("json", "reply", "raw"), lambda *_, **__: 0))()))


@pytest.mark.parametrize("kind", ["header", "basic", "token"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.fault(103)
def test_no_failure_shows_a_secret(
    start_wire: Any, rig: Any, caplog: pytest.LogCaptureFixture, case: str, kind: str
) -> None:
    """Whatever fails, and however we sign in: no message, repr or log line has the secret.

    Neither has the traceback of what we raised ourselves.
    """
    caplog.set_level(logging.DEBUG)
    login = start_wire()
    login.queue(login.json({"access_token": "c4nary-token", "expires_in": 60}))
    auths = {
        "header": HeaderAuth({"X-Api-Key": PLAIN, "X-Other": "c4nary-token"}),
        "basic": BasicAuth("c4nary-token", PLAIN),
        "token": ClientCredentials(f"{login.url}/token", {"client_secret": PLAIN}, "form"),
    }
    rig.wire.queue(failures(rig.wire)[case])
    with pytest.raises(ApiError) as info:
        rig.get(
            Request("/things", {"apikey": PLAIN}),
            auth=auths[kind],
            limits=Limits(attempts=2),
            secrets=[PLAIN, "c4nary-token"] if kind == "basic" else [],
            explain=lambda _status, data, text: data["message"] if data else text,
        )
    error = info.value
    shown = f"{error} {error!r} {error.args} {error.next_step} {rig.client!r} {caplog.text}"
    assert "c4nary" not in shown
    raised = "".join(traceback.format_exception_only(error))
    assert "c4nary" not in raised
    assert "broken" in case or "bad header" in case or "c4nary" not in full_trace(error)


def full_trace(error: Exception) -> Any:
    lines = traceback.format_exception(error)
    # Source lines of this very test file name the canary; messages must not.
    return "".join(line for line in lines if "tests/http" not in line)


def test_a_key_that_cannot_travel_is_not_quoted(wire: Any, rig: Any) -> None:
    """A key with a line break fails without showing it, also in the traceback."""
    wire.queue(wire.json([]))
    with pytest.raises(ApiError) as info:
        rig.get(Request("/things", headers={"X-Key": f"{PLAIN}\nX: y"}))
    assert "c4nary" not in f"{info.value} {full_trace(info.value)}"
    assert wire.seen == []
