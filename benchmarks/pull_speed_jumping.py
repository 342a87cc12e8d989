"""pull_speed.py on a clock that jumps: client and server in one process, and waiting takes no time.

For limits of so many calls an hour, which a large pull meets for most of a day. What is computed
costs no time by this clock: it judges when calls are made, and not how fast they are made ready.
"""

from pathlib import Path
from random import Random

from benchmarks.pull_speed_client import Clock, Pulled, pull_once
from benchmarks.pull_speed_server import Ask, Seen, configure, watch
from reconcile_pipeline.nemesis.clockwork import START, JumpingLoop
from reconcile_pipeline.nemesis.house import connected, simulated
from reconcile_pipeline.simulators.world.build import Size, build_world
from reconcile_pipeline.simulators.world.records import World


def world_of(seed: int, size: Size) -> World:
    """The made-up provider, on the day on which the jumping clock begins."""
    return build_world(seed, size, START.date())


def pull_jumping(world: World, folder: Path, ask: Ask, limits: str) -> tuple[Pulled, Seen]:
    """Pull one PSA; seconds are those of the clock that jumps."""
    simulation, loop = simulated(world, ask.psa), JumpingLoop()
    app = simulation.systems[ask.psa].app
    app.clock = loop.time
    app.state.latency_seconds = ask.latency_ms / 1000
    app.state.vendor_clock = loop.now
    seen = watch(app, loop.time)
    config = configure(simulation, folder / ask.psa, ask.psa, limits)
    clock = Clock(loop.time, loop.now, loop.play)
    try:
        with connected(simulation, loop, Random(ask.latency_ms)):  # noqa: S311 - not a secret
            landing = folder / f"landing-{ask.psa}-{ask.latency_ms}"
            return pull_once(config, ask.psa, landing, clock), seen
    finally:
        loop.close()
