"""An office: published tables, a ledger, pulls that failed, and servers that take digests."""

import asyncio
import runpy
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as mail_policy
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from reconcile_pipeline.building import Site, site_of
from reconcile_pipeline.digest.send import Digest, send_digest
from reconcile_pipeline.http import ApiClient
from reconcile_pipeline.landing.manifest import Manifest, pull_id_for
from reconcile_pipeline.ledger.store import Ledger
from reconcile_pipeline.model import PullState
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.settings_notify import Event
from reconcile_pipeline.settings_template import template
from reconcile_pipeline.warehouse.build import create_tables

TESTS = Path(__file__).parents[1]
DESK = runpy.run_path(str(TESTS / "review" / "conftest.py"))["Desk"]
BOOKS = runpy.run_path(str(TESTS / "warehouse" / "conftest.py"))["Books"]
start_wire = runpy.run_path(str(TESTS / "http" / "conftest.py"))["start_wire"]

PERIOD = "2026-11"
LAST_WEEK = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
NAMES = {
    "up": "<!channel> *Evil* & Söhne `GmbH`",
    "euro": '@everyone <img src=x onerror="alert(1)">\n# [pay](https://evil.example)',
    "down": "Quiet Customer",
}
SECRET_PATH = "/services/T000/B000/abcdefSECRET"
TEAMS_QUERY = "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sig=hushSECRET-sig"
PASSWORD = "mailSECRET-password"


@contextmanager
def open_desk(folder: Path) -> Iterator[Any]:
    """Two open cards in two currencies, one decided, one that matches, one unmapped account."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("set timezone = 'Asia/Tokyo'")
        create_tables(connection)
        ledger = Ledger(folder / "ledger.db")
        desk = DESK(BOOKS(connection), ledger)
        desk.open()
        desk.customer("up", 5, 8, price=10)
        desk.customer("down", 5, 3, price="2.50")
        desk.customer("euro", 5, 9, price=100, currency="EUR")
        desk.customer("same", 4, 4)
        desk.customer("lost", None, 3, is_mapped=False)
        for company_id, name in NAMES.items():
            desk.connection.execute(
                "update core.companies set name = ? where company_id = ?", [name, company_id]
            )
        desk.connection.execute(
            "update core.products set name = '<b>Backup</b> & <@U123>' where product_id = 'pup'"
        )
        desk.build(PERIOD, "recon.unmapped_accounts", "recon.unmapped_services")
        desk.decide(desk.wanted(desk.cards()["down"]))
        desk.fill()
        yield desk
        ledger.engine.dispose()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Any]:
    with open_desk(tmp_path) as desk:
        yield desk


def publish(desk: Any, path: Path) -> None:
    """Make the desk's tables the published ones."""
    path.unlink(missing_ok=True)
    desk.connection.execute(f"attach '{path}' as published")
    desk.connection.execute("copy from database memory to published")
    desk.connection.execute("detach published")


@pytest.fixture(scope="session")
def published_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The desk's tables, published once: every office starts with a copy."""
    folder = tmp_path_factory.mktemp("published")
    with open_desk(folder) as desk:
        publish(desk, folder / "published.duckdb")
    return folder / "published.duckdb"


