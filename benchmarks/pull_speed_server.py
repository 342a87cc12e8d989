"""The server's side of pull_speed.py: one simulated PSA after another, over one world.

Notes when each call came in and when its answer had gone, by the monotonic clock of its process.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from reconcile_pipeline.simulators.psa.kaseya import KaseyaState
from reconcile_pipeline.simulators.serve import Simulation, running
from reconcile_pipeline.simulators.server import Simulator, Throttle
from reconcile_pipeline.simulators.world.build import Size, build_world

LIMITS: dict[str, tuple[int | None, float]] = {
    "connectwise": (None, 60.0),
    "autotask": (10_000, 3600.0),
    "halopsa": (300, 300.0),
    "syncro": (180, 60.0),
    "kaseya_bms": (1500, 3600.0),
    "pulseway": (1500, 3600.0),
}
"""Calls in how many seconds, as the vendors document it; None: not documented."""
SETTINGS = {
    "halopsa": "requests_per_5_minutes",
    "syncro": "requests_per_minute",
    "kaseya_bms": "requests_per_hour",
    "pulseway": "requests_per_hour",
}
NEVER_REACHED = 100_000


@dataclass
class Seen:
    """What a server noted of the calls of one pull."""

    arrived: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    asked: Counter[tuple[str, bytes]] = field(default_factory=Counter)

    @property
    def again(self) -> int:
        """Questions that had been asked before: lists without a total are read twice."""
        return sum(times - 1 for times in self.asked.values())


@dataclass(frozen=True)
class Ask:
    """Serve this PSA with this latency."""

    psa: str
    latency_ms: int


def serve(parent: Connection, folder: Path, size: Size, seed: int, limits: str) -> None:
    """Serve what the parent asks for, one PSA at a time, until it sends None.

    Each is served twice: at once and without limits, until its lists are made, and as was asked.
    """
    world = build_world(seed, size, datetime.now(UTC).date())
    while (ask := parent.recv()) is not None:
        with running(world, psa=ask.psa, has_vendors=False) as simulation:
            server = simulation.systems[ask.psa]
            parent.send(configure(simulation, folder / ask.psa, ask.psa, "none"))
            if parent.recv() is None:
                return
            server.state.latency_seconds = ask.latency_ms / 1000
            seen = watch(server.app, time.monotonic)
            parent.send(configure(simulation, folder / ask.psa, ask.psa, limits))
            if parent.recv() is None:
                return
        parent.send(seen)


def watch(app: Simulator, clock: Callable[[], float]) -> Seen:
    """Note every call; the server asks the class for its way to be called, so that is wrapped."""
    kind, seen = type(app), Seen()
    called: Callable[..., Any] = kind.__dict__.get("_unwatched", kind.__call__)

    async def watched(self: Simulator, scope: Any, *message: Any) -> None:
        arrived = clock()
        await called(self, scope, *message)
        seen.arrived.append(arrived)
        seen.answered.append(clock())
        if scope.get("method") == "GET":
            seen.asked[scope["path"], scope["query_string"]] += 1

    setattr(kind, "_unwatched", called)  # noqa: B010 - of this process alone
    setattr(kind, "__call__", watched)  # noqa: B010
    return seen


def configure(simulation: Simulation, folder: Path, psa: str, limits: str) -> Path:
    """Write the settings with the limit to keep; with the sheets' limits the server enforces it."""
    config = folder / "reconcile.toml"
    simulation.write_config(config)
    most, seconds = LIMITS[psa]
    state = simulation.systems[psa].state
    if limits == "sheets" and most is not None:
        state.throttle = Throttle(most, seconds, retry_after=None)
    if isinstance(state, KaseyaState) and most is not None:
        state.calls_per_hour = most if limits == "sheets" else 10**9
    if name := SETTINGS.get(psa):
        kept = most if limits == "sheets" else NEVER_REACHED
        text = re.sub(
            rf"^{name} = .*\n", "", config.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        text = text.replace(f"[systems.{psa}]\n", f"[systems.{psa}]\n{name} = {kept}\n")
        config.write_text(text, encoding="utf-8")
    return config
