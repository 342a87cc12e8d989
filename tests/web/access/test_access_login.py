"""Logging in and out: who gets in, how often one may guess, and what of it a browser keeps."""

import html
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from reconcile_pipeline.web.access import login, passwords, waiting

WRONG = "not the right words"
EVIL = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\r\nSet-Cookie: a=b",
    "evil.example",
    "",
    "/ /evil.example",
    "/é",
    "/login?next=/login",
    "/logout",
    "/" + "a" * 5000,
]


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a password was hashed, and with which cost."""
    counted: list[int] = []
    real = passwords._scrypt

    def counting(password: str, kept: Any) -> bytes:
        counted.append(kept.n * kept.r * kept.p)
        return real(password, kept)

    monkeypatch.setattr(passwords, "_scrypt", counting)
    return counted


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that are compared without the work of hashing them."""
    right = "four quiet llamas"
    monkeypatch.setattr(login, "is_password", lambda typed, line: typed == right and bool(line))


def test_the_right_password_lets_in_under_a_new_id(probe: Any) -> None:
    """The cookie of the login is a session's, and names its user with the role of the file."""
    answer = probe.log_in(" Approver ", next="/review?period=2026-11")
    assert (answer.status, answer.headers["location"]) == (303, "/review?period=2026-11")
    home = probe.get("/", ("Cookie", answer.cookie()))
    assert home.text.startswith("approver approver login ")


@pytest.mark.fault(108)
def test_an_id_from_before_the_login_is_worth_nothing(probe: Any) -> None:
    """Fixation: whoever planted a session id in the browser doesn't share the login's session."""
    planted = probe.browser("viewer")
    chosen = f"{probe.identities.cookie}=chosen-by-somebody-else"
    for cookie in (planted.cookie, chosen):
        form = probe.get("/login", ("Cookie", chosen))
        fields = {"csrf": form.hidden("csrf"), "name": "admin", "password": "four quiet llamas"}
        answer = probe.post("/login", fields, ("Cookie", f"{form.cookie()}; {cookie}"))
        assert answer.status == 303
        assert answer.cookie() not in (cookie, "")
        assert probe.get("/", ("Cookie", cookie)).status == 303, "the old id still works"
        assert probe.get("/", ("Cookie", answer.cookie())).text.startswith("admin ")


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.fault(108)
def test_the_cookies_are_for_our_pages_only(
    opened: Callable[..., Any], quick: None, *, is_tls: bool
) -> None:
    """No script reads them, no other site sends them, and with TLS nothing else carries them."""
    probe = opened(is_tls=is_tls)
    form = probe.get("/login")
    fields = {"csrf": form.hidden("csrf"), "name": "viewer", "password": "four quiet llamas"}
    origin = ("Origin", f"http{'s' if is_tls else ''}://{probe.host}")
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in fields.items())
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    cookie = ("Cookie", form.cookie())
    answer = probe.call("POST", "/login", kind, origin, cookie, body=body.encode())
    assert answer.status == 303
    for told in (form.headers["set-cookie"], answer.headers["set-cookie"]):
        parts = {part.strip().lower() for part in told.split(";")[1:]}
        assert parts == {"httponly", "path=/", "samesite=strict"} | (
            {"secure"} if is_tls else set()
        )
        assert told.startswith("__Host-") is is_tls
    assert len(answer.cookie().partition("=")[2]) >= 43, "fewer than 256 bits"


def test_ids_are_kept_as_hashes_only(probe: Any) -> None:
    """Who reads the memory's table of sessions can't use what is there as a cookie."""
    session_id = probe.browser("admin").cookie.partition("=")[2]
    assert session_id not in repr(vars(probe.identities.sessions))


@pytest.mark.fault(108)
def test_logging_out_ends_the_session(probe: Any) -> None:
    """Also for who kept the cookie; other sessions of the same user stay."""
    by, other = probe.browser("viewer"), probe.browser("viewer")
    answer = probe.post("/logout", {}, by=by)
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert probe.get("/", by=by).status == 303
    assert probe.get("/", by=other).status == 200


def test_a_wrong_name_is_told_like_a_wrong_password(
    opened: Callable[..., Any], hashes: list[int]
) -> None:
    """Same words, same status, same work: nobody learns which names exist."""
    probe = opened()
    with probe.users.changing() as accounts:
        accounts["proxied"] = type(accounts["admin"])("proxied", accounts["admin"].role)
    hashes.clear()
    seen = set()
    for name in ("admin", "nobody-here", "proxied", "<b>", ""):
        answer = probe.log_in(name, WRONG)
        page = answer.text.replace(answer.hidden("csrf"), "token")
        seen.add((answer.status, page.replace(f'value="{html.escape(name)}"', "")))
        probe.passes(4000)
    assert len(seen) == 1
    assert login.WRONG in answer.text
    assert hashes == [2**15 * 8] * 5


