"""The door alone, on a loopback port: the real table of pages behind it, with nothing behind them.

Requests are made of raw lines, so that a test can send what no client would.
"""

import asyncio
import contextlib
import http.client
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from reconcile_pipeline.serving import listen, uvicorn_config
from reconcile_pipeline.settings_review import ReviewSettings
from reconcile_pipeline.web import app as review
from reconcile_pipeline.web.access import passwords
from reconcile_pipeline.web.access.guard import GuardedApp, Identities
from reconcile_pipeline.web.access.login import login_routes
from reconcile_pipeline.web.access.users import ROLES, Account, Role, UsersFile
from reconcile_pipeline.web.routes import PAGES

PASSWORD = "four quiet llamas"
SECRET = "proxy-secret-of-at-least-32-letters"
FORM = "application/x-www-form-urlencoded"
Headers = tuple[tuple[str, str], ...]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def hidden(self, name: str) -> str:
        """A hidden field of the page's form."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, self.text
        return found[1]

    def cookie(self) -> str:
        """What the browser sends from now on."""
        return (self.headers["set-cookie"] or "").partition(";")[0]


@dataclass
class Browser:
    """One session, as its browser has it."""

    cookie: str
    csrf: str


@dataclass
class Probe:
    """One door with its accounts and its clock; `done` lists what got through to a page."""

    port: int
    identities: Identities
    users: UsersFile
    time: list[float]
    done: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Those of `done` that a page would have changed something for."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def passes(self, seconds: float) -> None:
        self.time[0] += seconds

    def call(
        self,
        method: str,
        path: str,
        *more: tuple[str, str],
        body: bytes | Iterator[bytes] = b"",
        host: str | None = None,
    ) -> Answer:
        """Send exactly these headers and a Host."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", self.host if host is None else host)
            for name, value in more:
                connection.putheader(name, value)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
            else:
                connection.putheader("Transfer-Encoding", "chunked")
                connection.endheaders(body, encode_chunked=True)
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read().decode())
        finally:
            connection.close()

    def get(self, path: str, *more: tuple[str, str], by: Browser | None = None) -> Answer:
        cookie = (("Cookie", by.cookie),) if by else ()
        return self.call("GET", path, *cookie, *more)

    def post(
        self, path: str, fields: dict[str, str], *more: tuple[str, str], by: Browser | None = None
    ) -> Answer:
        """Send a form as a page of ours does."""
        sent = {"csrf": by.csrf, **fields} if by else fields
        cookie = (("Cookie", by.cookie),) if by else ()
        own = (("Origin", f"http://{self.host}"), ("Sec-Fetch-Site", "same-origin"))
        body = urlencode(sent).encode()
        return self.call("POST", path, ("Content-Type", FORM), *own, *cookie, *more, body=body)

    def browser(self, name: str) -> Browser:
        """A session without the work of a login."""
        account = self.users.find(name)
        assert account
        session_id = self.identities.sessions.begin(account)
        session = self.identities.sessions.find(session_id)
        assert session
        return Browser(f"{self.identities.cookie}={session_id}", session.csrf)

    def log_in(
        self, name: str, password: str = PASSWORD, *more: tuple[str, str], **fields: str
    ) -> Answer:
        """Log in as a person does: the form first."""
        form = self.get("/login")
        sent = {"csrf": form.hidden("csrf"), "name": name, "password": password, **fields}
        return self.post("/login", sent, ("Cookie", form.cookie()), *more)


class Served:
    """The one server of all tests; each test puts its own application in."""

    port = 0
    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    holder = Served()
    with listen("127.0.0.1", 0) as listener:
        holder.port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn_config(holder))
        thread = threading.Thread(
            target=asyncio.run, args=(server.serve(sockets=[listener]),), daemon=True
        )
        thread.start()
        pause = threading.Event()
        while not server.started:
            assert thread.is_alive()
            pause.wait(0.005)
        yield holder
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def line() -> str:
    """One hashed password for all accounts: hashing is slow on purpose."""
    return passwords.password_line(PASSWORD)


@pytest.fixture
def opened(served: Served, line: str, tmp_path: Path) -> Callable[..., Probe]:
    """Open a door: an account for each role, named after it, unless `accounts` is false."""

    def opened(*, accounts: bool = True, secret: str = "", **settings: Any) -> Probe:
        users = UsersFile(tmp_path / "users.toml")
        if accounts:
            settings.setdefault("users_file", "users.toml")
            with users.changing() as changed:
                changed.update({role: Account(str(role), role, line) for role in ROLES})
        if secret:
            settings |= {"proxy_header": "x-forwarded-user"}
        time = [1000.0]
        identities = Identities(
            ReviewSettings(port=served.port, **settings),
            users=users if accounts else None,
            proxy_secret=secret,
            local_name="owner",
            clock=lambda: time[0],
        )
        probe = Probe(served.port, identities, users, time)
        served.app = GuardedApp(
            identities,
            routes=[*login_routes(identities), *_pages(probe)],
            uploads=["/import"],
            exception_handlers={Exception: _broken},
        )
        return probe

    return opened


@pytest.fixture
def probe(opened: Callable[..., Probe]) -> Probe:
    """The usual door: accounts, no proxy."""
    return opened()


@pytest.fixture
def proxied(opened: Callable[..., Probe]) -> Probe:
    """A door behind a proxy with a login of its own, for accounts and for others as viewers."""
    return opened(secret=SECRET, proxy_role="viewer", proxy_peers=(ip_network("127.0.0.0/8"),))


def filled(path: str) -> str:
    """The address of a page, with something in place of what it names."""
    return re.sub(r"\{[^}]+\}", "x", path)


class _NoLedger:
    """Has nothing to read."""

    one_look = contextlib.nullcontext


def _pages(probe: Probe) -> list[Route]:
    """Every page of the app with its roles, in front of nothing."""

    def note(call: Any) -> Response:
        probe.done.append(f"{call.user.name} {call.path} {call.text('note')}".strip())
        return PlainTextResponse(f"{call.user.name} {call.user.role} {call.user.how} {call.csrf}")

    def change(call: Any) -> Response:
        probe.changed.append(call.path)
        return note(call)

    async def breaks(_request: Any) -> Response:
        raise RuntimeError("a mistake of ours")

    async def forgets(request: Any) -> Response:
        return PlainTextResponse(f"{request.state.user.name} sees what is inside")

    found = [
        Route("/breaks", breaks, methods=["GET"]),
        Route("/forgets", forgets, methods=["GET", "POST"]),
    ]
    for page in PAGES:
        item = replace(page, show=page.show and note, do=page.do and change)
        methods = [name for name, does in (("GET", item.show), ("POST", item.do)) if does]
        # No page is behind them, and so no installation; only its ledger is looked into.
        desk: Any = SimpleNamespace(site=SimpleNamespace(ledger=_NoLedger))
        found += [Route(page.path, review._endpoint(desk, item, m), methods=[m]) for m in methods]
    if "/import" not in {page.path for page in PAGES}:
        upload = review.Page("/import", do=note, may_do=Role.REVIEWER)
        found.append(Route("/import", review._endpoint(desk, upload, "POST"), methods=["POST"]))
    return found


async def _broken(_request: Any, _error: Exception) -> Response:
    return PlainTextResponse("broken", 500)


@pytest.fixture(name="filled")
def filled_() -> Callable[[str], str]:
    return filled
