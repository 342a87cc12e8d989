"""How our own web applications are served: an address taken first, then uvicorn on it.

Knows no application; the push API and the review app bring theirs.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from reconcile_pipeline.model import Category, PipelineError


def take_address(host: str, port: int, *, what: str, table: str) -> socket.socket:
    """Take an address for `what`; port 0 takes a free one.

    Raises:
        PipelineError: `settings`, naming the `[table]` that says where, when it can't be had.
    """
    try:
        return listen(host, port)
    except OSError as error:
        raise PipelineError(
            f"{what} can't listen on {host} port {port}: {error.strerror}.",
            next_step=f"Set another host or port in [{table}], or end the program that has it.",
            category=Category.SETTINGS,
        ) from error


def listen(host: str, port: int) -> socket.socket:
    """Take an address; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=128)
    # Head and body go out apart: without this each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(listener: socket.socket) -> str:
    """`http://127.0.0.1:8231`, as a person opens it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: object, listener: socket.socket, *, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGINT or SIGTERM, which count from before `ready` is called."""
    config = uvicorn_config(app)
    # Python loses a Ctrl-C that comes while a module is loaded: so this comes first.
    config.load()
    server = uvicorn.Server(config)
    ends = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, server.handle_exit) for number in ends}
    try:
        ready()
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def uvicorn_config(app: object) -> uvicorn.Config:
    """How an application is served, here and in tests: no access log, no trusted proxies."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        lifespan="off",
        # Requests hold keys in headers and names in paths: neither belongs into a log.
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ws="none",
        h11_max_incomplete_event_size=16 * 1024,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


@contextmanager
def served_beside(app: object, listener: socket.socket) -> Iterator[None]:
    """Serve beside the caller's own work; ends with the block."""
    server = uvicorn.Server(uvicorn_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
