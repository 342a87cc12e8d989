"""A bad line between a client and a server: a TCP proxy on loopback that can be made to misbehave.

Knows bytes and nothing of HTTP. The ways to misbehave (`Toxic`) have Toxiproxy's names; they may be
added and removed while it runs, for each direction apart. What a server answers wrongly is a fault
of a simulator (`faults.py`), not of the line.
"""

import asyncio
import random
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Literal

Kind = Literal[
    "latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "down"
]
Direction = Literal["upstream", "downstream"]
"""From the client to the server, or back."""
CHUNK = 65_536


@dataclass(frozen=True)
class Toxic:
    """One way in which the line is bad; `seconds` and `amount` mean what the kind says.

    latency: `seconds` before each piece, up to `jitter` more · bandwidth: `amount` bytes a second ·
    slow_close: the end comes `seconds` late · timeout: nothing passes, closed after `seconds`, 0 =
    never · reset_peer: reset after `amount` bytes · slicer: pieces of `amount` bytes, `seconds`
    apart · limit_data: closed after `amount` bytes · down: connections are refused at once.
    """

    kind: Kind
    direction: Direction = "downstream"
    seconds: float = 0.0
    amount: int = 0
    jitter: float = 0.0


@dataclass
class Wire:
    """A running proxy; any thread may change `toxics`, connections look at each piece."""

    target: tuple[str, int]
    port: int = 0
    connections: int = 0
    toxics: list[Toxic] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    @property
    def url(self) -> str:
        """Where a client finds it."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, kind: Kind, direction: Direction = "downstream", **how: float) -> Toxic:
        """Make the line worse from the next piece on."""
        amount, seconds = int(how.pop("amount", 0)), how.pop("seconds", 0.0)
        toxic = Toxic(kind, direction, seconds, amount, how.pop("jitter", 0.0))
        if how:
            raise TypeError(f"a toxic knows no {', '.join(how)}")
        if kind in ("slicer", "bandwidth") and amount < 1:
            raise ValueError(f"{kind} needs an amount of at least one byte")
        self.toxics = [*self.toxics, toxic]
        return toxic

    def remove(self, toxic: Toxic) -> None:
        """Mend this from the next piece on."""
        self.toxics = [other for other in self.toxics if other is not toxic]

    def find(self, kind: Kind, direction: Direction) -> Toxic | None:
        """The toxic of that kind that counts in that direction now."""
        return next((t for t in self.toxics if (t.kind, t.direction) == (kind, direction)), None)


class _Cut(Exception):  # noqa: N818 - an end, and no mistake
    """The line ends here, for both sides."""

    def __init__(self, *, is_reset: bool = False) -> None:
        self.is_reset = is_reset


@contextmanager
def wired(host: str, port: int) -> Iterator[Wire]:
    """Proxy this server on a free port of loopback, in a thread, until the block ends."""
    wire = Wire((host, port))
    loop = asyncio.new_event_loop()
    running: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of streams runs in a task
        running.add(task)
        wire.connections += 1
        try:
            with suppress(asyncio.CancelledError):
                await _serve(wire, reader, writer)
        finally:
            running.discard(task)

    server = loop.run_until_complete(asyncio.start_server(accept, "127.0.0.1", 0))
    wire.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="wire", daemon=True)
    thread.start()

    async def end() -> None:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)

    try:
        yield wire
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _serve(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, both ways, until either side ends or a toxic ends it."""
    if any(toxic.kind == "down" for toxic in wire.toxics):
        _close(writer, is_reset=True)
        return
    try:
        far_reader, far_writer = await asyncio.open_connection(*wire.target)
    except OSError:
        _close(writer, is_reset=True)
        return
    ways = [
        asyncio.create_task(_carry(wire, reader, far_writer, "upstream")),
        asyncio.create_task(_carry(wire, far_reader, writer, "downstream")),
    ]
    is_reset = False
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        ends = [way.exception() for way in done]
        is_reset = any(isinstance(end, _Cut) and end.is_reset for end in ends)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        _close(writer, is_reset=is_reset)
        _close(far_writer)


async def _carry(
    wire: Wire, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Direction
) -> None:
    passed = 0
    while data := await source.read(CHUNK):
        for piece in _pieces(wire, data, way):
            passed += await _pass(wire, piece, sink, way, passed)
    if toxic := wire.find("slow_close", way):
        await asyncio.sleep(toxic.seconds)


def _pieces(wire: Wire, data: bytes, way: Direction) -> Iterator[bytes]:
    toxic = wire.find("slicer", way)
    size = toxic.amount if toxic else len(data)
    return (data[start : start + size] for start in range(0, len(data), size))


async def _pass(
    wire: Wire, piece: bytes, sink: asyncio.StreamWriter, way: Direction, passed: int
) -> int:
    """Send one piece as the toxics of this moment let it; returns its length."""
    if toxic := wire.find("timeout", way):
        await (asyncio.sleep(toxic.seconds) if toxic.seconds else asyncio.Event().wait())
        raise _Cut
    if toxic := wire.find("latency", way):
        await asyncio.sleep(toxic.seconds + toxic.jitter * wire.dice.random())
    if toxic := wire.find("bandwidth", way):
        await asyncio.sleep(len(piece) / toxic.amount)
    if toxic := wire.find("slicer", way):
        await asyncio.sleep(toxic.seconds)
    limit = wire.find("reset_peer", way) or wire.find("limit_data", way)
    sink.write(piece[: max(0, limit.amount - passed)] if limit else piece)
    await sink.drain()
    if limit and passed + len(piece) >= limit.amount:
        raise _Cut(is_reset=limit.kind == "reset_peer")
    return len(piece)


def _close(writer: asyncio.StreamWriter, *, is_reset: bool = False) -> None:
    if is_reset:
        # Lingering for zero seconds makes closing send a reset instead of an orderly end.
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
    writer.close()
