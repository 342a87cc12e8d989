"""The suite refuses what a test must not do: reach beyond this machine, or really wait."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# From the documentation's own range (RFC 5737): nobody is there, should a refusal be missing.
ELSEWHERE = ("192.0.2.1", 9)
REFUSED = "RefusedInTestsError"


def refused(act: Callable[[], Any]) -> str:
    """What the suite says when it refuses."""
    with pytest.raises(AssertionError) as info:
        act()
    assert info.type.__name__ == REFUSED
    return str(info.value)


@pytest.mark.parametrize("way", ["connect", "connect_ex"])
def test_connecting_elsewhere_is_refused(way: str) -> None:
    """A connection to another machine is refused by its address, however it is asked for."""
    with socket.socket() as outwards:
        outwards.settimeout(0.1)
        assert "192.0.2.1" in refused(lambda: getattr(outwards, way)(ELSEWHERE))


def test_sending_elsewhere_is_refused() -> None:
    """A datagram to another machine is refused, also one over IPv6."""
    with socket.socket(type=socket.SOCK_DGRAM) as outwards:
        assert "192.0.2.1" in refused(lambda: outwards.sendto(b"x", ELSEWHERE))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as outwards:
        assert "2001:db8::1" in refused(lambda: outwards.sendto(b"x", ("2001:db8::1", 9)))


def test_asking_for_a_name_is_refused() -> None:
    """A name is not even looked up: that question alone would leave this machine."""
    assert "example.com" in refused(lambda: socket.getaddrinfo("example.com", 443))
    assert "example.com" in refused(lambda: socket.gethostbyname("example.com"))


def test_this_machine_may_be_reached(tmp_path: Path) -> None:
    """Loopback of both kinds, its name, and sockets in a folder stay open to tests."""
    assert socket.getaddrinfo("localhost", 80)
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))


def test_waiting_for_real_is_refused() -> None:
    """More than 0.2 s of sleep is refused at once, and the text names the line."""
    began = time.monotonic()
    assert "test_guarded.py" in refused(lambda: time.sleep(30))

    async def nap() -> None:
        await asyncio.sleep(30)

    assert "test_guarded.py" in refused(lambda: asyncio.run(nap()))
    assert time.monotonic() - began < 10


def test_other_peoples_timers_are_their_own() -> None:
    """A timeout is no sleep, and neither is the waiting of a library."""

    async def answer() -> str:
        async with asyncio.timeout(30):
            await asyncio.sleep(0)
        return "here"

    assert asyncio.run(answer()) == "here"
    compiled = compile("import time\ntime.sleep(0.21)", "library.py", "exec")
    exec(compiled, {})  # noqa: S102 - stands for a library: a file that is not ours


@pytest.mark.waits("to show that the marker lets it")
def test_a_test_that_says_why_may_wait() -> None:
    """The marker `waits` lifts the refusal for its own test."""
    time.sleep(0.21)
