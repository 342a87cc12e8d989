"""Every page that changes something × every role × every way to do it behind a user's back.

None of these requests may reach a page, whatever it answers.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from reconcile_pipeline.web.access.users import ROLES
from reconcile_pipeline.web.routes import PAGES

FORM = ("Content-Type", "application/x-www-form-urlencoded")
CHANGING = sorted({page.path for page in PAGES if page.do} | {"/logout", "/import"})
FOREIGN_HOSTS = [
    "evil.example",
    "192.0.2.7",
    "[2001:db8::1]",
    "127.0.0.1.evil.example",
    "localhost.",
    "a b",
    "x@localhost",
    "0.0.0.0",  # noqa: S104 - asked for, not bound
    "",
]
SHOWING = sorted({page.path for page in PAGES if page.show})


def own(probe: Any) -> tuple[str, str]:
    return ("Origin", f"http://{probe.host}")


def sent(by: Any, **more: str) -> bytes:
    return urlencode({"csrf": by.csrf, "note": "n", **more}).encode()


def send(probe: Any, path: str, by: Any, *more: tuple[str, str], **options: Any) -> Any:
    options = {"body": sent(by), **options}
    return probe.call("POST", path, ("Cookie", by.cookie), *more, **options)


def boundary_form(by: Any) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{by.csrf}\r\n'.encode()


Attack = Callable[[Any, str, Any], Any]
ATTACKS: dict[str, tuple[int, Attack]] = {
    "a form on another site": (
        403,
        lambda p, path, by: send(p, path, by, FORM, ("Origin", "https://evil.example")),
    ),
    "our host on another port": (
        403,
        lambda p, path, by: send(p, path, by, FORM, ("Origin", "http://127.0.0.1:1")),
    ),
    "our host by another scheme": (
        403,
        lambda p, path, by: send(p, path, by, FORM, ("Origin", f"https://{p.host}")),
    ),
    "a name that begins like ours": (
        403,
        lambda p, path, by: send(p, path, by, FORM, ("Origin", f"http://{p.host}.evil.example")),
    ),
    "a sandboxed frame": (
        403,
        lambda p, path, by: send(p, path, by, FORM, ("Origin", "null")),
    ),
    "two origins": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), ("Origin", "https://evil.example")),
    ),
    "a browser that says cross-site": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), ("Sec-Fetch-Site", "cross-site")),
    ),
    "a browser that says same-site": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), ("Sec-Fetch-Site", "same-site")),
    ),
    "no token": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), body=b"note=n"),
    ),
    "no token and no origin": (
        403,
        lambda p, path, by: send(p, path, by, FORM, body=b"note=n"),
    ),
    "a wrong token": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), body=b"csrf=guessed"),
    ),
    "an empty token": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), body=b"csrf="),
    ),
    "a token of strange letters": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), body=b"csrf=%C3%A9%F0%9F%A6%99"),
    ),
    "another session's token": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), body=sent(p.browser("admin"))),
    ),
    "the token in the address": (
        403,
        lambda p, path, by: send(p, f"{path}?csrf={by.csrf}", by, FORM, own(p), body=b"note=n"),
    ),
    "a wrong token in the header": (
        403,
        lambda p, path, by: send(p, path, by, FORM, own(p), ("X-CSRF-Token", "guessed")),
    ),
    "text/plain that is JSON": (
        415,
        lambda p, path, by: send(p, path, by, ("Content-Type", "text/plain"), own(p)),
    ),
    "JSON": (
        415,
        lambda p, path, by: send(p, path, by, ("Content-Type", "application/json"), own(p)),
    ),
    "no type": (
        415,
        lambda p, path, by: send(p, path, by, own(p)),
    ),
    "two types": (
        415,
        lambda p, path, by: send(p, path, by, FORM, ("Content-Type", "text/plain"), own(p)),
    ),
    "a compressed form": (
        415,
        lambda p, path, by: send(p, path, by, FORM, own(p), ("Content-Encoding", "gzip")),
    ),
    "a form in parts without their boundary": (
        415,
        lambda p, path, by: send(p, path, by, ("Content-Type", "multipart/form-data"), own(p)),
    ),
    "a form in parts that breaks off": (
        403,
        lambda p, path, by: send(
            p,
            path,
            by,
            ("Content-Type", "multipart/form-data; boundary=b"),
            own(p),
            body=boundary_form(by)[:60],
        ),
    ),
    "a name that was rebound to us": (
        400,
        lambda p, path, by: send(p, path, by, FORM, host="evil.example"),
    ),
    "an address that is not ours": (
        400,
        lambda p, path, by: send(p, path, by, FORM, host="192.0.2.7"),
    ),
    "no host": (
        400,
        lambda p, path, by: send(p, path, by, FORM, host=""),
    ),
    "no session": (
        401,
        lambda p, path, by: p.call("POST", path, FORM, own(p), body=sent(by)),
    ),
    "a session that was guessed": (
        401,
        lambda p, path, by: p.call(
            "POST",
            path,
            FORM,
            own(p),
            ("Cookie", by.cookie[:-1] + ("A" if by.cookie[-1] != "A" else "B")),
            body=sent(by),
        ),
    ),
    "too much": (
        413,
        lambda p, path, by: send(p, path, by, FORM, own(p), body=b"a" * (10 * 1024 * 1024 + 1)),
    ),
    "PUT": (
        405,
        lambda p, path, by: p.call("PUT", path, ("Cookie", by.cookie), FORM, body=sent(by)),
    ),
    "DELETE": (
        405,
        lambda p, path, by: p.call("DELETE", path, ("Cookie", by.cookie)),
    ),
}


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.fault(106)
def test_only_a_form_of_our_own_page_changes_anything(
    probe: Any, filled: Callable[[str], str], path: str, attack: str
) -> None:
    """Whoever is logged in, no other site, format or session can act for them."""
    status, make = ATTACKS[attack]
    if path == "/logout" and status == 401:
        status = 303  # nothing to log out of
    for role in ROLES:
        by = probe.browser(role)
        answer = make(probe, filled(path), by)
        assert (role, answer.status, probe.done) == (role, status, [])
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert probe.identities.sessions.find(by.cookie.partition("=")[2]), "the session ended"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.fault(106)
def test_reading_never_changes(
    probe: Any, filled: Callable[[str], str], path: str, role: str
) -> None:
    """An address alone does nothing: links, pictures and prefetching are safe."""
    by = probe.browser(role)
    for method in ("GET", "HEAD"):
        address = f"{filled(path)}?{sent(by).decode()}"
        probe.call(method, address, ("Cookie", by.cookie), ("Sec-Fetch-Site", "cross-site"))
    # A page may have such an address: /syncs/refresh could be a system's of that name.
    assert probe.changed == []
    assert probe.get("/", by=by).status == 200


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
@pytest.mark.fault(108)
def test_a_role_may_do_what_its_page_says(
    probe: Any, filled: Callable[[str], str], page: Any, role: Any
) -> None:
    """Exactly the roles from the one the table names; everybody else reads why, in plain words."""
    by, path = probe.browser(role), filled(page.path)
    for does, needed, call in (
        (page.show, page.may_see, lambda: probe.get(path, by=by)),
        (page.do, page.may_do, lambda: probe.post(path, {"note": "a typed note"}, by=by)),
    ):
        if does is None:
            continue
        probe.done.clear()
        answer = call()
        is_able = role >= needed or path == "/healthz"
        assert (answer.status, len(probe.done)) == ((200, 1) if is_able else (403, 0))
        if not is_able:
            assert f"You are {role} and have the role {role}" in answer.text
            assert "a typed note" in answer.text or does is page.show


@pytest.mark.parametrize("path", SHOWING)
@pytest.mark.fault(108)
def test_a_stranger_sees_nothing(probe: Any, filled: Callable[[str], str], path: str) -> None:
    """Every page leads to the login and from there back to itself; only the monitor's is open."""
    answer = probe.get(f"{filled(path)}?q=a%26b")
    if path == "/healthz":
        assert answer.status == 200
        return
    assert (answer.status, probe.done) == (303, [])
    assert answer.headers["location"] == f"/login?next={filled(path)}%3Fq%3Da%2526b"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_page_that_asks_nobody_is_closed_too(probe: Any, method: str) -> None:
    """Whoever adds a page and forgets who may see it has shown it to no stranger."""
    answer = probe.call(method, "/forgets", *((FORM,) if method == "POST" else ()))
    assert answer.status == (401 if method == "POST" else 303)
    assert "inside" not in answer.text
    assert "viewer sees" in probe.get("/forgets", by=probe.browser("viewer")).text


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/", "/login", "/static/app.css", "/healthz", "/push/x"])
@pytest.mark.fault(107)
def test_only_our_names_are_answered(probe: Any, host: str, path: str) -> None:
    """A name that somebody lets point at this computer is refused before any page is asked."""
    answer = probe.call("GET", path, host=host)
    assert answer.status == 400
    assert "Log in" not in answer.text


