"""A real server on loopback that answers byte for byte what a test scripts, and a client for it."""

import asyncio
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from reconcile_pipeline.http import ApiClient, Limits, Reply, Request

NOW = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class Seen:
    """One request as the server received it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass
class Answer:
    """Raw bytes, and how the connection goes on after them."""

    data: bytes
    ending: str = "keep"  # keep | close | reset | hang


def reply(
    body: bytes | str = b"[]",
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    framed: bool = True,
    ending: str = "keep",
) -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": "application/json", **(headers or {})}
    if framed:
        fields.setdefault("Content-Length", str(len(raw)))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return Answer(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + raw, ending)


Script = Callable[[Seen], Answer]


@dataclass
class Wire:
    """The scripted server: set `script` to a function, or `queue` answers (the last one stays)."""

    port: int = 0
    script: Script | None = None
    answers: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def queue(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def json(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        return reply(json.dumps(data), status, headers)

    def reply(self, *args: Any, **options: Any) -> Answer:
        return reply(*args, **options)

    def raw(self, data: bytes, ending: str = "close") -> Answer:
        return Answer(data, ending)

    def answer(self, seen: Seen) -> Answer:
        with self.lock:
            self.seen.append(seen)
            if self.script is not None:
                return self.script(seen)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Handler(socketserver.StreamRequestHandler):
    wire: Wire

    def handle(self) -> None:
        with suppress(ConnectionError):
            while self._one():
                pass

    def _one(self) -> bool:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) != 3 or not line[2].startswith("HTTP/"):
            return False
        headers = {}
        while (field_line := self.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = field_line.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", "0")))
        answer = self.wire.answer(Seen(line[0], line[1], headers, body))
        self.wfile.write(answer.data)
        self.wfile.flush()
        if answer.ending == "hang":
            self.wire.stopping.wait(10)
        if answer.ending == "reset":
            # Lingering for zero seconds makes closing send a reset instead of an orderly end.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return answer.ending == "keep"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def shutdown_request(self, request: Any) -> None:
        # Without the usual orderly shutdown first, which would turn a reset into a plain end.
        self.close_request(request)


@pytest.fixture
def start_wire() -> Iterator[Callable[[], Wire]]:
    started: list[tuple[Wire, _Server, threading.Thread]] = []

    def start() -> Wire:
        wire = Wire()
        handler = type("Handler", (_Handler,), {"wire": wire})
        server = _Server(("127.0.0.1", 0), handler)
        wire.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
        thread.start()
        started.append((wire, server, thread))
        return wire

    yield start
    for wire, server, thread in started:
        wire.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def wire(start_wire: Callable[[], Wire]) -> Wire:
    return start_wire()


@dataclass
class Rig:
    """Makes clients whose waits are recorded instead of waited, and runs calls on them."""

    wire: Wire
    waits: list[float] = field(default_factory=list)
    jitter: float = 0.5
    client: ApiClient | None = None

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def make(self, **options: Any) -> ApiClient:
        options.setdefault("base_url", self.wire.url)
        options.setdefault("limits", Limits(attempts=6))
        self.client = ApiClient(
            system="Acme",
            now=lambda: NOW,
            sleep=self.sleep,
            random=lambda: self.jitter,
            **options,
        )
        return self.client

    def run(self, work: Callable[[ApiClient], Any], **options: Any) -> Any:
        async def inside() -> Any:
            async with self.make(**options) as client:
                return await work(client)

        return asyncio.run(inside())

    def get(self, request: Request | str = "/things", **options: Any) -> Reply:
        asked = Request(request) if isinstance(request, str) else request
        return self.run(lambda client: client.get(asked), **options)


@pytest.fixture
def rig(wire: Wire) -> Rig:
    return Rig(wire)


@pytest.fixture
def now() -> datetime:
    return NOW
