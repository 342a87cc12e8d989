"""The client's side of pull_speed.py: one pull in a process of its own, and what it cost."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reconcile_pipeline.http.paginate import Foreseeing
from reconcile_pipeline.landing.manifest import Manifest
from reconcile_pipeline.landing.pull import Pull, pull_all
from reconcile_pipeline.model import PullState
from reconcile_pipeline.periods import local_day, open_period
from reconcile_pipeline.settings import load_settings
from reconcile_pipeline.systems.base import Stream
from reconcile_pipeline.systems.registry import SYSTEMS

MB = 1024
"""The unit of the kernel's figures of memory is the kilobyte."""


@dataclass(frozen=True)
class Pulled:
    """What one pull took."""

    seconds: float
    calls: int
    pages: int
    longest_chain: int
    """Of its pages, the most that each needed the one before."""
    concurrency: int
    mb_before: float
    mb_most: float


@dataclass(frozen=True)
class Clock:
    """By what time is told, and what runs a pull by it."""

    seconds: Callable[[], float]
    now: Callable[[], datetime]
    run: Callable[[Coroutine[Any, Any, Manifest]], Manifest]


def _utc_now() -> datetime:
    return datetime.now(UTC)


REAL = Clock(time.perf_counter, _utc_now, asyncio.run)


def pull_once(config: Path, name: str, landing: Path, clock: Clock = REAL) -> Pulled:
    """Pull one system into an empty folder."""
    settings = load_settings(config)
    (account,) = [system for system in settings.systems if system.name == name]
    system = SYSTEMS[account.kind]
    if system.client is None:
        raise TypeError(f"{name} is not pulled over HTTP")
    landing.mkdir()
    now = clock.now()
    pull = Pull(
        system=system,
        account=account,
        landing=landing,
        period=open_period(now, settings.timezone),
        is_grace=False,
        on=local_day(now, settings.timezone),
        now=clock.now,
    )

    async def collect() -> Manifest:
        async with aclosing(pull_all([pull])) as pulls:
            return await anext(pulls)

    # With its first array pyarrow imports pandas, where it is installed: nothing of a pull.
    pa.array([""])
    before = _mb_at_most()
    started = clock.seconds()
    manifest = clock.run(collect())
    seconds = clock.seconds() - started
    if manifest.state is not PullState.COMPLETE:
        raise RuntimeError(f"{name}: {manifest.reason} {manifest.next_step}")
    streams = system.streams(account, pull.on)
    return Pulled(
        seconds=seconds,
        calls=manifest.calls,
        pages=_fetched(streams, manifest),
        longest_chain=_longest_chain(streams, manifest, landing / manifest.relative_path),
        concurrency=system.client(account).concurrency,
        mb_before=before,
        mb_most=_mb_at_most(),
    )


def _mb_at_most() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB


def _fetched(streams: list[Stream], manifest: Manifest) -> int:
    planned = {stream.name for stream in streams if stream.plan is not None}
    return sum(result.pages for result in manifest.streams if result.name not in planned)


def _longest_chain(streams: list[Stream], manifest: Manifest, folder: Path) -> int:
    """Pages of the longest row of lists in which each needs the one before.

    A list that told on its first page how long it is has a chain of two, whatever its length:
    the first page, and all the others. A sub-call's list is a chain of its own.
    """
    results = {result.name: result for result in manifest.streams}
    reached: dict[str, int] = {}
    needed = 0
    for stream in streams:
        start = 0 if stream.request is not None else needed
        own = 0
        if stream.plan is None:
            parents = pq.read_table(folder / results[stream.name].file).column("parent_id")
            own = max(Counter(parents.to_pylist()).values(), default=0)
            is_foretold = results[stream.name].announced is not None
            if is_foretold and isinstance(stream.paginator(), Foreseeing):
                own = min(own, 2)
        reached[stream.name] = start + own
        if stream.is_needed_later:
            needed = max(needed, reached[stream.name])
    return max(reached.values())
