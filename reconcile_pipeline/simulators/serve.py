"""Serves a world: every simulated system on its own loopback port, in one thread of this process.

`running` is for tests and the demo, `simulate` for the command line.
"""

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from reconcile_pipeline.simulators.config_files import MadeUp, write_config
from reconcile_pipeline.simulators.faults import FaultPlan
from reconcile_pipeline.simulators.registry import PSAS, expected, vendors_of
from reconcile_pipeline.simulators.server import Call, Simulator, State
from reconcile_pipeline.simulators.world.build import Size, build_world
from reconcile_pipeline.simulators.world.records import CONNECTWISE, World

HOST = "127.0.0.1"
SECONDS_TO_START = 10.0


@dataclass(slots=True)
class SimulatedServer:
    """One system as it is served: where, with which credentials, and what was asked of it."""

    base_url: str
    credentials: dict[str, str]
    app: Simulator

    @property
    def log(self) -> list[Call]:
        """Every call so far: method, path without query, status."""
        return self.app.log

    @property
    def targets(self) -> list[str]:
        """Path and query of every call, in the order of the log."""
        return self.app.targets

    @property
    def faults(self) -> FaultPlan:
        """What shall go wrong; empty unless a test fills it."""
        return self.app.faults

    @property
    def state(self) -> State:
        """The world behind the server and the knobs: latency, throttle, token life, permissions."""
        return self.app.state


@dataclass(slots=True)
class Simulation:
    """All servers over one world; `psa` is the one that shows its PSA side."""

    world: World
    systems: dict[str, SimulatedServer]
    psa: str = CONNECTWISE

    def write_config(self, path: Path, *, state_dir: str = ".reconcile") -> None:
        """Write reconcile.toml to `path`, and .env, mappings.csv and imports/ beside it."""
        tables = [MadeUp(server.app, server.base_url) for server in self.systems.values()]
        write_config(path, self.world, tables, state_dir=state_dir)

    def truth(self) -> dict[str, Any]:
        """What a right pipeline must find in the world as it is now."""
        return expected(self.world, psa=self.psa)


@contextmanager
def running(
    world: World,
    *,
    port_base: int = 0,
    latency_ms: int = 0,
    psa: str = CONNECTWISE,
    has_vendors: bool = True,
) -> Iterator[Simulation]:
    """Serve the world until the block ends; `port_base` 0 takes free ports.

    Raises:
        OSError: when a port is taken.
        RuntimeError: when the servers do not come up in time.
    """
    kinds = [PSAS[psa].server]
    if has_vendors:
        servers = [vendor.server for vendor in vendors_of(world).values()]
        kinds += [server for server in servers if server is not None]
    # Credentials follow from the seed.
    apps = [kind.served(world, latency_ms / 1000, f"{world.seed:04d}") for kind in kinds]
    sockets: list[socket.socket] = []
    try:
        for offset in range(len(apps)):
            listener = _listen(port_base + offset if port_base else 0)
            sockets.append(listener)
        systems = {}
        for app, listener in zip(apps, sockets, strict=True):
            root = f"http://{HOST}:{listener.getsockname()[1]}"
            app.placed(root)
            systems[app.name] = SimulatedServer(root + app.path_prefix, app.credentials, app)
        with _served(apps, sockets):
            yield Simulation(world, systems, psa)
    finally:
        for listener in sockets:
            listener.close()


def simulate(
    *,
    seed: int,
    size: Size,
    port_base: int,
    latency_ms: int,
    write_config: Path | None,
    truth: Path | None,
    as_of: date,
    psa: str = CONNECTWISE,
    vendors: Collection[str] = (),
    out: Callable[[str], None] = print,
) -> None:
    """Serve a world until SIGINT or SIGTERM; one JSON line per system, then `{"ready": true}`."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, ask_to_stop) for number in signals}
    try:
        world = build_world(seed, size, as_of, vendors)
        with running(world, port_base=port_base, latency_ms=latency_ms, psa=psa) as simulation:
            if write_config is not None:
                simulation.write_config(write_config)
            if truth is not None:
                truth.parent.mkdir(parents=True, exist_ok=True)
                truth.write_text(json.dumps(simulation.truth(), indent=1), encoding="utf-8")
            for name, server in simulation.systems.items():
                facts = {"base_url": server.base_url, "credentials": server.credentials}
                out(json.dumps({"system": name, **facts}))
            out(json.dumps({"ready": True}))
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Head and body go out apart: without this each answer waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def _served(apps: list[Simulator], sockets: list[socket.socket]) -> Iterator[None]:
    """Run the servers in one event loop of a thread of their own."""
    servers = [uvicorn.Server(_config(app)) for app in apps]
    thread = threading.Thread(
        target=asyncio.run, args=(_serve_all(servers, sockets),), name="simulators", daemon=True
    )
    thread.start()
    pause = threading.Event()
    for _ in range(int(SECONDS_TO_START / 0.005)):
        if all(server.started for server in servers) or not thread.is_alive():
            break
        pause.wait(0.005)
    try:
        if not all(server.started for server in servers):
            raise RuntimeError("The simulated systems did not come up in time.")
        yield
    finally:
        for server in servers:
            server.should_exit = True
        thread.join()


async def _serve_all(servers: list[uvicorn.Server], sockets: list[socket.socket]) -> None:
    pairs = zip(servers, sockets, strict=True)
    await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in pairs))


def _config(app: Simulator) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        # Above "critical": a connection cut on purpose is no error worth a line.
        log_level=60,
        access_log=False,
        server_header=False,
        # Each system tells the time by its own clock.
        date_header=False,
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
    )