def test_nobodys_empty_hash_fits_no_password(probe: Any) -> None:
    """An account without a password can't be entered with any, nor with none."""
    with probe.users.changing() as accounts:
        accounts["viewer"] = type(accounts["viewer"])("viewer", accounts["viewer"].role)
    for password in ("", "four quiet llamas", "\0" * 32):
        assert probe.log_in("viewer", password).status == 401


@pytest.mark.parametrize("name", ["admin", "nobody-here"])
@pytest.mark.fault(108)
def test_twenty_wrong_passwords_are_five_guesses(
    probe: Any, quick: None, hashes: list[int], name: str
) -> None:
    """Then everybody waits, the right password too; for unknown names the same."""
    statuses = [probe.log_in(name, WRONG).status for _ in range(20)]
    assert statuses == [401] * 5 + [429] * 15
    right = probe.log_in(name)
    assert (right.status, right.headers["retry-after"]) == (429, "1")
    assert "Try again in 1 second." in right.text


def test_waits_double_up_to_a_quarter_of_an_hour(probe: Any, quick: None) -> None:
    """Each failure after the fifth costs twice the time of the one before."""
    for _ in range(5):
        probe.log_in("admin", WRONG)
    waits = []
    for _ in range(13):
        waits.append(int(probe.log_in("admin").headers["retry-after"]))
        probe.passes(waits[-1])
        assert probe.log_in("admin", WRONG).status == 401
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    probe.passes(900)
    assert probe.log_in("admin").status == 303
    probe.passes(3601)
    assert probe.log_in("viewer", WRONG).status == 401


def test_one_address_guesses_at_all_names_together(proxied: Any, quick: None) -> None:
    """Trying one password at every user is guessing too; another address is not held up by it."""
    probe, secret = proxied, ("X-Proxy-Secret", "proxy-secret-of-at-least-32-letters")

    def attempt(name: str, password: str, address: str) -> int:
        return probe.log_in(name, password, secret, ("X-Forwarded-For", address)).status

    names = ("admin", "viewer", "reviewer", "approver", "other", "another")
    found = [attempt(name, WRONG, "203.0.113.9, 192.0.2.1") for name in names]
    assert found == [401] * 5 + [429]
    assert attempt("admin", "four quiet llamas", "198.51.100.1, 192.0.2.1") == 429, "it lied"
    assert attempt("admin", "four quiet llamas", "192.0.2.2") == 303


def test_an_own_account_is_no_way_to_guess_anothers(probe: Any, quick: None) -> None:
    """A right login in between does not make the address forget its wrong ones."""
    statuses = []
    for number in range(8):
        statuses.append(probe.log_in(f"user{number}", WRONG).status)
        probe.log_in("viewer")
    assert statuses == [401] * 5 + [429] * 3


def test_guesses_at_once_are_counted_before_they_are_compared() -> None:
    """Twenty requests in one moment are five guesses as well."""
    found = waiting.Waiting(lambda: 0.0)
    assert [found.admit("user:a", "address:b") for _ in range(20)] == [0] * 5 + [1] * 15


def test_made_up_names_do_not_fill_the_memory() -> None:
    """The oldest names are forgotten first; those that are tried now are not."""
    found = waiting.Waiting(lambda: 0.0)
    for number in range(waiting.MOST_KEPT + 50):
        found.admit(f"user:{number}")
        if number % 1000 == 0:
            found.admit("user:tried")
    assert len(found._counts) == waiting.MOST_KEPT
    assert found.admit("user:tried") > 0


@pytest.mark.parametrize("target", EVIL)
def test_the_login_leads_to_own_pages_only(probe: Any, quick: None, target: str) -> None:
    """An address in a mail can't use our login to send people elsewhere."""
    assert probe.log_in("viewer", next=target).headers["location"] == "/"
    by = probe.browser("viewer")
    asked = "".join(f"%{byte:02x}" for byte in target.encode())
    if len(target) < 100:
        assert probe.get(f"/login?next={asked}", by=by).headers["location"] == "/"


def test_the_form_of_a_login_belongs_to_its_browser(probe: Any, quick: None) -> None:
    """Nobody can be logged in as somebody else by a form that another browser was given."""
    mine, yours = probe.get("/login"), probe.get("/login")
    fields = {"csrf": mine.hidden("csrf"), "name": "viewer", "password": "four quiet llamas"}
    for cookie in ((), (("Cookie", yours.cookie()),)):
        answer = probe.post("/login", fields, *cookie)
        assert (answer.status, answer.headers["set-cookie"]) == (403, None)


