"""A push API on a loopback port, over an inbox of its own and a clock that the test moves."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from reconcile_pipeline.push.app import push_app
from reconcile_pipeline.push.keys import KeyPair, make_keys
from reconcile_pipeline.push.serve import PushSite
from reconcile_pipeline.serving import listen, uvicorn_config
from reconcile_pipeline.settings import Settings, load_settings
from reconcile_pipeline.state import State
from reconcile_pipeline.systems.vendors.push import inbox_of, read, reading_of
from reconcile_pipeline.systems.vendors.push_inbox import Inbox
from reconcile_pipeline.systems.vendors.push_state import standing

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CONFIG = """\
[billing]
timezone = "America/New_York"
currency = "USD"
first_period = "2026-01"
[push]
requests_per_minute = 6000
[systems.connectwise]
base_url = "http://127.0.0.1:1"
company_id = "acme"
public_key = { env = "A" }
private_key = { env = "B" }
client_id = { env = "C" }
[systems.my_edr]
kind = "push"
inbox = "inbox/my_edr.sqlite"
[systems.other]
kind = "push"
inbox = "inbox/other.sqlite"
"""


@dataclass
class Time:
    """The clock of the server; it stands until a test moves it."""

    now: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def read(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return (self.now - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Served:
    """The one server of all tests; each test puts its own application in."""

    port: int
    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with listen("127.0.0.1", 0) as listener:
        holder = Served(listener.getsockname()[1])
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


@dataclass
class Push:
    """One installation with two integrations, and a client that has the first one's keys."""

    settings: Settings
    time: Time
    served: Served
    client: httpx.Client
    keys: KeyPair

    @property
    def inbox(self) -> Inbox:
        return inbox_of(self.settings.system("my_edr"))

    def restart(self) -> None:
        site = PushSite(self.settings, State(self.settings.state_dir))
        self.served.app = push_app(
            site, now=self.time.read, clock=self.time.seconds, sleep=self.time.sleep
        )

    def call(self, verb: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        headers = {"Gradient-Token": self.keys.token} | more.pop("headers", {})
        if body is not None:
            more["json"] = body
        return self.client.request(verb, path, headers=headers, **more)

    def vendor(self, verb: str, path: str = "", body: Any = None, **more: Any) -> httpx.Response:
        return self.call(verb, f"/api/vendor-api{path}", body, **more)

    def account(self, *names: str) -> None:
        body = [{"id": name, "name": f"Customer {name}"} for name in names]
        assert self.vendor("POST", "/organization/accounts", body).status_code == 201

    def service(self, name: str = "Agents") -> str:
        body = {"name": name, "description": "d", "category": "security", "subcategory": "other"}
        skus = self.vendor("POST", "/service", body).json()["skus"]
        return next(sku["id"] for sku in skus if sku["name"] == name)

    def count(self, account: str, service: str, quantity: Any, *, last: bool = True) -> int:
        path = f"/service/{service}/count"
        body = {"accountId": account, "unitCount": quantity}
        reply = self.vendor("POST", path, body, params={"no_build": str(not last).lower()})
        return reply.status_code

    def run(self, service: str, counts: dict[str, Any]) -> None:
        """One whole run of a script: every count, the last one of them built."""
        for number, (account, quantity) in enumerate(counts.items(), start=1):
            self.count(account, service, quantity, last=number == len(counts))
        if len(counts) == 1:
            # Nothing tells that a single post is the last one, but that no other follows.
            self.time.passes(minutes=61)

    def snapshot(self, counts: dict[tuple[str, str], Any], /, **more: Any) -> httpx.Response:
        accounts = sorted({account for account, _service in counts})
        services = sorted({service for _account, service in counts})
        body = {
            "schema": 1,
            "mode": "full",
            "accounts": [{"id": each, "name": f"Customer {each}"} for each in accounts],
            "services": [{"key": each, "name": f"Service {each}"} for each in services],
            "counts": [
                {"account_id": account, "service_key": service, "quantity": str(quantity)}
                for (account, service), quantity in counts.items()
            ],
        } | more
        return self.call("POST", "/api/v1/ingest/my_edr/snapshot", body)

    def pulled(self, **more: Any) -> dict[str, list[dict[str, Any]]]:
        """What a pull at this moment would land, by list."""
        account = self.settings.system("my_edr")
        account.values = {**account.values, **more}
        documents = read(account, self.time.now.date(), self.time.now)
        return {document.stream: document.records for document in documents}

    def standing(self, **more: Any) -> dict[tuple[str, str], tuple[str, str]]:
        """(account, service) -> (quantity, why), as a pull would land it."""
        return {
            (row["account_id"], row["service_id"]): (row["quantity"], row["basis"])
            for row in self.pulled(**more)["counts"]
        }

    def standing_of(self, period: str) -> dict[tuple[str, str], tuple[str, str]]:
        """The same for a month, whether a pull may use it or not."""
        reading = reading_of(self.settings.system("my_edr"), period, self.time.now)
        with self.inbox.reading() as connection:
            cells = standing(connection, reading).cells
        return {pair: (f"{cell.quantity:f}", str(cell.basis)) for pair, cell in cells.items()}


@pytest.fixture
def make_push(served: Served, tmp_path: Path) -> Iterator[Callable[..., Push]]:
    base = f"http://127.0.0.1:{served.port}"
    with httpx.Client(base_url=base, timeout=10, trust_env=False) as client:

        def make(*edits: tuple[str, str]) -> Push:
            text = CONFIG
            for old, new in edits:
                assert old in text
                text = text.replace(old, new)
            path = tmp_path / "reconcile.toml"
            path.write_text(text, encoding="utf-8")
            settings = load_settings(path, environ={})
            time = Time()
            keys = make_keys(inbox_of(settings.system("my_edr")), time.now)
            push = Push(settings, time, served, client, keys)
            push.restart()
            return push

        yield make


@pytest.fixture
def push(make_push: Callable[..., Push]) -> Push:
    return make_push()
