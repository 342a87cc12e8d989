"""What no test may do: reach beyond this machine, or wait for the real clock.

The interpreter tells audit hooks of each connection, whichever library asks; so nothing is patched
for those, and no Python code gets round it. A C library with sockets of its own, as PostgreSQL's,
does. A hook can't be taken away again: it lives as long as the test process. Child processes are
their own masters.

Loaded by tests/conftest.py before anything else is imported, so it imports nothing heavy.
"""

import asyncio
import ipaddress
import socket
import sys
import time
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

LONGEST_WAIT = 0.2
TESTS = Path(__file__).parent
OURS = (f"{TESTS}/", f"{TESTS.parent / 'reconcile_pipeline'}/")
"""Whose waiting is judged. Dagster, uvicorn and others may sleep as they like."""
CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
ASKING_NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")

OWN_NAME = socket.gethostname()
"""Mail clients and HTTP servers ask how this machine calls itself."""

may_wait: list[str] = []
"""Reasons why the test that runs now may wait: its marker `waits`."""
_sleep_code: CodeType = asyncio.sleep.__code__


class RefusedInTestsError(AssertionError):
    """Not an OSError on purpose: a client would take that for a fault of the other side."""


def is_on_this_machine(host: Any) -> bool:
    """Whether a name or an address of a socket leads to this machine and nowhere else."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost", OWN_NAME):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def check_address(event: str, address: Any) -> None:
    """Refuse an address of the internet; those of other kinds of sockets are local by nature."""
    host = address[0] if isinstance(address, tuple) and address else None
    if not is_on_this_machine(host):
        raise RefusedInTestsError(f"A test asked for {event} with {address!r}: loopback only.")


def check_wait(seconds: float, frame: FrameType | None) -> None:
    """Refuse a long wait that our own code asks for."""
    if seconds <= LONGEST_WAIT or may_wait or frame is None:
        return
    code = frame.f_code
    if code.co_filename.startswith(OURS):
        raise RefusedInTestsError(
            f"{code.co_filename}:{frame.f_lineno} would sleep for {seconds:g} s. Wait for the"
            " thing itself, inject a clock, or mark the test with waits(reason)."
        )


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event in CONNECTING:
        check_address(event, arguments[1])
    elif event in ASKING_NAMES and not is_on_this_machine(arguments[0]):
        raise RefusedInTestsError(f"A test asked for {event} of {arguments[0]!r}.")


def _guard_sleep() -> None:
    """Replace `time.sleep` before our modules take it as a default."""
    right = time.sleep

    def sleep(seconds: float, /) -> None:
        check_wait(seconds, sys._getframe(1))
        right(seconds)

    time.sleep = sleep


def _guard_loops() -> None:
    """Let `asyncio.sleep` tell: its timer is set by the loop, and who awaits it is one frame up."""
    right = asyncio.BaseEventLoop.call_later

    def call_later(self: Any, delay: float, callback: Any, *arguments: Any, **named: Any) -> Any:
        # A loop with a clock of its own does not really wait.
        if type(self).time is asyncio.BaseEventLoop.time:
            asker = sys._getframe(1)
            if asker.f_code is _sleep_code:
                check_wait(delay, asker.f_back)
        return right(self, delay, callback, *arguments, **named)

    asyncio.BaseEventLoop.call_later = call_later  # type: ignore[method-assign]


def install() -> None:
    """Refuse from now on, until this process ends."""
    sys.addaudithook(_listen)
    _guard_sleep()
    _guard_loops()
