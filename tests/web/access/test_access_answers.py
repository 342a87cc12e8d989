"""Every answer is marked, whoever gave it; and a body is read up to its cap."""

from collections.abc import Iterator
from typing import Any

import pytest

from reconcile_pipeline.web.access.users import NOBODY
from reconcile_pipeline.web.render import environment

MB = 1024 * 1024
FORM = ("Content-Type", "application/x-www-form-urlencoded")
MARKS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
POLICY = {
    "default-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "object-src 'none'",
}


@pytest.mark.parametrize("path", ["/", "/login", "/missing", "/breaks", "/healthz", "/push/x"])
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH"])
@pytest.mark.fault(105)
def test_every_answer_is_marked(probe: Any, method: str, path: str, *, is_known: bool) -> None:
    """Pages, refusals, missing pages and our own mistakes alike; nothing inline, no frames."""
    cookie = (("Cookie", probe.browser("admin").cookie),) if is_known else ()
    answer = probe.call(method, path, *cookie)
    for name, value in MARKS.items():
        assert answer.headers.get_all(name) == [value], name
    policy = {part.strip() for part in answer.headers["content-security-policy"].split(";")}
    assert policy >= POLICY
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["server"] is None


def test_a_stranger_reads_no_figures_on_any_page() -> None:
    """Pages of trouble are shown to everybody: without the tenant, the month and what waits."""

    class Strangers:
        user, path, csrf = NOBODY, "/static/missing", ""

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"a stranger's page asks for {name}")

    values = {"title": "t", "message": "m", "next_step": "n", "category": ""}
    text = environment().get_template("trouble.html").render(call=Strangers(), now=None, **values)
    assert "Log in" in text


@pytest.mark.fault(105)
def test_refusals_hold_nothing_inline(probe: Any) -> None:
    """Their pages obey the policy that they are sent with."""
    for answer in (probe.get("/login"), probe.post("/x", {}), probe.get("/missing")):
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text


def pieces(total: int, told: list[int]) -> Iterator[bytes]:
    piece = b"a" * (64 * 1024)
    for number in range(total // len(piece)):
        told.append(number)
        yield piece


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/import", 9 * MB, 403),  # read whole, and then its token is missing
        ("/import", 11 * MB, 413),
        ("/cards/x/decide", MB, 403),
        ("/cards/x/decide", 2 * MB, 413),
        ("/login", 2 * MB, 413),
    ],
)
@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_is_read_up_to_its_cap(
    probe: Any, path: str, size: int, status: int, *, is_announced: bool
) -> None:
    """A megabyte, ten for files; counted while it comes when nobody announced how much it is."""
    cookie = ("Cookie", probe.browser("admin").cookie)
    body: Any = b"a" * size if is_announced else pieces(size, [])
    kind = ("Content-Type", "multipart/form-data; boundary=b") if path == "/import" else FORM
    if status == 403 and path == "/import":
        body = body if is_announced else iter([b"--b\r\n", *pieces(size, [])])
    try:
        answer = probe.call("POST", path, kind, cookie, body=body)
    except (BrokenPipeError, ConnectionResetError):
        # The server hung up in the middle of what it won't read: that is the cap, too.
        assert status == 413
    else:
        expected = {status, 415} if kind is not FORM and status == 403 else {status}
        assert answer.status in expected
    assert probe.done == []


def test_a_stranger_sends_little(probe: Any) -> None:
    """Who is not logged in can't make the app hold ten megabytes, and gets the login."""
    answer = probe.call("POST", "/import", FORM, body=b"a" * (2 * MB))
    assert answer.status == 401


def test_a_file_comes_through_whole(probe: Any) -> None:
    """What the guard looked into reaches the page as it was sent."""
    by = probe.browser("reviewer")
    head = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = (
        head.format("csrf", by.csrf)
        + head.format("note", "ünïcode")
        + (
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            f"Content-Type: text/csv\r\n\r\n{'x' * 1000}\r\n--b--\r\n"
        )
    )
    kind = ("Content-Type", "multipart/form-data; boundary=b")
    answer = probe.call("POST", "/import", kind, ("Cookie", by.cookie), body=body.encode())
    assert (answer.status, probe.done) == (200, ["reviewer /import ünïcode"])


def test_a_script_may_send_the_token_in_a_header(probe: Any) -> None:
    """What a page of another site can't set is as good as the field."""
    by = probe.browser("reviewer")
    token = ("X-CSRF-Token", by.csrf)
    cookie = ("Cookie", by.cookie)
    assert probe.call("POST", "/cards/x/decide", FORM, cookie, token).status == 200


@pytest.mark.parametrize("cookie", ["", "a=b;;;=", "=" * 3000, '"', "a=" + "b" * 5000, "a=b; a=c"])
def test_strange_cookies_are_nobodys(probe: Any, cookie: str) -> None:
    """What no browser of ours sends is answered as if it had not come."""
    assert probe.get("/", ("Cookie", cookie)).status == 303