@dataclass
class MailServer:
    """A mail server on loopback; `refuses` answers recipients with 550."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Any] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 - the name the library calls
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refuses:
            return "550 5.1.1 no such person here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=mail_policy)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.envelopes.append((session.ssl is not None, envelope.rcpt_tos))
        return "250 taken"

    def log_in(self, _server: Any, _session: Any, _envelope: Any, _way: str, data: Any) -> Any:
        self.logins.append(data.password)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


class _Controller(Controller):
    """Without the library's own greeting to itself, which its server's end then interrupts."""

    def _trigger_server(self) -> None:
        with socket.create_connection((self.hostname, self.port), timeout=5) as connection:
            connection.recv(1)


@pytest.fixture
def start_mail() -> Iterator[Callable[..., MailServer]]:
    started: list[Controller] = []

    def start(**options: Any) -> MailServer:
        server = MailServer()
        with socket.create_server(("127.0.0.1", 0)) as free:
            server.port = free.getsockname()[1]
        controller = _Controller(
            server,
            hostname="127.0.0.1",
            port=server.port,
            authenticator=server.log_in,
            **({"auth_require_tls": False} | options),
        )
        controller.start()
        started.append(controller)
        return server

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) for 127.0.0.1, made for this run; nobody trusts it unless told."""
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "certificate.pem", folder / "key.pem"
    openssl = shutil.which("openssl")
    assert openssl, "the tests of encrypted mail need the openssl command"
    subprocess.run(  # noqa: S603 - our own arguments
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@dataclass
class Office:
    """One installation that has published, and the three places its digests go to."""

    folder: Path
    slack: Any
    teams: Any
    mail: MailServer
    waits: list[float]
    now: datetime = LAST_WEEK

    @property
    def config(self) -> Path:
        return self.folder / "reconcile.toml"

    @property
    def site(self) -> Site:
        return site_of(load_settings(self.config, environ={}))

    def notify(self, *lines: str, channels: str = "slack teams email") -> None:
        """Set [notify] up for these channels, with further lines."""
        webhook = '{0}_webhook = {{ env = "{1}" }}'
        mail = [
            'email_to = ["ann@msp.example", "bob@msp.example"]',
            'email_from = "reconcile@msp.example"',
            'smtp_host = "127.0.0.1"',
            f"smtp_port = {self.mail.port}",
            'smtp_security = "none"',
        ]
        wanted = [webhook.format(n, n.upper()) for n in ("slack", "teams") if n in channels]
        own = "\n".join(["[notify]", *wanted, *(mail if "email" in channels else []), *lines])
        text = template(["connectwise", "sophos", "huntress"])[0]
        before, _, rest = text.partition("[notify]\n")
        _, _, after = rest.partition("\n\n")
        text = f"{before}{own}\n\n{after}".replace("America/New_York", "Europe/Berlin")
        self.config.write_text(text, encoding="utf-8")

    def tell(self, event: Event = Event.REVIEW_READY, period: str = PERIOD) -> Digest:
        return send_digest(self.site, event, period, now=self.now)

    def pull(
        self, system: str, at: datetime, category: str | None = None, **changes: Any
    ) -> Manifest:
        """A pull that failed for this reason, or a complete one."""
        values = {
            "pull_id": pull_id_for(system, at),
            "system": system,
            "kind": system,
            "role": "vendor",
            "period": PERIOD,
            "is_grace": False,
            "on": f"{at:%Y-%m-%d}",
            "started_at": at,
            "finished_at": at,
            "state": PullState.FAILED if category else PullState.COMPLETE,
            "reason": f"{system}: the tenant of {NAMES['up']} said no." if category else None,
            "next_step": "Ask Quiet Customer." if category else None,
            "category": category,
        }
        manifest = Manifest(**(values | changes))
        folder = self.site.state.landing / manifest.relative_path
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
        return manifest

    def publish(self, desk: Any) -> None:
        publish(desk, self.site.state.published)

    def bytes_sent(self) -> str:
        """All that went out, escapes undone as far as JSON and mail have any."""
        bodies = [seen.body.decode() for wire in (self.slack, self.teams) for seen in wire.seen]
        plain = [body.encode().decode("unicode_escape") for body in bodies]
        parts = [
            part.get_content()
            for mail in self.mail.mails
            for part in mail.walk()
            if part.is_multipart() is False
        ]
        heads = [str(value) for mail in self.mail.mails for value in mail.values()]
        return "\n".join([*bodies, *plain, *parts, *heads])


@pytest.fixture
def office(
    tmp_path: Path,
    published_file: Path,
    start_wire: Any,
    start_mail: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Office:
    """Everything set up and answering well; pauses are noted instead of waited."""
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    defaults = ApiClient.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", note)
    slack, teams = start_wire(), start_wire()
    slack.queue(slack.reply("ok", headers={"Content-Type": "text/html"}))
    teams.queue(teams.reply(b"", status=202))
    folder = tmp_path / "office"
    folder.mkdir()
    office = Office(folder, slack, teams, start_mail(), waits)
    secrets = {
        "SLACK": f"{slack.url}{SECRET_PATH}",
        "TEAMS": f"{teams.url}/workflows/aSECRETid/invoke{TEAMS_QUERY}",
        "MAIL": PASSWORD,
    }
    lines = "".join(f"{name}={value}\n" for name, value in secrets.items())
    (folder / ".env").write_text(lines, encoding="utf-8")
    office.notify()
    (folder / ".reconcile").mkdir()
    shutil.copy(published_file, folder / ".reconcile" / "published.duckdb")
    return office
