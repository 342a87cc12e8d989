"""A pull in miniature: a scripted API without a network, a made-up system, and its manifests."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from reconcile_pipeline.http import ApiClient, Request, SinglePage
from reconcile_pipeline.http import Limits as HttpLimits
from reconcile_pipeline.landing.guards import Limits
from reconcile_pipeline.landing.manifest import Manifest, StreamResult
from reconcile_pipeline.landing.pull import Pull, pull_all
from reconcile_pipeline.model import PullState, Role
from reconcile_pipeline.systems.base import Stream, System

PERIOD = "2026-11"
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
API = "http://127.0.0.1:9"
SECRET = "sw0rdfish/canary+=="

Answer = Any
"""What a path answers: JSON data, an httpx.Response, an exception, or a list of these in turn."""


@dataclass
class Account:
    """A configured system with one secret."""

    name: str
    kind: str = "made_up"

    def text(self, name: str) -> str:
        return API

    def number(self, name: str) -> float:
        return 1.0

    def flag(self, name: str) -> bool:
        return False

    def items(self, name: str) -> tuple[str, ...]:
        return ()

    def secret(self, name: str) -> str:
        return SECRET


@dataclass
class Api:
    """Answers by path; a list of answers is given out one by one, its last one stays."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def on(self, path: str, *answers: Answer) -> "Api":
        self.answers[path] = list(answers)
        return self

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = urlsplit(str(request.url)).path
        self.asked.append(path)
        queue = self.answers[path]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        status = 200
        if isinstance(answer, httpx.Response):
            status, answer = answer.status_code, answer.text
        body = answer if isinstance(answer, str) else json.dumps(answer)
        return httpx.Response(status, content=_streamed(body.encode()), headers=_JSON)

    def client(self, account: Account) -> ApiClient:
        return ApiClient(
            system=account.name,
            base_url=API,
            headers={"X-Api-Key": account.secret("key")},
            secrets=(account.secret("key"),),
            limits=HttpLimits(attempts=2),
            sleep=_at_once,
            transport=httpx.MockTransport(self),
        )


_JSON = {"content-type": "application/json"}


async def _streamed(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def bare_list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError("no list")
    return data


def enveloped(data: Any) -> list[Any]:
    return data["content"]


def make_stream(name: str = "things", **options: Any) -> Stream:
    if "children" not in options and "plan" not in options:
        options.setdefault("request", Request(f"/{name}", params={"token": SECRET}))
    return Stream(name=name, **{"paginator": SinglePage, "records": bare_list, **options})


def make_system(api: Api | None, *streams: Stream, **options: Any) -> System:
    return System(
        kind="made_up",
        title="Made-up",
        role=options.pop("role", Role.VENDOR),
        fields=(),
        streams=options.pop("declared", lambda _account, _on: list(streams)),
        client=options.pop("client", api.client if api else None),
        **options,
    )


@dataclass
class Clock:
    """Each look at it takes a second, so that no two pulls share an instant."""

    instant: datetime = START

    def __call__(self) -> datetime:
        self.instant += timedelta(seconds=1)
        return self.instant


@dataclass
class Bench:
    """Pulls systems into one landing folder."""

    landing: Path
    clock: Clock = field(default_factory=Clock)

    def pull(self, system: System, name: str = "acme", **options: Any) -> Manifest:
        return self.pull_all({name: system}, **options)[name]

    def pull_all(self, systems: Mapping[str, System], **options: Any) -> dict[str, Manifest]:
        options = {"period": PERIOD, "limits": Limits(), **options}
        pulls = [
            Pull(
                system=system,
                account=Account(name),
                landing=self.landing,
                is_grace=False,
                on=date(2026, 11, 22),
                now=self.clock,
                **options,
            )
            for name, system in systems.items()
        ]

        async def gather() -> dict[str, Manifest]:
            return {manifest.system: manifest async for manifest in pull_all(pulls)}

        return asyncio.run(gather())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    landing = tmp_path / "landing"
    landing.mkdir()
    return Bench(landing)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def stream_of() -> Callable[..., Stream]:
    return make_stream


@pytest.fixture
def system_of() -> Callable[..., System]:
    return make_system


@pytest.fixture
def envelope() -> dict[str, Callable[[Any], Any]]:
    """How a list reads that announces its total: `{"total": 2, "content": [...]}`."""
    return {"records": enveloped, "announced": lambda data: data["total"]}


def result_of(name: str, keys: int, accounts: int | None = None) -> StreamResult:
    return StreamResult(name, f"{name}.parquet", "0" * 64, 1, keys, keys, keys, accounts)


def manifest_of(
    system: str,
    hours: float,
    state: PullState = PullState.COMPLETE,
    streams: Sequence[StreamResult] = (),
) -> Manifest:
    """A pull that began so many hours after START and took six minutes."""
    started = START + timedelta(hours=hours)
    return Manifest(
        pull_id=f"{system}-{hours:g}",
        system=system,
        kind="made_up",
        role="vendor",
        period=PERIOD,
        is_grace=False,
        on="2026-11-22",
        started_at=started,
        finished_at=started + timedelta(minutes=6),
        state=state,
        streams=tuple(streams),
    )


@pytest.fixture
def result() -> Callable[..., StreamResult]:
    return result_of


@pytest.fixture
def manifest() -> Callable[..., Manifest]:
    return manifest_of


@pytest.fixture
def secret() -> str:
    return SECRET
