"""A proxy names the user: believed with its secret and from its address, and nobody else is."""

import logging
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from starlette.datastructures import Headers

from reconcile_pipeline.settings_review import ReviewSettings
from reconcile_pipeline.web.access.identities import ForgedError, Identities

SECRET = ("X-Proxy-Secret", "proxy-secret-of-at-least-32-letters")
ADMIN = ("X-Forwarded-User", "admin")


def test_a_named_user_is_let_in_with_the_role_of_the_file(proxied: Any) -> None:
    """Known ones as the file says, others with the default; the spelling of a name is one."""
    for named, told in (("admin", "admin admin"), ("Ann@MSP.com", "ann@msp.com viewer")):
        answer = proxied.get("/", SECRET, ("X-Forwarded-User", named))
        assert answer.text.startswith(f"{told} proxy ")
    assert proxied.get("/", SECRET).headers["location"] == "/login", "the proxy named nobody"


def test_a_user_without_a_role_is_told_so(opened: Callable[..., Any]) -> None:
    """Who is not in the file is let in only when a default says so."""
    probe = opened(secret=SECRET[1])
    answer = probe.get("/", SECRET, ("X-Forwarded-User", "carl"))
    assert (answer.status, probe.done) == (403, [])
    assert "You are carl and have no role here" in answer.text
    assert "reconcile users role carl viewer" in answer.text
    assert probe.get("/forgets", SECRET, ("X-Forwarded-User", "carl")).status == 403
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    note = probe.call(
        "POST", "/forgets", kind, SECRET, ("X-Forwarded-User", "carl"), body=b"a=my+note"
    )
    assert (note.status, "my note" in note.text) == (403, True)


FORGED: dict[str, tuple[tuple[str, str], ...]] = {
    "no secret": (ADMIN,),
    "a wrong secret": (ADMIN, ("X-Proxy-Secret", SECRET[1][:-1])),
    "an empty secret": (ADMIN, ("X-Proxy-Secret", "")),
    "two secrets": (ADMIN, SECRET, ("X-Proxy-Secret", "another")),
    "two users": (ADMIN, ("X-Forwarded-User", "viewer"), SECRET),
    "a wrong secret and nobody": (("X-Proxy-Secret", "guessed"),),
    "letters that no secret has": (ADMIN, ("X-Proxy-Secret", "\xe9" * 32)),
    "a name with a line break": (("X-Forwarded-User", "admin\tx"), SECRET),
    "a name that is a path": (("X-Forwarded-User", "../admin"), SECRET),
    "a name that is markup": (("X-Forwarded-User", "<script>"), SECRET),
    "two names in one": (("X-Forwarded-User", "viewer, admin"), SECRET),
    "a name in other letters": (("X-Forwarded-User", "\xe0dmin"), SECRET),
    "a name without end": (("X-Forwarded-User", "a" * 200), SECRET),
}


@pytest.mark.parametrize("attack", FORGED)
@pytest.mark.parametrize("path", ["/", "/review", "/login", "/healthz"])
@pytest.mark.fault(109)
def test_a_forged_name_is_refused_and_logged(
    proxied: Any, path: str, attack: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a session or without: a request that pretends is refused whole."""
    answer = proxied.get(path, *FORGED[attack], by=proxied.browser("viewer"))
    assert (answer.status, proxied.done) == (400, [])
    record = caplog.records[-1]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("400 Forged (it ")
    assert SECRET[1] not in caplog.text


@pytest.mark.parametrize(
    ("peer", "is_believed"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.5", True),
        ("10.0.0.6", False),
        ("::ffff:10.0.0.5", True),
        ("", False),
        ("testclient", False),
    ],
)
@pytest.mark.fault(109)
def test_the_secret_counts_from_the_proxys_address_only(peer: str, *, is_believed: bool) -> None:
    """A leaked secret alone is no way in."""
    settings = ReviewSettings(
        proxy_header="x-forwarded-user",
        proxy_role="viewer",
        proxy_peers=(ip_network("10.0.0.5"),),
    )
    identities = Identities(settings, proxy_secret=SECRET[1])
    headers = Headers(dict([ADMIN, SECRET]))
    if is_believed:
        assert identities.who(headers, peer).user.name == "admin"
    else:
        with pytest.raises(ForgedError):
            identities.who(headers, peer)


@pytest.mark.fault(109)
def test_without_a_proxy_its_headers_mean_nothing(probe: Any) -> None:
    """Who is not configured can't be pretended."""
    assert probe.get("/", ADMIN, SECRET).status == 303


def test_forms_of_a_proxys_user_carry_a_token_too(proxied: Any) -> None:
    """The proxy adds its headers to forms of other sites as well."""
    path = "/cards/x/decide"
    named = ("X-Forwarded-User", "reviewer")
    token = proxied.get("/", SECRET, named).text.split()[-1]
    others = proxied.get("/", SECRET, ADMIN).text.split()[-1]
    for given, status in ((token, 200), (others, 403), ("", 403)):
        answer = proxied.post(path, {"csrf": given}, SECRET, named)
        assert (given, answer.status) == (given, status)
    assert proxied.post("/logout", {"csrf": token}, SECRET, named).headers["location"] == "/"


def test_without_accounts_there_is_no_form_to_log_in(opened: Callable[..., Any]) -> None:
    """People who come around the proxy are told to come through it."""
    probe = opened(accounts=False, secret=SECRET[1], proxy_role="viewer")
    form = probe.get("/login")
    assert (form.status, "password" in form.text) == (200, False)
    assert probe.get("/", SECRET, ADMIN).text.startswith("admin viewer proxy ")


def test_who_runs_the_computer_is_its_admin(opened: Callable[..., Any]) -> None:
    """Without accounts the app is its owner's alone; a page of another site still can't use it."""
    probe = opened(accounts=False)
    home = probe.get("/")
    assert home.text.startswith("owner admin local ")
    token = home.text.split()[-1]
    assert probe.post("/cards/x/decide", {"csrf": token}).status == 200
    probe.done.clear()
    assert probe.post("/cards/x/decide", {}).status == 403
    assert probe.done == []


@pytest.mark.parametrize(
    "trace", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"]
)
def test_a_proxy_in_front_of_no_login_is_noticed(opened: Callable[..., Any], trace: str) -> None:
    """Else everybody whom a proxy lets through would be the owner of this computer."""
    answer = opened(accounts=False).get("/", (trace, "192.0.2.1"))
    assert answer.status == 400


def test_another_computer_is_never_the_owner() -> None:
    """Nobody logs in on loopback only, whatever was bound."""
    identities = Identities(ReviewSettings(), local_name="owner")
    assert identities.who(Headers({}), "127.0.0.1").user.name == "owner"
    with pytest.raises(ForgedError):
        identities.who(Headers({}), "192.0.2.1")