@pytest.mark.fault(76)
def test_what_was_typed_survives_the_login(probe: Any, quick: None) -> None:
    """A session that ends while somebody writes costs one login and one click, and no word."""
    path = "/cards/x/decide?period=2026-11"
    by = probe.browser("reviewer")
    probe.passes(9 * 3600)
    note = 'They left <b>"in" May</b> & came back – 3 × €'
    refused = probe.post(path, {"note": note, "decision": "no_change"}, by=by)
    assert (refused.status, probe.done) == (401, [])
    assert html.escape(note).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in refused.text
    assert by.csrf not in refused.text
    carried = {name: html.unescape(refused.hidden(name)) for name in ("csrf", "kept", "kept_to")}
    cookie = ("Cookie", refused.cookie())
    wrong = probe.post("/login", carried | {"name": "reviewer", "password": WRONG}, cookie)
    assert html.unescape(wrong.hidden("kept")) == carried["kept"]
    right = carried | {"name": "reviewer", "password": "four quiet llamas"}
    answer = probe.post("/login", right, cookie)
    assert (answer.status, probe.done) == (200, []), "it was sent without a click"
    again = {name: html.unescape(answer.hidden(name)) for name in ("csrf", "note", "decision")}
    assert f'action="{path}"' in answer.text
    assert probe.post(path, again, ("Cookie", answer.cookie())).status == 200
    assert probe.done == [f"reviewer /cards/x/decide {note}"]


@pytest.mark.parametrize(
    ("kept", "to"),
    [
        ('[[["note", "n"]], false]', "https://evil.example/"),
        ('[[["note", "n"]], false]', "//evil.example"),
        ("[[", "/review"),
        ("[" * 100_000, "/review"),
        ('{"a": 1}', "/review"),
        ("[[], false]", "/review"),
        ("[[1, 2], 3]", "/review"),
    ],
)
def test_what_is_carried_through_the_login_is_ours(
    probe: Any, quick: None, kept: str, to: str
) -> None:
    """A carried form that leads elsewhere, or is damaged, is left behind."""
    answer = probe.log_in("viewer", kept=kept, kept_to=to)
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_a_script_is_sent_to_the_login_too(probe: Any) -> None:
    """A part of a page that reloads itself gets no login form into it; a form keeps its words."""
    script = ("HX-Request", "true")
    current = ("HX-Current-URL", f"http://{probe.host}/review?period=2026-11")
    polled = probe.get("/review", script, current)
    assert (polled.status, polled.text) == (401, "")
    assert polled.headers["hx-redirect"] == "/login?next=/review%3Fperiod%3D2026-11"
    sent = probe.post("/cards/x/decide", {"note": "n"}, script)
    assert (sent.status, sent.headers["hx-retarget"]) == (401, "#main")


def test_a_link_from_elsewhere_finds_the_session(probe: Any) -> None:
    """Strict cookies don't come along with a link in a mail: our own page asks once more."""
    answer = probe.get("/review?period=2026-11", ("Sec-Fetch-Site", "cross-site"))
    assert answer.status == 401
    assert 'content="0; url=/review?period=2026-11"' in answer.text
    again = probe.get("/review?period=2026-11", ("Sec-Fetch-Site", "same-origin"))
    assert again.headers["location"] == "/login?next=/review%3Fperiod%3D2026-11"
    by = probe.browser("viewer")
    assert probe.get("/review", ("Sec-Fetch-Site", "cross-site"), by=by).status == 200


def test_the_log_tells_who_came_and_no_password(
    probe: Any, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for each login, failure and logout; a name nobody has may be a password, too."""
    caplog.set_level(logging.INFO, "reconcile_pipeline.web.access")
    probe.log_in("viewer")
    probe.post("/logout", {}, by=probe.browser("viewer"))
    probe.log_in("viewer", WRONG)
    probe.log_in("my-Secret-in-the-wrong-field", WRONG)
    probe.log_in("a\r\nlogin: admin", WRONG)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "login: viewer (viewer) from 127.0.0.1",
        "logout: viewer from 127.0.0.1",
        "login failed: viewer from 127.0.0.1",
        "login failed: an unknown name from 127.0.0.1",
        "login failed: an unknown name from 127.0.0.1",
    ]


def test_packing_is_reversible() -> None:
    """What the login form carries is exactly what was typed, names twice and all."""
    from reconcile_pipeline.web.access.answers import Kept, unpacked  # noqa: PLC0415 - of one test

    kept = Kept(
        "/review", (("card", "a:1"), ("card", "b:2"), ("note", '"</input>\n')), has_files=True
    )
    assert unpacked(kept.packed, kept.to) == kept
    assert json.loads(kept.packed)[1] is True
