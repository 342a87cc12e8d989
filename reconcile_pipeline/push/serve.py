"""Serves the push API alone, in the foreground, until it is told to stop."""

import socket
from dataclasses import dataclass

import uvicorn

from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.push.app import push_app
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.state import State


@dataclass(frozen=True)
class PushSite:
    """What the push API needs of an installation; it never opens the ledger."""

    settings: Settings
    state: State


def serve_push(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; `input` error if the address can't be had."""
    app = push_app(PushSite(settings, State(settings.state_dir)))
    where = settings.push
    try:
        listener = listen(where.host, where.port)
    except OSError as error:
        raise PipelineError(
            f"The push API can't listen on {where.host} port {where.port}: {error.strerror}.",
            next_step="Set another host or port in [push], or end the program that has it.",
            category=Category.SETTINGS,
        ) from error
    with listener:
        uvicorn.Server(uvicorn_config(app)).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Take an address; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=128)
    # Head and body go out apart: without this each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def uvicorn_config(app: object) -> uvicorn.Config:
    """How the application is served, here and in tests: no access log, no trusted proxies."""
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