def test_the_settings_add_names(opened: Callable[..., Any]) -> None:
    """Loopback always, the listed names, and addresses only for those who serve other machines."""
    probe = opened(names=("review.msp.example",))
    for host in ("localhost", "localhost:1", "127.0.0.1", "[::1]:8231", "Review.MSP.example:443"):
        assert probe.call("GET", "/login", host=host).status == 200, host
    assert probe.call("GET", "/login", host="192.0.2.7").status == 400
    assert opened(allow_remote=True).call("GET", "/login", host="192.0.2.7").status == 200


@pytest.mark.fault(107)
def test_two_hosts_are_none(probe: Any) -> None:
    """What two readers would understand in two ways is refused."""
    assert probe.call("GET", "/login", ("Host", "evil.example")).status == 400


def test_a_proxied_address_has_its_own_scheme(opened: Callable[..., Any]) -> None:
    """Behind TLS only https is our own, with its port or without."""
    probe = opened(names=("review.msp.example",), is_tls=True)
    by = probe.browser("reviewer")
    host = "review.msp.example"
    for origin, status in (
        (f"https://{host}", 200),
        (f"http://{host}", 403),
        (f"https://{host}:8443", 403),
    ):
        path = next(page.path for page in PAGES if page.do).replace("{card_id}", "x")
        answer = send(probe, path, by, FORM, ("Origin", origin), host=host)
        assert (origin, answer.status) == (origin, status)
